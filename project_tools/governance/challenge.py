"""May a version become the champion? The rule, and the record of the decision.

A challenger is compared, paired, with the champion on the same held-out clients: its log loss must
be lower beyond the error, its loss of income must not be worse beyond a margin. The first version
of a name is compared with granting everybody and refusing everybody. Both must keep to the limits.
A person may overrule what bars a version by giving a reason, and answers the objections; the record
keeps both beside the figures.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from project_tools.evaluation.judgement import DECIDING
from project_tools.evaluation.metrics import (
    METRICS,
    Z_95,
    Estimate,
    get_metric,
    paired_difference,
    signed_interval,
)
from project_tools.governance.candidate import Candidate
from project_tools.governance.limits import LimitFound, Limits, beside_the_champion, limits_of

Floats = npt.NDArray[np.float64]
#: The metric that a challenger must be better by, beyond the error.
BETTER_BY = "log_loss"
#: The metrics that a comparison shows.
SHOWN = (BETTER_BY, DECIDING, "AUC", "brier")
#: The difference of the loss and so many of its errors must stay below the margin: 95 %, one-sided.
Z_ONE_SIDED = 1.645
#: Standard errors of a difference that is found four times in five: 1.96 + 0.84.
Z_POWER = 2.80
#: If an equal challenger passes with a smaller chance, there are too few clients to decide.
LEAST_CHANCE = 0.5
#: The threshold that grants everybody, and the one that refuses everybody.
GRANT_ALL, REFUSE_ALL = 1.0, -1.0
Outcome = Literal["promoted", "forced", "refused"]


@dataclass(frozen=True, slots=True)
class PairedScores:
    """A score of both on the same clients, and the challenger's minus the champion's.

    ``champion`` is ``against`` in the comparisons of a first version: granting or refusing all.
    """

    metric: str
    champion: float
    challenger: float
    difference: float
    se: float
    against: str = "champion"

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference."""
        return Estimate(self.difference, self.se).interval

    @property
    def better(self) -> bool:
        """Whether the challenger is better by more than the 95 % error of the difference."""
        return -METRICS[self.metric].loss(self.difference) > Z_95 * self.se


@dataclass(frozen=True, slots=True)
class Power:
    """What a comparison on these clients can show.

    ``gain`` of the deciding metric is found four times in five, ``equal_passes`` is the chance that
    a challenger with the champion's loss of income passes the margin, ``weighed`` counts the
    challengers that were weighed on these clients, this one included.
    """

    metric: str
    gain: float
    equal_passes: float
    weighed: int

    @property
    def sentence(self) -> str:
        """The power in one line."""
        text = (
            f"these clients show a gain of {self.gain:.4f} of {self.metric} four times in five; an "
            f"equal challenger keeps to the margin with a chance of {self.equal_passes:.2f}; "
            f"{self.weighed} weighed on them so far"
        )
        return text if self.equal_passes >= LEAST_CHANCE else f"too few clients to tell: {text}"


@dataclass(frozen=True, slots=True)
class Weighed:
    """The comparison of a challenger; without ``bars`` it may become the champion.

    ``objections`` do not bar it: a named person answers them. ``power`` is None if nothing was
    compared with a champion.
    """

    clients: int
    compared: tuple[PairedScores, ...]
    limits: tuple[LimitFound, ...]
    bars: tuple[str, ...]
    objections: tuple[str, ...] = ()
    power: Power | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """The record of a decision: who, when, from which version to which, by which figures.

    ``reason`` is the text by which a person overruled the bars, ``answer`` the person's answer to
    the objections; each is empty if there is none.
    """

    when: str
    by: str
    model: str
    from_version: str | None
    to_version: str
    outcome: Outcome
    reason: str
    answer: str = ""
    metric: str
    allowed: Limits
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
    challenger: Candidate,
    champion: Candidate | None,
    metric: str,
    allowed: Limits,
    *,
    weighed_before: int = 0,
) -> Weighed:
    """Weigh a version against the champion, or the first version against having no model.

    ``weighed_before`` counts the challengers that were weighed on these clients already. If the two
    cannot be compared, that is the first bar and nothing is compared. Raises ``SettingError`` for
    an unknown metric.
    """
    metric, count = get_metric(metric).name, len(challenger.y)
    limits = tuple(limits_of(challenger, allowed))
    if champion is not None:
        limits = tuple(beside_the_champion(limits, limits_of(champion, allowed)))
    broken = [f"a limit is broken: {one.sentence}" for one in limits if one.standing == "broken"]
    objections = tuple(one.sentence for one in limits if one.standing == "objection")
    apart = [] if champion is None else not_comparable(challenger, champion)
    if apart:
        return Weighed(count, (), limits, (*apart, *broken), objections)
    if champion is None:
        compared = tuple(_without_a_model(challenger))
        worse = [_not_below(row) for row in compared if not row.better]
        return Weighed(count, compared, limits, (*worse, *broken), objections)
    names = dict.fromkeys((metric, *SHOWN))
    compared = tuple(_paired_scores(challenger, champion, name) for name in names)
    by_name = {row.metric: row for row in compared}
    bars = [_not_better(by_name[metric])] if not by_name[metric].better else []
    loss = by_name[DECIDING]
    upper = loss.difference + Z_ONE_SIDED * loss.se
    if not upper < allowed.margin:
        bars.append(
            f"its loss of income may be worse by {upper:.4f} (difference {loss.difference:+.4f} + "
            f"{Z_ONE_SIDED} · {loss.se:.4f}), which is not below the margin of {allowed.margin:g}"
        )
    power = power_of(by_name[metric], loss, allowed.margin, weighed_before + 1)
    return Weighed(count, compared, limits, (*bars, *broken), objections, power)


