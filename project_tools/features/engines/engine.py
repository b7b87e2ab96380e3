"""The one engine: derived columns, aggregates over declared rows, and what holds results.

Definitions are Narwhals expressions; an ``Engine`` says where a step's result is kept, how small
tables are brought in and results are taken out. This module imports none of the engines: each has
its own (``duckdb_engine``, ``polars_engine``, ``spark_engine``; ``applicant`` for one client).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from project_tools.features.columns import ID


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
        places = pc.index_in(clients, value_set=table[ID].combine_chunks())
        return table.drop_columns([ID]).take(places)

    def beside(
        self, clients: nw.LazyFrame[Any], features: Iterable[nw.LazyFrame[Any]]
    ) -> nw.LazyFrame[Any]:
        for frame in features:
            clients = clients.join(frame, on=ID, how="left")
        return clients
