"""What a raw table is made of: columns with their kinds, units and limits, a key and a grain."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "key", "text", "flag", "count", "amount", "days", "months", "years",
    "hour", "rating", "score", "share", "number",
]  # fmt: skip

#: Unit of the numbers of each kind, as shown to people; empty for a kind without a unit.
UNITS: dict[Kind, str] = {
    "key": "", "text": "", "flag": "", "count": "", "amount": "currency", "days": "days",
    "months": "months", "years": "years", "hour": "hour", "rating": "", "score": "",
    "share": "", "number": "",
}  # fmt: skip

#: The largest finite float32. Features are float32: every number of a row lies within it.
FLOAT32_MOST = (2.0 - 2.0**-23) * 2.0**127
#: Least and greatest value; ``None`` for no limit.
Limits = tuple[float | None, float | None]
#: Limits of the numbers of each kind, for columns that declare none. Days and months count from the
#: application; those before it are negative.
LIMITS: dict[Kind, Limits] = {
    "key": (1, None), "text": (None, None), "flag": (0, 1), "count": (0, None),
    "amount": (0, None), "days": (None, 0), "months": (None, 0), "years": (0, 100),
    "hour": (0, 23), "rating": (1, 3), "score": (0, 1), "share": (0, 1), "number": (None, None),
}  # fmt: skip
#: Kinds of numbers that are whole by nature.
WHOLE_KINDS: tuple[Kind, ...] = ("count", "days", "months")
#: Largest magnitude of each kind that the features can be computed with; that of the others is
#: ``LARGEST``. Months and counts fit into one double together, for orders in time.
LARGEST_OF: dict[Kind, int] = {"count": 2**31 - 1, "days": 1_000_000, "months": 100_000}
LARGEST = 10**12
#: Number that the tables write among days for "no date".
NO_DATE = 365_243


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a raw table.

    ``levels`` are the values of a text column in the published tables; ``nullable`` says whether
    the published tables have nulls there; ``limits`` replace those of the kind; ``sentinels`` are
    numbers outside the limits with a meaning of their own, such as 365243 for "no date".
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    nullable: bool = True
    limits: Limits | None = None
    sentinels: tuple[float, ...] = ()

    @property
    def between(self) -> Limits:
        """Least and greatest value that are expected.

        >>> Column("EXT_SOURCE_1", "score").between
        (0, 1)
        """
        return LIMITS[self.kind] if self.limits is None else self.limits

    @property
    def is_whole(self) -> bool:
        """Whether a fraction in the column is an error.

        >>> Column("MONTHS_BALANCE", "months").is_whole, Column("AMT_CREDIT", "amount").is_whole
        (True, False)
        """
        return self.kind in WHOLE_KINDS

    @property
    def largest(self) -> int:
        """Largest magnitude of a number of the column; numbers beyond it are missing.

        >>> Column("CNT_INSTALMENT", "count").largest
        2147483647
        """
        return LARGEST_OF.get(self.kind, LARGEST)

    @property
    def has_whole_levels(self) -> bool:
        """Whether some of the levels are whole numbers, so that a file may hold them as numbers."""
        return any(level.isdigit() for level in self.levels)

    @property
    def unit(self) -> str:
        """Unit of the column's numbers; empty if they have none."""
        return UNITS[self.kind]

    @property
    def sql_type(self) -> str:
        """DuckDB type of the column. All numbers except keys are doubles, because some files
        hold whole numbers with a decimal point.

        >>> Column("AMT_CREDIT", "amount").sql_type
        'DOUBLE'
        """
        return {"key": "BIGINT", "text": "VARCHAR"}.get(self.kind, "DOUBLE")


@dataclass(frozen=True, slots=True)
class Table:
    """One raw table: one row per ``grain``, unique by ``key`` (empty if rows may repeat)."""

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in their declared order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column with this name; ``KeyError`` if the table has no such column."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name} has no column {name}")
