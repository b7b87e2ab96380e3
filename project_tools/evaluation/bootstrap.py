"""Intervals of all scores by a stratified bootstrap, for many resamples at once.

A resample draws as many defaulters and as many repayers as there are, each with replacement. All
that a score needs of it is how often each distinct probability was drawn in each class, so that a
thousand resamples are a few operations on arrays of resamples x distinct probabilities. Both
classes keep their numbers, so an interval is given the share of defaulters. Source:
B. Efron, R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile interval).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from project_tools.errors import TrainingError
from project_tools.evaluation.metrics import FN_COST, METRICS

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
    parts = [
        all_scores(scores, defaulted, repaid, threshold, fn_cost)
        for defaulted, repaid in _draws(group[y == 1], group[y != 1], len(scores), resamples, seed)
    ]
    tail = 100 * (1 - COVERAGE) / 2
    return {
        name: _between(np.concatenate([part[name] for part in parts]), tail) for name in parts[0]
    }


def _draws(
    defaulted: npt.NDArray[np.intp],
    repaid: npt.NDArray[np.intp],
    groups: int,
    resamples: int,
    seed: int,
) -> Iterator[tuple[Floats, Floats]]:
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


def _between(values: Floats, tail: float) -> Interval:
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def all_scores(
    scores: Floats, defaulted: Floats, repaid: Floats, threshold: float, fn_cost: float
) -> dict[str, Floats]:
    """Every score of ``METRICS`` for each row of counts by distinct, ascending probability."""
    found = {
        **_of_decisions(scores, defaulted, repaid, threshold, fn_cost),
        **_of_ranks(defaulted, repaid),
        **_of_probabilities(scores, defaulted, repaid),
    }
    return {name: found[name] for name in METRICS}


def _of_decisions(
    scores: Floats, defaulted: Floats, repaid: Floats, threshold: float, fn_cost: float
) -> Mapping[str, Floats]:
    risk = scores > threshold
    tp, fp = defaulted[:, risk].sum(axis=1), repaid[:, risk].sum(axis=1)
    fn, tn = defaulted.sum(axis=1) - tp, repaid.sum(axis=1) - fp
    return {
        name: row.of_counts(tp, fp, fn, tn, fn_cost)
        for name, row in METRICS.items()
        if row.of_counts is not None
    }


def _of_ranks(defaulted: Floats, repaid: Floats) -> dict[str, Floats]:
    positives, negatives = defaulted.sum(axis=1), repaid.sum(axis=1)
    missed, kept = np.cumsum(defaulted, axis=1), np.cumsum(repaid, axis=1)
    below = np.einsum("ij,ij->i", defaulted, kept - repaid / 2)
    auc = below / (positives * negatives)
    distance = np.abs(missed / positives[:, None] - kept / negatives[:, None]).max(axis=1)
    # Clients at or above each distinct probability, and the defaulters among them.
    found = positives[:, None] - missed + defaulted
    reached = found + negatives[:, None] - kept + repaid
    precision = np.divide(found, reached, out=np.zeros_like(found), where=reached > 0)
    average = np.einsum("ij,ij->i", precision, defaulted) / positives
    return {"AUC": auc, "Gini": 2 * auc - 1, "KS": distance, "average_precision": average}


def _of_probabilities(scores: Floats, defaulted: Floats, repaid: Floats) -> dict[str, Floats]:
    clients = defaulted.sum(axis=1) + repaid.sum(axis=1)
    smallest = float(np.finfo(np.float64).eps)
    told = np.clip(scores, smallest, 1), np.clip(1 - scores, smallest, 1)
    brier = defaulted @ (1 - scores) ** 2 + repaid @ scores**2
    losses = defaulted @ -np.log(told[0]) + repaid @ -np.log(told[1])
    return {"brier": brier / clients, "log_loss": losses / clients}
