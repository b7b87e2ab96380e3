"""Stratified folds, and probabilities for each client by a model fitted without that client."""

import threading
from collections.abc import Callable
from typing import Any, Protocol, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from project_tools.errors import SettingError, TrainingError
from project_tools.evaluation.judgement import Floats
from project_tools.models.dataset import Dataset
from project_tools.system.processes import give_memory_back

Rows = npt.NDArray[np.intp]
#: Rows that are predicted at a time.
PREDICTED_ROWS = 2_048


class Estimator(Protocol):
    """A classifier with scikit-learn's methods."""

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> Self: ...
    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[Any]: ...


class ReusingEstimator(Estimator, Protocol):
    """One whose work on the training rows does not depend on its hyperparameters.

    What ``prepare`` gives (bins, or a fitted preparation and its matrix) serves all trials of a
    search on the same fold; ``fit_prepared`` must not change it. It takes the rows of ``X`` that
    train by their positions, so that it need not copy them twice.
    """

    def prepare(self, X: pd.DataFrame, y: npt.NDArray[Any], rows: Rows) -> Any: ...
    def fit_prepared(self, prepared: Any) -> Self: ...


class FoldCache:
    """What was learnt from the training rows of each fold, kept for the next trial.

    It belongs to one data set, seed, number of folds and preparation. Trials in other threads
    wait for the one that prepares a fold, and do not prepare it again. Of more than ``most`` folds
    the rest is prepared anew each time.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._held: dict[int, tuple[threading.Lock, list[Any]]] = {}

    def once(self, fold: int, make: Callable[[], Any]) -> Any:
        """What ``make`` gave for the fold the first time."""
        if self._most is not None and fold >= self._most:
            return make()
        with self._lock:
            lock, held = self._held.setdefault(fold, (threading.Lock(), []))
        with lock:
            if not held:
                held.append(make())
            return held[0]


def fold_rows(y: npt.NDArray[Any], folds: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Training and held-out rows of each stratified fold; the same for the same seed.

    Raises ``SettingError`` for fewer than two folds, ``TrainingError`` for fewer rows of a class
    than folds.
    """
    if folds < 2:  # noqa: PLR2004  (one fold holds nothing out)
        raise SettingError(f"folds is {folds}; it takes 2 or more")
    rarest = int(np.bincount(np.asarray(y, dtype=np.int64), minlength=2).min())
    if rarest < folds:
        raise TrainingError(
            f"{folds} folds need {folds} clients of each class; there are {rarest} of one"
        )
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(y)), y))


def out_of_fold(
    make_estimator: Callable[[], Estimator],
    data: Dataset,
    *,
    folds: int,
    seed: int,
    cache: FoldCache | None = None,
    on_fold: Callable[[int, Estimator], None] | None = None,
    after_fold: Callable[[Floats], None] | None = None,
) -> Floats:
    """Each client's probability of default by an estimator that was fitted without that client.

    A fresh estimator is made for each fold and fitted on its training rows alone. With a
    ``cache``, estimators that can reuse what was prepared there. ``on_fold`` is told the number
    and the fitted estimator of each fold, ``after_fold`` the probabilities so far, NaN where none
    is yet; what it raises ends the folds.
    """
    probabilities = np.full(len(data.y), np.nan)
    for number, (train, held_out) in enumerate(fold_rows(data.y, folds, seed)):
        estimator = _fitted(make_estimator(), data, train, number, cache)
        probabilities[held_out] = _finite(_predicted(estimator, data.X, held_out))
        if on_fold is not None:
            on_fold(number, estimator)
        if after_fold is not None:
            after_fold(probabilities)
    return probabilities


def _predicted(estimator: Estimator, X: pd.DataFrame, rows: Rows) -> Floats:
    """Probabilities of default, some rows at a time: their copies would weigh as much as the bins."""
    blocks = np.array_split(rows, -(-len(rows) // PREDICTED_ROWS))
    return np.concatenate([estimator.predict_proba(X.iloc[block])[:, 1] for block in blocks])


def _finite(probabilities: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if not np.isfinite(probabilities).all():
        raise TrainingError("the model gave probabilities that are not finite")
    return probabilities


def _fitted(
    estimator: Any, data: Dataset, train: Rows, number: int, cache: FoldCache | None
) -> Estimator:
    if cache is None or not hasattr(estimator, "fit_prepared"):
        return cast("Estimator", estimator.fit(data.X.iloc[train], data.y[train]))
    prepared = cache.once(number, lambda: estimator.prepare(data.X, data.y, train))
    give_memory_back()  # what preparing left would stay beside what fitting takes
    fitted = estimator.fit_prepared(prepared)
    give_memory_back()
    return cast("Estimator", fitted)
