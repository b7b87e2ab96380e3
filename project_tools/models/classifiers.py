"""Classifiers that take complete numbers only: prepared, balanced where asked, and built by name.

The order within a fold: preparation, balancing of the classes (training rows only), model.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.over_sampling import SMOTENC
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from project_tools.errors import SettingError, unknown
from project_tools.models.preparation import (
    Matrix,
    PreparationPlan,
    column_kinds,
    make_preparation,
)

Parameters = Mapping[str, Any]
Rows = npt.NDArray[np.intp]
#: Ways of making the rare class count more. Each distorts the probability: see ``calibration``.
BALANCES = ("none", "weights", "undersample", "smotenc")
#: Folds within a training set from which a machine's distances become probabilities.
MACHINE_FOLDS = 3
#: Megabytes of kernel values that one machine keeps.
MACHINE_CACHE_MB = 500


class PreparedModel(Pipeline):  # type: ignore[misc]  # imbalanced-learn publishes no types
    """Preparation, perhaps a sampler, and a model; what is prepared for a fold serves many models."""

    def prepare(self, X: pd.DataFrame, y: npt.NDArray[Any], rows: Rows) -> tuple[Any, Any, Any]:
        """The preparation fitted on these rows, their matrix, their labels."""
        preparation = self.steps[0][1]
        return preparation, preparation.fit_transform(X.iloc[rows], y[rows]), y[rows]

    def fit_prepared(self, prepared: tuple[Any, Any, Any]) -> Self:
        """Fit the sampler and the model alone, on what ``prepare`` gave."""
        preparation, matrix, y = prepared
        self.steps[0] = ("preparation", preparation)
        if len(self.steps) > 2:  # noqa: PLR2004  (preparation, sampler, model)
            matrix, y = self.steps[1][1].fit_resample(matrix, y)
        self.steps[-1][1].fit(matrix, y)
        return self


def prepared_model(
    model: Any, plan: PreparationPlan, X: pd.DataFrame, parameters: Parameters, seed: int
) -> PreparedModel:
    """A model behind a plan's preparation and the sampler that ``parameters`` ask for."""
    steps = [("preparation", make_preparation(plan, X, seed=seed))]
    sampler = make_sampler(plan, X, parameters, seed)
    if sampler is not None:
        steps.append(("sampler", sampler))
    return PreparedModel([*steps, ("model", model)])


def make_sampler(
    plan: PreparationPlan, X: pd.DataFrame, parameters: Parameters, seed: int
) -> Any | None:
    """The sampler of ``balance``; none for ``none`` and for ``weights``, which the model takes.

    ``undersample`` keeps at most ``repaid_per_default`` repaid loans for each default;
    ``smotenc`` invents defaults between neighbours up to ``defaults_per_repaid`` of the repaid.
    """
    balance = parameters.get("balance", "none")
    if balance not in BALANCES:
        raise SettingError(unknown("balance", balance, BALANCES))
    if balance == "undersample":
        fewer = partial(_fewer_repaid, most=float(parameters["repaid_per_default"]))
        return RandomUnderSampler(sampling_strategy=fewer, random_state=seed)
    if balance == "smotenc":
        more = partial(_more_defaults, least=float(parameters["defaults_per_repaid"]))
        numbers, categories = column_kinds(X)
        levels = [len(X[name].cat.categories) if plan.one_hot else 0 for name in categories]
        return CategorySMOTENC(len(numbers), tuple(levels), more, seed)
    return None


