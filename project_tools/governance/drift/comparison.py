"""Whether new rows are still like those of the training: features, score, acceptance, loss.

**Effect.** The population stability index (PSI) of a feature compares the shares of its bins, which
the reference has frozen; "not known" is a bin of its own. For two samples of one population
PSI / (1/n + 1/m) is about χ² with B - 1 degrees of freedom, for B bins and n and m rows. So chance
alone gives (B - 1)(1/n + 1/m) on average (B. Yurdakul and J. Naranjo, Statistical Properties of the
Population Stability Index, Journal of Risk Model Validation 14(4), 2020). The excess over that is
compared with the usual bands: .1 moderate, .25 large.

**Significance.** Numbers are tested by Kolmogorov and Smirnov's two-sample test on 40 frozen cells;
its distance is at most the exact one, so it does not alarm too often. Categories are tested by χ².
Cells that expect fewer than 5 rows are joined and tested by Fisher's exact test, and so is the share
of "not known" of a number. Of the two p-values the smaller one is doubled (Bonferroni). The p-values
of all features are corrected together by Benjamini and Hochberg, those of score, acceptance and loss
apart: in each of the two families the chance of any alarm on unchanged rows is ``alpha``.

An alarm needs effect and significance: a large sample does not alarm on a tiny change, and a small
sample does not alarm on chance.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from project_tools.errors import FeatureError, SettingError, abbreviated, nearest
from project_tools.evaluation.metrics import Estimate
from project_tools.governance.drift.joint import JointDrift
from project_tools.governance.drift.reference import (
    BINS,
    MISSING,
    Bins,
    DriftReference,
    LevelBins,
    NumberBins,
    ScoreBins,
    check_rows,
)
from project_tools.governance.drift.rows import Decisions, Source
from project_tools.serving.inputs import Kind

Counts = npt.NDArray[np.int64]
Band = Literal["none", "moderate", "large"]
#: Where a shift begins to be moderate and large. Source: N. Siddiqi, Credit Risk Scorecards, 2006.
MODERATE, LARGE = 0.1, 0.25
#: The name of the joint comparison among the alarms.
JOINT = "joint distribution"
#: Rows that a cell must expect for χ² to hold (Cochran, 1954).
_EXPECTED = 5


@dataclass(frozen=True, slots=True)
class DriftRule:
    """When to alarm: the chance of a false alarm, and the least change that matters.

    ``psi``: of a feature or of the score, above chance; ``acceptance``: as a share of the clients;
    ``loss``: relative to that of the reference. ``SettingError`` for a value out of range.
    """

    alpha: float = 0.05
    psi: float = MODERATE
    acceptance: float = 0.05
    loss: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise SettingError(f"alpha is {self.alpha}; it takes a chance between 0 and 1")
        for name in ("psi", "acceptance", "loss"):
            if not 0 <= getattr(self, name) < np.inf:
                raise SettingError(f"{name} is {getattr(self, name)}; it takes 0 or more")


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """The shift of one feature; ``excess`` is its PSI above what chance gives, at least 0."""

    name: str
    kind: Kind
    psi: float
    excess: float
    test: Literal["KS", "chi2"]
    statistic: float | None
    p: float
    missing_reference: float
    missing_new: float
    unknown_rows: int
    labels: tuple[str, ...]
    shares_reference: tuple[float, ...]
    shares_new: tuple[float, ...]
    p_adjusted: float = 1.0
    alarm: bool = False

    @property
    def band(self) -> Band:
        """The usual name for a shift of this size."""
        return psi_band(self.excess)


@dataclass(frozen=True, slots=True)
class Change:
    """A figure of the decisions in both samples; a change below ``limit`` does not alarm."""

    name: str
    unit: str
    reference: float
    new: float
    se: float
    limit: float
    p: float
    p_adjusted: float = 1.0
    alarm: bool = False

    @property
    def change(self) -> float:
        """New minus reference."""
        return self.new - self.reference

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the change, by the normal approximation."""
        return Estimate(self.change, self.se).interval


