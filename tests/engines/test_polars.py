"""DuckDB and Polars give the same features, from the same definitions."""

from pathlib import Path

import pytest

from project_tools.errors import SettingError
from project_tools.features.build import build
from project_tools.features.store import read_features


def test_all_columns_agree_with_duckdb(odd_tables: Path, tmp_path: Path, agree) -> None:
    outputs = {engine: tmp_path / f"{engine}.parquet" for engine in ("duckdb", "polars")}
    for engine, path in outputs.items():
        build(odd_tables, [path], engine=engine, quiet=True)
    by_duckdb, by_polars = (read_features(path).frame for path in outputs.values())
    agree(by_polars.set_index("SK_ID_CURR"), by_duckdb.set_index("SK_ID_CURR"))
    assert by_duckdb.isna().all().sum() <= 30  # nor is most of it null


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"engine": "pandas"}, "unknown engine 'pandas'; choose one of duckdb, polars"),
        ({"engine": "polar"}, "did you mean 'polars'"),
        ({"engine": "polars", "memory_limit": "4GB"}, "unset CREDIT_MEMORY_LIMIT"),
        ({"engine": "polars", "threads": 77}, "cannot take 77"),
    ],
)
def test_an_engine_that_cannot_do_as_told_says_so(
    odd_tables: Path, tmp_path: Path, choices: dict, says: str
) -> None:
    with pytest.raises(SettingError, match=says):
        build(odd_tables, [tmp_path / "f.parquet"], quiet=True, **choices)
    assert not list(tmp_path.iterdir())
