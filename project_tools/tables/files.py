"""Raw tables from CSV, gzipped CSV or Parquet, as views in one DuckDB connection.

The schema sets the types; they are never inferred. The header and the first rows of each file are
checked before any work. A wrong value further down raises DuckDB's error while the features are
computed; ``named_errors`` turns it into one line that does not repeat the value.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from project_tools.errors import TableError, nearest, unknown
from project_tools.tables.csv_text import csv_header, not_utf8
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import Table
from project_tools.tables.sql import quoted, text
from project_tools.tables.views import OWN_ERROR, create_view, is_parquet, placed_keys

#: Endings of the files that can be read.
ENDINGS = (".csv", ".csv.gz", ".parquet")
#: Rows of each table whose types are checked before any work.
PROBED_ROWS = 10_000
#: Tables that are necessary to learn the features: they hold the outcomes.
INDISPENSABLE = ("application_train",)
#: Tables of applications; clients to transform may be in either.
APPLICATIONS = ("application_train", "application_test")

#: What changes when a file is replaced or written: device, number, size, and time of writing.
Stamp = tuple[int, int, int, int]
#: Called for a table that cannot be read, with its name and the error.
Unreadable = Callable[[str, TableError], None]


@dataclass(frozen=True)
class RawTables:
    """The raw tables as views in a DuckDB connection, named and typed as the schema says.

    ``files`` are the files of the tables that were read; ``extra`` their columns that are not in
    the schema. The tables in ``without`` (left out by the user) and in ``blank`` (a file without
    even a header) have no rows. ``stamps`` tell whether a file was written since it was opened. With
    ``learning``, features are learnt from the tables, which needs clients with an outcome.
    """

    connection: duckdb.DuckDBPyConnection
    files: Mapping[str, Path] = field(default_factory=dict)
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    blank: Mapping[str, Path] = field(default_factory=dict)
    stamps: Mapping[Path, Stamp] = field(default_factory=dict)
    learning: bool = True

    def expected(self, name: str) -> Table:
        """The schema of a table; outcomes may be missing if nothing is learnt from them."""
        return TABLES[name] if self.learning else without_outcomes(TABLES[name])

    def empty(self, name: str) -> None:
        """Make the table's view one without rows."""
        nulls = (f"NULL::{c.sql_type} AS {quoted(c.name)}" for c in TABLES[name].columns)
        select = f"SELECT {', '.join(nulls)} WHERE false"
        self.connection.execute(f"CREATE OR REPLACE VIEW {quoted(name)} AS {select}")


def open_tables(
    directory: Path,
    without: Collection[str] = (),
    connection: duckdb.DuckDBPyConnection | None = None,
    *,
    unreadable: Unreadable | None = None,
    learning: bool = True,
) -> RawTables:
    """The eight raw tables of a folder; those in ``without`` have no rows.

    The columns may be in any order; columns that are not in the schema are ignored and listed in
    ``extra``. Set ``learning`` to false for tables that are to be transformed only. Raises
    ``TableError`` for a missing table or column, a file that cannot be read, and a value of the
    wrong type among the first rows of a table. If ``unreadable`` is given, it is called with such
    an error instead, and the table has no rows.
    """
    _check_folder(directory, without, learning=learning)
    con = connection or connect()
    files: dict[str, Path] = {}
    extra: dict[str, tuple[str, ...]] = {}
    blank: dict[str, Path] = {}
    stamps: dict[Path, Stamp] = {}
    left_out = tuple(name for name in TABLES if name in without)
    raw = RawTables(con, files, extra, left_out, blank, stamps, learning)
    for name in TABLES:
        raw.empty(name)
        if name in without:
            continue
        try:
            path = _find_file(directory, name)
            stamps[path] = stamp_of(path)
            if not is_parquet(path) and not csv_header(path):
                blank[name] = path
                continue
            ignored = create_view(con, TABLES[name], path)
            _read_first_rows(con, name, path)
        except TableError as error:
            if unreadable is None:
                raise
            raw.empty(name)
            unreadable(name, error)
            continue
        files[name] = path
        extra |= {name: ignored} if ignored else {}
    return raw


