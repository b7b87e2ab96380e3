"""A raw table's view: the columns of one CSV or Parquet file in the schema's types, in DuckDB."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from project_tools.errors import TableError, abbreviated
from project_tools.tables.csv_text import MISSING, check_separator, csv_header, holds_grouped_digits
from project_tools.tables.schema import Column, Table
from project_tools.tables.sql import exact_path, quoted, text

#: Start of the messages that our own queries raise through DuckDB's ``error``.
OWN_ERROR = "raw tables: "
#: A double represents every whole number below this exactly.
_EXACT = 2**53
#: Ends of the names of DuckDB's numeric types, except decimals.
_NUMBERS = ("DOUBLE", "FLOAT", "INT", "INTEGER")


def create_view(con: duckdb.DuckDBPyConnection, table: Table, path: Path) -> tuple[str, ...]:
    """Create the table's view on its file; return the file's columns that are not in the schema.

    A second view, of the name ``source_of``, holds the columns as the file's reader gives them.
    Raises ``TableError`` for a header or a column type that the schema does not allow.
    """
    if is_parquet(path):
        header = _parquet_header(path)
        _check_header(table, path, header)
        source, types = _parquet_source(con, table, path, header)
        _check_parquet_types(con, table, path, source, types)
    else:
        header = csv_header(path)
        check_separator(table, path, header)
        _check_header(table, path, header)
        source, types = _csv_source(table, path, header), {}
    con.execute(f"CREATE OR REPLACE VIEW {source_of(table.name)} AS FROM {source}")
    selected = ", ".join(
        _selected(column, path, types.get(column.name)) for column in table.columns
    )
    con.execute(f"CREATE OR REPLACE VIEW {quoted(table.name)} AS SELECT {selected} FROM {source}")
    return tuple(name for name in header if name not in table.column_names)


def source_of(name: str) -> str:
    """Name of the view on a table's file, quoted for SQL."""
    return quoted(f"source of {name}")


def is_parquet(path: Path) -> bool:
    """Whether the file's name says that it is Parquet."""
    return path.suffix.lower() == ".parquet"


@contextmanager
def placed_keys(con: duckdb.DuckDBPyConnection, table: Table, path: Path | None) -> Iterator[None]:
    """Turn the error that a broken key raises into a ``TableError`` with the place of the first one."""
    try:
        yield
    except duckdb.Error as why:
        if path is None or OWN_ERROR not in str(why):
            raise
        raise _broken_key(con, table, path) from why


def check_grouped_digits(table: Table, path: Path) -> None:
    """Raise ``TableError`` for a number with an underscore in a CSV file: DuckDB reads 1_000 as 1000.

    The bytes of the file are searched first, because to read its numbers as texts takes longer.
    """
    if is_parquet(path) or not holds_grouped_digits(path):
        return
    numbers = [column for column in table.columns if column.kind != "text"]
    con = duckdb.connect()
    source = _csv_source(table, path, csv_header(path), as_text=True)
    for column in numbers:
        broken = f"regexp_matches({quoted(column.name)}, '[0-9]_[0-9]')"
        if row := _first_row(con, source, column, broken):
            raise TableError(
                f"{_place(path, row)}: column {column.name} holds a number with an underscore; write "
                "numbers without marks between their digits",
                "not-a-number",
            )
    con.close()


def _broken_key(con: duckdb.DuckDBPyConnection, table: Table, path: Path) -> TableError:
    for column in (column for column in table.columns if column.kind == "key"):
        number = quoted(column.name)
        if row := _first_row(con, source_of(table.name), column, f"abs({number}) >= {_EXACT}"):
            return TableError(
                f"{_place(path, row)}: column {column.name} holds an id of {_EXACT:,} or more; give "
                "ids below it, as a double does not hold larger ones exactly",
                "key-too-large",
            )
        if row := _first_row(con, source_of(table.name), column, f"{number} != floor({number})"):
            return TableError(
                f"{_place(path, row)}: column {column.name} holds a number that is not a whole key; "
                "give whole ids",
                "key-not-whole",
            )
    return TableError(f"{path.name} holds a number that is not a whole key", "key-not-whole")


def _first_row(
    con: duckdb.DuckDBPyConnection, source: str, column: Column, broken: str
) -> int | None:
    """Number of the first row, from 1, for which the SQL condition on a column holds."""
    numbered = f"SELECT row_number() OVER () AS row, {quoted(column.name)} FROM {source}"
    con.execute("SET preserve_insertion_order = true")  # else the rows are numbered at random
    ((row,),) = con.execute(f"SELECT min(row) FROM ({numbered}) WHERE {broken}").fetchall()
    con.execute("SET preserve_insertion_order = false")
    return None if row is None else int(row)


def _place(path: Path, row: int) -> str:
    """File and line, which a CSV file counts from its header; file and row of a Parquet file."""
    return f"{path.name}, row {row:,}" if is_parquet(path) else f"{path.name}, line {row + 1}"


def _check_header(table: Table, path: Path, header: list[str]) -> None:
    missing = [name for name in table.column_names if name not in header]
    if missing:
        others = {name.upper(): name for name in header if name not in table.column_names}
        close = get_close_matches(missing[0].upper(), others, n=1, cutoff=0.6)
        hint = f"; did you mean {others[close[0]]!r}?" if close else ""
        if missing == ["TARGET"]:
            hint += "; applications without an outcome are the table application_test"
        raise TableError(
            f"{path.name} lacks the column {abbreviated(missing)}{hint}", "column-missing"
        )
    twice = [name for name in table.column_names if header.count(name) > 1]
    if twice:
        raise TableError(
            f"{path.name} holds the column {abbreviated(twice)} twice; keep one of them",
            "column-twice",
        )


