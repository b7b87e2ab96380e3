"""Laws: what must change nothing changes nothing, to the last byte of each float32."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from project_tools.features.build import build
from project_tools.features.catalogue import all_features
from project_tools.features.files import state_folder
from project_tools.features.state import FeatureState
from project_tools.tables.declared import TABLES
from tests.features.made_up_tables import Row, Tables, features, made_up, write

HISTORY_TABLES = [name for name in TABLES if not name.startswith("application")]
#: Each example is a whole build, which takes seconds.
A_FEW = settings(
    max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return made_up(21, clients=90)


@pytest.fixture(scope="module")
def folder(tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tables, tmp_path_factory.mktemp("laws") / "raw")


@pytest.fixture(scope="module")
def before(folder: Path) -> pd.DataFrame:
    return features(folder, threads=1)


def same_bytes(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Equal values, levels and nulls; of numbers every bit."""
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)
    numbers = wanted.select_dtypes("float32").columns
    bits = [frame[numbers].to_numpy().view("uint32") for frame in (found, wanted)]
    differing = [
        name for name, equal in zip(numbers, (bits[0] == bits[1]).all(0), strict=True) if not equal
    ]
    assert differing == []


def order_threads_and_chunks_change_nothing(
    tables: Tables, folder: Path, before: pd.DataFrame, change: tuple[int, int, int]
) -> None:
    order, threads, chunk = change
    shuffled = folder.parent / "shuffled"
    shuffled.mkdir(exist_ok=True)
    rng = random.Random(order)  # noqa: S311  (an order, no secret)
    for name, rows in tables.items():
        mixed = rng.sample(rows, len(rows))
        columns = {c.name: [row[c.name] for row in mixed] for c in TABLES[name].columns}
        pq.write_table(pa.table(columns), shuffled / f"{name}.parquet", row_group_size=chunk)
    same_bytes(features(shuffled, threads=threads), before)
    assert _learnt_alike(shuffled, folder)
    # Other files with the same rows: the digests differ, and nothing else.
    heads = [_head(shuffled), _head(folder)]
    assert heads[0].pop("raw_digest") != heads[1].pop("raw_digest")
    assert heads[0] == heads[1]


@pytest.mark.slow
def test_order_threads_and_chunks_change_nothing(
    tables: Tables, folder: Path, before: pd.DataFrame
) -> None:
    order_threads_and_chunks_change_nothing(tables, folder, before, (1, 4, 7))


@pytest.mark.slow
@A_FEW
@given(
    change=st.tuples(st.integers(0, 10**6), st.integers(1, 4), st.sampled_from((1, 7, 64, 10**6)))
)
def test_no_order_threads_or_chunks_change_anything(
    tables: Tables, folder: Path, before: pd.DataFrame, change: tuple[int, int, int]
) -> None:
    order_threads_and_chunks_change_nothing(tables, folder, before, change)


@pytest.mark.slow
def test_the_same_files_give_the_same_bytes(folder: Path, before: pd.DataFrame) -> None:
    """Of the feature file and of every file of its state, with any number of threads."""
    out = folder.with_name("raw.parquet")
    assert len(before) == pq.read_metadata(out).num_rows
    first = _files_of_build(out)
    build(folder, [out], threads=3, memory_limit="1GB", quiet=True)
    assert _files_of_build(out) == first
    assert len(first) > 3


def _files_of_build(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out, *state_folder(out).iterdir())}


def _head(folder: Path) -> dict[str, Any]:
    """What the state says about itself, besides what it learnt."""
    state = state_folder(folder.with_name(f"{folder.name}.parquet"))
    head: dict[str, Any] = json.loads((state / "state.json").read_bytes())
    return head


def _learnt_alike(one: Path, other: Path) -> bool:
    """What is learnt, to the last bit (the digests of the raw files are those of other files)."""
    states = [
        FeatureState.load(state_folder(folder.parent / f"{folder.name}.parquet"))
        for folder in (one, other)
    ]
    return all(
        states[0].tables_[name].equals(states[1].tables_[name]) for name in states[1].tables_
    )


def clients_who_are_not_learnt_from_move_nothing(
    tables: Tables, folder: Path, before: pd.DataFrame, seed: int
) -> None:
    more = _unlabelled(made_up(seed, clients=20))
    both = {name: [*rows, *more[name]] for name, rows in tables.items()}
    wider = write(both, folder.parent / "wider")
    after = features(wider, threads=2)
    assert len(after) == len(before) + 20
    same_bytes(after.loc[before.index], before)
    assert _learnt_alike(wider, folder)


@pytest.mark.slow
def test_clients_who_are_not_learnt_from_move_nothing(
    tables: Tables, folder: Path, before: pd.DataFrame
) -> None:
    clients_who_are_not_learnt_from_move_nothing(tables, folder, before, 5)


@pytest.mark.slow
@settings(A_FEW, max_examples=2)
@given(seed=st.integers(0, 10**6))
def test_no_clients_who_are_not_learnt_from_move_anything(
    tables: Tables, folder: Path, before: pd.DataFrame, seed: int
) -> None:
    clients_who_are_not_learnt_from_move_nothing(tables, folder, before, seed)


def _unlabelled(tables: Tables) -> Tables:
    """The same clients under other ids, none of them labelled."""
    apart: Tables = {name: [_moved(row) for row in rows] for name, rows in tables.items()}
    labelled = apart.pop("application_train")
    apart["application_test"] += [
        {name: value for name, value in row.items() if name != "TARGET"} for row in labelled
    ]
    return {name: apart.get(name, []) for name in TABLES}


def _moved(row: Row) -> Row:
    return {n: v + 10_000_000 if n.startswith("SK_ID_") else v for n, v in row.items()}


def test_no_infinity_leaves_the_pipeline(before: pd.DataFrame) -> None:
    numbers = before.select_dtypes("float32")
    infinite = numbers.columns[np.isinf(numbers.to_numpy()).any(axis=0)]
    assert list(infinite) == []


@pytest.mark.parametrize(
    ("engine", "without"),
    [
        ("polars", ["installments_payments"]),
        pytest.param("duckdb", HISTORY_TABLES, marks=pytest.mark.slow),
        *(
            pytest.param(engine, [name], marks=pytest.mark.slow)
            for engine in ("polars", "duckdb")
            for name in HISTORY_TABLES
        ),
    ],
)
def test_a_table_left_out_takes_its_features_and_no_others(
    folder: Path, before: pd.DataFrame, engine: str, without: list[str]
) -> None:
    """``before`` is DuckDB's: what is left over on Polars has the same bits."""
    after = features(folder, engine=engine, without=without)
    missing = set(without)
    other = [n for n, info in all_features().items() if not missing & set(info.tables)]
    same_bytes(after[other], before[other])
    of_table = [n for n, info in all_features().items() if missing & set(info.tables)]
    unmoved = [n for n in of_table if after[n].equals(before[n])]
    assert unmoved == []  # the catalogue names no table that a feature is not made of
    alone = [n for n in of_table if set(all_features()[n].tables) <= missing]
    if without != ["bureau_balance"]:
        assert after[alone].isna().all(axis=None)
