"""A small trained model of every family, on invented clients with names of the real catalogue."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from sklearn.linear_model import LogisticRegression

from api.tests.served import META, invented_features
from project_tools.artefact import ArtefactContent
from project_tools.dataset import Dataset
from project_tools.families import Budget, Family, family
from project_tools.features.catalogue import all_features
from project_tools.preparation import category_levels, model_names, numeric_matrix
from project_tools.served_export import artefact_content
from project_tools.training import TrainedModel, train

#: Every form that a model can be served in, and every preparation.
NAMES = ("lightgbm", "xgboost", "random_forest", "logistic_l2", "logistic_l1", "forest of codes")
SMALL: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_estimators": 30, "early_stopping_rounds": 5},
    "random_forest": {"n_estimators": 20, "max_leaf_nodes": 16},
    "forest of codes": {"n_estimators": 5, "max_leaf_nodes": 16},
}


class BoostedByXGBoost:
    """XGBoost as a family would wrap it: raw nulls, categories by the position of their level."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: Any) -> "BoostedByXGBoost":
        self.levels_ = category_levels(X)
        self.booster_ = xgboost.train(
            {"objective": "binary:logistic", "max_depth": 3, "seed": self.seed, "nthread": 1},
            self._matrix(X, y),
            30,
        )
        self.rounds_ = 20  # as early stopping leaves it: ten trees too many
        return self

    def predict_proba(self, X: pd.DataFrame) -> Any:
        risk = self.booster_.predict(self._matrix(X), iteration_range=(0, self.rounds_))
        return np.column_stack([1 - risk, risk])

    def _matrix(self, X: pd.DataFrame, y: Any = None) -> xgboost.DMatrix:
        return xgboost.DMatrix(
            numeric_matrix(X, self.levels_),
            y,
            feature_names=model_names(X.columns),
            feature_types=["c" if name in self.levels_ else "q" for name in X.columns],
            enable_categorical=True,
        )


def row_of(name: str) -> Family:
    """The family of a name, small."""
    budgets = {profile: Budget(1, 1_000) for profile in ("full", "demo")}
    if name == "xgboost":
        return Family(
            "xgboost", "XGBoost", lambda _p, seed, _j: BoostedByXGBoost(seed), None, {}, {}, budgets
        )
    if name == "logistic_l1":
        plan = family("logistic_l2").with_choices(scaling="power", imputation="knn").plan

        def build(_p: Any, seed: int, _j: int) -> Any:
            return LogisticRegression(l1_ratio=1.0, C=0.1, solver="saga", random_state=seed)

        return Family("logistic_l1", "L1", build, plan, {}, {}, budgets)
    if name == "forest of codes":
        return family("random_forest").with_choices(
            scaling="min-max", imputation="zero", one_hot=False
        )
    return family(name)


def clients(split: str) -> Dataset:
    """The invented clients of a split with the features that the real catalogue knows."""
    frame = invented_features()
    rows = frame[frame["SPLIT"] == split].reset_index(drop=True)
    names = [name for name in frame.columns if name in all_features() and name != "CODE_GENDER"]
    y = rows["TARGET"].fillna(0).astype("int8").to_numpy()
    meta = dict(META)
    return Dataset(rows[names], y, rows["SK_ID_CURR"].to_numpy(), meta, "d" * 64, Path("f.parquet"))


@cache
def trained(name: str) -> TrainedModel:
    """A family's model of the training clients."""
    return train(row_of(name), SMALL.get(name, {}), clients("train"), folds=3)


def content_of(name: str, state: Path) -> ArtefactContent:
    """What is served of it; ``state`` is made."""
    state.mkdir(parents=True, exist_ok=True)
    (state / "state.json").write_text('{"version": 1}\n')
    return artefact_content(
        trained(name),
        name="credit_scoring",
        run_id="0" * 32,
        commit="e" * 40,
        metrics={"AUC": {"value": 0.7, "se": 0.03, "on": "test"}},
        training=clients("train").X,
        held_out=clients("test").X,
        state=state,
    )
