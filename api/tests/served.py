"""A small model and client store on invented rows, made by the functions that make the real ones.

It needs no pandas: ``api/requirements.txt`` has none. ``frame`` and ``invented_features`` are for the
tests of an environment that has it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from project_tools.evaluation.calibration import PlattCalibration
from project_tools.evaluation.curves import Curves
from project_tools.evaluation.sensitivity import sensitivity
from project_tools.features.definitions.across import SAME_DURATION
from project_tools.features.definitions.application import GROUPS, LEVELS
from project_tools.features.pipeline import HISTORIES
from project_tools.features.state import FeatureState
from project_tools.serving.artefact import ArtefactContent, write_artefact
from project_tools.serving.clients import write_client_store
from project_tools.serving.formats.base import ModelFile
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.model import ServedModel
from project_tools.serving.reference import ReferenceClients

if TYPE_CHECKING:
    import pandas as pd

#: What the feature file, the artefact and the client store say alike.
META = {
    "version": 1,
    "raw_digest": "a" * 64,
    "split_digest": "b" * 64,
    "state_digest": "c" * 64,
    "demonstration": True,
}
THRESHOLD = 0.2
#: Slope and intercept.
CALIBRATION = (0.9, -0.4)
ROWS = 900
#: Clients among whom the reference's just-accepted and just-refused are.
HELD_OUT = 3_000
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
_TABLES = {"PREV_NAME_CONTRACT_STATUS_Refused:MEAN": "previous_application"}
_COLUMNS = {
    "PREV_NAME_CONTRACT_STATUS_Refused:MEAN": ["NAME_CONTRACT_STATUS"],
    "CREDIT_TO_INCOME_RATIO": ["AMT_CREDIT", "AMT_INCOME_TOTAL"],
    "AGE_RANGE": ["DAYS_BIRTH"],
    "CREDIT_TO_ANNUITY_GROUP": ["AMT_CREDIT", "AMT_ANNUITY"],
}
#: In the client store, not in the model: a feature that the model may not know.
_UNUSED = ("CODE_GENDER", "gender", "", "Person")


@dataclass(frozen=True)
class Served:
    """Where the artefact and the client store lie, and the table that they were made from."""

    model: Path
    clients: Path
    features: Path
    table: pa.Table
    content: ArtefactContent

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """The table in pandas."""
        frame: pd.DataFrame = self.table.to_pandas()
        return frame

    def ids(self, split: str = "test") -> list[int]:
        """The ids of a split, ascending."""
        ids: list[int] = self.rows(split).column("SK_ID_CURR").to_pylist()
        return ids

    def rows(self, split: str) -> pa.Table:
        """The clients of a split."""
        return split_of(self.table, split)

    def client(self, client_id: int) -> dict[str, Any]:
        """A client's row of the table; a missing value is None."""
        position = self.table.column("SK_ID_CURR").index(client_id).as_py()
        row: dict[str, Any] = self.table.slice(position, 1).to_pylist()[0]
        return row


def make_served(folder: Path, *, reference: bool = True) -> Served:
    """Write feature file, artefact and client store into a folder; about a third of a second.

    Without ``reference`` the artefact is one of format 2.
    """
    table = invented_table()
    features = folder / "features.parquet"
    write_features(table, features)
    content = trained(table, folder / "features.state")
    if not reference:
        content = replace(content, reference=None)
    write_artefact(folder / "artefact", content)
    write_client_store(features, folder / "clients.parquet")
    return Served(folder / "artefact", folder / "clients.parquet", features, table, content)


def split_of(table: pa.Table, split: str) -> pa.Table:
    """The rows of a split."""
    return table.filter(pc.equal(table.column("SPLIT").cast(pa.string()), split))


def invented_features(rows: int = ROWS, seed: int = 7) -> "pd.DataFrame":
    """``invented_table`` in pandas."""
    frame: pd.DataFrame = invented_table(rows, seed).to_pandas()
    return frame


