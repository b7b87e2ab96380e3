"""The one engine: derived columns, aggregates over declared rows, and what holds results.

Definitions are Narwhals expressions; an ``Engine`` says where a step's result is kept, how small
tables are brought in and results are taken out. DuckDB is the first; Polars and Spark follow.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import duckdb
import narwhals as nw
import pyarrow as pa

from project_tools.features.expressions import CLIENT, GRID_BITS, on_grid
from project_tools.features.rows import Derived, Ratio, Row


class Engine(Protocol):
    """Where frames live."""

    def hold(self, frame: nw.LazyFrame[Any], name: str) -> nw.LazyFrame[Any]:
        """Compute the frame now and keep it, because it is used more than once."""

    def lift(self, table: pa.Table, name: str) -> nw.LazyFrame[Any]:
        """A small table as a frame."""

    def lower(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        """The frame's rows as a table in memory."""

    def release(self, name: str) -> None:
        """Give the room of a held frame back."""


class DuckEngine:
    """All cores of one machine; what does not fit into memory is spilled."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._serial = itertools.count()
        self._held: dict[str, str] = {}

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


def derive(frame: nw.LazyFrame[Any], columns: Iterable[Derived | Ratio]) -> nw.LazyFrame[Any]:
    """Add the columns in their order; one may be computed from those before it."""
    for layer in _layers(columns):
        frame = frame.with_columns(*(c.expression().alias(c.name) for c in layer))
    return frame


def _layers(columns: Iterable[Derived | Ratio]) -> list[list[Derived | Ratio]]:
    """As few steps as the dependencies allow: a column comes after those it is computed from."""
    layers: list[list[Derived | Ratio]] = []
    level: dict[str, int] = {}
    for column in columns:
        if isinstance(column, Derived) and column.formula is None:
            continue
        # A column may replace one that others of the same step still read: hence its own name.
        needed = [level[name] + 1 for name in (*column.sources, column.name) if name in level]
        place = max(needed, default=0)
        level[column.name] = place
        if place == len(layers):
            layers.append([])
        layers[place].append(column)
    return layers


def settle(
    frame: nw.LazyFrame[Any], units: dict[str, str], columns: Iterable[str]
) -> nw.LazyFrame[Any]:
    """Put the columns with fractions on the grid of their unit, so that their sums are exact."""
    rounded = [
        on_grid(nw.col(name), GRID_BITS[units[name]]).alias(name)
        for name in dict.fromkeys(columns)
        if units.get(name) in GRID_BITS
    ]
    return frame.with_columns(*rounded) if rounded else frame


def aggregate(frame: nw.LazyFrame[Any], rows: Sequence[Row], by: str = CLIENT) -> nw.LazyFrame[Any]:
    """One row per client with the features that the rows declare, as doubles."""
    named = [pair for row in rows for pair in row.expressions()]
    grouped = frame.group_by(by).agg(*(expression.alias(name) for name, expression in named))
    return grouped.select(by, *(nw.col(name).cast(nw.Float64) for name, _ in named))
