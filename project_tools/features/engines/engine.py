"""What an engine offers to the pipeline: where frames are computed, kept, and taken out.

Definitions are Narwhals expressions, the same for all engines. This module imports none of them:
each has a module of its own (``on_duckdb``, ``on_polars``, ``on_spark``; ``on_numpy`` for one applicant).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import narwhals as nw
import pyarrow as pa
import pyarrow.compute as pc

from project_tools.features.columns import ID
from project_tools.features.expressions import bounded, numbered

Frame = nw.LazyFrame[Any]


class Tables(Protocol):
    """Where the raw tables come from."""

    def read(self, name: str) -> Frame:
        """The rows of a table."""

    def release(self, *names: str) -> None:
        """Free the memory of tables that no later step reads."""


class FrameTables:
    """Raw tables that are frames already, so that there is no memory to free."""

    def __init__(self, frames: Mapping[str, Frame]) -> None:
        self._frames = frames

    def read(self, name: str) -> Frame:
        return self._frames[name]

    def release(self, *names: str) -> None:
        """Nothing to free."""


@dataclass(frozen=True)
class Held:
    """A frame that an engine has computed and keeps. A ``with`` block frees it at its end."""

    frame: Frame
    #: Frees the frame's memory; calling it again changes nothing.
    release: Callable[[], object] = lambda: None

    def __enter__(self) -> Frame:
        return self.frame

    def __exit__(self, *_: object) -> None:
        self.release()


class Engine(ABC):
    """Where frames live."""

    #: Whether each subset of rows is aggregated on its own, rather than all in one pass.
    apart: ClassVar[bool] = False

    @abstractmethod
    def hold(self, frame: Frame) -> Held:
        """Compute the frame now and keep it, because it is used more than once."""

    @abstractmethod
    def lift(self, table: pa.Table) -> Frame:
        """A small table as a frame."""

    def lower(self, frame: Frame) -> pa.Table:
        """The frame's rows as a table in memory."""
        table: pa.Table = frame.collect("pyarrow").to_native()
        return table

    def numbered(
        self, frame: Frame, name: str, newest: Sequence[str], within: Sequence[str]
    ) -> Frame:
        """As ``expressions.numbered``."""
        return numbered(frame, name, newest, within)

    def lower_for(self, clients: pa.Array, frame: Frame, numbers: Collection[str]) -> pa.Table:
        """The frame's columns for these clients, in their order, as a table in memory; null for a
        client without a row.

        ``numbers`` are written as float32, with null for those beyond it.
        """
        written = (
            bounded(nw.col(name)).cast(nw.Float32).alias(name) if name in numbers else name
            for name in frame.collect_schema().names()
        )
        table = self.lower(frame.select(*written)).combine_chunks()
        places = pc.index_in(clients, value_set=table[ID].combine_chunks())
        return table.drop_columns([ID]).take(places)

    def in_pieces(self, frame: Frame) -> Sequence[Frame]:
        """The rows of a large frame in pieces that are computed one after the other; all rows of
        a client are in one piece.
        """
        return [frame]

    def beside(self, clients: Frame, features: Iterable[Frame]) -> Frame:
        """Each client with the columns of each of the frames; null where a frame lacks the client."""
        for frame in features:
            clients = clients.join(frame, on=ID, how="left")
        return clients
