"""DuckDB's own ways: subsets aggregated apart, and a share of the memory allowed."""

from pathlib import Path

import narwhals as nw
import polars as pl
import pytest

from project_tools.features import build as building
from project_tools.features.build import build
from project_tools.features.duckdb_engine import DuckEngine
from project_tools.features.pipeline import _features
from project_tools.features.rows import History, Ratio, Subset, Where
from project_tools.features.store import read_features


def test_subsets_apart_give_what_one_pass_gives(
    odd_tables: Path, by_duckdb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, agree
) -> None:
    monkeypatch.setattr(DuckEngine, "apart", False)
    build(odd_tables, [tmp_path / "one.parquet"], quiet=True)
    apart, one = (read_features(path).frame for path in (by_duckdb, tmp_path / "one.parquet"))
    agree(apart.set_index("SK_ID_CURR"), one.set_index("SK_ID_CURR"))


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
        list(_features(frame, history, apart=True))
    (together,) = _features(frame, history, apart=False)
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

    monkeypatch.setattr(building, "connect", stop)
    with pytest.raises(KeyboardInterrupt):
        build(odd_tables, [tmp_path / "f.parquet"], memory_limit=allowed, quiet=True)
    assert given == [steps]
