"""The exact best threshold, and the decision that follows from a threshold.

``p > threshold`` is risk, everywhere: in search, in the figures, in the API.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from project_tools.errors import TrainingError

Floats = npt.NDArray[np.float64]
#: A score from the counts (true positives, false positives, false negatives, true negatives),
#: each an array with one entry a threshold; NaN where it is not defined.
OfCounts = Callable[[Floats, Floats, Floats, Floats], Floats]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold in [0, 1] and the score that it reaches on the rows it was found on."""

    value: float
    score: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What a probability of default means under a threshold; both in [0, 1].

    >>> Decision(0.3, threshold=0.2).label
    'risk'
    >>> Decision(0.2, threshold=0.2).granted
    True
    """

    probability: float
    threshold: float

    def __post_init__(self) -> None:
        for name in ("probability", "threshold"):
            if not 0 <= getattr(self, name) <= 1:  # NaN compares false, so it is refused too
                raise ValueError(f"a {name} lies in [0, 1]")

    @property
    def granted(self) -> bool:
        return not self.probability > self.threshold

    @property
    def label(self) -> Literal["risk", "no_risk"]:
        return "no_risk" if self.granted else "risk"

    @property
    def margin(self) -> float:
        """Probability above the threshold; negative for a credit that is granted."""
        return self.probability - self.threshold


def break_even_probability(fn_cost: float) -> float:
    """Default probability at which granting and refusing cost the same.

    Granting costs ``fn_cost·p``, refusing ``1 - p``; they meet at ``1 / (1 + fn_cost)``.
    Source: C. Elkan, The Foundations of Cost-Sensitive Learning, IJCAI 2001.

    >>> round(break_even_probability(5), 4)
    0.1667
    """
    return 1 / (1 + fn_cost)


def best_threshold(
    y: npt.NDArray[Any], p: npt.NDArray[Any], of_counts: OfCounts, *, greater_is_better: bool
) -> Threshold:
    """The threshold in [0, 1] with the best score on labels ``y`` and probabilities ``p``.

    Exact: every cut between two distinct probabilities is tried, with approve-all (above the
    largest) and refuse-all (below the smallest; there is none in [0, 1] if that is 0). Rows of
    equal probability stay together. Of equally good thresholds the highest is taken: it refuses
    the fewest. One sort, no grid.

    Raises ``TrainingError`` for no rows, for probabilities outside [0, 1] or NaN, and where the
    score is defined at no threshold.
    """
    thresholds, counts = cuts(y, p)
    scores = of_counts(*counts)
    ranked = np.where(np.isnan(scores), -np.inf, scores if greater_is_better else -scores)
    best = len(ranked) - 1 - int(np.argmax(ranked[::-1]))
    if np.isnan(scores[best]):
        raise TrainingError("no threshold has a score: a class is missing from the labels")
    return Threshold(float(thresholds[best]), float(scores[best]))


def cuts(
    y: npt.NDArray[Any], p: npt.NDArray[Any]
) -> tuple[Floats, tuple[Floats, Floats, Floats, Floats]]:
    """All distinct thresholds, ascending, and the counts (TP, FP, FN, TN) at each."""
    labels, scores = _checked(y, p)
    order = np.argsort(scores)
    scores, defaulted = scores[order], labels[order]
    last = np.flatnonzero(np.append(np.diff(scores) > 0, True))  # last row of each distinct score
    distinct = scores[last]
    granted = np.append(0.0, last + 1.0)
    fn = np.append(0.0, np.cumsum(defaulted)[last])
    if distinct[0] == 0:  # p > threshold >= 0 cannot refuse a probability of 0
        granted, fn = granted[1:], fn[1:]
    tp, tn = fn[-1] - fn, granted - fn
    return _between(distinct), (tp, len(scores) - granted - tp, fn, tn)


def _between(distinct: Floats) -> Floats:
    """Thresholds below, between and above ascending scores, each ``>=`` its lower neighbour."""
    below = distinct[distinct > 0][:1] if distinct[0] > 0 else distinct[:0]
    lower = np.append(np.zeros(len(below)), distinct)
    upper = np.append(distinct if len(below) else distinct[1:], 1.0)
    middle = lower + (upper - lower) / 2
    # Between two neighbouring floats the middle rounds to one of them; the lower one still cuts.
    return np.where(middle < upper, middle, lower)


def _checked(y: npt.NDArray[Any], p: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    labels, scores = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if labels.shape != scores.shape or labels.ndim != 1 or not len(labels):
        raise TrainingError(
            f"a threshold needs as many labels as probabilities, at least one; "
            f"there are {labels.size} and {scores.size}"
        )
    bad = int(np.count_nonzero(~((scores >= 0) & (scores <= 1))))
    if bad:
        raise TrainingError(f"{bad} of {len(scores)} probabilities lie outside [0, 1] or are NaN")
    return labels, scores
