"""The nine scores: what each needs, which way is better, and how sure it is.

Each score is computed with the influence of every row on it (the derivative with respect to the
row's weight, times the number of rows). The standard error is the root of their sum of squares
over n (infinitesimal jackknife), and two models on the same rows are compared by the differences
of their influences: paired, without a bootstrap. Source: B. Efron, The Jackknife, the Bootstrap
and Other Resampling Plans, SIAM 1982, chapter 6.

Errors are for the population. The clients of a split or of a ``sample`` are drawn stratified by
outcome, so that chance within the classes is that of ``n`` clients, and chance between them that
of all labelled clients (``Draw``). Source: W. Cochran, Sampling Techniques, 1977, chapter 5A.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from project_tools.errors import SettingError, TrainingError, unknown

Floats = npt.NDArray[np.float64]
#: What a missed defaulter costs where refusing a good client costs 1.
FN_COST = 5.0
#: Half-width of a 95 % interval in standard errors.
Z_95 = 1.96
#: Weight of recall against specificity in the geometric mean.
RECALL_WEIGHT = 5
#: β² of F2: recall counts β = 2 times as much as precision.
BETA_SQUARED = 4.0
Interval = tuple[float, float]
#: The least probability that a log loss counts with: its logarithm stays finite.
_SMALLEST = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score and its standard error."""

    value: float
    se: float

    @property
    def interval(self) -> Interval:
        """The 95 % interval by the normal approximation: of a difference, or of a slope.

        A score's interval is ``Metric.interval``, which keeps to the score's range.

        >>> Estimate(0.5, 0.1).interval
        (0.304, 0.696)
        """
        return self.value - Z_95 * self.se, self.value + Z_95 * self.se


