"""Made-up tables with all that engines have disagreed about, and what "the same" means."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from project_tools.demo import generate
from project_tools.features.build import build
from project_tools.tables.declared import TABLES

HISTORIES = [name for name in TABLES if not name.startswith("application")]


def _odd_applications(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.astype({"CODE_GENDER": "object", "OCCUPATION_TYPE": "object"})
    rows.loc[0, ["CODE_GENDER", "AMT_INCOME_TOTAL"]] = ["XNA", 117e6]
    rows.loc[1, ["AMT_ANNUITY", "DAYS_BIRTH"]] = 0
    rows.loc[2, ["EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3"]] = np.nan
    rows.loc[3, "OCCUPATION_TYPE"] = "a level that nobody has seen"
    rows.loc[4, ["DAYS_EMPLOYED", "DAYS_LAST_PHONE_CHANGE"]] = [365243, 0]
    rows.loc[5:24, ["AMT_CREDIT", "AMT_ANNUITY"]] = [270000.0, 13500.0]  # a group of one ratio
    return rows


def _odd_history(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Zeros as divisors, ties of every date, nulls, all in rows of their own."""
    floats = list(rows.select_dtypes("float").columns)
    dates = [c for c in rows if c.startswith("DAYS_") and not c.startswith("DAYS_LAST")]
    amounts = [c for c in rows if c.startswith("AMT_")]
    third = np.arange(len(rows)) % 3
    if name != "bureau_balance":
        rows.loc[rows.index[third == 0][:60], amounts] = 0
        rows.loc[rows.index[third == 1][:60], floats] = np.nan
        rows.loc[rows.index[third == 2][:300], dates] = -400
    if name == "installments_payments":  # the only table whose rows may repeat
        moved = rows.iloc[::3].assign(SK_ID_CURR=rows.SK_ID_CURR.iloc[::3] + 1)
        moved = moved[moved.SK_ID_CURR.isin(rows.SK_ID_CURR)]  # a loan's payments of two clients
        rows = pd.concat([rows, rows.head(40), moved], ignore_index=True)
        rows.loc[rows.index[::17], ["DAYS_ENTRY_PAYMENT", "AMT_PAYMENT"]] = np.nan
    return rows


def make_odd_tables(folder: Path, clients: int) -> Path:
    """Eight CSV tables of so many clients, some without history."""
    generate(folder, clients, 11, force=True, quiet=True)
    for name in ("application_train", *HISTORIES):
        path = folder / f"{name}.csv"
        rows = pd.read_csv(path)
        change = (
            _odd_applications(rows) if name == "application_train" else _odd_history(name, rows)
        )
        if "SK_ID_CURR" in change and name != "application_train":
            change = change[change.SK_ID_CURR % 10 != 0]
        change.to_csv(path, index=False)
    return folder


@pytest.fixture(scope="session")
def odd_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_odd_tables(tmp_path_factory.mktemp("odd"), 160)


@pytest.fixture(scope="session")
def by_duckdb(odd_tables: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feature file of those tables, as the default engine makes it."""
    path = tmp_path_factory.mktemp("batch") / "features.parquet"
    build(odd_tables, [path], quiet=True)
    return path


Agree = Callable[[pd.DataFrame, pd.DataFrame], None]


@pytest.fixture(scope="session")
def agree() -> Agree:
    return _agree


def _agree(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """All columns: the same nulls and levels; numbers within 1e-6 of the value or the column's
    scale.
    """
    assert list(found.columns) == list(wanted.columns)
    assert list(found.index) == list(wanted.index)
    wrong = {name: how for name in wanted if (how := _differs(found[name], wanted[name]))}
    assert not wrong


def _differs(found: pd.Series, wanted: pd.Series) -> str:
    if not np.array_equal(found.isna(), wanted.isna()):
        return "other nulls"
    known = wanted.notna().to_numpy()
    if not pd.api.types.is_float_dtype(wanted.dtype):
        same = found.astype(object)[known] == wanted.astype(object)[known]
        return "" if same.all() else "other levels"
    a, b = (x.to_numpy("float64")[known] for x in (found, wanted))
    scale = np.abs(b).max(initial=0)
    off = np.abs(a - b) - 1e-6 * np.maximum(np.abs(b), scale)
    return "" if (off <= 0).all() else f"off by {off.max()} on a scale of {scale}"
