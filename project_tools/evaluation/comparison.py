"""Families side by side: out-of-fold figures with intervals, and differences beyond their error.

Families are ranked only among those judged on the very same clients, in the same way. A difference
between two of them is compared with its paired standard error: what their errors have in common
cancels.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from project_tools.evaluation.metrics import (
    FN_COST,
    Draw,
    Estimate,
    get_metric,
    interval_text,
    paired_difference,
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JudgedFamily:
    """A family's best setting as judged out of fold: ``p`` are calibrated probabilities.

    ``run_id`` is the family's parent run, ``labelled`` the number of labelled clients that these ones
    were drawn from (None: an older run, whose clients count as a simple sample).
    """

    family: str
    run_id: str
    metric: str
    data_digest: str
    ids: npt.NDArray[np.int64]
    y: npt.NDArray[np.int8]
    p: Floats
    threshold: float
    fn_cost: float = FN_COST
    labelled: int | None = None

    @property
    def draw(self) -> Draw:
        return Draw.of(self.y, self.labelled)

    @property
    def ground(self) -> str:
        """What the family was judged on, and how. Only families of one ground can be ranked."""
        rows = hashlib.sha256(np.ascontiguousarray(self.ids).tobytes()).hexdigest()
        return f"{self.data_digest}/{rows}/{self.metric}/{self.fn_cost}"

    def score(self, metric: str) -> Estimate:
        return get_metric(metric).score(
            self.y, self.p, threshold=self.threshold, fn_cost=self.fn_cost, draw=self.draw
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """Two families on the same clients: the score of ``one`` minus that of ``other``."""

    one: JudgedFamily
    other: JudgedFamily
    difference: Estimate

    @property
    def clear(self) -> bool:
        """Whether 0 lies outside the difference's 95 % interval."""
        low, high = self.difference.interval
        return low > 0 or high < 0


@dataclass(frozen=True, slots=True)
class Group:
    """Families judged on the same clients, best first, and all pairs of them."""

    metric: str
    families: tuple[JudgedFamily, ...]
    pairs: tuple[Pair, ...]

    def behind(self, judged: JudgedFamily) -> Estimate | None:
        """How far a family lies from the first; none for the first itself."""
        for pair in self.pairs:
            if pair.one is self.families[0] and pair.other is judged:
                return pair.difference
        return None


def rank_families(judged: Sequence[JudgedFamily], metric: str | None = None) -> list[Group]:
    """The families in groups that may be ranked, the largest sample first.

    ``metric`` defaults to the one that the first was searched for.
    """
    if not judged:
        return []
    name = get_metric(metric or judged[0].metric).name
    groups: dict[str, list[JudgedFamily]] = {}
    for family in judged:
        groups.setdefault(family.ground, []).append(family)
    return sorted(
        (_ranked(group, name) for group in groups.values()),
        key=lambda group: -len(group.families[0].y),
    )


def _ranked(judged: Sequence[JudgedFamily], metric: str) -> Group:
    loss = get_metric(metric).loss
    ranked = sorted(judged, key=lambda one: (loss(one.score(metric).value), one.family))
    pairs = []
    for one, other in combinations(ranked, 2):
        decisions = [(family.p, family.threshold) for family in (one, other)]
        difference = paired_difference(
            metric, one.y, *decisions, fn_cost=one.fn_cost, draw=one.draw
        )
        pairs.append(Pair(one, other, difference))
    return Group(metric, tuple(ranked), tuple(pairs))


def ranking_table(groups: Sequence[Group]) -> str:
    """The table that a search ends with, and ``python -m project_tools compare`` prints."""
    if not groups:
        return "no family has been judged"
    blocks = [_block(group) for group in groups]
    if len(groups) > 1:
        blocks.append(
            "The groups were judged on different clients or in different ways: no ranking across them."
        )
    blocks.append(
        "Out of fold, training clients only. Each figure is that of the best of its trials, chosen on these\n"
        "very clients, so it flatters a little; the final projects judge one model on the test clients."
    )
    return "\n\n".join(blocks)


def _block(group: Group) -> str:
    first = group.families[0]
    title = f"{len(first.y):,} clients, {int(first.y.sum()):,} of them defaulted; by {group.metric}"
    if get_metric(group.metric).greater_is_better:
        title += " (more is better)"
    lines = [
        title,
        f"  {'family':<15} {group.metric[:14]:>14} {'95 % interval':>17} {'AUC':>7} "
        f"{'threshold':>10}  behind the first",
        *(_row(group, judged) for judged in group.families),
    ]
    if group.pairs:
        clear = [
            f"{pair.one.family} over {pair.other.family}" for pair in group.pairs if pair.clear
        ]
        unclear = [
            f"{pair.one.family} and {pair.other.family}" for pair in group.pairs if not pair.clear
        ]
        lines += [
            "  larger than the paired error (95 %, each by itself): "
            + ("; ".join(clear) or "none"),
            "  not larger, so no finding: " + ("; ".join(unclear) or "none"),
        ]
    return "\n".join(lines)


def _row(group: Group, judged: JudgedFamily) -> str:
    score, auc = judged.score(group.metric), judged.score("AUC")
    behind = group.behind(judged)
    gap = "" if behind is None else f"{abs(behind.value):.4f} ± {behind.se:.4f}"
    return (
        f"  {judged.family:<15} {score.value:>14.4f} {interval_text(get_metric(group.metric).interval(score)):>17} "
        f"{auc.value:>7.4f} {judged.threshold:>10.4f}  {gap}"
    ).rstrip()
