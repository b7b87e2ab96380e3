"""A small model and client store on invented rows, made by the functions that make the real ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from project_tools.evaluation.calibration import PlattCalibration
from project_tools.serving.artefact import ArtefactContent, write_artefact
from project_tools.serving.clients import write_client_store
from project_tools.serving.formats.base import ModelFile
from project_tools.serving.inputs import served_features

#: What the feature file, the artefact and the client store say alike.
META = {"version": 1, "raw_digest": "a" * 64, "split_digest": "b" * 64, "state_digest": "c" * 64}
THRESHOLD = 0.2
#: Slope and intercept.
CALIBRATION = (0.9, -0.4)
ROWS = 900
FIRST_ID = 100_001
CARD = "# Model card: credit_scoring, version 3\n\nÄ model.\n"
CARD_PAGE = "<!doctype html><title>Model card</title><p>Ä model."

_EDUCATION = ("Higher education", "Incomplete higher", "Secondary / secondary special")
_OCCUPATION = ("Accountants", "Drivers", "Laborers")
_INCOME = ("Pensioner", "Working")
#: name, label, unit, concept; the categories' levels follow.
_CATALOGUE = (
    ("EXT_SOURCE_2", "external score 2", "", "External scores"),
    ("EXT_SOURCE_3", "external score 3", "", "External scores"),
    ("AMT_CREDIT", "amount of the credit", "currency", "Amounts"),
    ("AMT_INCOME_TOTAL", "yearly income", "currency", "Income"),
    ("CREDIT_TO_INCOME_RATIO", "credit over income", "", "Amounts"),
    ("DAYS_BIRTH", "age at application", "days", "Age"),
    ("AGE_RANGE", "age range", "", "Age"),
    ("CREDIT_TO_ANNUITY_GROUP", "credit duration", "", "Amounts"),
    ("PREV_NAME_CONTRACT_STATUS_Refused:MEAN", "share of refusals", "", "Former applications"),
    ("NAME_EDUCATION_TYPE", "education", "", "Person"),
    ("OCCUPATION_TYPE", "occupation", "", "Work"),
    ("NAME_INCOME_TYPE", "kind of income", "", "Work"),
)
_LEVELS = {
    "NAME_EDUCATION_TYPE": _EDUCATION,
    "OCCUPATION_TYPE": _OCCUPATION,
    "NAME_INCOME_TYPE": _INCOME,
}
#: In the client store, not in the model: a feature that the model may not know.
_UNUSED = ("CODE_GENDER", "gender", "", "Person")


@dataclass(frozen=True, slots=True)
class Served:
    """Where the artefact and the client store lie, and the frame that they were made from."""

    model: Path
    clients: Path
    features: Path
    frame: pd.DataFrame
    content: ArtefactContent

    def ids(self, split: str = "test") -> list[int]:
        """The ids of a split, ascending."""
        return [int(i) for i in self.frame.loc[self.frame["SPLIT"] == split, "SK_ID_CURR"]]

    def client(self, client_id: int) -> Mapping[str, Any]:
        """A client's row of the frame."""
        return dict(self.frame.loc[self.frame["SK_ID_CURR"] == client_id].iloc[0])


def make_served(folder: Path) -> Served:
    """Write feature file, artefact and client store into a folder; about a third of a second."""
    frame = invented_features()
    features = folder / "features.parquet"
    write_features(frame, features)
    content = trained(frame, folder / "features.state")
    write_artefact(folder / "artefact", content)
    write_client_store(features, folder / "clients.parquet")
    return Served(folder / "artefact", folder / "clients.parquet", features, frame, content)


