"""Rules that the rows of a raw table must keep, derived from the declared schema.

A rule is an SQL condition that is true for the rows that break it, so one scan of a table counts the
violations of all its rules. pandera was tried and rejected: it needs the whole table in memory as one
frame, where a DuckDB scan can spill, and it keeps the failing values, which belong to clients
(docs/data.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from project_tools.tables.codes import Code
from project_tools.tables.schema import Column, Table
from project_tools.tables.sql import quoted, text

Severity = Literal["fatal", "odd"]
#: Description of infinities, of numbers beyond float32, and of NaN that no text for a missing value has produced.
NOT_FINITE = "not a finite number, treated as missing"
#: End of the description of finite numbers beyond the column's ``largest``.
TREATED_AS_MISSING = "treated as missing"
#: Description of fractions in a column of whole numbers.
FRACTION = "a fraction where whole numbers are expected"
#: Rules that no number breaks whose magnitude is within the limits of its column.
BY_MAGNITUDE: frozenset[Code] = frozenset(("not-finite", "out-of-range", "outside-limits"))
#: Description of texts that the schema does not list.
UNKNOWN_LEVEL = "unknown level"


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation on a column; the SQL condition ``broken`` is true for rows that violate it.

    With ``missing``, the column's value counts as missing in these rows.
    """

    severity: Severity
    table: str
    column: str
    what: str
    broken: str
    code: Code

    @property
    def missing(self) -> bool:
        """Whether the value that breaks the rule counts as missing."""
        return self.code in {"not-finite", "out-of-range"}


def rules(table: Table) -> tuple[Rule, ...]:
    """The rules of a table, in the order of its columns.

    A violation in a key or in the outcome is fatal, and a fraction in a column of whole numbers;
    elsewhere it is odd.
    """
    return tuple(
        Rule(
            "fatal"
            if column.kind == "key" or column.name == "TARGET" or code == "fraction"
            else "odd",
            table.name,
            column.name,
            what,
            broken,
            code,
        )
        for column in table.columns
        for code, what, broken in _expectations(column)
    )


def _expectations(column: Column) -> Iterator[tuple[Code, str, str]]:
    """Violations: their code, their words, and the SQL condition for them."""
    name = quoted(column.name)
    if not column.nullable:
        if column.kind == "key":
            yield "key-missing", "no key", f"{name} IS NULL"
        else:
            yield "value-missing", "no value in a column that always has one", f"{name} IS NULL"
    if column.sql_type == "DOUBLE":
        yield "not-finite", NOT_FINITE, f"NOT isfinite({name})"
        what = f"beyond ±{column.largest:,}, {TREATED_AS_MISSING}"
        yield "out-of-range", what, f"isfinite({name}) AND abs({name}) > {column.largest}"
    if column.is_whole:
        yield "fraction", FRACTION, f"{name} != trunc({name})"
    if column.levels:
        levels = ", ".join(text(level) for level in column.levels)
        yield "level-unknown", UNKNOWN_LEVEL, f"{name} NOT IN ({levels})"
    if column.kind == "flag":
        yield "flag", "neither 0 nor 1", f"{name} NOT IN (0, 1)"
    elif column.between != (None, None):
        yield "outside-limits", _outside_in_words(column), _outside(column)


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
