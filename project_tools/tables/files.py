"""Raw tables from CSV, gzipped CSV or Parquet, as views in one DuckDB connection.

The schema sets the types; they are never inferred. The header and the first rows of each file are
checked before any work. A wrong value further down raises DuckDB's error while the features are
computed; ``named_errors`` turns it into one line that does not repeat the value.
"""

import csv
import gzip
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

import duckdb

from project_tools.errors import TableError, abbreviated, nearest, unknown
from project_tools.system.files import sha256_of_files
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import Column, Table
from project_tools.tables.sql import quoted, text

#: Endings of the files that can be read.
ENDINGS = (".csv", ".csv.gz", ".parquet")
#: Texts for a missing value in a CSV file; the first is the empty field.
MISSING = ("", "NA", "NaN", "nan", "NULL", "null")
#: Rows of each table whose types are checked before any work.
PROBED_ROWS = 10_000
#: Tables that are necessary to learn the features: they hold the outcomes.
INDISPENSABLE = ("application_train",)
#: Tables of applications; clients to transform may be in either.
APPLICATIONS = ("application_train", "application_test")

#: Start of the messages that our own queries raise through DuckDB's ``error``.
_OWN_ERROR = "raw tables: "
#: A double represents every whole number below this exactly.
_EXACT = 2**53
#: Ends of the names of DuckDB's numeric types, except decimals.
_NUMBERS = ("DOUBLE", "FLOAT", "BOOLEAN", "INT", "INTEGER")

#: Called for a table that cannot be read, with its name and the error.
Unreadable = Callable[[str, TableError], None]


@dataclass(frozen=True)
class RawTables:
    """The raw tables as views in a DuckDB connection, named and typed as the schema says.

    ``files`` are the files of the tables that were read; ``extra`` their columns that are not in
    the schema. The tables in ``without`` (left out by the user) and in ``blank`` (a file without
    even a header) have no rows. With ``learning``, features are learnt from the tables, which needs
    clients with an outcome.
    """

    connection: duckdb.DuckDBPyConnection
    files: Mapping[str, Path] = field(default_factory=dict)
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    blank: Mapping[str, Path] = field(default_factory=dict)
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
    left_out = tuple(name for name in TABLES if name in without)
    raw = RawTables(con, files, extra, left_out, blank, learning)
    for name in TABLES:
        raw.empty(name)
        if name in without:
            continue
        try:
            path = _find_file(directory, name)
            if path.suffix.lower() != ".parquet" and not csv_header(path):
                blank[name] = path
                continue
            ignored = _create_view(con, TABLES[name], path)
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
            f"({', '.join(ENDINGS)}), or both are left out; put one of them there"
        )
    return absent


def without_outcomes(table: Table) -> Table:
    """The table's schema, with an outcome that may be missing."""
    columns = (replace(c, nullable=True) if c.name == "TARGET" else c for c in table.columns)
    return replace(table, columns=tuple(columns))


def raw_digest(directory: Path, without: Collection[str] = ()) -> str:
    """One SHA-256 over the names and contents of the raw tables' files."""
    return sha256_of_files(list(find_files(directory, without).values()))


@contextmanager
def digest_beside(files: Mapping[str, Path]) -> Iterator[Callable[[], str]]:
    """A function that returns the digest of ``raw_digest``, which a thread computes meanwhile.

    The files are then read from the disk once, for the digest and for the block's own work.
    """
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(sha256_of_files, list(files.values())).result


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
            "raise CREDIT_MEMORY_LIMIT, or free space in the folder of temporary files (TMPDIR)"
        ) from why
    except duckdb.Error as why:
        if "No space left" in str(why):
            raise TableError(
                "the disk of temporary files is full; free some space, or set another folder (TMPDIR)"
            ) from why
        sentence = _file_error_in_words(str(why))
        if sentence is None:
            raise
        raise TableError(sentence) from why


