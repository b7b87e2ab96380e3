"""DuckDB's own ways: subsets aggregated apart, and a share of the memory allowed."""

from pathlib import Path

import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from project_tools.features import batch
from project_tools.features.build import build
from project_tools.features.engines import on_duckdb
from project_tools.features.engines.on_duckdb import DuckEngine
from project_tools.features.files import read_features
from project_tools.features.operations import history_features
from project_tools.features.rows import History, Ratio, Subset, Where


def test_subsets_apart_give_what_one_pass_gives(
    odd_tables: Path, by_duckdb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agree
) -> None:
    monkeypatch.setattr(DuckEngine, "apart", False)
    build(odd_tables, [tmp_path / "one.parquet"], quiet=True)
    apart, one = (read_features(path).frame for path in (by_duckdb, tmp_path / "one.parquet"))
    agree(apart.set_index("SK_ID_CURR"), one.set_index("SK_ID_CURR"))


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
