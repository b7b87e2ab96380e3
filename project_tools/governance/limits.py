"""The limits that every champion must keep to, and how a version's figures stand beside them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from project_tools.errors import SettingError
from project_tools.evaluation.metrics import Estimate
from project_tools.governance.candidate import Candidate

#: Characteristics for which the four-fifths limit binds; for the others it is an objection.
PROTECTED = frozenset({"gender", "family status"})
#: Formats whose file is a text of trees: their size is limited, that of others is reported.
TEXT_FORMATS = frozenset({"lightgbm", "xgboost"})
FOREST = "random_forest"
#: Share by which a second measurement of a time may differ from the first on a shared machine.
LATENCY_NOISE = 0.1
Standing = Literal["kept", "broken", "objection", "reported"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What every champion must keep to; ``SettingError`` for a value out of range.

    ``slope``: the calibration slope on held-out clients lies between this and its inverse.
    ``gap``: the mean probability differs from the observed rate of default by at most this.
    ``ratio``: the acceptance rate of each group is at least this share of the best group's.
    Of these three, one is broken only if the whole 95 % interval lies beyond it, so that chance in
    a small group breaks none. ``latency_ms`` and ``explanation_ms`` (``forest_ms`` for a forest):
    the median times to score and to explain one client. ``size_mb``: the text of LightGBM or
    XGBoost. ``margin``: by how much the loss of income may be worse, beyond its error.
    """

    slope: float = 0.8
    gap: float = 0.01
    ratio: float = 0.8
    latency_ms: float = 50.0
    explanation_ms: float = 20.0
    forest_ms: float = 500.0
    size_mb: float = 3.0
    margin: float = 0.01

    def __post_init__(self) -> None:
        most = {"slope": 1.0, "gap": 1.0, "ratio": 1.0}
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0 < value <= most.get(name, np.inf) or value == np.inf:
                upto = f" and at most {most[name]:g}" if name in most else ""
                raise SettingError(
                    f"the limit {name} is {value:g}; it takes a number above 0{upto}"
                )


@dataclass(frozen=True, slots=True)
class LimitFound:
    """One limit with the figure of a candidate.

    ``excess`` is how far the figure lies beyond the limit: 0 within it. ``standing``: "kept",
    "broken" (bars the promotion), "objection" (a named person answers it) or "reported".
    ``noise`` is by how much a second measurement of the same figure may differ.
    """

    limit: str
    found: str
    allowed: str
    excess: float
    standing: Standing
    noise: float = 0.0

    @property
    def sentence(self) -> str:
        """The limit, the figure and what is allowed, in one sentence."""
        return f"{self.limit} is {self.found}, allowed is {self.allowed}"


def limits_of(candidate: Candidate, allowed: Limits) -> list[LimitFound]:
    """Each limit beside the candidate's figure."""
    line, card = candidate.card.calibration, candidate.card
    low, high = Estimate(line.slope, line.slope_se).interval
    # Beyond either end by as much on the logarithm's scale, on which the ends are symmetric.
    beyond = max(_log_ratio(allowed.slope, high), _log_ratio(max(low, 0.0), 1 / allowed.slope), 0.0)
    limits = [
        LimitFound(
            "the calibration slope", f"{line.slope:.2f} ({low:.2f} to {high:.2f})",
            f"{allowed.slope:g} to {1 / allowed.slope:.3g}", beyond, "broken" if beyond else "kept",
        )
    ]  # fmt: skip
    gap = card.segments.overall.gap
    if gap is not None and gap.low is not None and gap.high is not None:
        beyond = max(gap.low - allowed.gap, -allowed.gap - gap.high, 0.0)
        limits.append(
            LimitFound(
                "the mean probability less the rate of default",
                f"{gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})",
                f"{-allowed.gap:g} to {allowed.gap:g}", beyond, "broken" if beyond else "kept",
            )
        )  # fmt: skip
    for one in card.segments.segments:
        ratio = one.acceptance_ratio
        if ratio is None or ratio.low is None or ratio.high is None:
            continue
        beyond = max(allowed.ratio - ratio.high, 0.0)
        binds: Standing = "broken" if one.characteristic in PROTECTED else "objection"
        limits.append(
            LimitFound(
                f"the acceptance of {one.group} ({one.characteristic}) to the best group's",
                f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
                f"{allowed.ratio:g} or more", beyond, binds if beyond else "kept",
            )
        )  # fmt: skip
    explaining = allowed.forest_ms if candidate.family == FOREST else allowed.explanation_ms
    for name, took, most in (
        ("the score of one client", candidate.latency_ms, allowed.latency_ms),
        ("the explanation of one client", candidate.explanation_ms, explaining),
    ):
        beyond = max(took - most, 0.0)
        limits.append(
            LimitFound(
                name, f"{took:.1f} ms", f"{most:g} ms or less", beyond,
                "broken" if beyond else "kept", LATENCY_NOISE * took,
            )
        )  # fmt: skip
    size = candidate.size_bytes / 1e6
    beyond, limited = max(size - allowed.size_mb, 0.0), candidate.model_format in TEXT_FORMATS
    standing: Standing = "reported" if not limited else "broken" if beyond else "kept"
    limits.append(
        LimitFound(
            "the size of the model", f"{size:.2f} MB",
            f"{allowed.size_mb:g} MB or less" if limited else "any: only trees in text are limited",
            beyond if limited else 0.0, standing,
        )
    )  # fmt: skip
    return limits


def _log_ratio(one: float, other: float) -> float:
    """How much larger ``one`` is than ``other``, on the logarithm's scale; huge if that is not above 0."""
    return math.log(max(one, 1e-12) / max(other, 1e-12))


def beside_the_champion(
    limits: Sequence[LimitFound], champion: Sequence[LimitFound]
) -> list[LimitFound]:
    """The limits, where one that the champion breaks as much is an objection, and bars nothing.

    As much: the challenger's figure is worse by no more than the noise of the champion's.
    """
    theirs = {one.limit: one.excess + one.noise for one in champion if one.excess > 0}
    return [
        replace(one, standing="objection")
        if one.standing == "broken" and theirs.get(one.limit, 0.0) >= one.excess
        else one
        for one in limits
    ]
