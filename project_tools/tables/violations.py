"""Violations in the rows of one raw table, counted in one scan by the rules of its schema."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import duckdb

from project_tools.tables.codes import Code
from project_tools.tables.report import Finding
from project_tools.tables.rules import BY_MAGNITUDE, UNKNOWN_LEVEL, Rule, Severity, rules
from project_tools.tables.schema import Column, Table
from project_tools.tables.sql import quoted

#: Unknown levels that a finding names; it only counts the others.
_SHOWN = 3
#: A longer text, or one with more digits, may be a client's own value instead of a level.
_LONGEST, _MOST_DIGITS = 40, 3

#: SQL for the number of a row, from 1: in a table that keeps the order of its file, and in a view.
TABLE_ROW, VIEW_ROW = "rowid + 1", "row_number() OVER ()"


@dataclass(frozen=True)
class TableCount:
    """Number of rows of a table, its findings, and its columns with numbers that count as missing."""

    rows: int
    findings: tuple[Finding, ...]
    unusable: tuple[str, ...] = ()


def count(
    con: duckdb.DuckDBPyConnection, table: Table, source: str, row_number: str | None = None
) -> TableCount:
    """Count the rows of ``source``, and those that break each rule of the table.

    With ``row_number`` (``TABLE_ROW`` or ``VIEW_ROW``), each finding names the first such row.
    """
    # A view would read its file once more.
    inside = set() if row_number == VIEW_ROW else _inside_limits(con, table, source)
    rows, violations = _scan(con, table, source, inside)
    unusable = tuple(dict.fromkeys(rule.column for rule, _ in violations if rule.missing))
    if unusable:  # these numbers count as missing, so they must not count as out of limits too
        others = _scan(con, table, f"({usable_rows(table, source, unusable)})")[1]
        violations = [(rule, n) for rule, n in violations if rule.missing] + others
    findings = tuple(_finding(con, rule, n, source, row_number) for rule, n in violations)
    return TableCount(rows, findings, unusable)


def usable_rows(table: Table, source: str, columns: Sequence[str]) -> str:
    """Query for the rows of ``source``, with null for numbers of ``columns`` that are not finite or
    beyond the column's ``largest``.
    """
    if not columns:
        return f"SELECT * FROM {source}"
    selected = ", ".join(
        f"CASE WHEN abs({name}) <= {column.largest} THEN {name} END AS {name}"
        if column.name in columns
        else name
        for column in table.columns
        for name in [quoted(column.name)]
    )
    return f"SELECT {selected} FROM {source}"


def _scan(
    con: duckdb.DuckDBPyConnection, table: Table, source: str, inside: Collection[str] = ()
) -> tuple[int, list[tuple[Rule, int]]]:
    """Number of rows, and the broken rules with their number of violations. Columns ``inside`` keep
    the rules of ``BY_MAGNITUDE``.
    """
    every = [r for r in rules(table) if r.code not in BY_MAGNITUDE or r.column not in inside]
    counted = ", ".join(("count(*)", *(f"count_if({rule.broken})" for rule in every)))
    (values,) = con.execute(f"SELECT {counted} FROM {source}").fetchall()
    return values[0], [(r, n) for r, n in zip(every, values[1:], strict=True) if n]


def _inside_limits(con: duckdb.DuckDBPyConnection, table: Table, source: str) -> set[str]:
    """Columns whose least and greatest number break no rule of ``BY_MAGNITUDE``: to find these two
    takes a third of the time of the rules. DuckDB's greatest number is NaN where there is one.
    """
    columns = [column for column in table.columns if column.sql_type == "DOUBLE"]
    ends = ", ".join(f"min({value}), max({value})" for value in map(_no_sentinel, columns))
    if not ends:
        return set()
    (found,) = con.execute(f"SELECT {ends} FROM {source}").fetchall()
    return {
        column.name
        for column, least, most in zip(columns, found[::2], found[1::2], strict=True)
        if least is None or _is_inside(column, least, most)
    }


def _no_sentinel(column: Column) -> str:
    """SQL for the column's number, null where it is a sentinel."""
    name = quoted(column.name)
    sentinels = ", ".join(str(number) for number in column.sentinels)
    return f"CASE WHEN {name} NOT IN ({sentinels}) THEN {name} END" if sentinels else name


