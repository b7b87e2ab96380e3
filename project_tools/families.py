"""The one table of model families: estimator, preparation, search space, budgets.

A space is a table of dimensions (bounds, scale, start); ``search`` makes hyperopt's expressions
from it. A parameter stands in a space only where it changes the model (no ``subsample`` without
``subsample_freq``, no round number beside early stopping).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, Self

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from project_tools.errors import SettingError, TrainingError, unknown
from project_tools.preparation import (
    PreparationPlan,
    category_levels,
    make_preparation,
    model_names,
    numeric_matrix,
)

Parameters = Mapping[str, Any]
Profile = Literal["full", "demo"]
PROFILES: tuple[Profile, ...] = ("full", "demo")


@dataclass(frozen=True, slots=True)
class Dimension:
    """One hyperparameter that a search moves: between bounds, or among options.

    ``scale``: ``linear``, ``log`` (uniform in the logarithm), ``whole`` and ``whole log`` (the
    same, rounded to whole numbers), ``choice``. ``start`` is the value of the first trial.
    ``when`` names a choice and the option under which the dimension has an effect; under
    another it is not drawn at all.
    """

    start: Any
    low: float = 0.0
    high: float = 0.0
    scale: Literal["linear", "log", "whole", "whole log", "choice"] = "linear"
    options: tuple[Any, ...] = ()
    when: tuple[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a search of a family may cost: trials, clients, and parameters fixed for it."""

    trials: int
    largest_sample: int
    fixed: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """One row of the table.

    ``build`` makes the bare classifier from all parameters, a seed and a number of threads;
    ``fixed`` holds the parameters that are not searched; ``settle`` gives the parameters of the
    final fit from those of the folds' fitted estimators (as the number of rounds that early
    stopping found there); ``explains`` is the scale of its contributions.
    """

    name: str
    label: str
    build: Callable[[Parameters, int, int], Any]
    plan: PreparationPlan | None
    space: Mapping[str, Dimension]
    fixed: Parameters
    budgets: Mapping[Profile, Budget]
    explains: Literal["log-odds", "probability"] = "log-odds"
    settle: Callable[[Parameters, Sequence[Any]], dict[str, Any]] = field(
        default=lambda parameters, _fitted: dict(parameters)
    )

    @property
    def trials(self) -> int:
        """Trials of the honest search."""
        return self.budgets["full"].trials

    @property
    def largest_sample(self) -> int:
        """Clients that the family can bear in the honest search."""
        return self.budgets["full"].largest_sample

    def budget(self, profile: str) -> Budget:
        """The budget of a profile; ``SettingError`` names the choices."""
        if profile not in self.budgets:
            raise SettingError(unknown("profile", profile, self.budgets))
        return self.budgets[profile]  # type: ignore[index]  # just looked up

    def with_choices(self, **choices: str | bool | None) -> Self:
        """The family with other choices of preparation; one that takes raw features keeps none."""
        return self if self.plan is None else replace(self, plan=self.plan.with_choices(**choices))

    def make(self, parameters: Parameters, *, seed: int, jobs: int, X: pd.DataFrame) -> Any:
        """An unfitted estimator with ``predict_proba`` for frames with the columns of ``X``.

        The preparation, where the family has one, is inside. ``SettingError`` for a parameter
        that the family does not have.
        """
        known = {*self.fixed, *self.space}
        for name in parameters:
            if name not in known:
                raise SettingError(unknown(f"parameter of {self.name}", name, sorted(known)))
        model = self.build({**self.fixed, **parameters}, seed, jobs)
        preparation = make_preparation(self.plan, X, seed=seed)
        if preparation is None:
            return model
        return PreparedModel([("preparation", preparation), ("model", model)])


