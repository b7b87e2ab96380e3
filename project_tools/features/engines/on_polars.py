"""The features on Polars, in memory: for tables that fit."""

import narwhals as nw
import polars as pl
import pyarrow as pa

from project_tools.features.engines.batch import BatchEngine
from project_tools.features.engines.engine import Frame, Held
from project_tools.tables.files import RawTables
from project_tools.tables.loaded import LoadedTables


class PolarsEngine(BatchEngine):
    """Keeps all tables and results in memory. DuckDB reads the files, so both engines read the same."""

    def tables(self, raw: RawTables, *, quiet: bool) -> "PolarsTables":
        return PolarsTables(raw, quiet=quiet)

    def hold(self, frame: Frame) -> Held:
        return Held(frame.collect().lazy())  # Polars frees what nothing refers to

    def lift(self, table: pa.Table) -> Frame:
        return _lazy(pl.DataFrame(table))


class PolarsTables(LoadedTables):
    """Tables that DuckDB has read and checked, as Polars frames."""

    def read(self, name: str) -> Frame:
        return _lazy(super().read(name).to_native().pl())


def pool_size() -> int:
    """Threads that Polars computes with, fixed when it was imported."""
    return pl.thread_pool_size()


def _lazy(frame: pl.DataFrame) -> Frame:
    lazy: Frame = nw.from_native(frame.lazy())
    return lazy
