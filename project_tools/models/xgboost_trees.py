"""XGBoost on raw nulls and categories, with early stopping that sees training rows only."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost

from project_tools.models.boosting import Binned, Boosting, Rows, rows_by_column
from project_tools.models.monotone import directions
from project_tools.models.preparation import Matrix, model_names


class XGBoostedTrees(Boosting):
    """XGBoost's histogram trees on raw nulls and categories by the position of their fixed level.

    ``early_stopping_rounds`` and ``n_estimators`` as in ``BoostedTrees``, but the log loss is taken
    after each tree.
    ``grow_policy`` is ``depthwise``, to the depth ``max_depth``, or ``lossguide``, to the number
    of leaves ``max_leaves``. The risk never rises with a feature of ``falling``, and no tree
    splits on one of ``withheld``.
    """

    def __init__(
        self,
        *,
        n_estimators: int = 2_000,
        early_stopping_rounds: int = 50,
        learning_rate: float = 0.05,
        grow_policy: str = "depthwise",
        max_depth: int = 5,
        max_leaves: int = 31,
        min_child_weight: float = 10.0,
        colsample_bytree: float = 0.5,
        subsample: float = 0.9,
        gamma: float = 0.1,
        reg_lambda: float = 5.0,
        reg_alpha: float = 0.1,
        falling: tuple[str, ...] = (),
        withheld: tuple[str, ...] = (),
        seed: int = 0,
        jobs: int = 1,
    ) -> None:
        self.n_estimators, self.early_stopping_rounds = n_estimators, early_stopping_rounds
        self.learning_rate = learning_rate
        self.grow_policy, self.max_depth, self.max_leaves = grow_policy, max_depth, max_leaves
        self.min_child_weight, self.colsample_bytree = min_child_weight, colsample_bytree
        self.subsample, self.gamma = subsample, gamma
        self.reg_lambda, self.reg_alpha = reg_lambda, reg_alpha
        self.falling, self.withheld = falling, withheld
        self.seed, self.jobs = seed, jobs

    def model_json(self) -> str:
        """XGBoost's native JSON of the kept trees: numeric codes in, probabilities out."""
        kept = self.booster_[: self.rounds_]
        return bytes(kept.save_raw("json")).decode()

    def _binned(
        self,
        X: pd.DataFrame,
        y: npt.NDArray[Any],
        rows: Rows,
        levels: dict[str, list[Any]],
        like: Any | None,
    ) -> xgboost.QuantileDMatrix:
        return xgboost.QuantileDMatrix(
            rows_by_column(X, rows, levels),
            np.asarray(y[rows], dtype=np.float32),
            ref=like,
            feature_names=model_names(X.columns),
            feature_types=["c" if name in levels else "q" for name in X.columns],
            enable_categorical=True,
            max_bin=256,
            nthread=self.jobs,
        )

    def _grow(self, prepared: Binned) -> None:
        watched = [(prepared.watched, "watched")] if prepared.watched is not None else []
        self.booster_ = xgboost.train(
            self._training() | self._constraints(prepared.train.feature_names),
            prepared.train,
            num_boost_round=self.n_estimators,
            evals=watched,
            early_stopping_rounds=self.early_stopping_rounds if watched else None,
            verbose_eval=False,
        )
        self.feature_names_in_ = np.array(self.booster_.feature_names, dtype=object)
        best = self.booster_.best_iteration + 1 if watched else self.booster_.num_boosted_rounds()
        self.rounds_ = int(best)

    def _risk(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        rows = xgboost.DMatrix(
            matrix,
            feature_names=list(self.feature_names_in_),
            feature_types=self.booster_.feature_types,
            enable_categorical=True,
            nthread=self.jobs,
        )
        risk = self.booster_.predict(rows, iteration_range=(0, self.rounds_))
        return np.asarray(risk, dtype=np.float64)

    def _constraints(self, names: list[str]) -> dict[str, Any]:
        if not self.falling:
            return {}
        return {"monotone_constraints": tuple(directions(names, model_names(self.falling)))}

    def _training(self) -> dict[str, Any]:
        growth: dict[str, Any] = {"grow_policy": "depthwise", "max_depth": self.max_depth}
        if self.grow_policy == "lossguide":
            growth = {"grow_policy": "lossguide", "max_leaves": self.max_leaves, "max_depth": 0}
        return growth | {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "max_bin": 256,
            "learning_rate": self.learning_rate,
            "min_child_weight": self.min_child_weight,
            "colsample_bytree": self.colsample_bytree,
            "subsample": self.subsample,
            "gamma": self.gamma,
            "reg_lambda": self.reg_lambda,
            "reg_alpha": self.reg_alpha,
            "seed": self.seed,
            "nthread": self.jobs,
            "verbosity": 0,
        }
