"""What a raw table is: its columns, their kinds and units, its key and grain."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "key", "text", "flag", "count", "amount", "days", "months", "years",
    "hour", "rating", "score", "share", "number",
]  # fmt: skip

#: Unit of a number of each kind, as people read it; the empty text where there is none.
UNITS: dict[Kind, str] = {
    "key": "", "text": "", "flag": "", "count": "", "amount": "currency", "days": "days",
    "months": "months", "years": "years", "hour": "hour", "rating": "", "score": "",
    "share": "", "number": "",
}  # fmt: skip

#: Least and greatest value, and ``None`` where there is no bound.
Limits = tuple[float | None, float | None]
#: What numbers of each kind are between, unless their column says else. Days and months count
#: from the application: what happened before it is negative.
LIMITS: dict[Kind, Limits] = {
    "key": (1, None), "text": (None, None), "flag": (0, 1), "count": (0, None),
    "amount": (0, None), "days": (None, 0), "months": (None, 0), "years": (0, 100),
    "hour": (0, 23), "rating": (1, 3), "score": (0, 1), "share": (0, 1), "number": (None, None),
}  # fmt: skip
#: Limits that differ from their kind's.
ANY: Limits = (None, None)
PAST_DUE: Limits = (0, None)
#: A date that may lie ahead, but within a hundred years.
AHEAD: Limits = (None, 36_500)
#: The tables' own mark for "no date".
NO_DATE = 365_243


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a raw table.

    ``levels`` lists the values a text column is known to take; ``nullable`` says whether the
    published tables hold nulls in it; ``limits`` replace those of its kind; ``sentinels`` are
    numbers outside them that stand for something else, as 365243 for "no date".
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    nullable: bool = True
    limits: Limits | None = None
    sentinels: tuple[float, ...] = ()

    @property
    def between(self) -> Limits:
        """Least and greatest value that is no surprise.

        >>> Column("EXT_SOURCE_1", "score").between
        (0, 1)
        """
        return LIMITS[self.kind] if self.limits is None else self.limits

    @property
    def unit(self) -> str:
        return UNITS[self.kind]

    @property
    def sql_type(self) -> str:
        """The DuckDB type it is read as: whole numbers stand for floats in some files, so all
        numbers but keys are doubles.

        >>> Column("AMT_CREDIT", "amount").sql_type
        'DOUBLE'
        """
        return {"key": "BIGINT", "text": "VARCHAR"}.get(self.kind, "DOUBLE")


@dataclass(frozen=True, slots=True)
class Table:
    """One raw table: one row per ``grain``, unique by ``key`` (empty: rows may repeat)."""

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; ``KeyError`` if the table has none."""
        return next((c for c in self.columns if c.name == name), None) or _missing(self, name)


def _missing(table: Table, name: str) -> Column:
    raise KeyError(f"{table.name} has no column {name}")
