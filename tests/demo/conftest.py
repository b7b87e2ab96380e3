import polars as pl
import pytest

from project_tools.demo import generate
from project_tools.tables.declared import TABLES

#: Enough clients for every oddity to occur and for shares to be measured; made in a second or two.
CLIENTS = 6_000


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> dict[str, pl.DataFrame]:
    directory = tmp_path_factory.mktemp("demo") / "tables"
    generate(directory, CLIENTS, 3, file_format="parquet", quiet=True)
    return {name: pl.read_parquet(directory / f"{name}.parquet") for name in TABLES}
