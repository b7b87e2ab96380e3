"""The features on Polars, in memory: for tables that fit, and for what computes one applicant."""

from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa

from project_tools.features.engines.engine import Joined
from project_tools.tables.files import RawTables
from project_tools.tables.loaded import LoadedTables


class PolarsEngine(Joined):
    """All tables and results in memory. DuckDB reads the files, so that they read the same."""

    apart = False

    def tables(self, raw: RawTables, *, quiet: bool) -> "PolarsTables":
        return PolarsTables(raw, quiet=quiet)

    def hold(self, frame: nw.LazyFrame[Any], name: str) -> nw.LazyFrame[Any]:
        del name  # what is no longer referred to gives its room back by itself
        return frame.collect().lazy()

    def lift(self, table: pa.Table, name: str) -> nw.LazyFrame[Any]:
        del name
        return _lazy(pl.DataFrame(table))

    def lower(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        return frame.collect("pyarrow").to_native()

    def release(self, name: str) -> None:
        """Nothing is kept by name."""


class PolarsTables(LoadedTables):
    """Tables that DuckDB has read and checked, handed over one by one."""

    def read(self, name: str) -> nw.LazyFrame[Any]:
        return _lazy(super().read(name).to_native().pl())


def pool_size() -> int:
    """Threads that Polars computes with, fixed when it was imported."""
    return pl.thread_pool_size()


def _lazy(frame: pl.DataFrame) -> nw.LazyFrame[Any]:
    lazy: nw.LazyFrame[Any] = nw.from_native(frame.lazy())
    return lazy
