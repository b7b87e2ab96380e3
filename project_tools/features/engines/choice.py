"""Starts and ends the engine that computes the features of all clients."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import duckdb

from project_tools.errors import SettingError, unknown
from project_tools.features.engines.batch import BatchEngine
from project_tools.features.engines.on_duckdb import DuckEngine


def start_engine(
    name: str, connection: duckdb.DuckDBPyConnection, threads: int | None, memory_limit: str | None
) -> AbstractContextManager[BatchEngine]:
    """The engine of that name, until the block ends.

    ``SettingError`` for an engine that is unknown or not installed, or that cannot keep the given
    number of threads or limit of memory.
    """
    return _ENGINES[check_engine(name)](connection, threads, memory_limit)


def check_engine(name: str) -> str:
    """The name; ``SettingError`` for an unknown engine."""
    if name not in _ENGINES:
        raise SettingError(unknown("engine", name, _ENGINES))
    return name


@contextmanager
def _duckdb(
    connection: duckdb.DuckDBPyConnection, _threads: int | None, _memory_limit: str | None
) -> Iterator[BatchEngine]:
    """The connection already has its threads and its limit of memory."""
    yield DuckEngine(connection)


@contextmanager
def _polars(
    _connection: duckdb.DuckDBPyConnection, threads: int | None, memory_limit: str | None
) -> Iterator[BatchEngine]:
    if memory_limit is not None:
        raise SettingError(
            "the engine polars holds everything in memory and keeps no limit; "
            "unset CREDIT_MEMORY_LIMIT, or take --engine duckdb"
        )
    if threads is not None:  # read once, when Polars is imported
        os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    from project_tools.features.engines.on_polars import PolarsEngine, pool_size  # noqa: PLC0415

    if threads not in (None, pool_size()):
        raise SettingError(
            f"Polars has started with {pool_size()} threads in this process and cannot take "
            f"{threads}; set POLARS_MAX_THREADS before it starts"
        )
    yield PolarsEngine()


@contextmanager
def _spark(
    _connection: duckdb.DuckDBPyConnection, threads: int | None, memory_limit: str | None
) -> Iterator[BatchEngine]:
    from project_tools.features.engines.on_spark import SparkEngine, spark_session  # noqa: PLC0415

    with spark_session(threads, memory_limit) as session:
        yield SparkEngine(session)


_Starter = Callable[
    [duckdb.DuckDBPyConnection, int | None, str | None], AbstractContextManager[BatchEngine]
]
_ENGINES: Mapping[str, _Starter] = {"duckdb": _duckdb, "polars": _polars, "spark": _spark}
