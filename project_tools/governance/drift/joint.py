"""Whether the features still depend on each other as before: a shift that no single feature shows.

If values change places between clients, each feature keeps its distribution and none alarms. So a
ridge regression, the discriminator, learns to separate new rows from training rows. Its columns are
the normal scores of the features that weigh most, and the product of each pair, which shows their
correlation. Each side is ranked by itself, so that the shift of a single feature, which alarms by
itself, does not count here. The regression is fitted on four fifths of the rows and judged on the
other fifth.

**Level.** The mean AUC of the fifths is compared with that of 200 permutations of who is new, which
the same regression learns again (E. Lehmann and J. Romano, Testing Statistical Hypotheses, 2005,
chapter 15). Their mean and spread give the p-value by Student's distribution. The fifths' own
p-values would not do: they share most of what was learnt, so that they are not independent.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from project_tools.governance.drift.rows import Source

Floats = npt.NDArray[np.float64]
#: Features that are compared jointly, and the rank correlation above which two count as one.
FEATURES, ALIKE = 30, 0.9
#: Candidates among which the features are chosen, the weightiest first.
CANDIDATES = 150
#: Rows of each side that are read at most, and that each side needs.
MOST_ROWS, LEAST_ROWS = 10_000, 200
FOLDS, PERMUTATIONS = 5, 200
#: Ridge penalty, as a share of the rows.
PENALTY = 0.3
#: Features that are computed over a group of clients. A training client counts in its own group, a
#: new one does not: the two differ though nothing has changed.
OF_GROUPS = ("GROUP1_", "GROUP2_", "CTAR_", "CREDIT_TO_ANNUITY_GROUP")
#: The chance of a false alarm, and the least AUC that alarms.
LEVEL, LEAST_AUC = 0.001, 0.55


@dataclass(frozen=True, slots=True)
class JointDrift:
    """The AUC of the discriminator (.5: it cannot separate them), its p-value, and its features."""

    auc: float
    p: float
    features: tuple[str, ...]
    rows_reference: int
    rows_new: int

    @property
    def alarm(self) -> bool:
        """Whether it separates the rows by more than chance, and well enough to matter."""
        return self.p <= LEVEL and self.auc >= LEAST_AUC


def joint_drift(
    reference: Source, new: Source, weights: Mapping[str, float] | None = None, *, seed: int = 0
) -> JointDrift | None:
    """Compare the joint distribution of the weightiest numbers; ``None`` for too few rows.

    ``weights``: how much each feature weighs in the model. Without a model, the weight is the
    correlation with the reference's outcomes, or the order of the file where there are none.
    """
    if min(reference.rows, new.rows) < LEAST_ROWS:
        return None
    chance = np.random.default_rng(seed)
    picked, others = (
        np.sort(chance.permutation(source.rows)[:MOST_ROWS]) for source in (reference, new)
    )
    names, scores = _chosen(reference, picked, weights)
    if len(names) < 2:  # noqa: PLR2004  (one feature has no joint distribution)
        return None
    one = _design(scores)
    values = [new.numbers(name)[others] for name in names]
    other = _design([normal_scores(column, column) for column in values])
    y = np.r_[np.zeros(len(one)), np.ones(len(other))]
    X = np.vstack([one, other])
    auc, chances = _judged(X, y, chance)
    t = (auc - chances.mean()) / (chances.std(ddof=1) * np.sqrt(1 + 1 / PERMUTATIONS))
    p = float(stats.t.sf(t, PERMUTATIONS - 1))
    return JointDrift(auc, p, tuple(names), len(one), len(other))


def normal_scores(values: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]) -> Floats:
    """Normal quantiles of the values' ranks in the reference; NaN for null.

    >>> normal_scores(np.float32([1, 2, 3, np.nan]), np.float32([1, 2, 3])).round(2)
    array([-0.67,  0.  ,  0.67,   nan])
    """
    ordered = np.sort(reference[~np.isnan(reference)])
    low, high = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    share = ((low + high) / 2 + 0.5) / (len(ordered) + 1)
    scores = np.asarray(stats.norm.ppf(np.clip(share, 1e-3, 1 - 1e-3)), dtype=np.float64)
    scores[np.isnan(values)] = np.nan
    return scores


def _chosen(
    reference: Source, rows: npt.NDArray[np.intp], weights: Mapping[str, float] | None
) -> tuple[list[str], list[Floats]]:
    """The weightiest numbers, without those that are nearly the same as one before, and their scores."""
    numbers = [
        name
        for name, kind in reference.kinds.items()
        if kind == "number" and not name.startswith(OF_GROUPS) and "_LL_" not in name
    ]
    if weights is None and (y := reference.outcomes()) is not None:
        weights = {name: _association(reference.numbers(name)[rows], y[rows]) for name in numbers}
    if weights is not None:
        held = weights
        numbers = sorted((n for n in numbers if n in held), key=lambda n: -held[n])
    names: list[str] = []
    scores: list[Floats] = []
    filled: list[Floats] = []
    for name in numbers[:CANDIDATES]:
        values = reference.numbers(name)[rows]
        score = normal_scores(values, values)
        zero = np.nan_to_num(score)
        if zero.std() == 0:
            continue
        if any(abs(np.corrcoef(zero, before)[0, 1]) >= ALIKE for before in filled):
            continue
        names.append(name)
        scores.append(score)
        filled.append(zero)
        if len(names) == FEATURES:
            break
    return names, scores


def _association(values: npt.NDArray[np.float32], y: Floats) -> float:
    """The absolute correlation of normal scores with outcomes, over rows that have both."""
    scores = normal_scores(values, values)
    both = ~np.isnan(scores) & ~np.isnan(y)
    if both.sum() < LEAST_ROWS or scores[both].std() == 0 or y[both].std() == 0:
        return 0.0
    # A feature that few clients have says little about all of them.
    return float(abs(np.corrcoef(scores[both], y[both])[0, 1]) * np.sqrt(both.mean()))


def _design(scores: list[Floats]) -> Floats:
    """Scores with 0 for null, and the product of each pair of them."""
    columns = np.nan_to_num(np.column_stack(scores))
    one, other = np.triu_indices(columns.shape[1], 1)
    return np.hstack([columns, columns[:, one] * columns[:, other]])


def _judged(X: Floats, y: Floats, chance: np.random.Generator) -> tuple[float, Floats]:
    """Mean AUC out of fold of a ridge regression, and those after permutations of ``y``."""
    labels = np.column_stack([y, *(chance.permutation(y) for _ in range(PERMUTATIONS))])
    folds = chance.permutation(np.arange(len(y)) % FOLDS)
    aucs = np.zeros(labels.shape[1])
    for fold in range(FOLDS):
        held_out = folds == fold
        seen = X[~held_out]
        mean, spread = seen.mean(axis=0), seen.std(axis=0)
        spread[spread == 0] = 1
        seen, target = (seen - mean) / spread, labels[~held_out]
        penalty = PENALTY * len(seen) * np.eye(seen.shape[1])
        moments = seen.T @ (target - target.mean(axis=0))
        weights = np.linalg.solve(seen.T @ seen + penalty, moments)
        aucs += _aucs(((X[held_out] - mean) / spread) @ weights, labels[held_out]) / FOLDS
    return float(aucs[0]), aucs[1:]


def _aucs(scores: Floats, labels: Floats) -> Floats:
    """The AUC of each column."""
    ranks, new = stats.rankdata(scores, axis=0), labels.sum(axis=0)
    above = (ranks * labels).sum(axis=0) - new * (new + 1) / 2
    return np.asarray(above / (new * (len(labels) - new)), dtype=np.float64)