def power_of(better: PairedScores, loss: PairedScores, margin: float, weighed: int) -> Power:
    """What the comparison can show, from the standard errors of its two differences."""
    chance = 1.0 if not loss.se else float(norm.cdf(margin / loss.se - Z_ONE_SIDED))
    return Power(better.metric, Z_POWER * better.se, chance, weighed)


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


def decide(bars: Sequence[str], reason: str) -> Outcome:
    """The outcome for a challenger: what bars it refuses it unless a person gave a reason.

    >>> decide([], ""), decide(["slower"], ""), decide(["slower"], "explains itself")
    ('promoted', 'refused', 'forced')
    """
    if not bars:
        return "promoted"
    return "forced" if reason else "refused"


def as_text(record: Promotion) -> str:
    """The comparison and its outcome, for the terminal."""
    weighed = record.weighed
    former = (
        f"version {record.from_version} (champion)" if record.from_version else "having no model"
    )
    lines = [
        f"{record.model}: version {record.to_version} against {former}, "
        f"{weighed.clients:,} held-out clients"
    ]
    if weighed.compared:
        lines.append(
            f"  {'score':<18}{'against':>12}{'it has':>10}{'challenger':>12}   "
            "difference (95 % interval)"
        )
    for row in weighed.compared:
        low, high = row.interval
        lines.append(
            f"  {row.metric:<18}{row.against:>12}{row.champion:>10.4f}{row.challenger:>12.4f}   "
            f"{row.difference:+.4f} ({low:+.4f} to {high:+.4f}){'  better' if row.better else ''}"
        )
    if weighed.power is not None:
        lines.append(f"  {weighed.power.sentence}")
    judged = [one for one in weighed.limits if one.standing != "reported"]
    kept = sum(one.standing == "kept" for one in judged)
    lines.append(f"  limits: {kept} of {len(judged)} kept")
    lines += [f"  {why}" for why in weighed.bars]
    lines += [f"  objection: {why}" for why in weighed.objections]
    if weighed.objections:
        lines.append(
            f"  answered by {record.by}: {record.answer}"
            if record.answer
            else '  not answered yet; a named person answers objections by --answer "TEXT"'
        )
    ending = f"promoted: version {record.to_version} is the champion"
    if record.outcome == "forced":
        ending += f", forced by {record.by}: {record.reason}"
    if record.outcome == "refused":
        keeps = "keeps its champion" if record.from_version else "has no champion yet"
        ending = f'refused: {record.model} {keeps}; --force "REASON" overrules it'
    return "\n".join([*lines, ending])


def _paired_scores(challenger: Candidate, champion: Candidate, metric: str) -> PairedScores:
    difference = paired_difference(
        metric,
        challenger.y,
        (challenger.p, challenger.threshold),
        (champion.p, champion.threshold),
        fn_cost=challenger.fn_cost,
        draw=challenger.draw,
    )
    both = champion.score(metric).value, challenger.score(metric).value
    return PairedScores(metric, *both, difference.value, difference.se)


def _without_a_model(one: Candidate) -> list[PairedScores]:
    """The loss of a version's decisions beside that of granting and of refusing everybody."""
    rows = []
    for against, threshold in (("granting all", GRANT_ALL), ("refusing all", REFUSE_ALL)):
        gap = paired_difference(
            DECIDING, one.y, (one.p, one.threshold), (one.p, threshold),
            fn_cost=one.fn_cost, draw=one.draw,
        )  # fmt: skip
        loss = one.score(DECIDING).value
        rows.append(PairedScores(DECIDING, loss - gap.value, loss, gap.value, gap.se, against))
    return rows


def _not_below(row: PairedScores) -> str:
    return (
        f"its loss of income is not below that of {row.against} beyond the error: {row.difference:+.4f} "
        f"{signed_interval(row.interval)}"
    )


def _not_better(row: PairedScores) -> str:
    side = "above" if METRICS[row.metric].greater_is_better else "below"
    return (
        f"not better beyond its error: its {row.metric} differs by {row.difference:+.4f} "
        f"{signed_interval(row.interval)}, which is not {side} 0 throughout"
    )


def _short(value: object) -> str:
    """The beginning of a digest; a number in full."""
    return f"{value:g}" if isinstance(value, float) else f"{str(value)[:8]}…"
