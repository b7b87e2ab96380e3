"""Made-up clients, a small feature file, and a tracking store of one's own for each test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from project_tools.demo import generate
from project_tools.features.build import build
from project_tools.models.dataset import Dataset
from project_tools.runs import store as tracking
from project_tools.runs.parameters import PARAMETERS
from project_tools.settings import Settings

MakeClients = Callable[..., Dataset]
SEARCHED = (
    "data", "families", "profile", "trials", "sample", "folds", "metric", "fn_cost", "scaling",
    "imputation", "clip", "one_hot", "exclude", "seed", "jobs", "spark", "time_limit", "resume",
)  # fmt: skip


def made_up(rows: int = 400, seed: int = 0) -> Dataset:
    """Clients with a strong score, a weak amount with nulls, noise and a category of three levels."""
    random = np.random.default_rng(seed)
    risk = random.normal(size=rows)
    X = pd.DataFrame({
        "score, external": (-risk + random.normal(size=rows)).astype("float32"),
        "income": np.exp(random.normal(size=rows) - 0.3 * risk).astype("float32"),
        "noise": random.normal(size=rows).astype("float32"),
        "age": random.integers(20, 70, rows).astype("float32"),
        "work": pd.Categorical(random.choice(["a", "b"], rows), categories=["a", "b", "c"]),
    })  # fmt: skip
    X.loc[::7, "income"] = np.nan
    y = (risk + random.normal(size=rows) > 1.4).astype("int8")
    meta = {"state_digest": "s", "raw_digest": "r", "split_digest": "p"}
    return Dataset(X, y, np.arange(1, rows + 1), meta, "d", Path("f.parquet"))


@pytest.fixture(scope="session")
def clients() -> MakeClients:
    return made_up


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feature file of 700 invented clients; not to be changed."""
    folder = tmp_path_factory.mktemp("features")
    generate(folder / "raw", 700, 3, force=True, quiet=True)
    build(folder / "raw", [folder / "features.parquet"], threads=2, quiet=True)
    return folder / "features.parquet"


@pytest.fixture
def store(
    new_store: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_store(tmp_path))
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    return tracking.connect(Settings.load({}))


@pytest.fixture
def texts(features: Path) -> Callable[..., dict[str, str]]:
    """Parameters of a search of seconds, with others in their place."""

    def make(**chosen: object) -> dict[str, str]:
        small = {
            "data": features, "families": "lightgbm", "profile": "demo", "trials": 2, "folds": 2,
            "jobs": 1,
        }  # fmt: skip
        defaults = {name: PARAMETERS[name].default for name in SEARCHED}
        return defaults | {name: str(value) for name, value in (small | chosen).items()}

    return make
