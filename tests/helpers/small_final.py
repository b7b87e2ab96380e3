"""Final models of a second: invented clients in a feature file, the entry scripts in this process."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from mlflow import MlflowClient

from api.tests.served import invented_features
from project_tools.features.files import write_features
from project_tools.features.state import FeatureState
from project_tools.runs.store import connect, find_runs
from project_tools.settings import ROOT

#: Thirty rounds learn little at the start's rate, a twentieth of the columns a tree.
SCRIPTS = {
    "lightgbm": (
        "lightgbm/log_boosting.py",
        '{"n_estimators": 30, "min_child_samples": 10, "learning_rate": 0.05, "num_leaves": 31,'
        ' "colsample_bytree": 0.5, "reg_lambda": 5}',
    ),
    "random_forest": (
        "random_forest/final_forest.py",
        '{"n_estimators": 10, "max_leaf_nodes": 32, "min_samples_leaf": 5}',
    ),
}
#: MLflow's own hints, said while its pyfunc is imported and a model is logged without examples.
HINTS = (r"ignore:(?s).*Any type hint is inferred", r"ignore:(?s).*input example was not provided")


def feature_file(folder: Path, rows: int = 1_500) -> Path:
    """Clients with all that an audit groups by; gender tells of the outcome, family status does not."""
    frame = invented_features(rows).drop(columns="PREV_NAME_CONTRACT_STATUS_Refused:MEAN")
    chance = np.random.default_rng(5)
    statuses = chance.choice(["Married", "Widow"], rows)
    frame["NAME_FAMILY_STATUS"] = pd.Categorical(statuses, categories=["Married", "Widow"])
    men = (frame["CODE_GENDER"] == "M").to_numpy()
    moved = frame["TARGET"].notna() & (chance.random(rows) < 0.6)
    frame.loc[moved, "TARGET"] = men[moved].astype(float)
    frame["BUREAU_DAYS_CREDIT_MEAN"] = np.where(chance.random(rows) < 0.3, np.nan, -9.0).astype(
        "f4"
    )
    levels = {
        name: tuple(frame[name].cat.categories)
        for name in frame.select_dtypes("category").columns
        if name != "SPLIT"
    }
    path = folder / "features.parquet"
    state = FeatureState({}, levels, raw_digest="a" * 64, split_digest="b" * 64)
    write_features(pa.Table.from_pandas(frame, preserve_index=False), state, [path])
    return path


@dataclass(frozen=True)
class Trained:
    """A final model's run, and the store that it is in."""

    client: MlflowClient
    run_id: str
    data: Path

    def file(self, name: str) -> Path:
        return Path(self.client.download_artifacts(self.run_id, name))

    @property
    def version(self) -> Any:
        (found,) = self.client.search_model_versions(f"run_id = '{self.run_id}'")
        return found


def train_finally(family: str, data: Path, **given: str) -> Trained:
    """Train, judge, audit and register a small model, as ``mlflow run`` would start it."""
    script, parameters = SCRIPTS[family]
    spec = importlib.util.spec_from_file_location(f"entry_{family}", ROOT / script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    chosen = {"data": str(data), "folds": "2", "jobs": "1", "parameters": parameters} | given
    before, sys.argv = sys.argv, [script, *(w for k, v in chosen.items() for w in (f"--{k}", v))]
    try:
        module.main()
    finally:
        sys.argv = before
    client = connect()
    newest = find_runs(client, "tags.level = 'final'")[0]
    return Trained(client, newest.info.run_id, data)


class Finals:
    """Final models that are trained when they are first asked for, each after those before it: the
    registry numbers them in this order.
    """

    def __init__(self, train: Mapping[str, Callable[[], Trained]]) -> None:
        self._train, self._trained = train, dict[str, Trained]()

    def __getitem__(self, name: str) -> Trained:
        for one, train in self._train.items():
            if one not in self._trained:
                self._trained[one] = train()
            if one == name:
                return self._trained[one]
        raise KeyError(name)