def connect(
    threads: int | None = None, memory_limit: str | None = None, spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection in memory that spills to the folder ``spill`` when memory runs short.

    ``threads`` and ``memory_limit`` (such as "4GB") are DuckDB's defaults if they are ``None``.
    """
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = true")  # measured for our own display
    con.execute("SET enable_progress_bar_print = false")
    con.execute("SET preserve_insertion_order = false")
    if threads is not None:
        con.execute(f"SET threads = {int(threads)}")
    if memory_limit is not None:
        con.execute(f"SET memory_limit = {text(memory_limit)}")
    if spill is not None:
        con.execute(f"SET temp_directory = {text(str(spill))}")
    return con


def find_files(
    directory: Path, without: Collection[str] = (), *, learning: bool = True
) -> dict[str, Path]:
    """The file of each table that is not in ``without``.

    Raises ``TableError`` for a table with no file or with two, and for a name in ``without`` that is
    not a table or that ``learning`` needs.
    """
    _check_folder(directory, without, learning=learning)
    return {name: _find_file(directory, name) for name in TABLES if name not in without}


def absent_applications(directory: Path, without: Collection[str] = ()) -> tuple[str, ...]:
    """The table of applications that has no file and is not in ``without``, if there is one.

    Tables to transform may lack one of the two: new applicants have no outcome yet, and all clients
    of an earlier time may have one. Raises ``TableError`` if both are missing or left out.
    """
    _check_folder(directory, without, learning=False)
    absent = tuple(n for n in APPLICATIONS if n not in without and not _files_of(directory, n))
    if {*APPLICATIONS} <= {*absent, *without}:
        raise TableError(
            f"{directory} holds neither application_test nor application_train "
            f"({', '.join(ENDINGS)}), or both are left out; put one of them there",
            "table-missing",
        )
    return absent


def without_outcomes(table: Table) -> Table:
    """The table's schema, with an outcome that may be missing."""
    columns = (replace(c, nullable=True) if c.name == "TARGET" else c for c in table.columns)
    return replace(table, columns=tuple(columns))


def stamp_of(path: Path) -> Stamp:
    """The file's stamp; zeros for a file that is gone."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0, 0)
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn DuckDB's error about a file into a ``TableError`` without the value that caused it.

    Its message names the file and, where DuckDB does, the line and the column.
    """
    try:
        yield
    except duckdb.OutOfMemoryException as why:
        raise TableError(
            "the memory allowed for the features is too small, or the disk is full; "
            "raise CREDIT_MEMORY_LIMIT, or free space in the folder of temporary files (TMPDIR)",
            "resources",
        ) from why
    except duckdb.Error as why:
        if "No space left" in str(why):
            raise TableError(
                "the disk of temporary files is full; free some space, or set another folder (TMPDIR)",
                "resources",
            ) from why
        error = _file_error(str(why))
        if error is None:
            raise
        raise error from why


def _file_error(message: str) -> TableError | None:
    """What DuckDB's message says about a file; ``None`` for a message about something else."""
    if own := re.search(rf"{OWN_ERROR}(.+)", message):
        return TableError(own[1], "key-not-whole")
    file = re.search(r"^\s*file = (.+)$", message, re.MULTILINE)
    line = re.search(r"CSV Error on Line: (\d+)", message)
    if file is None:
        return None
    path = Path(file[1].strip())
    where = path.name + (f", line {line[1]}" if line else "")
    if column := re.search(r'Error when converting column "([^"]+)"', message):
        comma = re.search(r'Could not convert string "-?\d+,\d+"', message)
        cause = "; write numbers with a point, not with a comma" if comma else ""
        return TableError(
            f"{where}: column {column[1]} holds a text where a number is expected{cause}",
            "not-a-number",
        )
    if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message):
        return TableError(
            f"{where}: {counts[2]} values where the header names {counts[1]} columns",
            "values-per-row",
        )
    if "unicode" in message or "utf-8" in message:
        return TableError(not_utf8(path), "encoding")
    return TableError(
        f"{where}: cannot be read as comma-separated text; save the table again as CSV"
    )


def _check_folder(directory: Path, without: Collection[str], *, learning: bool) -> None:
    for name in without:
        if name not in TABLES:
            raise TableError(unknown("table", name, TABLES), "folder")
        if learning and name in INDISPENSABLE:
            raise TableError(
                f"{name} cannot be left out, because the features are learnt from it, unless a "
                "state learnt before is given (--state DIR)",
                "folder",
            )
    if not directory.is_dir():
        raise TableError(
            f"{directory} is not a folder; give the folder of the raw tables", "folder"
        )


def _find_file(directory: Path, name: str) -> Path:
    files = _files_of(directory, name)
    if len(files) > 1:
        names = " and ".join(path.name for path in files)
        raise TableError(f"{directory} holds {names}; keep one of them", "table-twice")
    if not files:
        others = [p.name for p in directory.iterdir() if p.name.split(".")[0] not in TABLES]
        alternative = (
            f"transform these tables with a state learnt before (features --state DIR; to check "
            f"them: --without {name})"
            if name in INDISPENSABLE
            else f"leave it out on purpose (--without {name}; make run: WITHOUT={name})"
        )
        raise TableError(
            f"{directory} holds no {name}{{{','.join(ENDINGS)}}}; put it there, or {alternative}"
            f"{nearest(f'{name}.csv', others)}",
            "table-missing",
        )
    return files[0]


def _files_of(directory: Path, name: str) -> list[Path]:
    """The files that may be the table's; upper and lower case in their names are the same."""
    names = {f"{name}{ending}".lower() for ending in ENDINGS}
    return sorted(
        path for path in directory.iterdir() if path.name.lower() in names and path.is_file()
    )


def _read_first_rows(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Raise ``TableError`` if the first rows do not have the schema's types."""
    try:
        with named_errors(), placed_keys(con, TABLES[name], path):
            # As Arrow: a Python object for each value would take longer than all the rest here.
            con.sql(f"SELECT * FROM {quoted(name)} LIMIT {PROBED_ROWS}").to_arrow_table()
    except duckdb.Error as why:
        raise TableError(f"{path.name} cannot be read; it is damaged or cut short") from why
