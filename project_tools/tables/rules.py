"""Rules that the rows of a raw table must keep, derived from the declared schema.

A rule is an SQL condition that is true for the rows that break it, so one scan of a table counts the
violations of all its rules. pandera was tried and rejected: it needs the whole table in memory as one
frame, where a DuckDB scan can spill, and it keeps the failing values, which belong to clients
(docs/data.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from project_tools.tables.schema import FLOAT32_MOST, Column, Table
from project_tools.tables.sql import quoted, text

Severity = Literal["fatal", "odd"]
#: Description of infinities, of numbers beyond float32, and of NaN that no text for a missing value has produced.
NOT_FINITE = "not a finite number, treated as missing"
#: Description of texts that the schema does not list.
UNKNOWN_LEVEL = "unknown level"


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation on a column; the SQL condition ``broken`` is true for rows that violate it."""

    severity: Severity
    table: str
    column: str
    what: str
    broken: str


def rules(table: Table) -> tuple[Rule, ...]:
    """The rules of a table, in the order of its columns.

    A violation in a key or in the outcome is fatal; elsewhere it is odd.
    """
    return tuple(
        Rule(
            "fatal" if column.kind == "key" or column.name == "TARGET" else "odd",
            table.name,
            column.name,
            what,
            broken,
        )
        for column in table.columns
        for what, broken in _expectations(column)
    )


def finite(name: str) -> str:
    """SQL condition: the number is finite as float32, in which the features are written."""
    return f"(abs({name}) <= {FLOAT32_MOST!r})"


def _expectations(column: Column) -> Iterator[tuple[str, str]]:
    """Pairs of a violation in words and the SQL condition for it."""
    name = quoted(column.name)
    if not column.nullable:
        what = "no key" if column.kind == "key" else "no value in a column that always has one"
        yield what, f"{name} IS NULL"
    if column.sql_type == "DOUBLE":
        yield NOT_FINITE, f"NOT {finite(name)}"
    if column.levels:
        yield UNKNOWN_LEVEL, f"{name} NOT IN ({', '.join(text(level) for level in column.levels)})"
    if column.kind == "flag":
        yield "neither 0 nor 1", f"{name} NOT IN (0, 1)"
    elif column.between != (None, None):
        yield _outside_in_words(column), _outside(column)


def _outside_in_words(column: Column) -> str:
    low, high = column.between
    if low is None:
        bounds = f"above {high:g}"
    elif high is None:
        bounds = f"below {low:g}"
    else:
        bounds = f"not between {low:g} and {high:g}"
    unit = f" {column.unit}" if column.unit else ""
    sentinels = " or ".join(f"{number:g}" for number in column.sentinels)
    return f"{bounds}{unit}" + (f", and not {sentinels} for 'none'" if sentinels else "")


def _outside(column: Column) -> str:
    name, (low, high) = quoted(column.name), column.between
    sides = [f"{name} < {low}"] * (low is not None) + [f"{name} > {high}"] * (high is not None)
    sentinels = ", ".join(str(number) for number in column.sentinels)
    exception = f" AND {name} NOT IN ({sentinels})" if sentinels else ""
    return f"({' OR '.join(sides)}){exception}"
