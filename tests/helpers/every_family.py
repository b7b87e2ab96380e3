"""A small trained model of every family, on invented clients with names of the real catalogue."""

from functools import cache
from pathlib import Path
from typing import Any

from api.tests.served import META, invented_features
from project_tools.features.catalogue import all_features
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family, get_family
from project_tools.models.training import TrainedModel, train
from project_tools.runs.served_form import artefact_content
from project_tools.serving.artefact import ArtefactContent

#: Every form that a model can be served in, and every preparation.
NAMES = ("lightgbm", "xgboost", "random_forest", "logistic_l2", "logistic_l1", "forest of codes")
#: Few rounds learn little at the start's rate, a twentieth of the columns a tree.
QUICK = {"learning_rate": 0.05, "colsample_bytree": 0.5, "reg_lambda": 5.0}
SMALL: dict[str, dict[str, Any]] = {
    "lightgbm": {"n_estimators": 30, "early_stopping_rounds": 5, "num_leaves": 31, **QUICK},
    # Trees beyond the best round: early stopping leaves them in the booster.
    "xgboost": {
        "n_estimators": 200,
        "early_stopping_rounds": 10,
        **QUICK,
        "learning_rate": 0.3,
        "grow_policy": "depthwise",
    },
    "logistic_l1": {"C": 1.0},
    "logistic_l2": {"C": 1.0},
    "random_forest": {"n_estimators": 20, "max_leaf_nodes": 16},
    "forest of codes": {"n_estimators": 5, "max_leaf_nodes": 16},
}


def row_of(name: str) -> Family:
    """The family of a name, small."""
    if name == "logistic_l1":
        return get_family(name).with_choices(scaling="power", imputation="knn")
    if name == "forest of codes":
        return get_family("random_forest").with_choices(
            scaling="min-max", imputation="zero", one_hot=False
        )
    return get_family(name)


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
