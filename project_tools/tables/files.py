"""Raw tables from CSV, gzipped CSV or Parquet, as views of one DuckDB connection.

Types are imposed by the schema, never inferred. Headers, and the types of the first rows, are
checked before any work; a wrong value further down is met while the features are computed, and
``named_errors`` turns DuckDB's complaint into one line without the value itself.
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

from project_tools.errors import TableError, nearest, unknown
from project_tools.system.files import sha256_of_files
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import Column, Table
from project_tools.tables.sql import quoted, text

#: Endings that are read, in the order in which they are looked for.
ENDINGS = (".csv", ".csv.gz", ".parquet")
#: What stands for a missing value in a CSV, beside nothing at all.
MISSING = ("", "NA", "NaN", "nan", "NULL", "null")
#: Rows of each table that are read for their types before any work.
PROBED_ROWS = 10_000
#: Tables that cannot be left out: without labelled applications nothing can be learnt.
INDISPENSABLE = ("application_train",)
#: Tables of applications: who is only transformed may stand in either.
APPLICATIONS = ("application_train", "application_test")

#: Begins what our own queries complain of.
_COMPLAINT = "raw tables: "
#: Below this a double holds each whole number.
_EXACT = 2**53
_NUMBERS = ("DOUBLE", "FLOAT", "BOOLEAN", "INT", "INTEGER")  # how DuckDB's names of them end


#: What is done about a table that cannot be read: its name, and why.
Unreadable = Callable[[str, TableError], None]


@dataclass(frozen=True)
class RawTables:
    """The raw tables as views of the connection, under their names, all of the schema. Those left
    out have no rows, nor have those whose file is ``blank``, without even a header. ``learning``:
    something is learnt from them, which takes clients with an outcome.
    """

    connection: duckdb.DuckDBPyConnection
    files: Mapping[str, Path] = field(default_factory=dict)
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    blank: Mapping[str, Path] = field(default_factory=dict)
    learning: bool = True

    def expected(self, name: str) -> Table:
        """What a table must keep to: an outcome may be unknown still where nothing is learnt."""
        return TABLES[name] if self.learning else without_outcomes(TABLES[name])

    def empty(self, name: str) -> None:
        """Let the table have no rows."""
        view = f"CREATE OR REPLACE VIEW {quoted(name)} AS {_empty_select(TABLES[name])}"
        self.connection.execute(view)


def open_tables(
    directory: Path,
    without: Collection[str] = (),
    connection: duckdb.DuckDBPyConnection | None = None,
    *,
    unreadable: Unreadable | None = None,
    learning: bool = True,
) -> RawTables:
    """The eight raw tables of a folder; those named in ``without`` count as empty.

    Columns may stand in any order; extra ones are ignored and listed in ``extra``. Raises
    ``TableError`` in one line for a table or column that is missing, a file that cannot be read
    and a value of the wrong type among the first rows of each table; with ``unreadable``, that is
    told instead, and the table is empty. Nothing is ``learning`` from tables to transform.
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
            if _is_blank(path):
                blank[name] = path
                continue
            more = _open(con, TABLES[name], path)
        except TableError as error:
            if unreadable is None:
                raise
            raw.empty(name)
            unreadable(name, error)
            continue
        files[name] = path
        extra |= {name: more} if more else {}
    return raw


def _open(con: duckdb.DuckDBPyConnection, table: Table, path: Path) -> tuple[str, ...]:
    """Make the table's view and try its first rows; its columns that the schema does not know."""
    extra = _create_view(con, table, path)
    _probe(con, table.name, path)
    return extra