@dataclass(frozen=True, slots=True)
class Draw:
    """How clients were drawn: ``repaid`` and ``defaulted`` of them, stratified, from ``labelled``."""

    labelled: int
    repaid: int
    defaulted: int

    @classmethod
    def of(cls, y: npt.NDArray[Any], labelled: int | None) -> "Draw":
        """The draw of clients with outcomes ``y``; without ``labelled`` a simple random sample.

        >>> Draw.of(np.array([1, 0, 0]), 15)
        Draw(labelled=15, repaid=2, defaulted=1)
        """
        defaulted = int(np.sum(np.asarray(y) == 1))
        return cls(max(labelled or 0, len(y)), len(y) - defaulted, defaulted)

    @property
    def fraction(self) -> float:
        """Clients that were drawn for each labelled one; 1 for a simple random sample."""
        return (self.repaid + self.defaulted) / self.labelled


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to judge: labels (1 defaulted), probabilities, threshold, cost weight."""

    y: npt.NDArray[np.bool_]
    p: Floats
    threshold: float
    fn_cost: float

    @property
    def counts(self) -> tuple[float, float, float, float]:
        """TP, FP, FN, TN at the threshold; defined with a class absent too."""
        risk = self.p > self.threshold
        tp, fp = float(np.sum(risk & self.y)), float(np.sum(risk & ~self.y))
        return tp, fp, float(np.sum(self.y)) - tp, float(np.sum(~self.y)) - fp

    def by_cell(self, tp: float, fp: float, fn: float, tn: float) -> Floats:
        """One value a row, by its cell of the confusion matrix."""
        risk = self.p > self.threshold
        values = np.where(self.y, np.where(risk, tp, fn), np.where(risk, fp, tn))
        return values.astype(np.float64)


Influence = Callable[[Case], tuple[float, Floats]]
OfCounts = Callable[[Floats, Floats, Floats, Floats, float], Floats]


@dataclass(frozen=True, slots=True)
class Metric:
    """One score.

    ``influence`` gives its value (NaN where not defined) and each row's influence. ``of_counts``,
    which scores of decisions alone have, gives its value from arrays of counts and the cost
    weight. ``range`` holds the least and the largest value, ``scale`` the scale on which the
    score's interval is normal; "none" for a score whose normal interval would not be true.
    """

    name: str
    label: str
    greater_is_better: bool
    influence: Influence
    of_counts: OfCounts | None = None
    range: Interval = (0.0, 1.0)
    scale: Literal["plain", "logit", "none"] = "plain"

    def score(
        self,
        y: npt.NDArray[Any],
        p: npt.NDArray[Any],
        *,
        threshold: float = 0.5,
        fn_cost: float = FN_COST,
        draw: Draw | None = None,
    ) -> Estimate:
        """Value and standard error; scores of probabilities do not look at ``threshold``.

        ``draw`` says how the clients, or those that they are a group of, were drawn; by default
        they are a simple random sample. Raises ``TrainingError`` where the score is not defined,
        as AUC is with one class.
        """
        value, influence = self.influence(_case(y, p, threshold, fn_cost))
        if np.isnan(value):
            raise TrainingError(f"{self.name} is not defined where a class is missing")
        return Estimate(value, standard_error(influence, y, draw))

    def interval(self, score: Estimate) -> Interval | None:
        """The 95 % interval of a score of this metric for the population, cut to its range.

        The only interval of a score, wherever it is shown. None where the error is 0: the clients
        are too alike to tell, as the F2 of a model that grants everybody. None for KS too, whose
        value is too large by chance: by .016 at 3,453 clients, about a standard error.

        >>> METRICS["loss_of_income"].interval(Estimate(0.01, 0.01))
        (0.0, 0.0296)
        >>> METRICS["AUC"].interval(Estimate(0.5, 0.0))
        """
        if not score.se > 0 or self.scale == "none":
            return None
        if self.scale == "logit" and 0 < score.value < 1:
            slope = score.value * (1 - score.value)
            log_odds = math.log(score.value / (1 - score.value))
            low, high = Estimate(log_odds, score.se / slope).interval
            return 1 / (1 + math.exp(-low)), 1 / (1 + math.exp(-high))
        low, high = score.interval
        return max(low, self.range[0]), min(high, self.range[1])

    def loss(self, value: float) -> float:
        """The value turned so that less is better."""
        return -value if self.greater_is_better else value


def interval_text(interval: Interval | None, digits: int = 4) -> str:
    """An interval with so many digits, or a dash.

    >>> interval_text((0.25, 0.5)), interval_text(None)
    ('0.2500 to 0.5000', '-')
    """
    return "-" if interval is None else " to ".join(f"{end:.{digits}f}" for end in interval)


def signed_interval(interval: Interval) -> str:
    """The 95 % interval of a difference, as a sentence shows it behind the value.

    >>> signed_interval((-0.25, 0.5))
    '(95 %: -0.2500 to +0.5000)'
    """
    low, high = interval
    return f"(95 %: {low:+.4f} to {high:+.4f})"


def get_metric(name: str) -> Metric:
    """The metric of that name; ``SettingError`` names the choices and the nearest."""
    if name not in METRICS:
        raise SettingError(unknown("metric", name, METRICS))
    return METRICS[name]


def paired_difference(
    name: str,
    y: npt.NDArray[Any],
    one: tuple[npt.NDArray[Any], float],
    other: tuple[npt.NDArray[Any], float],
    *,
    fn_cost: float = FN_COST,
    draw: Draw | None = None,
) -> Estimate:
    """Score of ``one`` minus that of ``other``, with the error of the difference.

    Each is (probabilities, threshold) on the same rows in the same order, so what the rows have
    in common cancels. ``draw`` says how they were drawn, as for a score.
    """
    judge = get_metric(name).influence
    first, first_influence = judge(_case(y, *one, fn_cost))
    second, second_influence = judge(_case(y, *other, fn_cost))
    if np.isnan(first - second):
        raise TrainingError(f"{name} is not defined where a class is missing")
    return Estimate(first - second, standard_error(first_influence - second_influence, y, draw))


def _case(y: npt.NDArray[Any], p: npt.NDArray[Any], threshold: float, fn_cost: float) -> Case:
    if len(y) != len(p) or not len(y):
        raise TrainingError(
            f"a score needs as many labels as probabilities; there are {len(y)} and {len(p)}"
        )
    if not np.isfinite(p).all():
        raise TrainingError("a score needs finite probabilities; some are NaN or infinite")
    return Case(np.asarray(y) == 1, np.asarray(p, dtype=np.float64), threshold, fn_cost)


def standard_error(influence: Floats, y: npt.NDArray[Any], draw: Draw | None = None) -> float:
    """The error of a figure from each client's influence ψ on it; ``y`` are the outcomes.

    With m the mean of ψ within a class, n clients, and N labelled clients that they were drawn
    from: Σ(ψ - m)² / n² + (n/N) · Σ_c n_c·m_c² / n². For a group of the drawn clients, whose
    number by class is left to chance, the classes' part counts as that group's share of a class.

    >>> y, influence = np.array([1, 1, 0, 0]), np.array([3.0, 1.0, -2.0, -2.0])
    >>> round(standard_error(influence, y), 3)
    1.061
    >>> round(standard_error(influence, y, Draw.of(y, 16)), 3)
    0.612
    """
    draw = draw or Draw.of(y, None)
    between = 0.0
    for label, drawn in ((1, draw.defaulted), (0, draw.repaid)):
        of_class = influence[np.asarray(y) == label]
        if len(of_class):
            between += float(of_class.sum()) ** 2 / drawn
    total = float(influence @ influence) - (1 - draw.fraction) * between
    return math.sqrt(max(total, 0.0)) / len(influence)


# Scores of decisions, each from one row a client and from counts


def _loss_of_counts(tp: Floats, fp: Floats, fn: Floats, tn: Floats, fn_cost: float) -> Floats:
    return (fn_cost * fn + fp) / (tp + fp + fn + tn)


def _loss_of_income(case: Case) -> tuple[float, Floats]:
    """(c·FN + FP) / N: what wrong decisions cost for each client."""
    costs = case.by_cell(0, 1, case.fn_cost, 0)
    value = float(costs.mean())
    return value, costs - value


def _f2_of_counts(tp: Floats, fp: Floats, fn: Floats, _tn: Floats, _cost: float) -> Floats:
    bottom = (1 + BETA_SQUARED) * tp + BETA_SQUARED * fn + fp
    return _divided((1 + BETA_SQUARED) * tp, bottom)


def _f2(case: Case) -> tuple[float, Floats]:
    """(1+β²)TP / ((1+β²)TP + β²FN + FP) with β = 2: the ratio of two means over the rows."""
    top = case.by_cell(1 + BETA_SQUARED, 0, 0, 0)
    bottom = case.by_cell(1 + BETA_SQUARED, 1, BETA_SQUARED, 0)
    if not bottom.any():
        return float("nan"), bottom
    value = float(top.mean() / bottom.mean())
    return value, (top - value * bottom) / bottom.mean()


def _g_mean_of_counts(tp: Floats, fp: Floats, fn: Floats, tn: Floats, _cost: float) -> Floats:
    recall, specificity = _divided(tp, tp + fn), _divided(tn, tn + fp)
    root: Floats = (recall**RECALL_WEIGHT * specificity) ** (1 / (RECALL_WEIGHT + 1))
    return root


def _g_mean(case: Case) -> tuple[float, Floats]:
    """(recall⁵·specificity)^(1/6).

    At 0 its slope is infinite; the error is then given as 0, which is what a bootstrap gives.
    """
    tp, fp, fn, tn = case.counts
    counts = np.array([tp]), np.array([fp]), np.array([fn]), np.array([tn])
    value = float(_g_mean_of_counts(*counts, case.fn_cost)[0])
    if not value > 0:  # 0 or NaN
        return value, np.zeros(len(case.y))
    positive = len(case.y) * RECALL_WEIGHT / (tp + fn)
    negative = len(case.y) / (tn + fp)
    slopes = case.by_cell(positive * fn / tp, -negative, -positive, negative * fp / tn)
    return value, value / (RECALL_WEIGHT + 1) * slopes


def _divided(top: Floats, bottom: Floats) -> Floats:
    """``top / bottom``, NaN where the divisor is 0."""
    empty = np.full(np.shape(bottom), np.nan)
    return np.asarray(np.divide(top, bottom, out=empty, where=bottom != 0))


# Scores of probabilities


def _auc(case: Case) -> tuple[float, Floats]:
    """Chance that a defaulter's probability is above a repayer's; ties count half.

    The influences are the placement values of DeLong, DeLong and Clarke-Pearson, Biometrics 1988.
    """
    y, p = case.y, case.p
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        return float("nan"), np.zeros(len(y))
    ranks, placed = rankdata(p), np.empty(len(y))
    placed[y] = (ranks[y] - rankdata(p[y])) / negatives
    placed[~y] = 1 - (ranks[~y] - rankdata(p[~y])) / positives
    value = float(placed[y].mean())
    return value, (placed - value) * np.where(y, len(y) / positives, len(y) / negatives)


def _gini(case: Case) -> tuple[float, Floats]:
    value, influence = _auc(case)
    return 2 * value - 1, 2 * influence


def _average_precision(case: Case) -> tuple[float, Floats]:
    """Mean over the defaulters of the precision at their probability; ties together.

    A row's weight moves its own term and the precision at every score below it.
    """
    y = case.y.astype(np.float64)
    positives = y.sum()
    if not positives:
        return float("nan"), y
    _, group = np.unique(-case.p, return_inverse=True)  # 0 = the highest probability
    defaulted = np.bincount(group, weights=y)
    reached = np.cumsum(np.bincount(group)).astype(np.float64)
    precision = np.cumsum(defaulted) / reached
    value = float(precision @ defaulted / positives)
    gain = np.cumsum((defaulted / reached)[::-1])[::-1][group]
    dilution = np.cumsum((defaulted * precision / reached)[::-1])[::-1][group]
    own = y * (precision[group] - value + gain) - dilution
    return value, own * len(y) / positives


def _brier(case: Case) -> tuple[float, Floats]:
    errors = (case.p - case.y) ** 2
    value = float(errors.mean())
    return value, errors - value


def _log_loss(case: Case) -> tuple[float, Floats]:
    """Mean of -log of the probability of what happened, at most ``-log(2.2e-16)`` a row."""
    losses = -np.log(np.clip(np.where(case.y, case.p, 1 - case.p), _SMALLEST, 1))
    value = float(losses.mean())
    return value, losses - value


def _ks(case: Case) -> tuple[float, Floats]:
    """Largest distance between the two classes' distributions (Kolmogorov-Smirnov).

    The error takes the place of the largest distance as given, so it is slightly small.
    """
    y = case.y
    positives, negatives = int(y.sum()), int((~y).sum())
    if not positives or not negatives:
        return float("nan"), np.zeros(len(y))
    scores, group = np.unique(case.p, return_inverse=True)
    below = np.cumsum(np.bincount(group, weights=np.where(y, -1 / positives, 1 / negatives)))
    place = int(np.argmax(np.abs(below)))
    value, sign = float(abs(below[place])), float(np.sign(below[place]))
    low = case.p <= scores[place]
    share = np.where(y, -(low - low[y].mean()) / positives, (low - low[~y].mean()) / negatives)
    return value, sign * share * len(y)


_UNBOUNDED = (0.0, math.inf)
_ROWS = (
    Metric("loss_of_income", "loss of income", False, _loss_of_income, _loss_of_counts, _UNBOUNDED),
    Metric("AUC", "area under the ROC curve", True, _auc),
    Metric("f2", "F2", True, _f2, _f2_of_counts),
    Metric(
        "recall_specificity_G_mean",
        "geometric mean of recall⁵ and specificity",
        True,
        _g_mean,
        _g_mean_of_counts,
    ),
    Metric("average_precision", "average precision", True, _average_precision, scale="logit"),
    Metric("brier", "Brier score", False, _brier),
    Metric("log_loss", "log loss", False, _log_loss, range=_UNBOUNDED),
    Metric("KS", "Kolmogorov-Smirnov distance", True, _ks, scale="none"),
    Metric("Gini", "Gini coefficient", True, _gini, range=(-1.0, 1.0)),
)
#: All scores by name.
METRICS: Mapping[str, Metric] = MappingProxyType({row.name: row for row in _ROWS})