@cache
def invented_table(rows: int = ROWS, seed: int = 7) -> pa.Table:
    """Clients with the columns of a feature file: a third each of train, test and new."""
    rng = np.random.default_rng(seed)
    numbers: dict[str, NDArray[Any]] = {
        "EXT_SOURCE_2": rng.uniform(size=rows),
        "EXT_SOURCE_3": np.where(rng.uniform(size=rows) < 0.2, np.nan, rng.uniform(size=rows)),
        "AMT_CREDIT": rng.lognormal(13, 0.6, rows).round(-2),
        "AMT_INCOME_TOTAL": rng.lognormal(12, 0.5, rows).round(-2),
        "DAYS_BIRTH": -rng.integers(7700, 25000, rows).astype(float),
        "CREDIT_TO_ANNUITY_GROUP": rng.integers(2, 4, rows).astype(float),
        "PREV_NAME_CONTRACT_STATUS_Refused:MEAN": rng.choice([0, 0.25, 0.5, np.nan], rows),
    }
    numbers["CREDIT_TO_INCOME_RATIO"] = numbers["AMT_CREDIT"] / numbers["AMT_INCOME_TOTAL"]
    years = -numbers["DAYS_BIRTH"] / 365
    numbers["AGE_RANGE"] = np.digitize(years, [27, 40, 50, 65], right=True) + 1.0
    texts = {}
    for name, levels in (*_LEVELS.items(), ("CODE_GENDER", ("F", "M"))):
        codes = rng.integers(0, len(levels), rows)
        missing = rng.uniform(size=rows) < 0.05
        texts[name] = pa.DictionaryArray.from_arrays(
            pa.array(codes.astype(np.int8), mask=missing), list(levels)
        )
    splits = np.resize([2, 1, 0], rows).astype(np.int8)
    drivers = texts["OCCUPATION_TYPE"].cast(pa.string()).to_numpy(zero_copy_only=False) == "Drivers"
    targets = _targets(numbers, drivers, rng)
    targets[splits == 0] = np.nan
    return pa.table({
        "SK_ID_CURR": np.arange(FIRST_ID, FIRST_ID + rows),
        **{name: _narrow(values) for name, values in numbers.items()},
        **texts,
        "SPLIT": pa.DictionaryArray.from_arrays(splits, ["new", "test", "train"]),
        "TARGET": _narrow(targets),
    })  # fmt: skip


def _narrow(values: NDArray[np.float64]) -> pa.Array:
    return pa.array(values.astype(np.float32), from_pandas=True)  # NaN becomes null