@dataclass(frozen=True, slots=True)
class ScoreDrift:
    """The shift of the probabilities, of the share granted, and of the expected loss."""

    probability: FeatureDrift
    acceptance: Change
    loss: Change


@dataclass(frozen=True, slots=True)
class Performance:
    """Expected AUC of all new rows; the changes from expected to realised of those with outcomes."""

    expected_auc: float
    with_outcomes: int = 0
    realised: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Drift:
    """The result of a comparison; ``features`` with an alarm come first, then the largest shift."""

    reference: str
    reference_digest: str
    reference_rows: int
    new: str
    new_digest: str
    new_rows: int
    rule: DriftRule
    features: tuple[FeatureDrift, ...] = ()
    score: ScoreDrift | None = None
    joint: JointDrift | None = None
    performance: Performance | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def alarms(self) -> list[str]:
        """The names of the figures that alarm: those of the decisions first."""
        score = self.score
        figures = () if score is None else (score.probability, score.acceptance, score.loss)
        realised = () if self.performance is None else self.performance.realised
        named = [one.name for one in (*figures, *realised) if one.alarm]
        if self.joint is not None and self.joint.alarm:
            named.append(JOINT)
        return [*named, *(one.name for one in self.features if one.alarm)]

    @property
    def least_psi(self) -> float:
        """About the least PSI that differs from chance with these rows, if one feature shifts."""
        level = self.rule.alpha / max(len(self.features), 1)
        quantile = float(stats.chi2.isf(level, BINS - 1))
        return quantile * (1 / self.reference_rows + 1 / self.new_rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"drift": bool(self.alarms), "alarms": self.alarms, **asdict(self)}


def psi_band(psi: float) -> Band:
    """The usual name for a PSI of this size.

    >>> [psi_band(psi) for psi in (0.05, 0.1, 0.3)]
    ['none', 'moderate', 'large']
    """
    if psi < MODERATE:
        return "none"
    return "moderate" if psi < LARGE else "large"


def compare(
    reference: DriftReference,
    new: Source,
    *,
    decisions: Decisions | None = None,
    rule: DriftRule | None = None,
) -> Drift:
    """Compare new rows, and their decisions if there are any, with a frozen reference.

    Raises ``FeatureError`` for too few rows, for other columns than the reference's (it names
    them), for a column of another kind, and for two files that have nothing to compare.
    """
    check_rows(new.rows, new.name, "new rows")
    if decisions is None and new.has_decisions:
        decisions = new.decisions()
    rule, frozen = rule or DriftRule(), reference.score
    has_features = bool(reference.features and new.kinds)
    if not has_features and (frozen is None or decisions is None):
        raise FeatureError(
            f"{reference.source} holds {'features' if reference.features else 'decisions'}, "
            f"{new.name} {'features' if new.kinds else 'decisions'}; give two files of one kind"
        )
    features: list[FeatureDrift] = []
    if has_features:
        _check_columns(reference, new)
        features = [
            _of_levels(bins, *new.levels(bins.name))
            if isinstance(bins, LevelBins)
            else _of_number(bins, *bins.count(new.numbers(bins.name)))
            for bins in reference.features
        ]
        p_adjusted = stats.false_discovery_control([feature.p for feature in features])
        features = [_alarmed(f, float(p), rule) for f, p in zip(features, p_adjusted, strict=True)]
        features.sort(key=lambda f: (not f.alarm, -f.excess, f.p, f.name))
    score: ScoreDrift | None = None
    notes: tuple[str, ...] = ()
    if frozen is not None and decisions is not None:
        score = _score(frozen, reference.rows, decisions, rule)
    elif frozen is not None or decisions is not None:
        file = "the new file" if decisions is None else "the reference"
        notes = (f"the score was not compared: {file} holds no decisions; --artefact makes them",)
    return Drift(
        reference.source, reference.digest, reference.rows, new.name, new.digest, new.rows, rule,
        features=tuple(features), score=score, notes=notes,
    )  # fmt: skip


