"""The audit of a model's decisions and probabilities by group of clients.

The groups come from columns of the feature file that are kept for this audit, whether the model
uses them or not. Figures describe whole groups, never one client. A group of fewer than
``LEAST_CLIENTS`` shows only its size.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from fairlearn.metrics import MetricFrame
from scipy import special, stats

from project_tools.errors import FeatureError, TrainingError
from project_tools.evaluation.calibration_fit import fit_platt
from project_tools.evaluation.logistic import EDGE
from project_tools.evaluation.metrics import (
    FN_COST,
    METRICS,
    Z_95,
    Draw,
    Estimate,
    Interval,
    paired_difference,
    signed_interval,
    standard_error,
)
from project_tools.features.catalogue import all_features
from project_tools.features.columns import INDEX_COLUMNS

Floats = npt.NDArray[np.float64]
#: A smaller group has no figures: the interval of a share would be wider than ± 14 points.
LEAST_CLIENTS = 50
#: Clients of each class that an AUC needs.
LEAST_OF_CLASS = 10
#: Clients of each class that a slope needs. Source: G. Collins, E. Ogundimu and D. Altman, Sample
#: Size Considerations for the External Validation of a Prognostic Model, Stat. Med. 35, 2016.
LEAST_FOR_SLOPE = 100
#: The four-fifths rule calls for an examination of a ratio of acceptance rates below this.
FOUR_FIFTHS = 0.8
NOT_KNOWN = "not known"
THIN, THICK = "thin file", "with credit history"
AGES = (30, 40, 50, 60)
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its 95 % interval, which is missing if all rows of the group are alike."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, score: Estimate, interval: Interval | None) -> "Figure":
        """A score with its interval, which it lacks if its error is 0."""
        return cls(score.value) if interval is None or not score.se else cls(score.value, *interval)


def figure_text(figure: Figure | None, digits: int = 4) -> str:
    """A figure with its interval, if it has one; a dash where the group is too small for it.

    >>> figure_text(Figure(0.5, 0.4, 0.6), 2), figure_text(None)
    ('0.50 (0.40 to 0.60)', '-')
    """
    if figure is None:
        return "-"
    value = f"{figure.value:.{digits}f}"
    if figure.low is None or figure.high is None:
        return value
    return f"{value} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"


@dataclass(frozen=True, slots=True)
class Segment:
    """One group of clients; a figure is None if the group is too small for it.

    ``default_rate`` is observed, ``predicted`` the mean probability, ``gap`` predicted minus
    observed (above 0: the risk is overstated), ``slope`` the calibration slope (1: calibrated,
    below 1: too extreme). ``acceptance_ratio`` compares with the best group of the characteristic.
    ``acceptance_of_repaid`` is the share granted of those who repaid (equal opportunity). ``loss``
    is in refused good clients per client.
    """

    characteristic: str
    group: str
    clients: int
    default_rate: Figure | None = None
    predicted: Figure | None = None
    gap: Figure | None = None
    slope: Figure | None = None
    acceptance_rate: Figure | None = None
    acceptance_ratio: Figure | None = None
    acceptance_of_repaid: Figure | None = None
    loss: Figure | None = None
    auc: Figure | None = None

    @property
    def below_four_fifths(self) -> bool:
        """Whether it is accepted less than four fifths as often as the best group."""
        ratio = self.acceptance_ratio
        return ratio is not None and ratio.value < FOUR_FIFTHS


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """The audit: all clients together, then each group of each characteristic."""

    threshold: float
    fn_cost: float
    overall: Segment
    segments: tuple[Segment, ...]

    @property
    def characteristics(self) -> list[str]:
        """The names of the groupings, in the order of the report."""
        return list(dict.fromkeys(segment.characteristic for segment in self.segments))

    def groups(self, characteristic: str) -> list[Segment]:
        """The groups of one characteristic."""
        return [one for one in self.segments if one.characteristic == characteristic]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ExclusionCost:
    """A model without the protected columns compared with one that uses them, on the same clients.

    ``auc_lost`` and ``loss_added`` are above 0 if the exclusion has a cost; their errors are paired.
    """

    auc_with: Estimate
    auc_without: Estimate
    auc_lost: Estimate
    loss_with: Estimate
    loss_without: Estimate
    loss_added: Estimate

    def sentence(self) -> str:
        """The cost in words, with its interval."""
        auc, loss = self.auc_lost, self.loss_added
        return (
            f"Excluding the protected columns costs {auc.value:+.4f} of AUC "
            f"{signed_interval(auc.interval)} and adds {loss.value:+.4f} to the loss per client "
            f"{signed_interval(loss.interval)}."
        )


def cost_of_exclusion(
    y: npt.NDArray[Any],
    without: tuple[npt.NDArray[Any], float],
    with_protected: tuple[npt.NDArray[Any], float],
    *,
    fn_cost: float = FN_COST,
    draw: Draw | None = None,
) -> ExclusionCost:
    """Compare two models, each as (probabilities, threshold), on the same rows in one order.

    The probabilities are out of fold or of test clients, ``draw`` says how these were drawn. Raises
    ``TrainingError`` if a class is missing.
    """

    def score(name: str, model: tuple[npt.NDArray[Any], float]) -> Estimate:
        return METRICS[name].score(y, model[0], threshold=model[1], fn_cost=fn_cost, draw=draw)

    def difference(name: str, one: Any, other: Any) -> Estimate:
        return paired_difference(name, y, one, other, fn_cost=fn_cost, draw=draw)

    return ExclusionCost(
        score("AUC", with_protected),
        score("AUC", without),
        difference("AUC", with_protected, without),
        score("loss_of_income", with_protected),
        score("loss_of_income", without),
        difference("loss_of_income", without, with_protected),
    )


def audit_groups(features: pd.DataFrame) -> pd.DataFrame:
    """A column for each characteristic, a row for each client; a null is the group "not known".

    A **thin file** is a client without a loan at the credit bureau and without an earlier
    application or loan here: only features of the application have a value.
    """
    grouped = {
        "gender": _levels(features, "CODE_GENDER", {"F": "women", "M": "men"}),
        "age": _ages(_column(features, "DAYS_BIRTH")),
        "family status": _levels(features, "NAME_FAMILY_STATUS", {"Unknown": NOT_KNOWN}),
        "education": _levels(features, "NAME_EDUCATION_TYPE"),
        "income type": _levels(features, "NAME_INCOME_TYPE"),
        "credit history": _histories(features),
    }
    return pd.DataFrame(grouped, index=features.index)


def segment_report(
    y: npt.NDArray[Any],
    p: npt.NDArray[Any],
    groups: pd.DataFrame,
    *,
    threshold: float,
    fn_cost: float = FN_COST,
    labelled: int | None = None,
) -> SegmentReport:
    """Audit calibrated probabilities ``p`` of clients with outcomes ``y`` (1 defaulted).

    ``groups`` has a row for each client, in the same order, and a column for each characteristic.
    The clients were drawn, stratified by outcome, from ``labelled`` ones. Raises ``TrainingError``
    for other outcomes than 0 and 1, for values that are no probabilities, and for unequal lengths.
    """
    labels, scores = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if not len(labels) == len(scores) == len(groups) or not len(labels):
        raise TrainingError(
            f"an audit needs as many outcomes as probabilities and groups, at least one; there "
            f"are {len(labels)}, {len(scores)} and {len(groups)}"
        )
    if not np.isin(labels, (0, 1)).all():
        raise TrainingError("an audit needs outcomes of 0 and 1; some are neither")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise TrainingError("an audit needs probabilities from 0 to 1; some are not")
    figures = _group_figures(threshold, fn_cost, Draw.of(labels, labelled))
    everyone = pd.Series("all clients", index=range(len(labels)), name="all")
    (alone,) = _segments("all", everyone, labels, scores, figures)
    overall = replace(alone, acceptance_ratio=None)  # there is no other group
    segments = [
        segment
        for name in groups.columns
        for segment in _segments(str(name), groups[name], labels, scores, figures)
    ]
    return SegmentReport(threshold, fn_cost, overall, tuple(segments))


#: Figures of a group by name, and its size, from its outcomes and probabilities.
GroupFigures = Callable[[Any, Any], dict[str, Any]]


def _group_figures(threshold: float, fn_cost: float, draw: Draw) -> GroupFigures:
    def of_group(y: Any, p: Any) -> dict[str, Any]:
        if len(y) < LEAST_CLIENTS:
            return {"clients": len(y)}
        y, p = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
        rarer = int(min(np.sum(y == 1), np.sum(y == 0)))
        loss = METRICS["loss_of_income"].score(
            y, p, threshold=threshold, fn_cost=fn_cost, draw=draw
        )
        auc = METRICS["AUC"].score(y, p, draw=draw) if rarer >= LEAST_OF_CLASS else None
        return {
            "clients": len(y),
            "default_rate": _share(y == 1),
            "predicted": _mean(p, y, draw, 0, 1),
            "gap": _mean(p - y, y, draw, -1, 1),
            "slope": _slope(y, p) if rarer >= LEAST_FOR_SLOPE else None,
            "acceptance_rate": _share(p <= threshold),
            "acceptance_of_repaid": _share(p[y == 0] <= threshold),
            "loss": Figure.of(loss, METRICS["loss_of_income"].interval(loss)),
            "auc": None if auc is None else Figure.of(auc, METRICS["AUC"].interval(auc)),
        }

    return of_group


def _segments(
    characteristic: str,
    groups: "pd.Series[Any]",
    y: Floats,
    p: Floats,
    figures: GroupFigures,
) -> list[Segment]:
    names = groups.astype(object).where(groups.notna().to_numpy(), NOT_KNOWN).astype(str)
    # One metric for all figures: the frame copies the rows of each group once for each metric.
    frame = MetricFrame(
        metrics=figures,
        y_true=y,
        y_pred=p,
        sensitive_features=pd.Series(names.to_numpy(), name=characteristic),
    )
    rows: dict[str, dict[str, Any]] = {str(group): row for group, row in frame.by_group.items()}
    segments = [Segment(characteristic, group, **rows[group]) for group in _ordered(groups, rows)]
    rated = [one for one in segments if one.acceptance_rate is not None]
    best = max(rated, key=_rate, default=None)
    return [replace(one, acceptance_ratio=_ratio_to(best, one)) for one in segments]


def _rate(segment: Segment) -> float:
    return 0.0 if segment.acceptance_rate is None else segment.acceptance_rate.value


def _ordered(groups: "pd.Series[Any]", rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Groups in their own order where they have one, else the largest first; unknown last."""
    if isinstance(groups.dtype, pd.CategoricalDtype) and groups.cat.ordered:
        order = [str(level) for level in groups.cat.categories]
        places = {group: place for place, group in enumerate(order)}
        return sorted(rows, key=lambda group: places.get(group, len(places)))
    return sorted(rows, key=lambda group: (group == NOT_KNOWN, -rows[group]["clients"], group))


