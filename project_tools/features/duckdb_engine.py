"""The features on DuckDB: all cores of one machine, whatever the size of the tables."""

import itertools
from collections.abc import Mapping
from typing import Any

import duckdb
import narwhals as nw
import pyarrow as pa

from project_tools.features.engine import Joined
from project_tools.tables.reading import RawTables


class DuckEngine(Joined):
    """All cores of one machine; what does not fit into memory is spilled."""

    apart = True

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._serial = itertools.count()
        self._held: dict[str, str] = {}

    def tables(self, raw: RawTables) -> Mapping[str, nw.LazyFrame[Any]]:
        return raw.frames

    def hold(self, frame: nw.LazyFrame[Any], name: str) -> nw.LazyFrame[Any]:
        relation: duckdb.DuckDBPyRelation = frame.to_native()
        held = f"{name} {next(self._serial)}"
        relation.create(f'"{held}"')
        self._held[name] = held
        return nw.from_native(self._connection.table(f'"{held}"'))

    def lift(self, table: pa.Table, name: str) -> nw.LazyFrame[Any]:
        return self.hold(nw.from_native(self._connection.from_arrow(table)), name)

    def lower(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        return frame.collect("pyarrow").to_native()

    def release(self, name: str) -> None:
        self._connection.execute(f'DROP TABLE "{self._held.pop(name)}"')
