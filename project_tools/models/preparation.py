"""From a feature frame to a matrix: infinities, clipping, imputation, scaling, categories.

Everything here is a scikit-learn transformer that is fitted inside each fold, on its training rows
alone. The order is fixed: infinities become null, numbers are clipped, nulls imputed, and only
then numbers scaled, so that an imputed zero is a zero and not the mean.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtri
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.metrics.pairwise import nan_euclidean_distances
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    StandardScaler,
)

from project_tools.errors import SettingError, TrainingError, unknown

Matrix = npt.NDArray[np.float32]
SCALINGS = ("none", "min-max", "standard", "power", "normal-scores")
IMPUTATIONS = ("zero", "median", "knn")
#: Percentiles at which numbers are clipped.
CLIP_AT = (0.1, 99.9)
#: Rows that a KNN imputation compares with: its time grows with their number.
KNN_REFERENCE = 1_000
KNN_NEIGHBOURS = 10
#: Rows from which the exponents of the power scaling are learnt.
POWER_ROWS = 10_000
#: Quantiles between which normal scores are read off.
NORMAL_QUANTILES = 257
_CHUNK = 1_000


@dataclass(frozen=True, slots=True)
class PreparationPlan:
    """What is done to features before a model that takes only complete numbers."""

    scaling: str = "standard"
    imputation: str = "median"
    clip: bool = True
    one_hot: bool = True

    def __post_init__(self) -> None:
        if self.scaling not in SCALINGS:
            raise SettingError(unknown("scaling", self.scaling, SCALINGS))
        if self.imputation not in IMPUTATIONS:
            raise SettingError(unknown("imputation", self.imputation, IMPUTATIONS))

    def with_choices(self, **choices: str | bool | None) -> Self:
        """The plan with these choices; ``None`` keeps the plan's own.

        >>> PreparationPlan().with_choices(scaling="power", clip=None).scaling
        'power'
        """
        return replace(self, **{k: v for k, v in choices.items() if v is not None})  # type: ignore[arg-type]  # checked by __post_init__


def make_preparation(
    plan: PreparationPlan | None, X: pd.DataFrame, *, seed: int = 0
) -> ColumnTransformer | None:
    """The unfitted transformer of a plan for frames with the columns of ``X``; none for no plan.

    It gives float32 without nulls. A column without a single value becomes 0. The levels of a
    category are those of its dtype; others are taken and belong to no level.
    """
    if plan is None:
        return None
    numbers, categories = column_kinds(X)
    branches = []
    if numbers:
        branches.append(("numbers", _number_steps(plan, seed), numbers))
    if categories:
        branches.append(("categories", _category_steps(plan), categories))
    if not branches:
        raise TrainingError("the data has no features left to prepare")
    return ColumnTransformer(branches, verbose_feature_names_out=False)


def column_kinds(X: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Names of the numeric and of the categorical columns, in order."""
    categories = [c for c in X.columns if isinstance(X[c].dtype, pd.CategoricalDtype)]
    return [c for c in X.columns if c not in set(categories)], categories


def _number_steps(plan: PreparationPlan, seed: int) -> Any:
    nulls = FunctionTransformer(infinities_to_null, feature_names_out="one-to-one")
    clip = [PercentileClipper(*CLIP_AT)] if plan.clip else []
    return make_pipeline(nulls, *clip, _imputer(plan.imputation, seed), *_scalers(plan.scaling))


def _imputer(imputation: str, seed: int) -> Any:
    # keep_empty_features: an all-null column of one fold must not change the matrix's width.
    if imputation == "zero":
        return SimpleImputer(strategy="constant", fill_value=0, keep_empty_features=True)
    if imputation == "median":
        return SimpleImputer(strategy="median", keep_empty_features=True)
    return NearestRowsImputer(KNN_NEIGHBOURS, KNN_REFERENCE, seed)


def _scalers(scaling: str) -> list[Any]:
    if scaling == "min-max":
        return [MinMaxScaler(clip=True)]
    if scaling == "standard":
        return [StandardScaler()]
    if scaling == "power":
        return [PowerScaler(POWER_ROWS)]
    return [NormalScorer(NORMAL_QUANTILES)] if scaling == "normal-scores" else []


def _category_steps(plan: PreparationPlan) -> Any:
    if plan.one_hot:
        return LevelIndicators()
    return make_pipeline(LevelCodes(), *_scalers(plan.scaling))


def infinities_to_null(X: Any) -> Matrix:
    """Float32 copy with NaN in place of ±infinity.

    >>> infinities_to_null([[1.0, float("-inf")]]).tolist()
    [[1.0, nan]]
    """
    values: Matrix = np.array(X, dtype=np.float32)
    values[np.isinf(values)] = np.nan
    return values