def connect(
    threads: int | None = None, memory_limit: str | None = None, spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection in memory, which spills to ``spill`` when memory runs short."""
    con = duckdb.connect()
    con.execute("SET enable_progress_bar = true")  # counted for our own bar, not printed
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
    """The file of each table that is not left out; raises ``TableError`` for one that is missing
    or stands there twice, and for a name in ``without`` that cannot be left out.
    """
    _check_folder(directory, without, learning=learning)
    return {name: _find_file(directory, name) for name in TABLES if name not in without}


def absent_applications(directory: Path, without: Collection[str] = ()) -> tuple[str, ...]:
    """Of the two tables of applications the one that is not there, beside those left out: new
    applicants have no outcome, and a later cohort may be all labelled. ``TableError`` for neither.
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
    """The table as it is before all outcomes are known."""
    columns = (replace(c, nullable=True) if c.name == "TARGET" else c for c in table.columns)
    return replace(table, columns=tuple(columns))


def raw_digest(directory: Path, without: Collection[str] = ()) -> str:
    """One SHA-256 over the raw tables' files, by name and content."""
    return sha256_of_files(list(find_files(directory, without).values()))


@contextmanager
def digest_beside(files: Mapping[str, Path]) -> Iterator[Callable[[], str]]:
    """The digest of ``raw_digest``, computed in a thread while the files are read anyway."""
    with ThreadPoolExecutor(1) as thread:
        yield thread.submit(sha256_of_files, list(files.values())).result


@contextmanager
def named_errors() -> Iterator[None]:
    """Turn what DuckDB says of a file's rows into a ``TableError`` that names file, line and
    column, and never the value.
    """
    try:
        yield
    except duckdb.OutOfMemoryException as why:
        raise TableError(
            "the memory allowed for the features is too small, or the disk is full; "
            "raise CREDIT_MEMORY_LIMIT, or free room in the folder of temporary files (TMPDIR)"
        ) from why
    except duckdb.Error as why:
        if "No space left" in str(why):
            raise TableError(
                "the disk of temporary files is full; free room there, or name another folder (TMPDIR)"
            ) from why
        sentence = _sentence(str(why))
        if sentence is None:
            raise
        raise TableError(sentence) from why


def _sentence(message: str) -> str | None:
    if own := re.search(rf"{_COMPLAINT}(.+)", message):
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


def _check_folder(directory: Path, without: Collection[str], *, learning: bool = True) -> None:
    for name in without:
        if name not in TABLES:
            raise TableError(unknown("table", name, TABLES))
        if learning and name in INDISPENSABLE:
            raise TableError(
                f"{name} cannot be left out: the features are learnt from it, unless a state learnt "
                "before is given (--state DIR)"
            )
    if not directory.is_dir():
        raise TableError(f"{directory} is not a folder; give the folder of the raw tables")


def _find_file(directory: Path, name: str) -> Path:
    """The file of a table."""
    found = _files_of(directory, name)
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise TableError(f"{directory} holds {names}; keep one of them")
    if not found:
        raise TableError(_missing_file(directory, name))
    return found[0]


def _files_of(directory: Path, name: str) -> list[Path]:
    """What may be a table's file, whatever the case of its name."""
    wanted = {f"{name}{ending}".lower() for ending in ENDINGS}
    return sorted(
        path for path in directory.iterdir() if path.name.lower() in wanted and path.is_file()
    )


def _missing_file(directory: Path, name: str) -> str:
    others = [path.name for path in directory.iterdir() if path.name.split(".")[0] not in TABLES]
    hint = nearest(f"{name}.csv", others)
    leave = (
        ", or let a state learnt before transform these tables (features --state DIR; to check "
        f"them: --without {name})"
        if name in INDISPENSABLE
        else f", or leave it out on purpose (--without {name}; make run: WITHOUT={name})"
    )
    return f"{directory} holds no {name}{{.csv,.csv.gz,.parquet}}; put it there{leave}{hint}"


def _create_view(
    con: duckdb.DuckDBPyConnection, table: Table, path: Path
) -> tuple[str, ...]:  # fmt: skip
    """Make the table's view; its columns that the schema does not know."""
    if path.suffix.lower() == ".parquet":
        types = _parquet_types(con, path)
        header, source = list(types), f"read_parquet({text(str(path))})"
        _check_header(table, path, header)
        _check_types(con, table, path, types)
    else:
        header = csv_header(path)
        _check_header(table, path, header)
        source = _csv_source(table, path, header)
    selected = ", ".join(_selected(column, path.name) for column in table.columns)
    view = quoted(table.name)  # names and paths are quoted; values never reach a query
    con.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT {selected} FROM {source}")
    return tuple(name for name in header if name not in table.column_names)


def csv_header(path: Path) -> list[str]:
    """The names of a CSV's columns, in its order; none for a file that holds nothing."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as why:
        raise TableError(f"{path.name} cannot be read: {_reason(why)}") from why
    return header


def _is_blank(path: Path) -> bool:
    return path.suffix.lower() != ".parquet" and not csv_header(path)


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
        raise TableError(f"{path.name} lacks the column {_few(missing)}{hint}")
    twice = [name for name in table.column_names if header.count(name) > 1]
    if twice:
        raise TableError(f"{path.name} holds the column {_few(twice)} twice; keep one of them")


def _few(names: list[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004  (a readable few)
    return ", ".join(names[:3]) + rest


def _csv_source(table: Table, path: Path, header: list[str]) -> str:
    """DuckDB's reading of a CSV: extra columns are read as text, under names of their own."""
    known = {column.name: _csv_type(column) for column in table.columns}
    columns = ", ".join(
        f"{text(name if name in known else f'extra {place}')}: {text(known.get(name, 'VARCHAR'))}"
        for place, name in enumerate(header)
    )
    missing = ", ".join(text(token) for token in MISSING)
    return (
        f"read_csv({text(str(path))}, auto_detect=false, header=true, delim=',', quote='\"', "
        f"escape='\"', nullstr=[{missing}], columns={{{columns}}})"
    )


def _csv_type(column: Column) -> str:
    """Numbers are read as doubles, keys among them: they are made whole afterwards."""
    return "VARCHAR" if column.kind == "text" else "DOUBLE"


def _parquet_types(con: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str]:
    try:
        described = con.execute(f"DESCRIBE SELECT * FROM read_parquet({text(str(path))})")
        return {row[0]: row[1] for row in described.fetchall()}
    except duckdb.Error as why:
        raise TableError(f"{path.name} cannot be read as Parquet; write the table again") from why


def _check_types(
    con: duckdb.DuckDBPyConnection, table: Table, path: Path, types: Mapping[str, str]
) -> None:
    for column in table.columns:
        found = types[column.name]
        if _fits(column, found) or not _holds_values(con, path, column):
            continue
        wanted = "texts are" if column.kind == "text" else "numbers are"
        raise TableError(f"{path.name}: column {column.name} is {found} where {wanted} expected")


def _fits(column: Column, found: str) -> bool:
    if column.kind == "text":
        return found.startswith(("VARCHAR", "ENUM"))
    return found.startswith("DECIMAL") or found.endswith(_NUMBERS)


def _holds_values(con: duckdb.DuckDBPyConnection, path: Path, column: Column) -> bool:
    """Whether the column holds anything: one of nulls alone has whatever type its writer chose."""
    name = quoted(column.name)
    counted = (
        f"SELECT count({name}) FROM read_parquet({text(str(path))}) WHERE {name}::VARCHAR != 'nan'"
    )
    return con.execute(counted).fetchall() != [(0,)]


def _selected(column: Column, file: str) -> str:
    name = quoted(column.name)
    if column.kind == "key":
        return f"{_whole(column, file)} AS {name}"
    if column.sql_type == "DOUBLE" and file.lower().endswith(".parquet"):
        return (
            f"CASE WHEN NOT isnan({name}::DOUBLE) THEN {name}::DOUBLE END AS {name}"  # pandas' null
        )
    return f"{name}::{column.sql_type} AS {name}"


def _whole(column: Column, file: str) -> str:
    """A key as a whole number: pandas writes 1.0 where a key is missing elsewhere in the column.

    A fraction is no key, and DuckDB's own cast would round it to somebody else's.
    """
    name = quoted(column.name)
    complaint = text(
        f"{_COMPLAINT}{file}: column {column.name} holds a number that is no whole key"
    )
    return (
        f"CASE WHEN {name} IS NULL OR ({name} = floor({name}) AND abs({name}) < {_EXACT}) "
        f"THEN {name}::BIGINT ELSE error({complaint}) END"
    )


def _empty_select(table: Table) -> str:
    nulls = ", ".join(f"NULL::{c.sql_type} AS {quoted(c.name)}" for c in table.columns)
    return f"SELECT {nulls} WHERE false"


def _probe(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    try:
        with named_errors():
            rows = con.execute(f"SELECT * FROM {quoted(name)} LIMIT {PROBED_ROWS}")
            while rows.fetchmany(PROBED_ROWS):
                pass
    except duckdb.Error as why:
        raise TableError(f"{path.name} cannot be read; it is damaged or cut short") from why
