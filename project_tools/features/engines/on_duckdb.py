"""The features on DuckDB: all cores of one machine, whatever the size of the tables."""

import itertools
from collections.abc import Collection, Sequence
from functools import partial

import duckdb
import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from project_tools.features.columns import ID
from project_tools.features.engines.batch import BatchEngine
from project_tools.features.engines.engine import Frame, Held
from project_tools.tables.files import RawTables
from project_tools.tables.loaded import LoadedTables
from project_tools.tables.schema import FLOAT32_MOST
from project_tools.tables.sql import quoted

#: Rows of a piece: small enough to be sorted and grouped in memory, without spilling.
PIECE_ROWS = 4_000_000
#: Column of the clients whose features are taken out.
_CLIENT = "client"


class DuckEngine(BatchEngine):
    """Uses all cores of one machine, and the disk for what does not fit into memory."""

    apart = True

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._serial = itertools.count()

    def tables(self, raw: RawTables, *, quiet: bool) -> LoadedTables:
        return LoadedTables(raw, quiet=quiet)

    def hold(self, frame: Frame) -> Held:
        relation: duckdb.DuckDBPyRelation = frame.to_native()
        name = f'"held {next(self._serial)}"'
        relation.create(name)
        drop = partial(self._connection.execute, f"DROP TABLE IF EXISTS {name}")
        return Held(nw.from_native(self._connection.table(name)), drop)

    def in_pieces(self, frame: Frame) -> Sequence[Frame]:
        rows = self.lower(frame.select(nw.len())).column(0)[0].as_py()
        pieces = -(-rows // PIECE_ROWS)
        if pieces <= 1:
            return [frame]
        return [frame.filter(nw.col(ID) % pieces == place) for place in range(pieces)]

    def numbered(
        self, frame: Frame, name: str, newest: Sequence[str], within: Sequence[str]
    ) -> Frame:
        """As in ``Engine``, in DuckDB's own descending order: the sort need not carry a negated copy
        of each column, and ``row_number`` is faster than the count that Narwhals makes.
        """
        groups = ", ".join(quoted(column) for column in within)
        order = ", ".join(f"{quoted(column)} DESC NULLS FIRST" for column in newest)
        place = f"row_number() OVER (PARTITION BY {groups} ORDER BY {order})::DOUBLE"
        counted: Frame = nw.from_native(frame.to_native().select(f"*, {place} AS {quoted(name)}"))
        return counted

    def lift(self, table: pa.Table) -> Frame:
        return self.hold(nw.from_native(self._connection.from_arrow(table))).frame

    def lower_for(self, clients: pa.Array, frame: Frame, numbers: Collection[str]) -> pa.Table:
        """As in ``Engine``, by a join in the order of the clients: to reorder the rows afterwards
        takes three times as long. One statement: Narwhals would parse hundreds of expressions.
        """
        con = self._connection
        names = [name for name in frame.collect_schema().names() if name != ID]
        written = (
            f"CASE WHEN abs({name}) <= {FLOAT32_MOST!r}::DOUBLE THEN {name} END::FLOAT AS {name}"
            if column in numbers
            else name
            for column in names
            for name in [quoted(column)]
        )
        asked = con.from_arrow(pa.table({_CLIENT: clients})).set_alias("asked")
        joined = asked.join(
            frame.to_native().set_alias("part"), f"{_CLIENT} = {quoted(ID)}", "left"
        )
        con.execute("SET preserve_insertion_order = true")
        con.execute("SET disabled_optimizers = 'build_side_probe_side'")  # the clients lead
        try:
            table = joined.select(f"{_CLIENT}, {', '.join(written)}").to_arrow_table()
        finally:
            con.execute("SET disabled_optimizers = ''")
            con.execute("SET preserve_insertion_order = false")
        if not table[_CLIENT].combine_chunks().equals(clients):  # DuckDB does not promise it
            table = table.take(pc.index_in(clients, value_set=table[_CLIENT].combine_chunks()))
        return table.select(names)
