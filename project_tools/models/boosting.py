"""What LightGBM and XGBoost share: the slice that early stopping watches, the matrix, probabilities.

Both bin each feature once a fold. The bins depend on nothing that is searched, so that they serve
every trial of a search.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split

from project_tools.errors import TrainingError
from project_tools.models.preparation import (
    Matrix,
    category_levels,
    level_codes,
    model_names,
    numeric_matrix,
)

Rows = npt.NDArray[np.intp]


#: Defaulters that early stopping watches, and the least and largest share of the rows for them.
WATCHED_DEFAULTERS, LEAST_WATCHED, MOST_WATCHED = 200, 0.1, 0.25


def watched_share(defaulted: int) -> float:
    """Share of the training rows that early stopping watches, of rows with so many defaulters.

    The log loss of a few dozen defaulters stops the trees by chance.

    >>> watched_share(100), watched_share(1_000), watched_share(5_000)
    (0.25, 0.2, 0.1)
    """
    return min(MOST_WATCHED, max(LEAST_WATCHED, WATCHED_DEFAULTERS / max(1, defaulted)))


@dataclass(frozen=True, slots=True)
class Binned:
    """Training rows in a library's bins, and the slice of them that early stopping watches."""

    train: Any
    watched: Any | None
    levels: dict[str, list[Any]]
    grown_rows: int


class Boosting(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """A classifier on raw nulls and categories whose early stopping sees its training rows only.

    A library's class gives ``_binned``, ``_grow`` and ``_risk``. ``rounds_`` is the number of
    trees kept, ``grown_rows_`` the number of rows that they grew on; columns are taken by their order.
    The columns ``withheld`` are null in what the trees are grown on, so that none splits on them.
    """

    early_stopping_rounds: int
    withheld: tuple[str, ...]
    seed: int

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> Self:
        return self.fit_prepared(self.prepare(X, y, np.arange(len(X))))

    def prepare(self, X: pd.DataFrame, y: npt.NDArray[Any], rows: Rows) -> Binned:
        """Bins of these rows, learnt without the slice that early stopping watches."""
        levels = category_levels(X)
        X = X.assign(**dict.fromkeys(self.withheld, np.float32(np.nan)))
        kept, watched = self._slices(y[rows])
        train = self._binned(X, y, rows[kept], levels, None)
        other = self._binned(X, y, rows[watched], levels, train) if len(watched) else None
        return Binned(train, other, levels, len(kept))

    def fit_prepared(self, prepared: Binned) -> Self:
        """Grow the trees on bins that ``prepare`` made, which stay as they are."""
        self._grow(prepared)
        self.levels_, self.grown_rows_ = prepared.levels, prepared.grown_rows
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Probabilities of class 0 and 1, shape (rows, 2)."""
        if model_names(X.columns) != list(self.feature_names_in_):
            raise TrainingError("the features are not those of the training, in the same order")
        risk = self._risk(numeric_matrix(X, self.levels_))
        return np.column_stack([1 - risk, risk])

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Class by the probability one half; decisions take the model's threshold instead."""
        return (self.predict_proba(X)[:, 1] > 0.5).astype(np.int64)  # noqa: PLR2004  (one half)

    def _slices(self, y: npt.NDArray[Any]) -> tuple[Rows, Rows]:
        """Positions that train and positions that are watched; too few rows of a class: none are."""
        rows = np.arange(len(y))
        defaulted = int(np.sum(y == 1))
        share, rarest = watched_share(defaulted), min(len(y) - defaulted, defaulted)
        if self.early_stopping_rounds <= 0 or rarest * share < 1:
            return rows, rows[:0]
        kept, watched = train_test_split(rows, test_size=share, stratify=y, random_state=self.seed)
        return np.sort(kept), np.sort(watched)

    def _binned(
        self,
        X: pd.DataFrame,
        y: npt.NDArray[Any],
        rows: Rows,
        levels: dict[str, list[Any]],
        like: Any | None,
    ) -> Any:
        """The rows in the library's bins: those of the set ``like``, or learnt from these rows."""
        raise NotImplementedError

    def _grow(self, prepared: Binned) -> None:
        """Grow the trees; sets ``booster_``, ``feature_names_in_`` and ``rounds_``."""
        raise NotImplementedError

    def _risk(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """Probabilities of class 1 by the trees that are kept."""
        raise NotImplementedError


def rows_by_column(X: pd.DataFrame, rows: Rows, levels: dict[str, list[Any]]) -> Matrix:
    """Some rows as float32, column after column: one copy of them, however the frame lies."""
    matrix = np.empty((len(rows), X.shape[1]), dtype=np.float32, order="F")
    for place, name in enumerate(X.columns):
        if name in levels:
            matrix[:, place] = level_codes(X[[name]], {name: levels[name]})[rows, 0]
        else:
            matrix[:, place] = X.iloc[:, place].to_numpy()[rows]
    return matrix
