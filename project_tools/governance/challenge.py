"""May a challenger replace the champion? The rule, and the record of the decision.

Both are compared, paired, on the same held-out clients. A challenger must be better by more than
the error of the difference, and must meet every floor. A person may overrule both by giving a
reason; the record keeps it beside the figures that spoke against the challenger.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from project_tools.errors import SettingError
from project_tools.evaluation.metrics import METRICS, Z_95, Estimate, get_metric, paired_difference
from project_tools.governance.card import Card

Floats = npt.NDArray[np.float64]
#: The metrics that a comparison shows beside the deciding one.
SHOWN = ("loss_of_income", "AUC", "brier")
Outcome = Literal["promoted", "forced", "refused"]


@dataclass(frozen=True, slots=True)
class Floors:
    """Requirements that every champion must meet; ``SettingError`` for a value out of range.

    ``slope``: the calibration slope on held-out clients lies between this and its inverse.
    ``gap``: the mean probability differs from the observed rate of default by at most this.
    ``ratio``: the acceptance rate of each group is at least this share of the best group's.
    ``latency_ms``: the median time to score one client is at most this. Of the first three, one is
    broken only if the whole 95 % interval lies beyond it, so that chance in a small group breaks
    none.
    """

    slope: float = 0.8
    gap: float = 0.01
    ratio: float = 0.8
    latency_ms: float = 50.0

    def __post_init__(self) -> None:
        for name, most in (("slope", 1.0), ("gap", 1.0), ("ratio", 1.0), ("latency_ms", np.inf)):
            value = getattr(self, name)
            if not 0 < value <= most or value == np.inf:
                upto = "" if most == np.inf else f" and at most {most:g}"
                raise SettingError(
                    f"the floor {name} is {value:g}; it takes a number above 0{upto}"
                )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered version with calibrated probabilities ``p`` of held-out clients."""

    version: str
    run_id: str
    artefact_digest: str
    data_digest: str
    split_digest: str
    threshold: float
    fn_cost: float
    ids: npt.NDArray[np.int64]
    y: npt.NDArray[Any]
    p: Floats
    card: Card
    latency_ms: float

    def score(self, metric: str) -> Estimate:
        """The metric of that name on the held-out clients; ``SettingError`` for another name."""
        return get_metric(metric).score(
            self.y, self.p, threshold=self.threshold, fn_cost=self.fn_cost
        )


@dataclass(frozen=True, slots=True)
class FloorFound:
    """One floor with the figure of a candidate; ``kept`` unless it is broken beyond its error."""

    floor: str
    found: str
    allowed: str
    kept: bool

    @property
    def objection(self) -> str:
        """The floor, the figure and what is allowed, in one sentence."""
        return f"{self.floor} is {self.found}, allowed is {self.allowed}"


