"""The features on DuckDB: all cores of one machine, whatever the size of the tables."""

import itertools
from collections.abc import Sequence
from typing import Any

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from project_tools.features.columns import ID
from project_tools.features.engines.engine import Joined
from project_tools.tables.files import RawTables
from project_tools.tables.loaded import LoadedTables

#: Rows of a piece: what a step sorts and groups at a time stays small, and is not spilled.
PIECE_ROWS = 4_000_000
#: The clients that are asked for.
_WANTED = "wanted"


class DuckEngine(Joined):
    """All cores of one machine; what does not fit into memory is spilled."""

    apart = True

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._serial = itertools.count()
        self._held: dict[str, str] = {}

    def tables(self, raw: RawTables, *, quiet: bool) -> LoadedTables:
        return LoadedTables(raw, quiet=quiet)

    def hold(self, frame: nw.LazyFrame[Any], name: str) -> nw.LazyFrame[Any]:
        relation: duckdb.DuckDBPyRelation = frame.to_native()
        held = f"{name} {next(self._serial)}"
        relation.create(f'"{held}"')
        self._held[name] = held
        return nw.from_native(self._connection.table(f'"{held}"'))

    def in_pieces(self, frame: nw.LazyFrame[Any]) -> Sequence[nw.LazyFrame[Any]]:
        rows = self.lower(frame.select(nw.len())).column(0)[0].as_py()
        pieces = max(1, -(-rows // PIECE_ROWS))
        return [frame.filter(nw.col(ID) % pieces == place) for place in range(pieces)]

    def lift(self, table: pa.Table, name: str) -> nw.LazyFrame[Any]:
        return self.hold(nw.from_native(self._connection.from_arrow(table)), name)

    def lower(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        return frame.collect("pyarrow").to_native()

    def lower_for(self, clients: pa.Array, frame: nw.LazyFrame[Any]) -> pa.Table:
        """By a join that finds the rows in the order of the clients: to put them into that order
        afterwards costs three times as much.
        """
        con, names = self._connection, frame.collect_schema().names()
        wanted = nw.from_native(con.from_arrow(pa.table({_WANTED: clients})))
        joined = wanted.join(frame, left_on=_WANTED, right_on=ID, how="left")
        con.execute("SET preserve_insertion_order = true")
        con.execute("SET disabled_optimizers = 'build_side_probe_side'")  # the clients lead
        try:
            table = self.lower(joined)
        finally:
            con.execute("SET disabled_optimizers = ''")
            con.execute("SET preserve_insertion_order = false")
        if not table[_WANTED].combine_chunks().equals(clients):  # DuckDB does not promise it
            table = table.take(pc.index_in(clients, value_set=table[_WANTED].combine_chunks()))
        return table.select([name for name in names if name != ID])

    def release(self, name: str) -> None:
        self._connection.execute(f'DROP TABLE "{self._held.pop(name)}"')