def psi(reference: Sequence[int] | Counts, new: Sequence[int] | Counts) -> float:
    """Population stability index of two rows of counts; an empty bin counts as half a row.

    Σ (b - a)·ln(b / a) over the bins' shares a and b: at least 0, and 0 for equal shares. A bin
    that is empty in both is left out.

    >>> psi([50, 50], [500, 500]), round(psi([50, 50], [80, 20]), 3)
    (0.0, 0.416)
    """
    one, other = np.asarray(reference, np.float64), np.asarray(new, np.float64)
    used = (one > 0) | (other > 0)
    a = np.maximum(one[used], 0.5) / one.sum()
    b = np.maximum(other[used], 0.5) / other.sum()
    return float(np.sum((b - a) * np.log(b / a)))


def _check_columns(reference: DriftReference, new: Source) -> None:
    kinds = {bins.name: _kind_of(bins) for bins in reference.features}
    lacking = [name for name in kinds if name not in new.kinds]
    foreign = [name for name in new.kinds if name not in kinds]
    if lacking or foreign:
        hint = nearest(lacking[0], foreign) if lacking else ""
        parts = [f"lacks {abbreviated(lacking)}"] * bool(lacking)
        parts += [f"has {abbreviated(foreign)}, which {reference.source} lacks"] * bool(foreign)
        raise FeatureError(f"{new.name} {' and '.join(parts)}{hint}; build both alike")
    for name, kind in kinds.items():
        if new.kinds[name] not in (kind, None):
            raise FeatureError(
                f"{new.name}: column {name} is a {new.kinds[name]}, in {reference.source} it is a "
                f"{kind}; build both alike"
            )


def _kind_of(bins: Bins) -> Kind:
    return "number" if isinstance(bins, NumberBins) else "category"


def _of_number(bins: NumberBins, cells: Counts, missing: int) -> FeatureDrift:
    frozen = np.array(bins.counts)
    distance, p = kolmogorov_smirnov(frozen, cells)
    return _drift(
        bins,
        np.append(np.add.reduceat(frozen, bins.starts), bins.missing),
        np.append(np.add.reduceat(cells, bins.starts), missing),
        test="KS",
        statistic=distance,
        p=_smaller(p, share_test(bins.missing, sum(bins.counts), missing, int(cells.sum()))),
    )


def _of_levels(bins: LevelBins, rows: dict[str, int], missing: int) -> FeatureDrift:
    counts, unknown = bins.count(rows)
    one = np.array([*bins.counts, 0, bins.missing])
    other = np.array([*counts, unknown, missing])
    statistic, p = levels_test(one, other)
    kept = bins.frequent
    return _drift(
        bins,
        np.array([*one[:kept], one[kept:-1].sum(), bins.missing]),
        np.array([*other[:kept], other[kept:-1].sum(), missing]),
        test="chi2",
        statistic=statistic,
        p=p,
        unknown=unknown,
    )


def _drift(
    bins: Bins,
    one: Counts,
    other: Counts,
    *,
    test: Literal["KS", "chi2"],
    statistic: float | None,
    p: float,
    unknown: int = 0,
) -> FeatureDrift:
    n, m = int(one.sum()), int(other.sum())
    index = psi(one, other)
    used = int(np.sum((one > 0) | (other > 0)))
    return FeatureDrift(
        name=bins.name,
        kind=_kind_of(bins),
        psi=index,
        excess=max(0.0, index - (used - 1) * (1 / n + 1 / m)),
        test=test,
        statistic=statistic,
        p=p,
        missing_reference=bins.missing / n,
        missing_new=float(other[-1] / m),
        unknown_rows=unknown,
        labels=(*bins.labels, MISSING),
        shares_reference=tuple(map(float, one / n)),
        shares_new=tuple(map(float, other / m)),
    )