@dataclass(frozen=True, slots=True)
class PairedScores:
    """A score of both on the same clients, and the challenger's minus the champion's."""

    metric: str
    champion: float
    challenger: float
    difference: float
    se: float

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference."""
        return Estimate(self.difference, self.se).interval

    @property
    def better(self) -> bool:
        """Whether the challenger is better by more than the 95 % error of the difference."""
        return -METRICS[self.metric].loss(self.difference) > Z_95 * self.se


@dataclass(frozen=True, slots=True)
class Weighed:
    """The comparison of a challenger; without ``objections`` it may replace the champion."""

    clients: int
    compared: tuple[PairedScores, ...]
    floors: tuple[FloorFound, ...]
    objections: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The record of a decision: who, when, from which version to which, by which figures.

    ``reason`` is the text by which a person overruled the objections, else empty.
    """

    when: str
    by: str
    model: str
    from_version: str | None
    to_version: str
    outcome: Outcome
    reason: str
    metric: str
    allowed: Floors
    weighed: Weighed
    champion: Mapping[str, str]
    challenger: Mapping[str, str]

    @property
    def done(self) -> bool:
        """Whether the alias moves."""
        return self.outcome != "refused"

    def to_json(self) -> str:
        """The record, for ``promotion.json``."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"


def weigh(
    challenger: Candidate, champion: Candidate | None, metric: str, allowed: Floors
) -> Weighed:
    """Compare two candidates by a metric, and check the challenger against the floors.

    If they cannot be compared or there is no champion, that is the first objection and nothing is
    compared. Raises ``SettingError`` for an unknown metric.
    """
    floors = tuple(floors_of(challenger, allowed))
    broken = [f"a floor is broken: {one.objection}" for one in floors if not one.kept]
    apart = ["there is no champion to compare it with"]
    apart = apart if champion is None else not_comparable(challenger, champion)
    if champion is None or apart:
        return Weighed(len(challenger.y), (), floors, (*apart, *broken))
    names = dict.fromkeys((get_metric(metric).name, *SHOWN))
    compared = tuple(_paired_scores(challenger, champion, name) for name in names)
    first = compared[0]
    if first.better:
        return Weighed(len(challenger.y), compared, floors, tuple(broken))
    low, high = first.interval
    side = "above" if METRICS[first.metric].greater_is_better else "below"
    not_better = (
        f"not better beyond its error: its {first.metric} differs by {first.difference:+.4f} (95 %: "
        f"{low:+.4f} to {high:+.4f}), which is not {side} 0 throughout"
    )
    return Weighed(len(challenger.y), compared, floors, (not_better, *broken))


def not_comparable(challenger: Candidate, champion: Candidate) -> list[str]:
    """The reason why two candidates cannot be compared, in one sentence; empty if they can."""
    differences = [
        f"{what} ({_short(getattr(challenger, field))}, the champion's {_short(getattr(champion, field))})"
        for what, field in (
            ("other data", "data_digest"),
            ("another split", "split_digest"),
            ("another cost of a missed defaulter", "fn_cost"),
        )
        if getattr(challenger, field) != getattr(champion, field)
    ]
    same = np.array_equal(challenger.ids, champion.ids) and np.array_equal(challenger.y, champion.y)
    if not differences and not same:
        differences = ["other held-out clients"]
    return [f"not comparable: it was judged on {' and '.join(differences)}"] if differences else []


def floors_of(candidate: Candidate, allowed: Floors) -> list[FloorFound]:
    """Each floor beside the candidate's figure."""
    line, card = candidate.card.calibration, candidate.card
    low, high = Estimate(line.slope, line.slope_se).interval
    floors = [
        FloorFound(
            "the calibration slope", f"{line.slope:.2f} ({low:.2f} to {high:.2f})",
            f"{allowed.slope:g} to {1 / allowed.slope:.3g}",
            high >= allowed.slope and low <= 1 / allowed.slope,
        )
    ]  # fmt: skip
    gap = card.segments.overall.gap
    if gap is not None and gap.low is not None and gap.high is not None:
        floors.append(
            FloorFound(
                "the mean probability less the rate of default",
                f"{gap.value:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})",
                f"{-allowed.gap:g} to {allowed.gap:g}",
                gap.high >= -allowed.gap and gap.low <= allowed.gap,
            )
        )
    for one in card.segments.segments:
        ratio = one.acceptance_ratio
        if ratio is not None and ratio.high is not None:
            floors.append(
                FloorFound(
                    f"the acceptance of {one.group} ({one.characteristic}) to the best group's",
                    f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
                    f"{allowed.ratio:g} or more",
                    ratio.high >= allowed.ratio,
                )
            )
    floors.append(
        FloorFound(
            "the score of one client",
            f"{candidate.latency_ms:.1f} ms",
            f"{allowed.latency_ms:g} ms or less",
            candidate.latency_ms <= allowed.latency_ms,
        )
    )
    return floors


def decide(objections: Sequence[str], reason: str) -> Outcome:
    """The outcome for a challenger: objections refuse it unless a person gave a reason.

    >>> decide([], ""), decide(["slower"], ""), decide(["slower"], "explains itself")
    ('promoted', 'refused', 'forced')
    """
    if not objections:
        return "promoted"
    return "forced" if reason else "refused"


def as_text(record: Promotion) -> str:
    """The comparison and its outcome, for the terminal."""
    weighed = record.weighed
    former = f"version {record.from_version} (champion)" if record.from_version else "no champion"
    lines = [
        f"{record.model}: version {record.to_version} against {former}, "
        f"{weighed.clients:,} held-out clients"
    ]
    if weighed.compared:
        lines.append(
            f"  {'score':<18}{'champion':>10}{'challenger':>12}   difference (95 % interval)"
        )
    for row in weighed.compared:
        low, high = row.interval
        lines.append(
            f"  {row.metric:<18}{row.champion:>10.4f}{row.challenger:>12.4f}   "
            f"{row.difference:+.4f} ({low:+.4f} to {high:+.4f}){'  better' if row.better else ''}"
        )
    kept = sum(one.kept for one in weighed.floors)
    lines.append(f"  floors: {kept} of {len(weighed.floors)} kept")
    lines += [f"  {why}" for why in weighed.objections]
    ending = f"promoted: version {record.to_version} is the champion"
    if record.outcome == "forced":
        ending += f", forced by {record.by}: {record.reason}"
    if record.outcome == "refused":
        ending = f'refused: {record.model} keeps its champion; --force "REASON" overrules it'
    return "\n".join([*lines, ending])


def _paired_scores(challenger: Candidate, champion: Candidate, metric: str) -> PairedScores:
    difference = paired_difference(
        metric,
        challenger.y,
        (challenger.p, challenger.threshold),
        (champion.p, champion.threshold),
        fn_cost=challenger.fn_cost,
    )
    both = champion.score(metric).value, challenger.score(metric).value
    return PairedScores(metric, *both, difference.value, difference.se)


def _short(value: object) -> str:
    """The beginning of a digest; a number in full."""
    return f"{value:g}" if isinstance(value, float) else f"{str(value)[:8]}…"
