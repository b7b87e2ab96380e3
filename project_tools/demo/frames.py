"""Columns of the invented tables: numbers with NaN for null, and texts as codes of their levels."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from project_tools.tables.schema import Table


@dataclass(frozen=True, slots=True)
class Text:
    """A text column: ``codes`` are positions in ``levels``; -1 is null."""

    levels: tuple[str, ...]
    codes: NDArray[np.int32]

    def __getitem__(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Text":
        return Text(self.levels, self.codes[rows])

    def is_in(self, *levels: str) -> NDArray[np.bool_]:
        """Whether each row holds one of the levels."""
        return np.isin(self.codes, [self.levels.index(level) for level in levels])

    def with_nulls(self, rows: NDArray[np.bool_]) -> "Text":
        """The column with nulls in the given rows.

        >>> Text(("a", "b"), np.array([0, 1], dtype=np.int32)).with_nulls(np.array([True, False])).codes
        array([-1,  1], dtype=int32)
        """
        return Text(self.levels, np.where(rows, -1, self.codes).astype(np.int32))


Values = NDArray[np.int64] | NDArray[np.float64] | Text
Columns = Mapping[str, Values]


def series(name: str, values: Values) -> pl.Series:
    """A Polars column; NaN and code -1 become null."""
    if isinstance(values, Text):
        codes = pl.Series(name, values.codes)
        return codes.set(codes < 0, None).cast(pl.UInt8).cat.to(pl.Enum(values.levels))
    return pl.Series(name, values, nan_to_null=values.dtype.kind == "f")


def frame(table: Table, columns: Columns) -> pl.DataFrame:
    """The columns of a table in their declared order; ``KeyError`` if one is missing."""
    return pl.DataFrame([series(name, columns[name]) for name in table.column_names])