class CategorySMOTENC(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """SMOTENC on a prepared matrix, with each category as one code, before it is one-hot again.

    On indicators SMOTENC takes each level for a category of its own: it then invents clients who
    have no level, or two, where every real client has one. ``numbers`` is the number of numeric
    columns, which come first; ``levels`` holds, for each category after them, its number of
    indicator columns, or 0 for a single column of codes. A null is a code too.
    """

    def __init__(
        self,
        numbers: int,
        levels: tuple[int, ...],
        sampling_strategy: Callable[[npt.NDArray[Any]], dict[int, int]],
        random_state: int,
    ) -> None:
        self.numbers, self.levels = numbers, levels
        self.sampling_strategy, self.random_state = sampling_strategy, random_state

    def fit_resample(self, X: Matrix, y: npt.NDArray[Any]) -> tuple[Matrix, npt.NDArray[Any]]:
        """The rows with the synthetic ones after them, as the matrix that the model takes."""
        codes = list(range(self.numbers, self.numbers + len(self.levels)))
        sampler = SMOTENC(
            codes, sampling_strategy=self.sampling_strategy, random_state=self.random_state
        )
        more, labels = sampler.fit_resample(self._with_codes(X), y)
        return self._with_indicators(more), labels

    def _with_codes(self, X: Matrix) -> Matrix:
        blocks = np.split(X, np.cumsum([self.numbers, *(max(1, n) for n in self.levels)])[:-1], 1)
        # The position of the level that is 1; -1 for a null, which has none.
        coded = [
            np.where(block.any(axis=1), block.argmax(axis=1), -1)[:, None] if n else block
            for n, block in zip(self.levels, blocks[1:], strict=True)
        ]
        return np.hstack([blocks[0], *coded]).astype(np.float32)

    def _with_indicators(self, coded: Matrix) -> Matrix:
        categories = coded[:, self.numbers :].T
        blocks = [
            (codes[:, None] == np.arange(n)).astype(np.float32) if n else codes[:, None]
            for n, codes in zip(self.levels, categories, strict=True)
        ]
        return np.hstack([coded[:, : self.numbers], *blocks])


def _fewer_repaid(y: npt.NDArray[Any], most: float) -> dict[int, int]:
    repaid, defaulted = int(np.sum(y == 0)), int(np.sum(y == 1))
    return {0: min(repaid, round(most * defaulted))}


def _more_defaults(y: npt.NDArray[Any], least: float) -> dict[int, int]:
    repaid, defaulted = int(np.sum(y == 0)), int(np.sum(y == 1))
    return {1: max(defaulted, round(least * repaid))}


def _weights(parameters: Parameters) -> str | None:
    return "balanced" if parameters.get("balance") == "weights" else None


def ridge(parameters: Parameters, seed: int, _jobs: int) -> LogisticRegression:
    """Logistic regression with the squared penalty."""
    # lbfgs takes its threads from the linear algebra, not from n_jobs.
    return LogisticRegression(
        C=parameters["C"], l1_ratio=0.0, solver="lbfgs", class_weight=_weights(parameters),
        max_iter=parameters["max_iter"], tol=parameters["tol"], random_state=seed,
    )  # fmt: skip


def lasso(parameters: Parameters, seed: int, _jobs: int) -> LogisticRegression:
    """Logistic regression with the absolute penalty, which drops features."""
    # By coordinates: on 4,000 x 488 it took 0.4 s where saga took 6 s and had not converged.
    return LogisticRegression(
        C=parameters["C"], l1_ratio=1.0, solver="liblinear", class_weight=_weights(parameters),
        max_iter=parameters["max_iter"], tol=parameters["tol"], random_state=seed,
    )  # fmt: skip


def forest(parameters: Parameters, seed: int, jobs: int) -> RandomForestClassifier:
    """Random forest; all but ``balance`` are scikit-learn's own parameters."""
    of_sampler = {"balance", "repaid_per_default"}
    own = {name: value for name, value in parameters.items() if name not in of_sampler}
    return RandomForestClassifier(
        **own, class_weight=_weights(parameters), random_state=seed, n_jobs=jobs
    )


def machine(kernel: str) -> Callable[[Parameters, int, int], CalibratedClassifierCV]:
    """The builder of a support vector machine of that kernel, calibrated within its training rows."""
    own = ("C", "gamma", "degree", "coef0")

    def build(parameters: Parameters, _seed: int, _jobs: int) -> CalibratedClassifierCV:
        chosen = {name: parameters[name] for name in own if name in parameters}
        svc = SVC(
            kernel=kernel, **chosen, class_weight=_weights(parameters),
            cache_size=MACHINE_CACHE_MB,
        )  # fmt: skip
        # One machine on all rows: an ensemble would predict at three times the cost.
        return CalibratedClassifierCV(svc, method="sigmoid", cv=MACHINE_FOLDS, ensemble=False)

    return build
