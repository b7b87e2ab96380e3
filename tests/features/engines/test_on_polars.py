"""DuckDB and Polars give the same features, from the same definitions."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from project_tools.errors import SettingError
from project_tools.features.build import build
from project_tools.features.files import exact_file, read_features


def test_all_columns_agree_with_duckdb(
    odd_tables: Path, by_duckdb: Path, tmp_path: Path, agree
) -> None:
    build(odd_tables, [tmp_path / "f.parquet"], engine="polars", quiet=True)
    found, wanted = (read_features(path).frame for path in (tmp_path / "f.parquet", by_duckdb))
    agree(found.set_index("SK_ID_CURR"), wanted.set_index("SK_ID_CURR"))
    assert wanted.isna().all().sum() <= 30  # nor is most of it null
    exact = [pq.read_table(exact_file(path)) for path in (tmp_path / "f.parquet", by_duckdb)]
    assert exact[0].equals(exact[1])  # doubles, to the bit


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
