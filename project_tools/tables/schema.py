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


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a raw table.

    ``levels`` lists the values a text column is known to take; ``nullable`` says whether the
    published tables hold nulls in it.
    """

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    nullable: bool = True

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
