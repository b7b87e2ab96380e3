"""The pipeline frees what it holds: after the last part, after an error, and when stopped early."""

from collections.abc import Callable, Sequence

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest

from project_tools.features.engines.engine import Frame, FrameTables, Held
from project_tools.features.engines.on_duckdb import DuckEngine
from project_tools.features.engines.on_polars import PolarsEngine
from project_tools.features.pipeline import Groups, Parts, compute
from project_tools.features.rows import GroupStatistics
from project_tools.tables.declared import TABLES

TYPES = {"DOUBLE": pl.Float64, "BIGINT": pl.Int64, "VARCHAR": pl.String}


class CountingEngine(PolarsEngine):
    """Computes nothing; remembers which frames are held. With subsets apart and two pieces, as
    DuckDB has them.
    """

    apart = True

    def __init__(self) -> None:
        self.held: set[int] = set()
        self.ever = 0

    def hold(self, frame: Frame) -> Held:
        self.ever += 1
        number = self.ever
        self.held.add(number)
        return Held(frame, lambda: self.held.discard(number))

    def in_pieces(self, frame: Frame) -> Sequence[Frame]:
        return [frame.filter(nw.col("SK_ID_CURR") % 2 == odd) for odd in (0, 1)]


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def parts(engine: CountingEngine) -> Callable[[Groups], Parts]:
    """The pipeline over tables without rows."""
    frames = {
        name: nw.from_native(
            pl.LazyFrame(schema={c.name: TYPES[c.sql_type] for c in table.columns})
        )
        for name, table in TABLES.items()
    }
    return lambda groups: compute(FrameTables(frames), engine, groups, quiet=True)


def no_groups(spec: GroupStatistics, frame: Frame) -> Frame:
    """Every group, with statistics that are null."""
    nulls = [nw.lit(None, dtype=nw.Float64).alias(name) for name in spec.names]
    return frame.select(*spec.by).unique().with_columns(*nulls)


def test_all_is_freed_after_the_last_part(
    parts: Callable[[Groups], Parts], engine: CountingEngine
) -> None:
    at_each_part = [len(engine.held) for _ in parts(no_groups)]
    assert min(at_each_part) > 0
    assert engine.ever > len(at_each_part)
    assert engine.held == set()


@pytest.mark.parametrize(
    "stop",
    [
        1,  # the applications
        2,  # loans elsewhere
        16,  # the instalments, of which each part has two pieces
    ],
)
def test_all_is_freed_when_stopped_early(
    parts: Callable[[Groups], Parts], engine: CountingEngine, stop: int
) -> None:
    some = parts(no_groups)
    for _ in range(stop):
        next(some)
    assert engine.held != set()
    some.close()
    assert engine.held == set()


@pytest.mark.parametrize(
    "fails_at", ["similar_person", "similar_loan", "loans_of_same_length", "same_duration"]
)
def test_all_is_freed_after_an_error(
    parts: Callable[[Groups], Parts], engine: CountingEngine, fails_at: str
) -> None:
    held_then: set[int] = set()

    def groups(spec: GroupStatistics, frame: Frame) -> Frame:
        if spec.name == fails_at:
            held_then.update(engine.held)
            raise LookupError(spec.name)
        return no_groups(spec, frame)

    with pytest.raises(LookupError, match=fails_at):
        list(parts(groups))
    assert held_then != set()
    assert engine.held == set()


def test_duckdb_frees_a_frame_and_may_be_asked_twice() -> None:
    with duckdb.connect() as connection:
        engine = DuckEngine(connection)

        def tables() -> int:
            return len(connection.execute("SELECT * FROM duckdb_tables()").fetchall())

        frame = engine.lift(pa.table({"SK_ID_CURR": [1]}))
        before = tables()
        with engine.hold(frame) as rows:
            assert engine.lower(rows).num_rows == 1
            assert tables() == before + 1
        held = engine.hold(frame)
        held.release()
        held.release()
        assert tables() == before
