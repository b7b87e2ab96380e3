"""Intervals of all scores by a stratified bootstrap, for many resamples at once.

A resample draws as many defaulters and as many repayers as there are, each with replacement. All
that a score needs of it is how often each distinct probability was drawn in each class, so that a
thousand resamples are a few operations on arrays of resamples x distinct probabilities; each row of
``METRICS`` says which. Both
classes keep their numbers, so an interval is given the share of defaulters. Source:
B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile interval).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from project_tools.errors import TrainingError
from project_tools.evaluation.metrics import FN_COST, METRICS, Resamples

Floats = npt.NDArray[np.float64]
#: Resamples of an interval.
RESAMPLES = 1_000
#: Share of the resamples inside an interval.
COVERAGE = 0.95
#: Numbers in one array of counts: it bounds the memory, whatever the number of clients.
_AT_ONCE = 4_000_000
Interval = tuple[float, float]


def bootstrap_intervals(
    y: npt.NDArray[Any],
    p: npt.NDArray[Any],
    threshold: float,
    fn_cost: float = FN_COST,
    *,
    resamples: int = RESAMPLES,
    seed: int = 1,
) -> dict[str, Interval]:
    """The 95 % interval of each score at a threshold that was found elsewhere.

    Raises ``TrainingError`` where a class is missing.
    """
    y, p = np.asarray(y), np.asarray(p, dtype=np.float64)
    if not 0 < np.sum(y == 1) < len(y):
        raise TrainingError("a bootstrap needs clients of both classes; one class is missing")
    scores, group = np.unique(p, return_inverse=True)
    parts = []
    for counts in _draws(group[y == 1], group[y != 1], len(scores), resamples, seed):
        drawn = Resamples(scores, *counts, threshold, fn_cost)
        parts.append({name: metric.of_resamples(drawn) for name, metric in METRICS.items()})
    tail = 100 * (1 - COVERAGE) / 2
    intervals = {}
    for name in METRICS:
        low, high = np.percentile(
            np.concatenate([part[name] for part in parts]), [tail, 100 - tail]
        )
        intervals[name] = float(low), float(high)
    return intervals


def _draws(
    defaulted: npt.NDArray[np.intp],
    repaid: npt.NDArray[np.intp],
    groups: int,
    resamples: int,
    seed: int,
) -> Iterator[tuple[Floats, Floats]]:
    """Counts by distinct probability of the defaulters and of the repayers, some resamples a time."""
    random, most = np.random.default_rng(seed), max(1, _AT_ONCE // groups)
    for start in range(0, resamples, most):
        count = min(most, resamples - start)
        yield _counts(defaulted, groups, count, random), _counts(repaid, groups, count, random)


def _counts(
    of_class: npt.NDArray[np.intp], groups: int, resamples: int, random: np.random.Generator
) -> Floats:
    """How often each distinct probability is drawn in each resample of a class."""
    drawn = of_class[random.integers(0, len(of_class), (resamples, len(of_class)))]
    cells = drawn + groups * np.arange(resamples)[:, None]
    counts = np.bincount(cells.ravel(), minlength=groups * resamples)
    return counts.reshape(resamples, groups).astype(np.float64)
