"""The features on DuckDB: all cores of one machine, whatever the size of the tables."""

import itertools
from collections.abc import Collection, Sequence
from functools import partial

import duckdb
import narwhals as nw
import numpy as np
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
#: Narwhals writes ``round(value, 0)``, for which DuckDB multiplies and divides each value by a power
#: of ten. ``round(value)`` gives the same bits in a tenth of the time.
_ROUND = (
    "CREATE OR REPLACE MACRO round(value, digits) AS CASE WHEN digits = 0 "
    "THEN system.main.round(value) ELSE system.main.round(value, digits) END"
)


class DuckEngine(BatchEngine):
    """Uses all cores of one machine, and the disk for what does not fit into memory."""

    apart = True

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        connection.execute(_ROUND)
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
        """As in ``Engine``. NumPy brings the rows into the order of the clients: DuckDB's join takes
        twice as long, as it copies each row twice.
        """
        part = frame.to_native().to_arrow_table()
        places = pc.index_in(clients, value_set=part[ID].combine_chunks())
        rows = pc.fill_null(places, part.num_rows).to_numpy()  # the row after the last is missing
        columns = {
            name: _as_float32(part[name], rows) if name in numbers else part[name].take(places)
            for name in part.column_names
            if name != ID
        }
        return pa.table(columns)


def _as_float32(column: pa.ChunkedArray, rows: np.ndarray) -> pa.Array:
    """The column's numbers at these rows as float32; null where they are null or beyond float32.

    The row after the last one is null.
    """
    numbers = column.cast(pa.float64()).to_numpy()
    found = np.full(len(numbers) + 1, np.nan, np.float32)
    np.copyto(found[:-1], numbers, where=np.abs(numbers) <= FLOAT32_MOST, casting="same_kind")
    return pa.array(found[rows], from_pandas=True)