def _csv_source(table: Table, path: Path, header: list[str], *, as_text: bool = False) -> str:
    """DuckDB's call that reads a CSV file.

    Keys are read as doubles, and made whole afterwards; with ``as_text`` all columns are texts.
    """
    numbers = {column.name for column in table.columns if column.kind != "text" and not as_text}
    columns = ", ".join(
        f"{text(name)}: {text('DOUBLE' if name in numbers else 'VARCHAR')}"
        for name in distinct_names(table, header)
    )
    missing = ", ".join(text(token) for token in MISSING)
    packed = "gzip" if path.suffix.lower() == ".gz" else "none"
    return (
        f"read_csv({exact_path(path)}, auto_detect=false, header=true, delim=',', quote='\"', "
        f"escape='\"', nullstr=[{missing}], columns={{{columns}}}, compression='{packed}', "
        "hive_partitioning=false)"
    )


def distinct_names(table: Table, header: list[str]) -> list[str]:
    """Names of a file's columns by position: those outside the schema get names that are no others'.

    DuckDB takes names that differ in case only for one name.
    """
    return [
        name if name in table.column_names else f"extra {place}"
        for place, name in enumerate(header)
    ]


def _parquet_header(path: Path) -> list[str]:
    """Names of the columns as the file holds them: DuckDB renames those that occur twice."""
    try:
        names: list[str] = pq.read_schema(path).names
    except PermissionError as why:
        raise TableError(f"{path.name} cannot be read: permission denied") from why
    except (pa.ArrowException, OSError) as why:
        raise TableError(f"{path.name} cannot be read as Parquet; write the table again") from why
    return names


def _parquet_source(
    con: duckdb.DuckDBPyConnection, table: Table, path: Path, header: list[str]
) -> tuple[str, Mapping[str, str]]:
    """DuckDB's call that reads a Parquet file, its columns named by position, and their types."""
    names = distinct_names(table, header)
    aliases = ", ".join(quoted(name) for name in names)
    call = f"read_parquet({exact_path(path)}, hive_partitioning=false) AS file({aliases})"
    try:
        described = con.execute(f"DESCRIBE FROM {call}").fetchall()
    except duckdb.Error as why:
        raise TableError(f"{path.name} cannot be read as Parquet; write the table again") from why
    return call, {row[0]: row[1] for row in described}


def _check_parquet_types(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    path: Path,
    source: str,
    types: Mapping[str, str],
) -> None:
    for column in table.columns:
        sql_type = types[column.name]
        if column.kind == "text":
            expected = "texts"
            fits = sql_type.startswith(("VARCHAR", "ENUM"))
            fits = fits or (column.has_whole_levels and _is_number(sql_type))
        else:
            expected, fits = "numbers", _is_number(sql_type) or sql_type == "BOOLEAN"
        if not fits and _holds_values(con, source, column):
            raise TableError(
                f"{path.name}: column {column.name} is {sql_type} where {expected} are expected",
                "type",
            )


def _is_number(sql_type: str) -> bool:
    return sql_type.startswith("DECIMAL") or sql_type.endswith(_NUMBERS)


def _holds_values(con: duckdb.DuckDBPyConnection, source: str, column: Column) -> bool:
    """Whether a column of a Parquet file holds a value; a column of nulls may have any type."""
    name = quoted(column.name)
    counted = f"SELECT count({name}) FROM {source} WHERE {name}::VARCHAR != 'nan'"
    return con.execute(counted).fetchall() != [(0,)]


def _selected(column: Column, path: Path, sql_type: str | None) -> str:
    """SQL that selects a column of a file in the schema's type; ``sql_type`` is Parquet's own."""
    name = quoted(column.name)
    if column.kind == "key":
        return f"{_whole_key(column, path)} AS {name}"
    if sql_type is not None and column.sql_type == "DOUBLE":
        # pandas writes NaN for a missing number.
        return f"CASE WHEN NOT isnan({name}::DOUBLE) THEN {name}::DOUBLE END AS {name}"
    if sql_type is not None and column.has_whole_levels and _is_number(sql_type):
        # Whole numbers that pandas wrote in place of the levels "0", "1", …; 2.0 is the level "2".
        number = f"CASE WHEN NOT isnan({name}::DOUBLE) THEN {name}::DOUBLE END"
        return f"regexp_replace(({number})::VARCHAR, '\\.0$', '') AS {name}"
    return f"{name}::{column.sql_type} AS {name}"


def _whole_key(column: Column, path: Path) -> str:
    """SQL for a key as a whole number: pandas writes 1.0 if another row of the column has no key.

    A fraction is an error, because DuckDB's cast would round it to another client's key.
    """
    name = quoted(column.name)
    message = text(f"{OWN_ERROR}{path.name}: column {column.name} holds a number that is no key")
    missing = f"{name} IS NULL OR isnan({name}::DOUBLE)"
    return (
        f"CASE WHEN {missing} THEN NULL WHEN {name} = floor({name}) AND abs({name}) < {_EXACT} "
        f"THEN {name}::BIGINT ELSE error({message}) END"
    )
