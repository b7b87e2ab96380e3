"""What the steps of a ``Program`` compute: columns are NumPy arrays of doubles, null is NaN.

Rows of a group are next to each other; ``starts`` holds the first row of each group.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from project_tools.tables.schema import FLOAT32_MOST

Array = np.ndarray[Any, Any]
#: The row of each key.
Rows = Mapping[tuple[float, ...], int]


def as_float32(doubles: Array) -> Array:
    """The numbers as the batch writes them: rounded to float32, NaN beyond it, 0 for -0."""
    within = np.abs(doubles) <= FLOAT32_MOST
    return np.where(within, doubles, np.nan).astype("float32") + np.float32(0)


def differ(one: Array, other: Array) -> Array:
    """Where both are known and unequal."""
    return (one < other) | (one > other)


def any_of(*conditions: Array) -> Any:
    """Where one of the conditions holds."""
    return np.logical_or.reduce(conditions)


def all_of(*conditions: Array) -> Any:
    """Where all conditions hold."""
    return np.logical_and.reduce(conditions)


def least(*columns: Array) -> Any:
    """The smallest known number of each row."""
    return np.fmin.reduce(columns)


def most(*columns: Array) -> Any:
    """The largest known number of each row."""
    return np.fmax.reduce(columns)


def null_unless(condition: Array) -> Array:
    """0 where the condition holds, else null: to add it to a column takes a third of the time of
    ``numpy.where``.
    """
    return np.divide(0.0, condition)  # 0 / 1 is 0, 0 / 0 is NaN


def or_zero(column: Array) -> Array:
    """The column with 0 for null."""
    return np.where(np.isnan(column), 0.0, column)


def filled(column: Array, number: float) -> Array:
    """The number in each row of the column."""
    return np.full(len(column), number)


def stacked(*columns: Array) -> Array:
    """The columns one below the other."""
    return np.concatenate(columns)


def one_row(column: Array) -> Array:
    """The column, or a null if it has no row."""
    return column if len(column) else np.full(1, np.nan)


def padded(column: Array) -> Array:
    """The column with a null at its end, where the place -1 leads."""
    return np.append(column, np.nan)


def rows_by_key(*keys: Array) -> Rows:
    """The row of each key."""
    return {key: row for row, key in enumerate(zip(*(k.tolist() for k in keys), strict=True))}


def rows_found(rows: Rows, *keys: Array) -> Array:
    """The row of each key, -1 for none. A key with a null has none, as NaN differs from itself."""
    wanted = zip(*(key.tolist() for key in keys), strict=True)
    return np.array([rows.get(key, -1) for key in wanted], dtype=np.intp)


def nulls_first(column: Array) -> Array:
    """The column for an order in which nulls come first."""
    return np.where(np.isnan(column), -np.inf, column)


def order(*keys: Array) -> Array:
    """The order of the rows by the first key, then by the second, and so on; nulls last."""
    return np.lexsort(keys[::-1])


def one_group(column: Array) -> Array:
    """The starts of a single group with all rows; of none, if there is no row."""
    return np.zeros(min(len(column), 1), dtype=np.intp)


def group_starts(*keys: Array) -> Array:
    """The starts of the groups with equal keys, in rows that are in the order of the keys. Nulls
    are equal.
    """
    first = np.ones(len(keys[0][:1]), dtype=bool)
    return np.flatnonzero(np.concatenate([first, any_of(*map(_changes, keys))]))


def _changes(key: Array) -> Any:
    before, after = key[:-1].astype(float), key[1:].astype(float)
    return (before != after) & ~(np.isnan(before) & np.isnan(after))


def total(column: Array, starts: Array) -> Any:
    """Sum of each group's known numbers; 0 without any."""
    return np.add.reduceat(or_zero(column), starts)


def known(column: Array, starts: Array) -> Any:
    """Number of each group's known values."""
    return np.add.reduceat((~np.isnan(column)).astype(float), starts)


def length(column: Array, starts: Array) -> Array:
    """Number of each group's rows."""
    return np.diff(starts, append=len(column)).astype(float)


def position(column: Array, starts: Array) -> Array:
    """1, 2, 3 … within each group."""
    places: Array = np.arange(1.0, len(column) + 1) - repeated(starts, column, starts)
    return places


def distinct(column: Array, starts: Array) -> Array:
    """Number of each group's distinct values; null is one of them."""
    groups = np.split(column, starts[1:]) if len(starts) else ()
    return np.array([len(np.unique(group)) for group in groups], dtype=float)


def repeated(by_group: Array, column: Array, starts: Array) -> Any:
    """The value of each row's group."""
    return np.repeat(by_group, length(column, starts).astype(int))


def put_back(arranged: Array, places: Array) -> Array:
    """The rows where they were before ``arranged = column[places]``."""
    column = np.empty_like(arranged)
    column[places] = arranged
    return column
