"""Amounts of any magnitude: no infinity leaves the pipeline, and one row spoils no aggregate."""

import math
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from project_tools.__main__ import main
from project_tools.features.applicant import Applicants
from project_tools.features.expressions import MOST
from project_tools.tables.declared import TABLES
from tests.features.made_up_tables import Tables, features, made_up, write
from tests.features.three_ways import A_FEW, differing, one_by_one, records_of, transformed_alike
from tests.helpers.engines import QUICK

CLIENTS = 25
AMOUNTS = {
    name: tuple(c.name for c in table.columns if c.kind == "amount")
    for name, table in TABLES.items()
    if name != "bureau_balance"
}
COLUMNS = [(name, column) for name, columns in AMOUNTS.items() for column in columns]
RATIOS = [f"PREV_CREDIT_TO_ANNUITY_RATIO_{name}" for name in ("MEAN", "MAX")]
#: A table and column, a row, and an amount from 1e-320 to 1e300, or its negative.
Extreme = tuple[tuple[str, str], int, float]
MAGNITUDES = st.builds(
    lambda power, sign: sign * 10.0**power, st.integers(-320, 300), st.sampled_from((1, -1))
)
EXTREMES = st.lists(
    st.tuples(st.sampled_from(COLUMNS), st.integers(0, 10**6), MAGNITUDES), min_size=30, max_size=60
)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return made_up(61, clients=CLIENTS)


@pytest.fixture(scope="module")
def folder(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tables, tmp_path_factory.mktemp("magnitudes") / "raw")


@pytest.fixture(scope="module")
def before(folder: Path) -> pd.DataFrame:
    return features(folder, engine=QUICK)


@pytest.fixture(scope="module")
def applicants(folder: Path, before: pd.DataFrame) -> Applicants:
    assert len(before) == CLIENTS
    return Applicants.load(folder.parent / "raw.state")


def changed(tables: Tables, extremes: list[Extreme], *, null_beyond: float) -> Tables:
    """The tables with the extreme amounts; those beyond a bound become null."""
    rows = {name: [dict(row) for row in old] for name, old in tables.items()}
    for (name, column), place, amount in extremes:
        if rows[name]:
            value = None if abs(amount) > null_beyond else amount
            rows[name][place % len(rows[name])][column] = value
    return rows


def agree_without_infinity(
    tables: Tables, folder: Path, applicants: Applicants, extremes: list[Extreme]
) -> None:
    """DuckDB, Polars and one applicant agree on every bit; an amount beyond float32 is a null."""
    state = folder.with_name("raw.state")
    extreme = changed(tables, extremes, null_beyond=math.inf)
    found = transformed_alike(extreme, folder.with_name("extreme"), state, applicants)
    assert not np.isinf(found.select_dtypes("float32").to_numpy()).any()
    nulled = changed(tables, extremes, null_beyond=MOST)
    same = one_by_one(applicants, nulled, found.index, found.dtypes)
    assert differing(same[found.columns], found) == []


@pytest.mark.slow
def test_no_infinity_leaves_the_pipeline(
    tables: Tables, folder: Path, applicants: Applicants
) -> None:
    """Every amount of every table, of every magnitude."""
    chance = random.Random(7)  # noqa: S311  (made-up rows, no secrets)
    powers = [chance.randint(-320, 300) for _ in COLUMNS]
    agree_without_infinity(
        tables, folder, applicants,
        [
            (column, chance.randrange(10**6), chance.choice((1, -1)) * 10.0**power)
            for column, power in zip(COLUMNS, powers, strict=True)
        ],
    )  # fmt: skip


@pytest.mark.slow
@A_FEW
@given(extremes=EXTREMES)
def test_no_infinity_leaves_the_pipeline_whatever_the_amounts(
    tables: Tables, folder: Path, applicants: Applicants, extremes: list[Extreme]
) -> None:
    agree_without_infinity(tables, folder, applicants, extremes)


def test_a_ratio_beyond_float32_is_null_and_the_rest_is_aggregated(
    tables: Tables, applicants: Applicants
) -> None:
    """As if the annuity were 0, of which there is no ratio either."""
    clients = sorted({row["SK_ID_CURR"] for row in tables["previous_application"]})

    def with_annuity(value: float) -> pd.DataFrame:
        rows = {name: [dict(row) for row in old] for name, old in tables.items()}
        for client in clients:
            loan = next(r for r in rows["previous_application"] if r["SK_ID_CURR"] == client)
            loan |= {"AMT_ANNUITY": value, "AMT_CREDIT": 1e12}
        types = dict.fromkeys(RATIOS, "float32")
        return one_by_one(applicants, rows, clients, types)[RATIOS]

    without_ratio = with_annuity(0.0)
    assert without_ratio[RATIOS[0]].notna().any()
    for annuity in (1e-30, -1e-320):
        assert differing(with_annuity(annuity), without_ratio) == [], annuity


@pytest.mark.parametrize(
    "amount", ["1e39", *(pytest.param(one, marks=pytest.mark.slow) for one in ("1e-320", "1e300"))]
)
def test_the_command_takes_an_amount_of_any_magnitude(
    tables: Tables, tmp_path: Path, amount: str
) -> None:
    rows = {name: [dict(row) for row in old] for name, old in tables.items()}
    rows["application_train"][0]["AMT_ANNUITY"] = amount
    raw = write(rows, tmp_path / "raw")
    assert main(["features", str(raw), str(tmp_path / "f.parquet"), "--quiet"]) == 0


@pytest.mark.parametrize("left", [32_767.0, 32_768.0, 40_000.0, 2.0**31 - 1])
def test_a_loan_s_last_number_of_instalments_may_be_large(
    tables: Tables, applicants: Applicants, left: float
) -> None:
    month = {**tables["POS_CASH_balance"][0], "SK_ID_PREV": 7, "CNT_INSTALMENT_FUTURE": left}
    earlier = {**month, "MONTHS_BALANCE": month["MONTHS_BALANCE"] - 1, "CNT_INSTALMENT_FUTURE": 1.0}
    rows = {**tables, "POS_CASH_balance": [month, earlier]}
    row = applicants.features(records_of(rows, month["SK_ID_CURR"]))
    assert row["POS_REMAINING_INSTALMENTS"] == np.float32(left)