class PreparedModel(Pipeline):  # type: ignore[misc]  # scikit-learn publishes no types
    """A preparation and a model after it; what is prepared for a fold can serve many models."""

    def prepare(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> tuple[Any, Any, Any]:
        """The preparation fitted on training rows, their matrix, their labels."""
        preparation = self.steps[0][1]
        return preparation, preparation.fit_transform(X, y), y

    def fit_prepared(self, prepared: tuple[Any, Any, Any]) -> Self:
        """Fit the model alone, on what ``prepare`` gave."""
        preparation, matrix, y = prepared
        self.steps[0] = ("preparation", preparation)
        self.steps[-1][1].fit(matrix, y)
        return self


@dataclass(frozen=True, slots=True)
class Binned:
    """Training rows in LightGBM's bins, and the slice of them that early stopping watches."""

    train: lightgbm.Dataset
    watched: lightgbm.Dataset | None
    levels: dict[str, list[Any]]


class BoostedTrees(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """LightGBM on raw nulls and categories by the position of their fixed level.

    With ``early_stopping_rounds`` above 0 it stops when the log loss on a stratified slice
    (``watched_share``) of its own training rows has not fallen for so many rounds, at most after
    ``n_estimators``; with 0, or too few rows of a class to watch, after exactly that many.
    ``rounds_`` is the number of trees kept.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 2_000,
        early_stopping_rounds: int = 50,
        watched_share: float = 0.1,
        learning_rate: float = 0.05,
        num_leaves: int = 31,
        min_child_samples: int = 50,
        colsample_bytree: float = 0.5,
        subsample: float = 0.9,
        reg_lambda: float = 5.0,
        reg_alpha: float = 0.1,
        seed: int = 0,
        jobs: int = 1,
    ) -> None:
        self.n_estimators, self.early_stopping_rounds = n_estimators, early_stopping_rounds
        self.watched_share, self.learning_rate = watched_share, learning_rate
        self.num_leaves, self.min_child_samples = num_leaves, min_child_samples
        self.colsample_bytree, self.subsample = colsample_bytree, subsample
        self.reg_lambda, self.reg_alpha = reg_lambda, reg_alpha
        self.seed, self.jobs = seed, jobs

    def prepare(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> Binned:
        """Bins of the training rows, learnt without the slice that early stopping watches."""
        levels = category_levels(X)
        matrix, labels = numeric_matrix(X, levels), np.asarray(y, dtype=np.float32)
        kept, watched = self._slices(labels)
        # Both sets name features and categories alike: LightGBM compares them in training, and
        # the bins can no longer be changed then.
        named: dict[str, Any] = {
            "feature_name": model_names(X.columns),
            "categorical_feature": [X.columns.get_loc(name) for name in levels],
            "params": self._binning(),
        }
        train = lightgbm.Dataset(matrix[kept], labels[kept], **named).construct()
        if not len(watched):
            return Binned(train, None, levels)
        other = lightgbm.Dataset(matrix[watched], labels[watched], reference=train, **named)
        return Binned(train, other.construct(), levels)

    def fit(self, X: pd.DataFrame, y: npt.NDArray[Any]) -> Self:
        return self.fit_prepared(self.prepare(X, y))

    def fit_prepared(self, prepared: Binned) -> Self:
        """Grow the trees on bins that ``prepare`` made, which stay as they are."""
        watched = [prepared.watched] if prepared.watched is not None else []
        stop: list[Callable[..., Any]] = [
            lightgbm.early_stopping(self.early_stopping_rounds, verbose=False)
        ]
        self.booster_ = lightgbm.train(
            self._training(),
            prepared.train,
            num_boost_round=self.n_estimators,
            valid_sets=watched,
            callbacks=stop if watched else [],
        )
        self.levels_ = prepared.levels
        self.feature_names_in_ = np.array(self.booster_.feature_name(), dtype=object)
        self.classes_ = np.array([0, 1])
        self.rounds_ = self.booster_.best_iteration or self.booster_.current_iteration()
        return self

    def predict_proba(self, X: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Probabilities of class 0 and 1, shape (rows, 2); columns are taken by their order."""
        if model_names(X.columns) != list(self.feature_names_in_):
            raise TrainingError("the features are not those of the training, in the same order")
        matrix = numeric_matrix(X, self.levels_)
        risk = np.asarray(
            self.booster_.predict(matrix, num_iteration=self.rounds_, num_threads=self.jobs)
        )
        return np.column_stack([1 - risk, risk])

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Class by the probability one half; decisions are made by ``thresholds`` instead."""
        return (self.predict_proba(X)[:, 1] > 0.5).astype(np.int64)  # noqa: PLR2004  (one half)

    def model_text(self) -> str:
        """LightGBM's native text of the kept trees: numeric codes in, probabilities out."""
        text: str = self.booster_.model_to_string(num_iteration=self.rounds_)
        return text

    def _slices(self, y: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        rows = np.arange(len(y))
        rarest = min(int(np.sum(y == 0)), int(np.sum(y == 1)))
        if self.early_stopping_rounds <= 0 or rarest * self.watched_share < 1:
            return rows, rows[:0]
        kept, watched = train_test_split(
            rows, test_size=self.watched_share, stratify=y, random_state=self.seed
        )
        return np.sort(kept), np.sort(watched)

    def _binning(self) -> dict[str, Any]:
        """What bins depend on; none of it is searched, so that bins serve every trial."""
        return {
            "max_bin": 255,
            "feature_pre_filter": False,  # would drop features by min_child_samples
            "data_random_seed": self.seed,
            "num_threads": self.jobs,
            "verbosity": -1,
        }

    def _training(self) -> dict[str, Any]:
        return self._binning() | {
            "objective": "binary",
            "metric": "binary_logloss",
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_child_samples": self.min_child_samples,
            "colsample_bytree": self.colsample_bytree,
            "subsample": self.subsample,
            "subsample_freq": 1,  # without it subsample has no effect
            "reg_lambda": self.reg_lambda,
            "reg_alpha": self.reg_alpha,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,  # else a timing at the start chooses, and sums differ
        }


def _boosted(parameters: Parameters, seed: int, jobs: int) -> BoostedTrees:
    return BoostedTrees(**parameters, seed=seed, jobs=jobs)


def _settled_rounds(parameters: Parameters, fitted: Sequence[Any]) -> dict[str, Any]:
    """As many rounds as the folds kept on average, so that all rows can train and none watch."""
    if not fitted:
        return dict(parameters)
    rounds = round(float(np.mean([estimator.rounds_ for estimator in fitted])))
    return {**parameters, "n_estimators": max(1, rounds), "early_stopping_rounds": 0}


def _logistic(parameters: Parameters, seed: int, _jobs: int) -> LogisticRegression:
    # lbfgs takes its threads from the linear algebra, not from n_jobs.
    return LogisticRegression(**parameters, l1_ratio=0.0, solver="lbfgs", random_state=seed)


def _forest(parameters: Parameters, seed: int, jobs: int) -> RandomForestClassifier:
    return RandomForestClassifier(**parameters, random_state=seed, n_jobs=jobs)


def _table(*rows: Family) -> Mapping[str, Family]:
    return MappingProxyType({row.name: row for row in rows})


def family(name: str) -> Family:
    """The family of that name; ``SettingError`` names the choices and the nearest."""
    if name not in FAMILIES:
        raise SettingError(unknown("family", name, FAMILIES))
    return FAMILIES[name]


#: All families by name.
FAMILIES = _table(
    Family(
        name="lightgbm",
        label="LightGBM",
        build=_boosted,
        plan=None,
        space={
            "learning_rate": Dimension(0.05, 0.01, 0.2, "log"),
            "num_leaves": Dimension(31, 8, 256, "whole log"),
            "min_child_samples": Dimension(50, 5, 500, "whole log"),
            "colsample_bytree": Dimension(0.5, 0.1, 1.0),
            "subsample": Dimension(0.9, 0.5, 1.0),
            "reg_lambda": Dimension(5.0, 1e-3, 100.0, "log"),
            "reg_alpha": Dimension(0.1, 1e-3, 10.0, "log"),
        },
        fixed={"n_estimators": 2_000, "early_stopping_rounds": 50, "watched_share": 0.1},
        budgets={
            "full": Budget(trials=50, largest_sample=250_000),
            "demo": Budget(
                trials=5,
                largest_sample=8_000,
                fixed={"n_estimators": 300, "early_stopping_rounds": 20},
            ),
        },
        settle=_settled_rounds,
    ),
    Family(
        name="logistic_l2",
        label="logistic regression, L2",
        build=_logistic,
        plan=PreparationPlan(scaling="standard", imputation="median", clip=True, one_hot=True),
        space={
            "C": Dimension(1e-2, 1e-5, 10.0, "log"),
            "class_weight": Dimension(None, scale="choice", options=(None, "balanced")),
        },
        fixed={"max_iter": 1_000, "tol": 1e-4},
        budgets={
            "full": Budget(trials=50, largest_sample=60_000),
            "demo": Budget(trials=5, largest_sample=4_000, fixed={"tol": 1e-3}),
        },
    ),
    Family(
        name="random_forest",
        label="random forest",
        build=_forest,
        plan=PreparationPlan(scaling="none", imputation="median", clip=False, one_hot=True),
        # Depth and leaves are bounded, because exact explanations grow with both.
        space={
            "max_leaf_nodes": Dimension(256, 32, 1_024, "whole log"),
            "min_samples_leaf": Dimension(10, 1, 200, "whole log"),
            "max_features": Dimension(0.1, 0.02, 0.5, "log"),
            "max_samples": Dimension(0.8, 0.3, 1.0),
            "criterion": Dimension("gini", scale="choice", options=("gini", "log_loss")),
        },
        fixed={"n_estimators": 300, "max_depth": 16, "bootstrap": True},
        budgets={
            "full": Budget(trials=50, largest_sample=250_000),
            "demo": Budget(trials=3, largest_sample=4_000, fixed={"n_estimators": 60}),
        },
        explains="probability",
    ),
)
