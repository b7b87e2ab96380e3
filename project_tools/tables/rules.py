"""What the rows of a raw table must keep to: rules made from the declared schema.

A rule is a condition in SQL that is true where a row breaks it, so that one scan of a table counts
the rows that break each. pandera was tried and left: it wants the whole table in memory as one
frame, where a scan spills, and keeps the failing values, which are a client's (docs/data.md).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from project_tools.tables.schema import Column, Table
from project_tools.tables.sql import quoted, text

Severity = Literal["fatal", "odd"]
#: What is said of an infinity, or of a NaN that is not written as a missing value is.
NOT_FINITE = "no finite number, taken as missing"


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation on one column; ``broken`` is true of the rows that do not meet it."""

    severity: Severity
    table: str
    column: str
    what: str
    broken: str


def rules(table: Table, columns: Collection[str] | None = None) -> tuple[Rule, ...]:
    """The rules of a table's rows, by column; with ``columns``, those of these alone.

    Of the keys, and of the outcome, no row may be wrong; elsewhere a surprise is odd.
    """
    wanted = [c for c in table.columns if columns is None or c.name in columns]
    return tuple(rule for column in wanted for rule in _rules_of(table, column))


def _rules_of(table: Table, column: Column) -> Iterator[Rule]:
    name = quoted(column.name)
    fatal = column.kind == "key" or column.name == "TARGET"
    severity: Severity = "fatal" if fatal else "odd"
    if not column.nullable:
        yield Rule(severity, table.name, column.name, _nothing(column), f"{name} IS NULL")
    if column.sql_type == "DOUBLE":
        yield Rule(severity, table.name, column.name, NOT_FINITE, f"NOT isfinite({name})")
    if column.levels:
        levels = ", ".join(text(level) for level in column.levels)
        yield Rule(
            "odd", table.name, column.name, "a level that is not known", f"{name} NOT IN ({levels})"
        )
    if column.kind == "flag":
        yield Rule(severity, table.name, column.name, "neither 0 nor 1", f"{name} NOT IN (0, 1)")
    elif outside := _outside(column, name):
        yield Rule(severity, table.name, column.name, _expected(column), outside)


def _nothing(column: Column) -> str:
    return "no key" if column.kind == "key" else "nothing where there always is a value"


def _outside(column: Column, name: str) -> str:
    low, high = column.between
    sides = [
        *([] if low is None else [f"{name} < {low}"]),
        *([] if high is None else [f"{name} > {high}"]),
    ]
    if not sides:
        return ""
    beyond = f"({' OR '.join(sides)})"
    marks = ", ".join(str(mark) for mark in column.sentinels)
    return f"{beyond} AND {name} NOT IN ({marks})" if marks else beyond


def _expected(column: Column) -> str:
    low, high = column.between
    if low is None:
        bounds = f"above {high:g}"
    elif high is None:
        bounds = f"below {low:g}"
    else:
        bounds = f"not between {low:g} and {high:g}"
    unit = f" {column.unit}" if column.unit else ""
    marks = " or ".join(f"{mark:g}" for mark in column.sentinels)
    return f"{bounds}{unit}" + (f", nor {marks} for 'none'" if marks else "")
