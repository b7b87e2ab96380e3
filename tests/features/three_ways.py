"""The same tables transformed on two engines and for one applicant after the other, bit by bit."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, Phase, settings

from project_tools.features.applicant import Applicants
from project_tools.features.files import read_features
from project_tools.features.records import HISTORY_NAMES
from project_tools.features.transform import transform
from tests.features.made_up_tables import Row, Tables, write

#: Each example takes seconds, so there are few (``.ci/run`` sets ``EXAMPLES`` to more), and a failing
#: one is shown as it is, without a search for a smaller one.
A_FEW = settings(
    max_examples=int(os.environ.get("EXAMPLES", "2")), deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def records_of(tables: Tables, client: int) -> dict[str, Any]:
    """The client's application and the rows that name the client, in every table."""
    applications = [*tables["application_train"], *tables["application_test"]]
    (own,) = [row for row in applications if row["SK_ID_CURR"] == client]
    loans = {r["SK_ID_BUREAU"] for r in tables["bureau"] if r["SK_ID_CURR"] == client}

    def mine(row: Row) -> bool:
        return row["SK_ID_CURR"] == client if "SK_ID_CURR" in row else row["SK_ID_BUREAU"] in loans

    histories = {name: [row for row in tables[name] if mine(row)] for name in HISTORY_NAMES}
    return {"application": own, **histories}


def transformed_alike(
    tables: Tables, folder: Path, state: Path, applicants: Applicants
) -> pd.DataFrame:
    """The features of the tables, once DuckDB, Polars and the applicants agree on every bit."""
    raw = write(tables, folder)
    by_duckdb, by_polars = (_transformed(raw, state, engine) for engine in ("duckdb", "polars"))
    assert differing(by_polars, by_duckdb) == []
    alone = one_by_one(applicants, tables, by_duckdb.index, by_duckdb.dtypes)
    assert differing(alone[by_duckdb.columns], by_duckdb) == []
    return by_duckdb


def _transformed(raw: Path, state: Path, engine: str) -> pd.DataFrame:
    out = raw.with_name(f"{engine}.parquet")
    transform(raw, [out], state, engine=engine, quiet=True)
    return read_features(out).frame.set_index("SK_ID_CURR").drop(columns=["TARGET", "SPLIT"])


def one_by_one(
    applicants: Applicants, tables: Tables, clients: Iterable[int], types: Mapping[Any, Any]
) -> pd.DataFrame:
    """The features of each client from the client's records alone, in the batch's types."""
    rows = {client: applicants.features(records_of(tables, client)) for client in clients}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    return frame.astype({name: kind for name, kind in types.items() if name in frame}).rename_axis(
        "SK_ID_CURR"
    )


def differing(found: pd.DataFrame, wanted: pd.DataFrame) -> list[str]:
    """Columns of ``wanted`` in which a null, a level or a bit of a number differs in ``found``."""
    assert list(found.index) == list(wanted.index)
    return [name for name in wanted if not _alike(found[name], wanted[name])]


def _alike(found: pd.Series, wanted: pd.Series) -> bool:
    if wanted.dtype == "float32":
        return np.array_equal(*(one.to_numpy().view("uint32") for one in (found, wanted)))
    return found.astype("object").equals(wanted.astype("object"))