def _file_error_in_words(message: str) -> str | None:
    """What DuckDB's message says about a file; ``None`` for a message about something else."""
    if own := re.search(rf"{_OWN_ERROR}(.+)", message):
        return own[1]
    file = re.search(r"^\s*file = (.+)$", message, re.MULTILINE)
    line = re.search(r"CSV Error on Line: (\d+)", message)
    if file is None:
        return None
    where = Path(file[1].strip()).name + (f", line {line[1]}" if line else "")
    if column := re.search(r'Error when converting column "([^"]+)"', message):
        return f"{where}: column {column[1]} holds a text where a number is expected"
    if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message):
        return f"{where}: {counts[2]} values where the header names {counts[1]} columns"
    if "unicode" in message or "utf-8" in message:
        return f"{where}: not UTF-8 text; save the file as UTF-8"
    return f"{where}: cannot be read as comma-separated text; save the table again as CSV"


def _check_folder(directory: Path, without: Collection[str], *, learning: bool) -> None:
    for name in without:
        if name not in TABLES:
            raise TableError(unknown("table", name, TABLES))
        if learning and name in INDISPENSABLE:
            raise TableError(
                f"{name} cannot be left out, because the features are learnt from it, unless a "
                "state learnt before is given (--state DIR)"
            )
    if not directory.is_dir():
        raise TableError(f"{directory} is not a folder; give the folder of the raw tables")


def _find_file(directory: Path, name: str) -> Path:
    files = _files_of(directory, name)
    if len(files) > 1:
        names = " and ".join(path.name for path in files)
        raise TableError(f"{directory} holds {names}; keep one of them")
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
            f"{nearest(f'{name}.csv', others)}"
        )
    return files[0]


def _files_of(directory: Path, name: str) -> list[Path]:
    """The files that may be the table's; upper and lower case in their names are the same."""
    names = {f"{name}{ending}".lower() for ending in ENDINGS}
    return sorted(
        path for path in directory.iterdir() if path.name.lower() in names and path.is_file()
    )


def _create_view(con: duckdb.DuckDBPyConnection, table: Table, path: Path) -> tuple[str, ...]:
    """Create the table's view on its file; return the file's columns that are not in the schema."""
    if path.suffix.lower() == ".parquet":
        types, source = _parquet_types(con, path), f"read_parquet({text(str(path))})"
        header = list(types)
        _check_header(table, path, header)
        _check_parquet_types(con, table, path, types)
    else:
        header = csv_header(path)
        _check_header(table, path, header)
        source = _csv_source(table, path, header)
    selected = ", ".join(_selected(column, path.name) for column in table.columns)
    view = f"CREATE OR REPLACE VIEW {quoted(table.name)} AS SELECT {selected} FROM {source}"
    con.execute(view)
    return tuple(name for name in header if name not in table.column_names)


def csv_header(path: Path) -> list[str]:
    """Names of a CSV file's columns, in its order; empty for an empty file.

    Raises ``TableError`` for a file that cannot be read.
    """
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            return next(csv.reader(file), [])
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as why:
        raise TableError(f"{path.name} cannot be read: {_reason(why)}") from why


def _reason(why: Exception) -> str:
    if isinstance(why, PermissionError):
        return "permission denied"
    if isinstance(why, UnicodeDecodeError):
        return "its header is not UTF-8 text"
    if isinstance(why, gzip.BadGzipFile | EOFError):
        return "it is not a whole gzip file"
    return "it is not a text of comma-separated values"


def _check_header(table: Table, path: Path, header: list[str]) -> None:
    missing = [name for name in table.column_names if name not in header]
    if missing:
        others = {name.upper(): name for name in header if name not in table.column_names}
        close = get_close_matches(missing[0].upper(), others, n=1, cutoff=0.6)
        hint = f"; did you mean {others[close[0]]!r}?" if close else ""
        if missing == ["TARGET"]:
            hint += "; applications without an outcome are the table application_test"
        raise TableError(f"{path.name} lacks the column {abbreviated(missing)}{hint}")
    twice = [name for name in table.column_names if header.count(name) > 1]
    if twice:
        raise TableError(
            f"{path.name} holds the column {abbreviated(twice)} twice; keep one of them"
        )