def _ratio_to(best: Segment | None, one: Segment) -> Figure | None:
    """Ratio of two acceptance rates, with an interval that is normal in the logarithm.

    Source: D. Katz et al., Biometrics 34, 1978. A share of 0 takes half a client for its error.
    """
    if best is None or one.acceptance_rate is None or not _rate(best):
        return None
    if one is best:
        return Figure(1.0)
    rate, highest, n, m = _rate(one), _rate(best), one.clients, best.clients
    share = max(rate, 0.5 / n)
    se = float(np.sqrt((1 - share) / (n * share) + (1 - highest) / (m * highest)))
    low, high = (share / highest * float(np.exp(z * se)) for z in (-Z_95, Z_95))
    return Figure(rate / highest, low if rate else 0.0, high)


def _share(chosen: npt.NDArray[np.bool_]) -> Figure | None:
    """A share with Wilson's interval, which also holds near 0 and 1."""
    if len(chosen) < LEAST_CLIENTS:
        return None
    test = stats.binomtest(int(chosen.sum()), len(chosen))
    interval = test.proportion_ci(method="wilson")
    return Figure(float(chosen.mean()), float(interval.low), float(interval.high))


def _mean(values: Floats, y: Floats, draw: Draw, least: float, most: float) -> Figure:
    mean = float(values.mean())
    estimate = Estimate(mean, standard_error(values - mean, y, draw))
    low, high = estimate.interval
    return Figure.of(estimate, (max(low, least), min(high, most)))


