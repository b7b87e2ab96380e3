"""What is wrong with the rows of one raw table, counted in one scan by the schema's rules."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from project_tools.tables.declared import TABLES
from project_tools.tables.report import Finding
from project_tools.tables.rules import NOT_FINITE, Rule, Severity, rules
from project_tools.tables.schema import Table
from project_tools.tables.sql import quoted

#: Levels of a column that a report names; the rest are counted.
_SHOWN = 3
#: A text that is longer, or holds more digits, may be no level but a client's own.
_LONGEST, _MOST_DIGITS = 40, 3
_CLIENTS = (
    "SELECT SK_ID_CURR FROM application_train UNION ALL SELECT SK_ID_CURR FROM application_test"
)


@dataclass(frozen=True)
class Counted:
    """A table's number of rows, what is wrong with them, and the columns that hold a number that
    is not finite.
    """

    rows: int
    findings: tuple[Finding, ...]
    not_finite: tuple[str, ...] = ()


#: What numbers the rows of a table that were kept in the order of their file, and of a view.
OF_TABLE, OF_VIEW = "rowid + 1", "row_number() OVER ()"


def count(
    con: duckdb.DuckDBPyConnection, table: Table, source: str, place: str | None = None
) -> Counted:
    """Count the rows of ``source`` that break each rule of the table; with ``place``, the number
    of a row, name the first of each.
    """
    rows, broken = _scan(con, table, source)
    odd = tuple(rule.column for rule, _ in broken if rule.what == NOT_FINITE)
    if odd:  # those are missing, and no longer out of bounds
        again = _scan(con, table, f"({finite(table, source, odd)})")[1]
        broken = [(r, n) for r, n in broken if r.what == NOT_FINITE] + again
    found = [_finding(con, rule, number, source, place) for rule, number in broken]
    return Counted(rows, tuple(found), odd)


def finite(table: Table, source: str, columns: Sequence[str]) -> str:
    """The query of a table in which a number that is not finite is missing, in these columns."""
    if not columns:
        return f"SELECT * FROM {source}"
    selected = ", ".join(
        f"CASE WHEN isfinite({name}) THEN {name} END AS {name}" if plain in columns else name
        for plain in table.column_names
        for name in [quoted(plain)]
    )
    return f"SELECT {selected} FROM {source}"


def _scan(
    con: duckdb.DuckDBPyConnection, table: Table, source: str
) -> tuple[int, list[tuple[Rule, int]]]:
    every = rules(table)
    counted = ", ".join(f"count_if({rule.broken})" for rule in every)
    (values,) = con.execute(f"SELECT count(*), {counted} FROM {source}").fetchall()
    return values[0], [(r, n) for r, n in zip(every, values[1:], strict=True) if n]


def _finding(
    con: duckdb.DuckDBPyConnection, rule: Rule, rows: int, source: str, place: str | None
) -> Finding:
    example = ""
    if TABLES[rule.table].column(rule.column).levels and "level" in rule.what:
        example = f": {_levels(con, rule, source)}"
    elif place is not None:
        example = f", as row {_first_row(con, rule, source, place):,}"
    return Finding(rule.severity, rule.table, rule.column, rows, rule.what + example)


def _first_row(con: duckdb.DuckDBPyConnection, rule: Rule, source: str, place: str) -> int:
    """Where the rule is broken first: 1 is the row after the header."""
    numbered = f"SELECT {place} AS place, {quoted(rule.column)} FROM {source}"
    con.execute("SET preserve_insertion_order = true")  # else a view's rows have no place
    found = number(con, f"SELECT min(place) FROM ({numbered}) WHERE {rule.broken}")
    con.execute("SET preserve_insertion_order = false")
    return found


def _levels(con: duckdb.DuckDBPyConnection, rule: Rule, source: str) -> str:
    column = quoted(rule.column)
    found = con.execute(
        f"SELECT {column}, count(*) FROM {source} WHERE {rule.broken} GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    names = ", ".join(dict.fromkeys(_level(level) for level, _ in found[:_SHOWN]))
    return names + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def _level(level: str) -> str:
    """A level's name, unless it may be something that only one client has, as in a shifted column."""
    digits = sum(character.isdigit() for character in level)
    private = len(level) > _LONGEST or digits > _MOST_DIGITS or "@" in level
    return "a value that is no name" if private else repr(level)


def number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """The whole number that a query gives; 0 for none."""
    rows = con.execute(query).fetchall()  # fetchone would leave the connection in use
    return int(rows[0][0] or 0) if rows else 0


def clients(con: duckdb.DuckDBPyConnection, *, learning: bool = True) -> Iterator[Finding]:
    """Clients who stand twice, as no row could say which is theirs; where something is learnt,
    outcomes of one kind only.
    """
    twice = number(
        con,
        f"SELECT count(SK_ID_CURR) - count(DISTINCT SK_ID_CURR) FROM ({_CLIENTS})",
    )
    if twice:
        yield Finding(
            "fatal", "application_train", "SK_ID_CURR", twice,
            "the client stands there, or in application_test, once more",
        )  # fmt: skip
    if learning:
        yield from _outcomes(con)


def _outcomes(con: duckdb.DuckDBPyConnection) -> Iterator[Finding]:
    labelled = number(con, "SELECT count(TARGET) FROM application_train")
    kinds = number(con, "SELECT count(DISTINCT TARGET) FROM application_train")
    if not labelled:
        what = "holds no client with an outcome to learn from"
        yield Finding("fatal", "application_train", "TARGET", 0, what)
    if kinds == 1:
        yield Finding(
            "odd", "application_train", "TARGET", labelled, "one outcome alone: no model can learn"
        )


def keys_twice(
    con: duckdb.DuckDBPyConnection, table: Table, severity: Severity
) -> Iterator[Finding]:
    """Rows whose key stands in their table before."""
    keys = ", ".join(table.key)
    known = " AND ".join(f"{key} IS NOT NULL" for key in table.key)
    grouped = f"SELECT count(*) - 1 AS more FROM {table.name} WHERE {known} GROUP BY {keys}"
    if rows := number(con, f"SELECT coalesce(sum(more), 0) FROM ({grouped})"):
        what = f"the {table.grain} stands there once more"
        yield Finding(severity, table.name, keys, rows, what)
