"""DuckDB's own ways: subsets aggregated apart, and a share of the memory allowed."""

from pathlib import Path

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from project_tools.features import batch
from project_tools.features.build import build
from project_tools.features.engines import on_duckdb
from project_tools.features.engines.on_duckdb import DuckEngine
from project_tools.features.engines.on_polars import PolarsEngine
from project_tools.features.files import read_features
from project_tools.features.operations import history_features
from project_tools.features.rows import History, Ratio, Subset, Where


@pytest.mark.slow
def test_subsets_apart_give_what_one_pass_gives(
    odd_tables: Path, by_duckdb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agree
) -> None:
    monkeypatch.setattr(DuckEngine, "apart", False)
    build(odd_tables, [tmp_path / "one.parquet"], quiet=True)
    apart, one = (read_features(path).frame for path in (by_duckdb, tmp_path / "one.parquet"))
    agree(apart.set_index("SK_ID_CURR"), one.set_index("SK_ID_CURR"))


@pytest.mark.slow
def test_pieces_give_what_one_pass_gives(
    odd_tables: Path, by_duckdb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loan's payments may stand under two clients, who are then in two pieces."""
    rows = pd.read_csv(odd_tables / "installments_payments.csv")
    assert rows.groupby("SK_ID_PREV").SK_ID_CURR.nunique().max() > 1
    monkeypatch.setattr(on_duckdb, "PIECE_ROWS", len(rows) // 3)
    build(odd_tables, [tmp_path / "pieces.parquet"], quiet=True)
    assert (tmp_path / "pieces.parquet").read_bytes() == by_duckdb.read_bytes()


def test_pieces_hold_every_row_once_and_each_client_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = duckdb.connect()
    clients = [-3, -2, 1, 1, 2, 5, 5, 5, 8]
    rows = connection.from_arrow(pa.table({"SK_ID_CURR": clients}))
    monkeypatch.setattr(on_duckdb, "PIECE_ROWS", 3)
    engine = DuckEngine(connection)
    pieces = [
        engine.lower(piece)["SK_ID_CURR"].to_pylist()
        for piece in engine.in_pieces(nw.from_native(rows))
    ]
    assert len(pieces) == 3
    assert sorted(client for piece in pieces for client in piece) == clients
    assert all(len([p for p in pieces if client in p]) == 1 for client in clients)
    connection.close()


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_rows_are_numbered_from_the_newest(engine: str) -> None:
    """Nulls come first; equal days are in the order of the loans, the larger one first."""
    rows = pa.table({
        "SK_ID_CURR": [1, 1, 1, 1, 2, 2],
        "DAYS": [-10.0, None, -10.0, 3.0, -1.0, -2.0],
        "LOAN": [7, 5, 8, 6, 5, 9],
        "NUMBER": [4.0, 1.0, 3.0, 2.0, 1.0, 2.0],
    })  # fmt: skip
    with duckdb.connect() as connection:
        started = DuckEngine(connection) if engine == "duckdb" else PolarsEngine()
        frame = started.numbered(started.lift(rows), "PLACE", ("DAYS", "LOAN"), ("SK_ID_CURR",))
        table = started.lower(frame)
    assert table.column_names == [*rows.column_names, "PLACE"]
    assert table["PLACE"].type == pa.float64()
    assert table["PLACE"].to_pylist() == table["NUMBER"].to_pylist()


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
def test_features_are_taken_out_as_float32_in_the_order_of_the_clients(engine: str) -> None:
    """A number beyond float32 is null; so is all of a client without a row."""
    rows = pa.table({
        "SK_ID_CURR": [1, 2, 3],
        "A": [0.1, 3.5e38, None],
        'a "B", c': [-3.5e38, 3.4e38, 2.0],
        "LEVEL": ["x", None, "y"],
    })  # fmt: skip
    with duckdb.connect() as connection:
        started = DuckEngine(connection) if engine == "duckdb" else PolarsEngine()
        clients = pa.array([3, 4, 1, 2])
        table = started.lower_for(clients, started.lift(rows), {"A", 'a "B", c'})
    assert table["A"].type == pa.float32()
    assert table["LEVEL"].cast(pa.string()).to_pylist() == ["y", None, "x", None]
    assert table["A"].to_pylist() == [None, None, float(np.float32(0.1)), None]
    assert table['a "B", c'].to_pylist() == [2.0, None, None, float(np.float32(3.4e38))]


@pytest.mark.parametrize("expression", ["value.round(0)", "value.round(2)"])
def test_numbers_are_rounded_to_the_bit_as_duckdb_rounds_them(expression: str) -> None:
    """Halves and their neighbours, every exponent, both zeros, and what is not finite."""
    halves = np.random.default_rng(5).integers(-(2**52), 2**52, 2_000) / 2
    bits = np.random.default_rng(6).integers(0, 2**64, 20_000, dtype=np.uint64)
    ends = [0.0, -0.0, 0.5, -0.5, 2.5, 0.49999999999999994, 5e-324, 1.79e308, np.inf, -np.inf]
    around = (np.nextafter(halves, np.inf), np.nextafter(halves, -np.inf))
    numbers = np.concatenate([halves, *around, bits.view(np.float64), ends])
    rows = pa.table({"x": pa.array(numbers, from_pandas=True)})
    with duckdb.connect() as connection, duckdb.connect() as plain:
        value = nw.col("x")
        rounded = {"value.round(0)": value.round(0), "value.round(2)": value.round(2)}[expression]
        engine = DuckEngine(connection)
        ours = engine.lower(engine.lift(rows).select(y=rounded))
        theirs = plain.from_arrow(rows).select(expression.replace("value.round(", "round(x, ")).to_arrow_table()  # fmt: skip
    ours, theirs = (t.column(0).to_numpy() for t in (ours, theirs))
    assert ours.view(np.uint64).tolist() == theirs.view(np.uint64).tolist()


def test_a_ratio_of_two_subsets_is_not_left_out_silently() -> None:
    some = Subset("SOME_", Where("DAYS", ">=", -30))
    features = (
        *Subset("ALL_").take({"DAYS": "max"}),
        *some.take({"DAYS": "max"}),
        Ratio("SOME_OVER_ALL", "SOME_DAYS_MAX", "ALL_DAYS_MAX"),
    )
    history = History(name="days", tables=(), derived=(), features=features)
    frame = nw.from_native(pl.LazyFrame({"SK_ID_CURR": [1, 1], "DAYS": [-10.0, -40.0]}))
    with pytest.raises(ValueError, match=r"SOME_OVER_ALL is of two subsets"):
        list(history_features(frame, history, apart=True))
    (together,) = history_features(frame, history, apart=False)
    assert together.collect().to_dict(as_series=False)["SOME_OVER_ALL"] == [1.0]


@pytest.mark.parametrize(
    ("allowed", "steps"), [("4GB", "2.4GB"), ("800MB", "480MB"), ("1.5 GB", "0.9GB"), (None, None)]
)
def test_the_table_of_features_has_its_share_of_the_memory(
    odd_tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: str, steps: str
) -> None:
    given = []

    def stop(_threads: object, limit: str | None, _spill: object) -> None:
        given.append(limit)
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "connect", stop)
    with pytest.raises(KeyboardInterrupt):
        build(odd_tables, [tmp_path / "f.parquet"], memory_limit=allowed, quiet=True)
    assert given == [steps]