@cache
def invented_features(rows: int = ROWS, seed: int = 7) -> pd.DataFrame:
    """Clients with the columns of a feature file: a third each of train, test and new."""
    rng = np.random.default_rng(seed)
    numbers = {
        "EXT_SOURCE_2": rng.uniform(size=rows),
        "EXT_SOURCE_3": np.where(rng.uniform(size=rows) < 0.2, np.nan, rng.uniform(size=rows)),
        "AMT_CREDIT": rng.lognormal(13, 0.6, rows).round(-2),
        "AMT_INCOME_TOTAL": rng.lognormal(12, 0.5, rows).round(-2),
        "DAYS_BIRTH": -rng.integers(7700, 25000, rows).astype(float),
        "CREDIT_TO_ANNUITY_GROUP": rng.integers(2, 4, rows).astype(float),
        "PREV_NAME_CONTRACT_STATUS_Refused:MEAN": rng.choice([0, 0.25, 0.5, np.nan], rows),
    }
    frame = pd.DataFrame({"SK_ID_CURR": np.arange(FIRST_ID, FIRST_ID + rows), **numbers})
    frame["CREDIT_TO_INCOME_RATIO"] = frame["AMT_CREDIT"] / frame["AMT_INCOME_TOTAL"]
    frame["AGE_RANGE"] = np.digitize(-frame["DAYS_BIRTH"] / 365, [27, 40, 50, 65], right=True) + 1.0
    for name, levels in (*_LEVELS.items(), ("CODE_GENDER", ("F", "M"))):
        codes = rng.integers(0, len(levels), rows)
        texts = pd.Series(np.take(levels, codes)).mask(rng.uniform(size=rows) < 0.05)
        frame[name] = pd.Categorical(texts, categories=list(levels))
    frame["SPLIT"] = pd.Categorical(np.resize(["train", "test", "new"], rows))
    frame["TARGET"] = _targets(frame, rng)
    floats = frame.select_dtypes("float64").columns
    return frame.astype(dict.fromkeys(floats, "float32"))


def _targets(frame: pd.DataFrame, rng: np.random.Generator) -> "pd.Series[Any]":
    """Defaults that the external scores, refusals and drivers make likelier; null for new ones."""
    logit = 2 - 3 * frame["EXT_SOURCE_2"] - 2 * frame["EXT_SOURCE_3"].fillna(0.5)
    logit += 2 * frame["PREV_NAME_CONTRACT_STATUS_Refused:MEAN"].fillna(0.1)
    logit += (frame["OCCUPATION_TYPE"] == "Drivers") * 0.8
    defaulted = (rng.uniform(size=len(frame)) < 1 / (1 + np.exp(-logit))).astype(float)
    return pd.Series(np.where(frame["SPLIT"] == "new", np.nan, defaulted), index=frame.index)


def write_features(frame: pd.DataFrame, path: Path, meta: Mapping[str, Any] = META) -> None:
    """A feature file as the pipeline writes it: Arrow dictionaries, and the digests in it."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = {**(table.schema.metadata or {}), b"credit_features": json.dumps(meta).encode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), path)


def trained(frame: pd.DataFrame, state: Path) -> ArtefactContent:
    """A LightGBM model of the training rows, and all that the artefact says of it."""
    state.mkdir(parents=True, exist_ok=True)
    (state / "state.json").write_text('{"version": 1}\n')
    names = [row[0] for row in _CATALOGUE]
    train = frame[frame["SPLIT"] == "train"]
    X = train[names].rename(columns=model_name)
    estimator = lightgbm.LGBMClassifier(
        n_estimators=25, num_leaves=7, min_child_samples=10, n_jobs=1, verbose=-1, random_state=1
    ).fit(X, train["TARGET"].astype(int))
    return ArtefactContent(
        name="credit_scoring",
        version="3",
        alias="champion",
        run_id="0" * 32,
        family="lightgbm",
        model=ModelFile("lightgbm-text", estimator.booster_.model_to_string().encode()),
        features=served_features(train[names], [model_name(n) for n in names]),
        catalogue=catalogue(),
        threshold=THRESHOLD,
        fn_cost=5.0,
        metric="loss_of_income",
        calibration=PlattCalibration(*CALIBRATION),
        metrics={"AUC": {"value": 0.71, "se": 0.03, "on": "test"}},
        data_digest="d" * 64,
        feature_meta=META,
        golden=_golden(train[names].head(5)),
        state=state,
        files={"card.md": CARD.encode(), "card.html": CARD_PAGE.encode()},
        commit="e" * 40,
    )


def _golden(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        dict(zip(rows.columns, values, strict=True)) for values in rows.astype(object).to_numpy()
    ]


def model_name(name: str) -> str:
    """LightGBM refuses a colon."""
    return name.replace(":", "__COLON__")


def catalogue() -> list[dict[str, Any]]:
    """The catalogue's rows as plain data.

    As in a real one, a column that no model uses counts as a number, whatever it holds.
    """
    return [
        {
            "name": name,
            "label": label,
            "sentence": f"The {label} of the client.",
            "unit": unit,
            "tables": ["application"],
            "concept": concept,
            "kind": "category" if name in _LEVELS else "number",
            "levels": list(_LEVELS.get(name, ())),
            "columns": [name],
        }
        for name, label, unit, concept in (*_CATALOGUE, _UNUSED)
    ]
