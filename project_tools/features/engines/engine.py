"""The one engine: derived columns, aggregates over declared rows, and what holds results.

Definitions are Narwhals expressions; an ``Engine`` says where a step's result is kept, how small
tables are brought in and results are taken out. This module imports none of the engines: each has
its own (``duckdb_engine``, ``polars_engine``, ``spark_engine``; ``applicant`` for one client).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from project_tools.features.expressions import CLIENT, GRID_BITS, on_grid, square_parts
from project_tools.features.rows import Derived, Ratio, Row, Where


class Tables(Protocol):
    """Where the raw tables come from."""

    def read(self, name: str) -> nw.LazyFrame[Any]:
        """The rows of a table."""

    def release(self, *names: str) -> None:
        """The tables are not needed any more."""


class OpenTables:
    """Tables that lie somewhere already."""

    def __init__(self, frames: Mapping[str, nw.LazyFrame[Any]]) -> None:
        self._frames = frames

    def read(self, name: str) -> nw.LazyFrame[Any]:
        return self._frames[name]

    def release(self, *names: str) -> None:
        """They lie where they lie."""


class Engine(Protocol):
    """Where frames live."""

    @property
    def apart(self) -> bool:
        """Whether subsets of rows are aggregated each on its own, rather than all in one pass."""

    def hold(self, frame: nw.LazyFrame[Any], name: str) -> nw.LazyFrame[Any]:
        """Compute the frame now and keep it, because it is used more than once."""

    def lift(self, table: pa.Table, name: str) -> nw.LazyFrame[Any]:
        """A small table as a frame."""

    def lower(self, frame: nw.LazyFrame[Any]) -> pa.Table:
        """The frame's rows as a table in memory."""

    def lower_for(self, clients: pa.Array, frame: nw.LazyFrame[Any]) -> pa.Table:
        """The frame's columns for these clients, in their order, as a table in memory; null for a
        client without a row.
        """

    def in_pieces(self, frame: nw.LazyFrame[Any]) -> Sequence[nw.LazyFrame[Any]]:
        """The rows of a large frame in pieces that are computed one after the other; all rows of
        a client are in one.
        """

    def release(self, name: str) -> None:
        """Give the room of a held frame back."""

    def beside(
        self, clients: nw.LazyFrame[Any], features: Iterable[nw.LazyFrame[Any]]
    ) -> nw.LazyFrame[Any]:
        """Each client with the features of each of the frames, null where one has no row of it."""


class InMemory(Protocol):
    """An engine whose results can be taken out."""

    def lower(self, frame: nw.LazyFrame[Any]) -> pa.Table: ...


class Joined:
    """What most engines do: frames in one piece, and a client's features joined."""

    def in_pieces(self, frame: nw.LazyFrame[Any]) -> Sequence[nw.LazyFrame[Any]]:
        return [frame]

    def lower_for(self: InMemory, clients: pa.Array, frame: nw.LazyFrame[Any]) -> pa.Table:
        table = self.lower(frame).combine_chunks()
        places = pc.index_in(clients, value_set=table[CLIENT].combine_chunks())
        return table.drop_columns([CLIENT]).take(places)

    def beside(
        self, clients: nw.LazyFrame[Any], features: Iterable[nw.LazyFrame[Any]]
    ) -> nw.LazyFrame[Any]:
        for frame in features:
            clients = clients.join(frame, on=CLIENT, how="left")
        return clients


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


def aggregates(
    frame: nw.LazyFrame[Any], rows: Sequence[Row], *, apart: bool
) -> Iterator[tuple[nw.LazyFrame[Any], set[str]]]:
    """One row per client with the features that the rows declare, and their names: all in one
    frame, or ``apart``: one for each subset, without the clients that have no row in it.

    One pass over few rows costs least. Over millions, a group of hundreds of sums no longer fits
    the processor's cache, and most of the sums are of nothing: half the time, when taken apart.
    """
    if not apart:
        yield aggregate(frame, rows), _names(rows)
        return
    of: dict[Where | None, list[Row]] = {}
    for row in rows:
        of.setdefault(row.where, []).append(row)
    for where, some in of.items():
        inside = frame if where is None else frame.filter(where.expression())
        yield aggregate(inside, [row.unconditional() for row in some]), _names(some)


def _names(rows: Iterable[Row]) -> set[str]:
    return {name for row in rows for name in row.names}


def aggregate(frame: nw.LazyFrame[Any], rows: Sequence[Row], by: str = CLIENT) -> nw.LazyFrame[Any]:
    """One row per client with the features that the rows declare, as doubles."""
    for column in dict.fromkeys(name for row in rows for name in row.squared):
        for name, part in square_parts(column):
            frame = frame.with_columns(part.alias(name))
    summed = {name: expression for row in rows for name, expression in row.expressions()}
    grouped = frame.group_by(by).agg(*(value.alias(name) for name, value in summed.items()))
    features = (
        value.cast(nw.Float64).alias(name) for row in rows for name, value in row.features()
    )
    return grouped.select(by, *features)