def _targets(
    numbers: Mapping[str, NDArray[np.float64]],
    drivers: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Defaults that the external scores, refusals and drivers make likelier."""
    known = {name: np.where(np.isnan(values), 0.5, values) for name, values in numbers.items()}
    refused = numbers["PREV_NAME_CONTRACT_STATUS_Refused:MEAN"]
    logit = 2 - 3 * known["EXT_SOURCE_2"] - 2 * known["EXT_SOURCE_3"]
    logit += 2 * np.where(np.isnan(refused), 0.1, refused)
    logit += drivers * 0.8
    drawn: NDArray[np.bool_] = rng.uniform(size=len(logit)) < 1 / (1 + np.exp(-logit))
    return drawn.astype(float)


def _arrow(features: "pa.Table | pd.DataFrame") -> pa.Table:
    if isinstance(features, pa.Table):
        return features
    return pa.Table.from_pandas(features, preserve_index=False)


def write_features(
    features: "pa.Table | pd.DataFrame", path: Path, meta: Mapping[str, Any] = META
) -> None:
    """A feature file as the pipeline writes it: Arrow dictionaries, and the digests in it."""
    table = _arrow(features)
    metadata = {**(table.schema.metadata or {}), b"credit_features": json.dumps(meta).encode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.replace_schema_metadata(metadata), path)


def features_of_model() -> list[ServedFeature]:
    """The model's inputs in its order."""
    return [
        ServedFeature(
            name,
            model_name(name),
            "category" if name in _LEVELS else "number",
            tuple(_LEVELS.get(name, ())),
        )
        for name, *_ in _CATALOGUE
    ]


def matrix_of(table: pa.Table) -> NDArray[np.float64]:
    """What LightGBM makes of the model's columns: numbers, positions of levels, NaN for null."""
    columns = []
    for feature in features_of_model():
        column = table.column(feature.name)
        if feature.levels:
            column = pc.index_in(column.cast(pa.string()), pa.array(feature.levels))
        columns.append(column.cast(pa.float64()).to_numpy())
    return np.column_stack(columns)


def trained(features: "pa.Table | pd.DataFrame", state: Path) -> ArtefactContent:
    """A LightGBM model of the training rows, and all that the artefact says of it."""
    state.mkdir(parents=True, exist_ok=True)
    empty_state().save(state)
    table, inputs = _arrow(features), features_of_model()
    train = split_of(table, "train")
    booster = lightgbm.train(
        {
            "objective": "binary",
            "num_leaves": 7,
            "min_data_in_leaf": 10,
            "num_threads": 1,
            "verbose": -1,
            "seed": 1,
        },
        lightgbm.Dataset(
            matrix_of(train),
            train.column("TARGET").to_numpy(),
            feature_name=[feature.model_name for feature in inputs],
            categorical_feature=[feature.model_name for feature in inputs if feature.levels],
        ),
        num_boost_round=25,
    )
    # As LightGBM writes it after a training on a frame.
    levels = json.dumps([list(feature.levels) for feature in inputs if feature.levels])
    text = booster.model_to_string().replace(
        "pandas_categorical:null", f"pandas_categorical:{levels}"
    )
    file, curve = ModelFile("lightgbm-text", text.encode()), PlattCalibration(*CALIBRATION)
    return ArtefactContent(
        name="credit_scoring",
        version="3",
        alias="champion",
        run_id="0" * 32,
        family="lightgbm",
        model=file,
        features=inputs,
        catalogue=catalogue(),
        threshold=THRESHOLD,
        fn_cost=5.0,
        metric="loss_of_income",
        calibration=curve,
        metrics={"AUC": {"value": 0.71, "se": 0.03, "on": "test"}},
        data_digest="d" * 64,
        feature_meta=META,
        golden=train.select([feature.name for feature in inputs]).slice(0, 5).to_pylist(),
        reference=replace(
            reference_clients(table), curves=curves_of(ServedModel.read(file, inputs, curve))
        ),
        state=state,
        files={"card.md": CARD.encode(), "card.html": CARD_PAGE.encode()},
        commit="e" * 40,
    )


def empty_state() -> FeatureState:
    """A state that knows all levels and no group of clients."""
    tables = {
        groups.name: pa.table({
            **{name: pa.array([], pa.string() if name in LEVELS else pa.float64()) for name in groups.by},
            **{name: pa.array([], pa.float64()) for name in groups.names},
        })
        for groups in (*GROUPS, SAME_DURATION, *(g for history in HISTORIES for g in history.groups))
    }  # fmt: skip
    return FeatureState(tables, LEVELS)


def reference_clients(table: pa.Table) -> ReferenceClients:
    """The clients of the model's reference; more are held out than the store knows: few are granted."""
    train = split_of(table, "train")
    return ReferenceClients(
        training=matrix_of(train).astype(np.float32),
        defaulted=train.column("TARGET").to_numpy() == 1,
        held_out=matrix_of(invented_table(HELD_OUT, seed=8)).astype(np.float32),
        band=(THRESHOLD - 0.05, THRESHOLD + 0.05),
    )


def curves_of(model: ServedModel) -> Curves:
    """The curves of the held-out clients of the reference whose outcome is known."""
    rows = split_of(invented_table(HELD_OUT, seed=8), "test")
    p = model.probabilities(model.raw_scores(matrix_of(rows).astype(np.float32)))
    return sensitivity(rows.column("TARGET").to_numpy(), p, THRESHOLD, 5.0)


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
            "tables": [_TABLES.get(name, "application")],
            "concept": concept,
            "kind": "category" if name in _LEVELS else "number",
            "levels": list(_LEVELS.get(name, ())),
            "columns": _COLUMNS.get(name, [name]),
        }
        for name, label, unit, concept in (*_CATALOGUE, _UNUSED)
    ]