def _csv_source(table: Table, path: Path, header: list[str]) -> str:
    """DuckDB's call that reads a CSV file.

    Keys are read as doubles, and made whole afterwards. Columns that are not in the schema are read
    as text, under names that cannot be those of other columns.
    """
    numbers = {column.name for column in table.columns if column.kind != "text"}
    columns = ", ".join(
        f"{text(name if name in table.column_names else f'extra {place}')}: "
        f"{text('DOUBLE' if name in numbers else 'VARCHAR')}"
        for place, name in enumerate(header)
    )
    missing = ", ".join(text(token) for token in MISSING)
    return (
        f"read_csv({text(str(path))}, auto_detect=false, header=true, delim=',', quote='\"', "
        f"escape='\"', nullstr=[{missing}], columns={{{columns}}})"
    )


def _parquet_types(con: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM read_parquet({text(str(path))})")
        return {row[0]: row[1] for row in described.fetchall()}
    except duckdb.Error as why:
        raise TableError(f"{path.name} cannot be read as Parquet; write the table again") from why


def _check_parquet_types(
    con: duckdb.DuckDBPyConnection, table: Table, path: Path, types: Mapping[str, str]
) -> None:
    for column in table.columns:
        sql_type = types[column.name]
        if column.kind == "text":
            expected, fits = "texts", sql_type.startswith(("VARCHAR", "ENUM"))
        else:
            expected = "numbers"
            fits = sql_type.startswith("DECIMAL") or sql_type.endswith(_NUMBERS)
        if not fits and _holds_values(con, path, column):
            raise TableError(
                f"{path.name}: column {column.name} is {sql_type} where {expected} are expected"
            )


def _holds_values(con: duckdb.DuckDBPyConnection, path: Path, column: Column) -> bool:
    """Whether a column of a Parquet file holds a value; a column of nulls may have any type."""
    name = quoted(column.name)
    counted = (
        f"SELECT count({name}) FROM read_parquet({text(str(path))}) WHERE {name}::VARCHAR != 'nan'"
    )
    return con.execute(counted).fetchall() != [(0,)]


def _selected(column: Column, file: str) -> str:
    """SQL that selects a column of a file in the schema's type."""
    name = quoted(column.name)
    if column.kind == "key":
        return f"{_whole_key(column, file)} AS {name}"
    if column.sql_type == "DOUBLE" and file.lower().endswith(".parquet"):
        # pandas writes NaN for a missing number.
        return f"CASE WHEN NOT isnan({name}::DOUBLE) THEN {name}::DOUBLE END AS {name}"
    return f"{name}::{column.sql_type} AS {name}"


def _whole_key(column: Column, file: str) -> str:
    """SQL for a key as a whole number: pandas writes 1.0 if another row of the column has no key.

    A fraction is an error, because DuckDB's cast would round it to another client's key.
    """
    name = quoted(column.name)
    message = text(
        f"{_OWN_ERROR}{file}: column {column.name} holds a number that is not a whole key"
    )
    return (
        f"CASE WHEN {name} IS NULL OR ({name} = floor({name}) AND abs({name}) < {_EXACT}) "
        f"THEN {name}::BIGINT ELSE error({message}) END"
    )


def _read_first_rows(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Raise ``TableError`` if the first rows do not have the schema's types."""
    try:
        with named_errors():
            rows = con.execute(f"SELECT * FROM {quoted(name)} LIMIT {PROBED_ROWS}")
            while rows.fetchmany(PROBED_ROWS):
                pass
    except duckdb.Error as why:
        raise TableError(f"{path.name} cannot be read; it is damaged or cut short") from why
