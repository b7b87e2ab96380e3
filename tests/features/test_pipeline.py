"""The pipeline frees what it holds: after the last part, after an error, and when stopped early."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import narwhals as nw
import pyarrow as pa
import pytest

from project_tools.demo import generate
from project_tools.features.engines import on_duckdb
from project_tools.features.engines.engine import Frame
from project_tools.features.engines.on_duckdb import DuckEngine
from project_tools.features.pipeline import Groups, Parts, compute
from project_tools.features.rows import GroupStatistics
from project_tools.tables.files import connect, open_tables
from project_tools.tables.loaded import LoadedTables


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    generate(folder, 60, 3, force=True, quiet=True)
    return folder


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(spill=tmp_path) as connection:
        yield connection


@pytest.fixture
def parts(
    folder: Path, connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Groups], Parts]:
    """The pipeline on DuckDB, with several pieces of the payments."""
    monkeypatch.setattr(on_duckdb, "PIECE_ROWS", 1_000)

    def start(groups: Groups) -> Parts:
        raw = LoadedTables(open_tables(folder, (), connection))
        return compute(raw, DuckEngine(connection), groups, quiet=True)

    return start


def held(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables of held frames."""
    names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
    return [name for (name,) in names if name.startswith("held")]


def no_groups(spec: GroupStatistics, frame: Frame) -> Frame:
    """Every group, with statistics that are null."""
    nulls = [nw.lit(None, dtype=nw.Float64).alias(name) for name in spec.names]
    return frame.select(*spec.by).unique().with_columns(*nulls)


def test_all_is_freed_after_the_last_part(
    parts: Callable[[Groups], Parts], connection: duckdb.DuckDBPyConnection
) -> None:
    at_each_part = [len(held(connection)) for _ in parts(no_groups)]
    assert min(at_each_part) > 0
    assert held(connection) == []


@pytest.mark.parametrize("stop", [1, 5, 15], ids="stopped at part {}".format)
def test_all_is_freed_when_stopped_early(
    parts: Callable[[Groups], Parts], connection: duckdb.DuckDBPyConnection, stop: int
) -> None:
    some = parts(no_groups)
    for _ in range(stop):
        next(some)
    assert held(connection) != []
    some.close()
    assert held(connection) == []


@pytest.mark.parametrize("fails_at", ["similar_loan", "loans_of_same_length"])
def test_all_is_freed_after_an_error(
    parts: Callable[[Groups], Parts], connection: duckdb.DuckDBPyConnection, fails_at: str
) -> None:
    held_then = []

    def groups(spec: GroupStatistics, frame: Frame) -> Frame:
        if spec.name == fails_at:
            held_then.extend(held(connection))
            raise LookupError(spec.name)
        return no_groups(spec, frame)

    with pytest.raises(LookupError, match=fails_at):
        list(parts(groups))
    assert held_then != []
    assert held(connection) == []


def test_a_frame_can_be_freed_twice() -> None:
    with duckdb.connect() as connection:
        engine = DuckEngine(connection)
        frame = engine.lift(pa.table({"SK_ID_CURR": [1]}))
        with engine.hold(frame) as rows:
            assert engine.lower(rows).num_rows == 1
        again = engine.hold(frame)
        again.release()
        again.release()
        assert engine.lower(frame).num_rows == 1