def _slope(y: Floats, p: Floats) -> Figure | None:
    """Calibration slope by logistic regression on the log-odds, its error from the information.

    None if all clients have the same probability.
    """
    logits = special.logit(np.clip(p, EDGE, 1 - EDGE))
    if not np.ptp(logits):
        return None
    fitted = fit_platt(p, y)
    calibrated = fitted.apply(p)
    weights = calibrated * (1 - calibrated)
    centred = logits - np.average(logits, weights=weights)
    slope = Estimate(fitted.slope, float(1 / np.sqrt(np.sum(weights * centred**2))))
    return Figure.of(slope, slope.interval)


def _column(features: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name not in features.columns:
        raise FeatureError(f"the features lack the column {name}, which the audit groups by")
    return features[name]


def _levels(
    features: pd.DataFrame, name: str, names: Mapping[str, str] | None = None
) -> "pd.Series[Any]":
    words = _column(features, name).astype(object)
    return words.map(lambda level: (names or {}).get(level, level), na_action="ignore").where(
        words.notna(), NOT_KNOWN
    )


def _ages(days: "pd.Series[Any]") -> "pd.Series[Any]":
    """Age bands in years from days since birth, which are negative; the youngest first."""
    between = [f"{low} to {high - 1}" for low, high in pairwise(AGES)]
    names = [f"under {AGES[0]}", *between, f"{AGES[-1]} and over"]
    years = -days.astype(np.float64) / _DAYS_A_YEAR
    return pd.cut(years, [-np.inf, *AGES, np.inf], right=False, labels=names)


def _histories(features: pd.DataFrame) -> "pd.Series[Any]":
    infos = all_features()
    histories = [
        name
        for name in features.columns
        if name not in INDEX_COLUMNS and name in infos and "application" not in infos[name].tables
    ]
    if not histories:
        return pd.Series(NOT_KNOWN, index=features.index)
    thin = features[histories].isna().all(axis=1).to_numpy()
    return pd.Series(np.where(thin, THIN, THICK), index=features.index)
