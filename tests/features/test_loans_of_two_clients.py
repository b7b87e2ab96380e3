"""Rows of a loan that name another client than its owner count for the client whom they name."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from project_tools.features.applicant import Applicants
from project_tools.features.build import build
from project_tools.features.files import state_folder
from project_tools.tables.orphans import TWO_CLIENTS
from tests.features.made_up_tables import OF_LOANS, Tables, features, made_up, write
from tests.features.three_ways import A_FEW, differing, transformed_alike
from tests.helpers.engines import QUICK

CLIENTS = 30
#: A table, a row of it, the client whom a copy of the row names, and the copy's amounts.
Copy = tuple[str, int, int, float]

COPIES = st.lists(
    st.tuples(
        st.sampled_from(OF_LOANS),
        st.integers(0, 10**6),
        st.integers(100_001, 100_000 + CLIENTS),
        st.sampled_from((1.0, 1_000.0, 1_000_000.0)),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return made_up(51, clients=CLIENTS)


@pytest.fixture(scope="module")
def folder(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tables, tmp_path_factory.mktemp("two clients") / "raw")


@pytest.fixture(scope="module")
def before(folder: Path) -> pd.DataFrame:
    return features(folder, engine=QUICK)


@pytest.fixture(scope="module")
def applicants(folder: Path, before: pd.DataFrame) -> Applicants:
    assert len(before) == CLIENTS
    return Applicants.load(folder.parent / "raw.state")


def with_copies(tables: Tables, copies: Sequence[Copy]) -> Tables:
    """The tables, and copies of some rows under other clients' ids with other amounts."""
    more = {name: list(rows) for name, rows in tables.items()}
    for name, place, client, amount in copies:
        row = tables[name][place % len(tables[name])]
        amounts = {n: amount for n in row if n.startswith("AMT_")}
        more[name].append({**row, **amounts, "SK_ID_CURR": client})
    return more


def count_for_the_client_named(
    tables: Tables, folder: Path, before: pd.DataFrame, applicants: Applicants, copies: list[Copy]
) -> None:
    """On two engines and for one applicant, to the bit."""
    more = with_copies(tables, copies)
    state = folder.with_name("raw.state")
    after = transformed_alike(more, folder.with_name("more"), state, applicants)
    named = {client for _, _, client, _ in copies}
    others = [client for client in after.index if client not in named]
    assert differing(after.loc[others], before.loc[others, after.columns]) == []


@pytest.mark.slow
def test_a_row_counts_for_the_client_whom_it_names_and_for_nobody_else(
    tables: Tables, folder: Path, before: pd.DataFrame, applicants: Applicants
) -> None:
    """Two rows of each table, under three clients' ids."""
    copies = [
        (name, row, 100_001 + row % 3, amount)
        for row, amount in ((4, 1.0), (17, 1_000_000.0))
        for name in OF_LOANS
    ]
    count_for_the_client_named(tables, folder, before, applicants, copies)


@pytest.mark.slow
@A_FEW
@given(copies=COPIES)
def test_any_row_counts_for_the_client_whom_it_names_and_for_nobody_else(
    tables: Tables, folder: Path, before: pd.DataFrame, applicants: Applicants, copies: list[Copy]
) -> None:
    count_for_the_client_named(tables, folder, before, applicants, copies)


def test_a_payment_of_another_client_does_not_pay_the_owner_s_instalment(tmp_path: Path) -> None:
    """The owner has paid 40 of 100; a stranger's 1,000,000 stands for the same instalment."""
    tables = made_up(52, clients=20)
    owner, stranger = 100_002, 100_003  # both with a history
    tables["previous_application"] = [
        {**row, "SK_ID_CURR": owner, "SK_ID_PREV": 7, "NAME_CONTRACT_STATUS": "Approved",
         "DAYS_LAST_DUE": 365_243.0, "AMT_CREDIT": 500.0}
        for row in tables["previous_application"][:1]
    ]  # fmt: skip
    due = {
        **tables["installments_payments"][0],
        "SK_ID_PREV": 7, "SK_ID_CURR": owner, "AMT_INSTALMENT": 100.0, "AMT_PAYMENT": 40.0,
    }  # fmt: skip
    strange = {**due, "SK_ID_CURR": stranger, "AMT_PAYMENT": 1e6}
    tables["installments_payments"] = [due, strange]
    found = features(write(tables, tmp_path / "raw"), engine=QUICK)
    ratio = found["INS_PAYMENT_RATIO_MEAN"]
    assert [round(ratio[owner], 6), ratio[stranger]] == [0.4, 10_000.0]
    assert found.loc[owner, "PREV_ACTIVE_REMAINING_DEBT_MAX"] == 460
    assert found.loc[owner, "PREV_ACTIVE_AMT_PAYMENT_SUM"] == 40


@pytest.mark.parametrize(
    ("engine", "without"),
    [
        ("polars", ()),
        ("polars", ("previous_application",)),
        pytest.param("duckdb", (), marks=pytest.mark.slow),
        pytest.param("duckdb", ("previous_application",), marks=pytest.mark.slow),
    ],
)
def test_such_rows_are_counted(tmp_path: Path, engine: str, without: tuple[str, ...]) -> None:
    tables = made_up(53, clients=20)
    owner = {row["SK_ID_PREV"]: row["SK_ID_CURR"] for row in tables["previous_application"]}
    for name in OF_LOANS:
        tables[name] = [{**r, "SK_ID_CURR": owner[r["SK_ID_PREV"]]} for r in tables[name]]
    number = {name: place for place, name in enumerate(OF_LOANS, 1)}
    for name, rows in number.items():
        # Copies, so that the owner keeps a row; a larger id, so that the owner's is the smallest.
        first = [row for row in tables[name] if row["SK_ID_CURR"] < 100_020][:rows]
        tables[name] += [{**row, "SK_ID_CURR": 100_020} for row in first]
    raw = write(tables, tmp_path / "raw")
    report = build(raw, [tmp_path / "f.parquet"], engine=engine, without=without, quiet=True)
    found = {f.table: f.rows for f in report.odd if f.what == TWO_CLIENTS}
    assert found == number
    assert state_folder(tmp_path / "f.parquet").is_dir()