def kolmogorov_smirnov(one: Counts, other: Counts) -> tuple[float | None, float]:
    """Largest distance of two distributions on common cells, and its p-value.

    The distance at the edges of the cells is at most the exact one, so the p-value is at least
    the exact one. If one side has no rows, there is no distance and the p-value is 1.
    """
    n, m = int(one.sum()), int(other.sum())
    if not n or not m:
        return None, 1.0
    distance = float(np.max(np.abs(np.cumsum(one) / n - np.cumsum(other) / m)))
    return distance, float(stats.kstwo.sf(distance, max(1, round(n * m / (n + m)))))


def share_test(one: int, rest_of_one: int, other: int, rest_of_other: int) -> float:
    """p-value of Fisher's exact test for two shares."""
    if one + other == 0 or rest_of_one + rest_of_other == 0:
        return 1.0
    return float(stats.fisher_exact([[one, rest_of_one], [other, rest_of_other]]).pvalue)


def levels_test(one: Counts, other: Counts) -> tuple[float | None, float]:
    """χ² of two rows of counts, and the p-value of χ² and of the sparse cells together."""
    n, m = int(one.sum()), int(other.sum())
    expected = (one + other) * min(n, m) / (n + m)
    sparse = expected < _EXPECTED
    rare, rare_new = int(one[sparse].sum()), int(other[sparse].sum())
    p_rare = share_test(rare, n - rare, rare_new, m - rare_new)
    table = np.array([one[~sparse], other[~sparse]])
    if table.shape[1] < 2 or not table.sum(axis=1).all():  # noqa: PLR2004  (one cell cannot differ)
        return None, _smaller(p_rare, 1.0)
    result = stats.chi2_contingency(table, correction=False)
    return float(result.statistic), _smaller(p_rare, float(result.pvalue))


def _smaller(p: float, q: float) -> float:
    """The smaller of two p-values, doubled because it was chosen (Bonferroni)."""
    return min(1.0, 2 * min(p, q))


def _alarmed(feature: FeatureDrift, p_adjusted: float, rule: DriftRule) -> FeatureDrift:
    alarm = p_adjusted < rule.alpha and feature.excess >= rule.psi
    return replace(feature, p_adjusted=p_adjusted, alarm=alarm)


def _score(bins: ScoreBins, rows: int, decisions: Decisions, rule: DriftRule) -> ScoreDrift:
    cells, missing = bins.probability.count(decisions.p.astype(np.float32))
    probability = _of_number(bins.probability, cells, missing)
    acceptance = _acceptance(bins, rows, decisions, rule)
    loss = _loss(bins, rows, decisions, rule)
    p = stats.false_discovery_control([probability.p, acceptance.p, loss.p])
    return ScoreDrift(
        _alarmed(probability, float(p[0]), rule),
        *(
            replace(
                one,
                p_adjusted=float(q),
                alarm=bool(q < rule.alpha and abs(one.change) >= one.limit),
            )
            for one, q in zip((acceptance, loss), p[1:], strict=True)
        ),
    )


def _acceptance(bins: ScoreBins, rows: int, decisions: Decisions, rule: DriftRule) -> Change:
    """Share granted, with Fisher's p-value and the usual standard error of two shares."""
    granted, m = int(decisions.granted.sum()), len(decisions.p)
    before, now = bins.granted / rows, granted / m
    return Change(
        "acceptance rate", "share of clients", before, now,
        se=float(np.sqrt(before * (1 - before) / rows + now * (1 - now) / m)),
        limit=rule.acceptance,
        p=share_test(bins.granted, rows - bins.granted, granted, m - granted),
    )  # fmt: skip


def _loss(bins: ScoreBins, rows: int, decisions: Decisions, rule: DriftRule) -> Change:
    """Mean expected cost, with the p-value of Welch's test, normal for samples of this size."""
    costs = decisions.expected_costs(bins.fn_cost)
    now = float(costs.mean())
    se = float(np.sqrt(bins.cost_variance / rows + costs.var(ddof=1) / len(costs)))
    change = now - bins.cost_mean
    return Change(
        "expected loss", "good clients refused, per client", bins.cost_mean, now, se,
        limit=rule.loss * bins.cost_mean,
        p=float(2 * stats.norm.sf(abs(change) / se)) if se else float(change == 0),
    )  # fmt: skip