def _is_inside(column: Column, least: float, most: float) -> bool:
    low, high = column.between
    lowest = -column.largest if low is None else max(low, -column.largest)
    highest = column.largest if high is None else min(high, column.largest)
    return lowest <= least and most <= highest


def _finding(
    con: duckdb.DuckDBPyConnection, rule: Rule, rows: int, source: str, row_number: str | None
) -> Finding:
    example = ""
    if rule.what == UNKNOWN_LEVEL:
        example = f": {_levels(con, rule, source)}"
    elif row_number is not None:
        numbered = f"SELECT {row_number} AS row, {quoted(rule.column)} FROM {source}"
        con.execute("SET preserve_insertion_order = true")  # else a view numbers its rows at random
        first = whole_number(con, f"SELECT min(row) FROM ({numbered}) WHERE {rule.broken}")
        con.execute("SET preserve_insertion_order = false")
        example = f", as row {first:,}"
    return Finding(rule.severity, rule.table, rule.column, rows, rule.what + example, rule.code)


def _levels(con: duckdb.DuckDBPyConnection, rule: Rule, source: str) -> str:
    """The most frequent unknown levels, and the number of the others."""
    column = quoted(rule.column)
    levels = con.execute(
        f"SELECT {column}, count(*) FROM {source} WHERE {rule.broken} GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    names = ", ".join(dict.fromkeys(_level(level) for level, _ in levels[:_SHOWN]))
    return names + (f" and {len(levels) - _SHOWN} more" if len(levels) > _SHOWN else "")


def _level(level: str) -> str:
    """A level in quotes, unless it may be one client's value, as in a shifted column."""
    digits = sum(character.isdigit() for character in level)
    private = len(level) > _LONGEST or digits > _MOST_DIGITS or "@" in level
    return "a value that is no name" if private else repr(level)


def whole_number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """The whole number that a query of one row and column returns; 0 for null."""
    ((value,),) = con.execute(query).fetchall()  # fetchone would leave the connection in use
    return int(value or 0)


def application_findings(
    con: duckdb.DuckDBPyConnection, *, learning: bool = True
) -> Iterator[Finding]:
    """Clients with more than one application, which are fatal; with ``learning``, missing outcomes.

    To learn from the tables needs clients with an outcome, and outcomes of both kinds.
    """
    name = "application_train"
    clients = f"SELECT SK_ID_CURR FROM {name} UNION ALL SELECT SK_ID_CURR FROM application_test"
    repeated = f"SELECT count(SK_ID_CURR) - count(DISTINCT SK_ID_CURR) FROM ({clients})"
    if rows := whole_number(con, repeated):
        what = "duplicate client: another application with this key, here or in application_test"
        yield Finding("fatal", name, "SK_ID_CURR", rows, what, "client-duplicate")
    if not learning:
        return
    labelled = whole_number(con, f"SELECT count(TARGET) FROM {name}")
    if not labelled:
        what = "holds no client with an outcome to learn from"
        yield Finding("fatal", name, "TARGET", 0, what, "outcome-none")
    if whole_number(con, f"SELECT count(DISTINCT TARGET) FROM {name}") == 1:
        what = "all outcomes are the same: no model can learn from them"
        yield Finding("odd", name, "TARGET", labelled, what, "outcome-single")


def duplicate_keys(
    con: duckdb.DuckDBPyConnection, table: Table, severity: Severity
) -> Iterator[Finding]:
    """Rows whose key occurs in an earlier row of their table; keys with a null do not count."""
    keys = ", ".join(table.key)
    complete = " AND ".join(f"{key} IS NOT NULL" for key in table.key)
    grouped = f"SELECT count(*) - 1 AS more FROM {table.name} WHERE {complete} GROUP BY {keys}"
    if rows := whole_number(con, f"SELECT coalesce(sum(more), 0) FROM ({grouped})"):
        what = f"duplicate: another row for the same {table.grain}"
        code: Code = "month-duplicate" if len(table.key) > 1 else "key-duplicate"
        yield Finding(severity, table.name, keys, rows, what, code)
