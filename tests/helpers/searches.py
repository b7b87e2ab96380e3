"""Made-up clients, and the parameters of a search of seconds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from project_tools.models.dataset import Dataset
from project_tools.runs.parameters import PARAMETERS

MakeClients = Callable[..., Dataset]
SEARCHED = (
    "data", "families", "profile", "trials", "sample", "folds", "metric", "fn_cost", "scaling",
    "imputation", "clip", "one_hot", "monotone", "exclude", "seed", "jobs", "spark", "time_limit", "resume",
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


def small_search(features: Path, **chosen: object) -> dict[str, str]:
    """Parameters of a search of seconds, with others in their place."""
    small = {
        "data": features, "families": "lightgbm", "profile": "demo", "trials": 2, "folds": 2,
        "jobs": 1,
    }  # fmt: skip
    defaults = {name: PARAMETERS[name].default for name in SEARCHED}
    return defaults | {name: str(value) for name, value in (small | chosen).items()}
