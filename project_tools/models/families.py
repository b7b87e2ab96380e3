"""The one table of model families: estimator, preparation, search space, budgets.

A space is a table of dimensions (bounds, scale, start); ``search.proposer`` makes hyperopt's
expressions from it. A space has a parameter only where it changes the model (no ``subsample`` without
``subsample_freq``, no round number beside early stopping, no ``degree`` for another kernel).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, Self

import pandas as pd

from project_tools.errors import SettingError, unknown
from project_tools.models.classifiers import forest, lasso, machine, prepared_model, ridge
from project_tools.models.lightgbm_trees import BoostedTrees
from project_tools.models.monotone import (
    MONOTONE,
    Monotone,
    falling_features,
    withheld_features,
)
from project_tools.models.preparation import PreparationPlan
from project_tools.models.rounds import mean_rounds
from project_tools.models.xgboost_trees import XGBoostedTrees

Parameters = Mapping[str, Any]
Profile = Literal["full", "demo"]
PROFILES: tuple[Profile, ...] = ("full", "demo")
#: Rows and columns of the fit whose time a budget states.
COST_ROWS, COST_COLUMNS = 8_000, 400
#: Columns for which the first trials' shares of columns a tree are meant; of fewer, a tree sees as
#: many. A twentieth of 118 columns cost .019 of AUC on real applications.
SHARED_COLUMNS = 720


@dataclass(frozen=True, slots=True)
class Dimension:
    """One hyperparameter that a search moves: between bounds, or among options.

    ``scale``: ``linear``, ``log`` (uniform in the logarithm), ``whole`` and ``whole log`` (the
    same, rounded to whole numbers; both ends are as likely as the others), ``choice``. ``start`` is
    the value where none is given, and that of the first trial unless a budget names another.
    ``when`` names a choice and the option under which the dimension has an effect; under
    another it is not drawn at all.
    """

    start: Any
    low: float = 0.0
    high: float = 0.0
    scale: Literal["linear", "log", "whole", "whole log", "choice"] = "linear"
    options: tuple[Any, ...] = ()
    when: tuple[str, Any] | None = None

    def applies(self, chosen: Parameters) -> bool:
        """Whether the dimension has an effect beside the options that were chosen."""
        return self.when is None or chosen.get(self.when[0]) == self.when[1]


Space = Mapping[str, Dimension]


def start_of(space: Space, others: Parameters = MappingProxyType({})) -> dict[str, Any]:
    """The starts of all dimensions that have an effect, with ``others`` in the place of some."""
    starts = {name: row.start for name, row in space.items()} | dict(others)
    return {name: start for name, start in starts.items() if space[name].applies(starts)}


@dataclass(frozen=True, slots=True)
class Budget:
    """What a search of a family may cost: trials, clients, and parameters fixed for it.

    ``fit_seconds`` is about what one fit of ``COST_ROWS`` clients with ``COST_COLUMNS`` features
    takes one core: measured once, good for saying beforehand how long a search will take.
    ``first`` holds known good settings, which are tried before any other: each names the parameters
    that differ from the starts of the family.
    """

    trials: int
    largest_sample: int
    fit_seconds: float
    fixed: Parameters = field(default_factory=dict)
    first: tuple[Parameters, ...] = ({},)


@dataclass(frozen=True, slots=True)
class Family:
    """One row of the table.

    ``build`` makes the bare classifier from all parameters, a seed and a number of threads;
    ``fixed`` holds the parameters that are not searched; ``final_parameters`` turns the folds'
    fitted estimators into the parameters of the final fit (e.g. the mean number of rounds); the
    time of a fit grows with the rows to the power ``growth``; ``threads`` says whether one fit can
    use several cores; ``format`` names the row of ``serving.formats.table`` in which it is served.
    It is None for a family without exact contributions, which is searched and never served.
    ``monotone`` says in which features the risk of boosted trees may only fall, and which ones
    they do not see for it.
    """

    name: str
    label: str
    build: Callable[[Parameters, int, int], Any]
    plan: PreparationPlan | None
    space: Space
    fixed: Parameters
    budgets: Mapping[Profile, Budget]
    growth: float
    threads: bool
    format: str | None
    monotone: Monotone = "external"
    final_parameters: Callable[[Parameters, Sequence[Any]], dict[str, Any]] = field(
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

    def seconds(self, profile: str, *, trials: int, folds: int, rows: int, columns: int) -> float:
        """About how long so many trials take one core."""
        trained = rows * (folds - 1) / folds
        fit = self.budget(profile).fit_seconds * columns / COST_COLUMNS
        return float(trials * folds * fit * (trained / COST_ROWS) ** self.growth)

    def first_trials(self, profile: str, columns: int = SHARED_COLUMNS) -> list[dict[str, Any]]:
        """The settings that a search of a profile tries first, as it would draw them.

        Of fewer ``columns`` than ``SHARED_COLUMNS``, a tree sees as many of them.
        """
        first = [start_of(self.space, others) for others in self.budget(profile).first]
        for setting in first:
            if "colsample_bytree" in setting:
                share = setting["colsample_bytree"] * max(1.0, SHARED_COLUMNS / columns)
                setting["colsample_bytree"] = min(1.0, share)
        return first

    def start(self, profile: str, columns: int = SHARED_COLUMNS) -> dict[str, Any]:
        """All parameters of the first trial."""
        first = self.first_trials(profile, columns)[0]
        return {**self.fixed, **self.budget(profile).fixed, **first}

    def with_choices(self, **choices: str | bool | None) -> Self:
        """The family with other choices of preparation, and of ``monotone``; ``None`` keeps its own.

        One that takes raw features has no preparation, and no other can be ``monotone``.
        """
        monotone = choices.pop("monotone", None) or self.monotone
        if self.plan is not None:
            return replace(self, plan=self.plan.with_choices(**choices))
        if monotone not in MONOTONE:
            raise SettingError(unknown("monotone", str(monotone), MONOTONE))
        return replace(self, monotone=monotone)

    def make(self, parameters: Parameters, *, seed: int, jobs: int, X: pd.DataFrame) -> Any:
        """An unfitted estimator with ``predict_proba`` for frames with the columns of ``X``.

        The preparation, where the family has one, is inside. Parameters that are not given are
        the family's own. ``SettingError`` for a parameter that the family does not have.
        """
        names = {*self.fixed, *self.space}
        for name in parameters:
            if name not in names:
                raise SettingError(unknown(f"parameter of {self.name}", name, sorted(names)))
        starts = {name: row.start for name, row in self.space.items()}
        complete = {**self.fixed, **starts, **parameters}
        if self.plan is None:
            columns = list(X.columns)
            complete["falling"] = falling_features(columns, self.monotone)
            complete["withheld"] = withheld_features(columns, self.monotone)
            return self.build(complete, seed, jobs)
        return prepared_model(self.build(complete, seed, jobs), self.plan, X, complete, seed)


def _lightgbm(parameters: Parameters, seed: int, jobs: int) -> BoostedTrees:
    return BoostedTrees(**parameters, seed=seed, jobs=jobs)


def _xgboost(parameters: Parameters, seed: int, jobs: int) -> XGBoostedTrees:
    return XGBoostedTrees(**parameters, seed=seed, jobs=jobs)


def _without_stopping(parameters: Parameters, fitted: Sequence[Any]) -> dict[str, Any]:
    """As many rounds as the folds kept on average, so that all rows can train and none watch."""
    if not fitted:
        return dict(parameters)
    return {**parameters, "n_estimators": mean_rounds(fitted)[0], "early_stopping_rounds": 0}


def _table(*rows: Family) -> Mapping[str, Family]:
    return MappingProxyType({row.name: row for row in rows})


def get_family(name: str) -> Family:
    """The family of that name; ``SettingError`` names the choices and the nearest."""
    if name not in FAMILIES:
        raise SettingError(unknown("family", name, FAMILIES))
    return FAMILIES[name]


#: Rounds of boosted trees: many, and early stopping ends them sooner.
_ROUNDS = {"n_estimators": 10_000, "early_stopping_rounds": 100}
#: The most copied published LightGBM setting of these tables, with a slower learning rate (0.02 there).
#: Its min_child_weight of 39.3 is about 500 clients at a rate of default of .08.
_PUBLISHED = {
    "learning_rate": 0.005, "colsample_bytree": 0.95, "subsample": 0.87, "reg_lambda": 0.07,
    "reg_alpha": 0.04,
}  # fmt: skip
#: How the rare class is made to count more, and the one number that goes with undersampling.
_BALANCE = {
    "balance": Dimension("none", scale="choice", options=("none", "weights", "undersample")),
    "repaid_per_default": Dimension(3.0, 1.0, 8.0, "log", when=("balance", "undersample")),
}
_BALANCE_WITH_SMOTENC = _BALANCE | {
    "balance": Dimension(
        "none", scale="choice", options=("none", "weights", "undersample", "smotenc")
    ),
    "defaults_per_repaid": Dimension(0.3, 0.15, 1.0, "log", when=("balance", "smotenc")),
}
#: Normal scores beside indicators of levels: on skewed amounts a linear model gains by them.
_NORMAL_SCORES = PreparationPlan(
    scaling="normal-scores", imputation="median", clip=False, one_hot=True
)
#: Clipped, standardised numbers beside indicators of levels, for models that measure distances.
_STANDARD = PreparationPlan(scaling="standard", imputation="median", clip=True, one_hot=True)

#: All families by name.
FAMILIES = _table(
    Family(
        name="logistic_l1",
        label="logistic regression, L1",
        build=lasso,
        plan=_NORMAL_SCORES,
        space={"C": Dimension(1e-2, 1e-4, 1.0, "log"), **_BALANCE},
        fixed={"max_iter": 200, "tol": 1e-3},
        budgets={
            "full": Budget(trials=50, largest_sample=60_000, fit_seconds=1.4),
            "demo": Budget(
                trials=5, largest_sample=5_000, fit_seconds=1.3, fixed={"max_iter": 50, "tol": 1e-2}
            ),
        },
        growth=1.1,
        threads=False,
        format="skops",
    ),
    Family(
        name="logistic_l2",
        label="logistic regression, L2",
        build=ridge,
        plan=_NORMAL_SCORES,
        space={"C": Dimension(1e-3, 1e-5, 10.0, "log"), **_BALANCE_WITH_SMOTENC},
        fixed={"max_iter": 1_000, "tol": 1e-4},
        budgets={
            "full": Budget(trials=50, largest_sample=60_000, fit_seconds=1.2),
            "demo": Budget(trials=5, largest_sample=5_000, fit_seconds=1.2, fixed={"tol": 1e-2}),
        },
        growth=1.2,
        threads=True,
        format="skops",
    ),
    Family(
        name="random_forest",
        label="random forest",
        build=forest,
        plan=PreparationPlan(scaling="none", imputation="median", clip=False, one_hot=True),
        # Depth and leaves are bounded, because exact explanations grow with both.
        space={
            "max_leaf_nodes": Dimension(256, 32, 1_024, "whole log"),
            "min_samples_leaf": Dimension(10, 1, 200, "whole log"),
            "max_features": Dimension(0.1, 0.02, 0.5, "log"),
            "max_samples": Dimension(0.8, 0.3, 1.0),
            "criterion": Dimension("gini", scale="choice", options=("gini", "log_loss")),
            **_BALANCE,
        },
        fixed={"n_estimators": 200, "max_depth": 16, "bootstrap": True},
        budgets={
            "full": Budget(trials=50, largest_sample=250_000, fit_seconds=26.0),
            "demo": Budget(
                trials=4, largest_sample=5_000, fit_seconds=7.5, fixed={"n_estimators": 60}
            ),
        },
        growth=1.1,
        threads=True,
        format="skops",
    ),
    Family(
        name="svc_rbf",
        label="SVC, RBF kernel",
        build=machine("rbf"),
        plan=_STANDARD,
        space={
            "C": Dimension(1.0, 0.01, 100.0, "log"),
            "gamma": Dimension(3e-3, 1e-5, 0.1, "log"),
            **_BALANCE,
        },
        fixed={},
        budgets={
            "full": Budget(trials=50, largest_sample=8_000, fit_seconds=57.0),
            "demo": Budget(trials=4, largest_sample=1_500, fit_seconds=44.0),
        },
        growth=2.0,
        threads=False,
        format=None,
    ),
    Family(
        name="svc_poly",
        label="SVC, polynomial kernel",
        build=machine("poly"),
        # Between 0 and 1 a product of features stays bounded, whatever the degree.
        plan=PreparationPlan(scaling="min-max", imputation="median", clip=True, one_hot=True),
        space={
            "C": Dimension(1.0, 0.01, 100.0, "log"),
            "gamma": Dimension(1e-2, 1e-3, 0.1, "log"),
            "coef0": Dimension(1.0, 0.0, 5.0),
            "degree": Dimension(2, 2, 4, "whole"),
            **_BALANCE,
        },
        fixed={},
        budgets={
            "full": Budget(trials=50, largest_sample=8_000, fit_seconds=31.0),
            "demo": Budget(trials=4, largest_sample=1_500, fit_seconds=23.0),
        },
        growth=2.0,
        threads=False,
        format=None,
    ),
    Family(
        name="lightgbm",
        label="LightGBM",
        build=_lightgbm,
        plan=None,
        space={
            "learning_rate": Dimension(0.02, 0.003, 0.2, "log"),
            "num_leaves": Dimension(8, 4, 256, "whole log"),
            "min_child_samples": Dimension(50, 5, 500, "whole log"),
            "colsample_bytree": Dimension(0.05, 0.02, 1.0, "log"),
            "sampling": Dimension("bagging", scale="choice", options=("bagging", "goss")),
            "subsample": Dimension(0.9, 0.5, 1.0, when=("sampling", "bagging")),
            "top_rate": Dimension(0.2, 0.1, 0.5, when=("sampling", "goss")),
            "other_rate": Dimension(0.1, 0.05, 0.3, when=("sampling", "goss")),
            "reg_lambda": Dimension(50.0, 1e-3, 100.0, "log"),
            "reg_alpha": Dimension(0.1, 1e-3, 10.0, "log"),
        },
        fixed=_ROUNDS,
        budgets={
            "full": Budget(
                trials=50,
                largest_sample=250_000,
                fit_seconds=12.0,
                first=(
                    {},
                    {"num_leaves": 30, "colsample_bytree": 0.1},
                    _PUBLISHED | {"num_leaves": 34, "min_child_samples": 500},
                ),
            ),
            "demo": Budget(
                trials=5,
                largest_sample=5_000,
                fit_seconds=1.5,
                fixed={"n_estimators": 300, "early_stopping_rounds": 20},
                first=({"learning_rate": 0.05},),
            ),
        },
        growth=0.9,
        threads=True,
        final_parameters=_without_stopping,
        format="lightgbm-text",
    ),
    Family(
        name="xgboost",
        label="XGBoost",
        build=_xgboost,
        plan=None,
        space={
            "learning_rate": Dimension(0.02, 0.003, 0.2, "log"),
            "grow_policy": Dimension(
                "lossguide", scale="choice", options=("depthwise", "lossguide")
            ),
            "max_depth": Dimension(5, 2, 9, "whole", when=("grow_policy", "depthwise")),
            "max_leaves": Dimension(8, 4, 256, "whole log", when=("grow_policy", "lossguide")),
            "min_child_weight": Dimension(10.0, 0.5, 100.0, "log"),
            "colsample_bytree": Dimension(0.05, 0.02, 1.0, "log"),
            "subsample": Dimension(0.9, 0.5, 1.0),
            "gamma": Dimension(0.1, 1e-3, 10.0, "log"),
            "reg_lambda": Dimension(50.0, 1e-3, 100.0, "log"),
            "reg_alpha": Dimension(0.1, 1e-3, 10.0, "log"),
        },
        fixed=_ROUNDS,
        budgets={
            "full": Budget(
                trials=50,
                largest_sample=250_000,
                fit_seconds=14.0,
                first=(
                    {},
                    {"max_leaves": 30, "colsample_bytree": 0.1},
                    _PUBLISHED | {"max_leaves": 34, "min_child_weight": 39.0},
                ),
            ),
            # XGBoost makes the histograms of all columns, however few a tree may split on, and grows
            # whole layers faster than single leaves.
            "demo": Budget(
                trials=5,
                largest_sample=5_000,
                fit_seconds=9.0,
                fixed={"n_estimators": 200, "early_stopping_rounds": 20},
                first=({"learning_rate": 0.07, "grow_policy": "depthwise", "max_depth": 3},),
            ),
        },
        growth=0.9,
        threads=True,
        final_parameters=_without_stopping,
        format="xgboost-ubj",
    ),
)