class PercentileClipper(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Clips each number at two percentiles of its training values; nulls stay null."""

    def __init__(self, low: float = 0.1, high: float = 99.9) -> None:
        self.low, self.high = low, high

    def fit(self, X: Matrix, y: object = None) -> Self:  # noqa: ARG002  (scikit-learn's signature)
        values = np.asarray(X)
        self.n_features_in_ = values.shape[1]
        bounds = [self._bounds(column[~np.isnan(column)]) for column in values.T]
        self.lower_, self.upper_ = np.array(bounds, dtype=values.dtype).T
        return self

    def transform(self, X: Matrix) -> Matrix:
        return np.clip(X, self.lower_, self.upper_)

    def _bounds(self, present: Matrix) -> tuple[float, float]:
        if not len(present):
            return -np.inf, np.inf
        low, high = np.percentile(present, [self.low, self.high])
        return float(low), float(high)


class NearestRowsImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Fills nulls with the mean over the nearest of a bounded sample of training rows.

    Distances run over the values known in both rows, each number divided by its training standard
    deviation: unscaled, the largest amounts would choose the neighbours alone. Where none of the
    neighbours knows the value it is the training median, and 0 if there is none. Time and memory
    grow with rows x ``reference``, not with the square of the rows.
    """

    def __init__(self, neighbours: int = 10, reference: int = 1_000, seed: int = 0) -> None:
        self.neighbours, self.reference, self.seed = neighbours, reference, seed

    def fit(self, X: Matrix, y: object = None) -> Self:  # noqa: ARG002  (scikit-learn's signature)
        values = np.asarray(X, dtype=np.float32)
        self.n_features_in_ = values.shape[1]
        self.centre_, self.spread_ = _centre_and_spread(values)
        rows = np.random.default_rng(self.seed).permutation(len(values))[: self.reference]
        self.reference_ = values[np.sort(rows)]
        fallback = SimpleImputer(strategy="median", keep_empty_features=True).fit(values)
        self.fallback_ = fallback.statistics_.astype(np.float32)
        return self

    def transform(self, X: Matrix) -> Matrix:
        filled: Matrix = np.array(X, dtype=np.float32)
        incomplete = np.flatnonzero(np.isnan(filled).any(axis=1))
        for start in range(0, len(incomplete), _CHUNK):
            rows = incomplete[start : start + _CHUNK]
            filled[rows] = self._filled(filled[rows])
        return filled

    def _filled(self, rows: Matrix) -> Matrix:
        distances = nan_euclidean_distances(self._scaled(rows), self._scaled(self.reference_))
        distances[np.isnan(distances)] = np.inf  # nothing known in both
        nearest = np.argsort(distances, axis=1, kind="stable")[:, : self.neighbours]
        sums, counts = np.zeros(rows.shape), np.zeros(rows.shape)
        for column in nearest.T:
            donors = self.reference_[column]
            present = ~np.isnan(donors)
            sums += np.where(present, donors, 0)
            counts += present
        means = np.where(counts > 0, sums / np.maximum(counts, 1), self.fallback_)
        return np.where(np.isnan(rows), means, rows).astype(np.float32)

    def _scaled(self, rows: Matrix) -> Any:
        return (rows - self.centre_) / self.spread_


def _centre_and_spread(values: Matrix) -> tuple[Any, Any]:
    """Mean and standard deviation of the known values; 0 and 1 where there is none to speak of."""
    present = ~np.isnan(values)
    count = np.maximum(present.sum(axis=0), 1)
    centre = np.where(present, values, 0).sum(axis=0, dtype=np.float64) / count
    squares = np.where(present, (values - centre) ** 2, 0).sum(axis=0, dtype=np.float64)
    spread = np.sqrt(squares / count)
    return centre, np.where(spread > 0, spread, 1.0)


class PowerScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Yeo-Johnson on standardised numbers, its exponents learnt from ``rows`` training rows.

    Standardised first, because the power of an amount in millions overflows; evenly spaced rows,
    because the search for the exponents takes a minute on all rows of 700 columns.
    """

    def __init__(self, rows: int = 10_000) -> None:
        self.rows = rows

    def fit(self, X: Matrix, y: object = None) -> Self:  # noqa: ARG002  (scikit-learn's signature)
        values = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = values.shape[1]
        self.first_ = StandardScaler().fit(values)
        sample = self.first_.transform(values[:: max(1, len(values) // self.rows)])
        self.power_ = PowerTransformer(method="yeo-johnson", standardize=False).fit(sample)
        self.last_ = StandardScaler().fit(self.power_.transform(self.first_.transform(values)))
        return self

    def transform(self, X: Matrix) -> Matrix:
        values = self.first_.transform(np.asarray(X, dtype=np.float64))
        scaled: Matrix = self.last_.transform(self.power_.transform(values)).astype(np.float32)
        return scaled


class NormalScorer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Normal scores: a number becomes the normal quantile of its rank among the training values.

    Ranks are read off between ``quantiles`` training quantiles; equal values share their middle rank,
    and what lies beyond all training values gets the score of the last half step. A column with a
    single value becomes 0. It takes out what standardising leaves in: outliers and skewness.
    Source: C. van der Waerden, Indagationes Mathematicae 1952.
    """

    def __init__(self, quantiles: int = 257) -> None:
        self.quantiles = quantiles

    def fit(self, X: Matrix, y: object = None) -> Self:  # noqa: ARG002  (scikit-learn's signature)
        values = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = values.shape[1]
        self.quantiles_ = np.quantile(values, np.linspace(0, 1, self.quantiles), axis=0)
        return self

    def transform(self, X: Matrix) -> Matrix:
        values, ranks = np.asarray(X, dtype=np.float64), np.linspace(0, 1, self.quantiles)
        scores: Matrix = np.empty(values.shape, dtype=np.float32)
        end = 0.5 / self.quantiles
        for column, known in enumerate(self.quantiles_.T):
            one = values[:, column]
            # np.interp takes the highest rank of equal quantiles; turned round, the lowest.
            highest = np.interp(one, known, ranks)
            lowest = 1 - np.interp(-one, -known[::-1], ranks)
            scores[:, column] = ndtri(np.clip((highest + lowest) / 2, end, 1 - end))
        return scores


class LevelIndicators(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """One column of 0 and 1 for each level of each category, by the levels of the dtype.

    A null and a level that was not there have 0 in all of them.
    """

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002  (scikit-learn's signature)
        self.levels_ = category_levels(X)
        return self

    def transform(self, X: pd.DataFrame) -> Matrix:
        return self.of_codes(level_codes(X, self.levels_))

    def of_codes(self, codes: Matrix) -> Matrix:
        """The same from positions of levels, as a served model gets them."""
        blocks = [
            codes[:, [position]] == np.arange(len(levels))
            for position, levels in enumerate(self.levels_.values())
        ]
        return np.hstack(blocks).astype(np.float32)

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[Any]:  # noqa: ARG002  (scikit-learn's signature)
        """Names ``column=level``."""
        names = [f"{name}={level}" for name, levels in self.levels_.items() for level in levels]
        return np.array(names, dtype=object)


class LevelCodes(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """One column a category: the position of its level, -1 for a null or an unseen level."""

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:  # noqa: ARG002  (scikit-learn's signature)
        self.levels_ = category_levels(X)
        return self

    def transform(self, X: pd.DataFrame) -> Matrix:
        return self.of_codes(level_codes(X, self.levels_))

    def of_codes(self, codes: Matrix) -> Matrix:
        """The same from positions of levels, as a served model gets them."""
        return np.nan_to_num(codes, nan=-1.0)

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[Any]:  # noqa: ARG002  (scikit-learn's signature)
        return np.array(list(self.levels_), dtype=object)


def category_levels(X: pd.DataFrame) -> dict[str, list[Any]]:
    """The levels of each categorical column, in the dtype's order."""
    return {name: list(X[name].cat.categories) for name in column_kinds(X)[1]}


def level_codes(X: pd.DataFrame, levels: dict[str, list[Any]]) -> Matrix:
    """Positions of levels as float32, one column for each key; NaN for null and unseen levels."""
    columns = [_codes(X[name], its_levels) for name, its_levels in levels.items()]
    return np.column_stack(columns).astype(np.float32)


def _codes(column: "pd.Series[Any]", levels: Sequence[Any]) -> npt.NDArray[Any]:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype("category")
    if list(column.cat.categories) != list(levels):
        column = column.cat.set_categories(levels)
    codes = column.cat.codes.to_numpy().astype(np.float32)
    codes[codes < 0] = np.nan
    return codes


def numeric_matrix(X: pd.DataFrame, levels: dict[str, list[Any]]) -> Matrix:
    """The frame as float32 in C order: categories by the position of their level, nulls NaN.

    What LightGBM is trained on and what a served model gets: no frame, no pandas needed.
    """
    matrix = np.empty(X.shape, dtype=np.float32)
    numbers = [position for position, name in enumerate(X.columns) if name not in levels]
    matrix[:, numbers] = X.iloc[:, numbers].to_numpy(dtype=np.float32)
    for name, known in levels.items():
        matrix[:, X.columns.get_loc(name)] = _codes(X[name], known)
    return matrix


def model_name(name: str) -> str:
    """A feature's name as LightGBM and XGBoost take it; ``feature_name`` is the exact inverse.

    They refuse the special characters of JSON, and turn spaces into underscores so that names can
    collide. All but letters, digits and ``_.-~/()+`` are written as %XX, as in addresses.

    >>> model_name("PREV_Cash: X-Sell, low_MEAN")
    'PREV_Cash%3A%20X-Sell%2C%20low_MEAN'
    """
    return quote(name, safe="/()+")


def feature_name(model_name: str) -> str:
    """The feature that a name in a model's own file stands for.

    >>> feature_name("PREV_Cash%3A%20X-Sell%2C%20low_MEAN")
    'PREV_Cash: X-Sell, low_MEAN'
    """
    return unquote(model_name)


def model_names(names: Iterable[str]) -> list[str]:
    return [model_name(name) for name in names]
