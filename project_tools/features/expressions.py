"""Expressions that all definitions share; they give the same on DuckDB, Polars and Spark."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import narwhals as nw

from project_tools.tables.schema import FLOAT32_MOST

LOAN = "SK_ID_PREV"
BUREAU_LOAN = "SK_ID_BUREAU"
#: Days that count as a month in the windows over the past.
MONTH = 30

#: Binary digits after the point to which a number is rounded before it is summed, by unit. Sums of
#: such numbers are exact below 2**53 steps of the grid (8.6 billion for amounts and days, 2 million
#: for ratios and months), so threads and the order of rows do not change them. Above that they can
#: change the last bit of a double.
GRID_BITS = {"currency": 20, "days": 20, "months": 32, "": 32}
#: Grids of the three parts in which a square is summed; each part's sum is exact over 2,000 rows.
SQUARE_BITS = (-10, 32, 74)
#: Bounds of the times (months) and the values (numbers of instalments) that ``latest`` and
#: ``earliest`` pack into one double. The code time·2³² + value is whole and at most
#: 2²⁰·2³² + 2³¹ < 2⁵³, so it is exact. As |value| < 2³¹ is less than half of 2³², the order of
#: codes is that of the times, and rounding code / 2³² (exact: a power of two) gives back the time.
#: The raw tables hold months up to ±100,000 and numbers up to 2³¹ - 1.
TIMES, TIMED_VALUES = 2**20, 2**31


def divide(numerator: nw.Expr, denominator: nw.Expr) -> nw.Expr:
    """The quotient; null where the divisor is 0 or null (engines differ: infinity, null, error), and
    where the quotient is beyond float32. One condition says all of it.
    """
    return nw.when(numerator.abs() < denominator.abs() * FLOAT32_MOST).then(numerator / denominator)


def bounded(value: nw.Expr) -> nw.Expr:
    """The value, null where it is beyond float32: one such row would spoil a whole aggregate."""
    return nw.when(value.abs() <= FLOAT32_MOST).then(value)


def flag(condition: nw.Expr) -> nw.Expr:
    """1.0 where the condition holds, else 0.0, also where it is unknown."""
    return nw.when(condition).then(nw.lit(1.0)).otherwise(nw.lit(0.0))


def unless(column: str, sentinel: float | str) -> nw.Expr:
    """The column, null where it holds the sentinel."""
    return nw.when(nw.col(column) != sentinel).then(nw.col(column))


def positive_part(value: nw.Expr) -> nw.Expr:
    """max(value, 0), null where the value is null."""
    return nw.when(value <= 0).then(nw.lit(0.0)).otherwise(value)


def on_grid(value: nw.Expr, bits: int) -> nw.Expr:
    """The value rounded to a multiple of 2**-bits (scaling by a power of two loses nothing)."""
    return (value * 2.0**bits).round(0) * 2.0**-bits


def square_parts(name: str) -> Iterator[tuple[str, nw.Expr]]:
    """Columns that add up to the square of a column, each on its own grid and each computed from
    those before it: their sums are exact, that of the square itself is not.
    """
    rest: nw.Expr = nw.col(name) * nw.col(name)
    for part, bits in zip(square_names(name), SQUARE_BITS, strict=True):
        yield part, on_grid(rest, bits)
        rest -= nw.col(part)


def square_names(name: str) -> tuple[str, ...]:
    """Names of the columns of ``square_parts``."""
    return tuple(f"{name} SQUARED {place}" for place in range(1, len(SQUARE_BITS) + 1))


def variance(n: nw.Expr, total: nw.Expr, squares: Sequence[nw.Expr]) -> nw.Expr:
    """The sample's variance from number, sum and the sums of the parts of the squares; null for
    fewer than two values.

    The sums are exact. The engines' own variance depends, in its last bits, on the order of rows.
    """
    high, middle, low = squares
    spread = divide(high + (middle + low) - divide(total * total, n), n - 1)
    return nw.when(n > 1).then(positive_part(spread))


def latest(value: nw.Expr, time: nw.Expr) -> nw.Expr:
    """The aggregate: the value that is not null at the latest time; of equal times the larger value."""
    return _value_of(_with_time(value, time).max())


def earliest(value: nw.Expr, time: nw.Expr) -> nw.Expr:
    """The aggregate: the value that is not null at the earliest time; of equal times the smaller one."""
    return _value_of(_with_time(value, time).min())


def _with_time(value: nw.Expr, time: nw.Expr) -> nw.Expr:
    """Time and value in one number, so that the largest number is that of the latest time.

    No aggregate that all engines have takes one column in the order of another, and a window over
    all rows costs a sort. A row with a time that is not whole, or with a time or value out of bounds,
    counts as null: a code of it would be another time's.
    """
    whole = (time.round(0) == time) & (value.round(0) == value)
    within = (time.abs() <= TIMES) & (value.abs() < TIMED_VALUES)
    return nw.when(whole & within).then(time * (2.0 * TIMED_VALUES) + value)


def _value_of(coded: nw.Expr) -> nw.Expr:
    return coded - (coded / (2.0 * TIMED_VALUES)).round(0) * (2.0 * TIMED_VALUES)


class Numbered(Protocol):
    """Adds a column that counts rows, as ``numbered`` does; an engine may have a faster way."""

    def __call__(
        self, frame: nw.LazyFrame[Any], name: str, newest: Sequence[str], within: Sequence[str]
    ) -> nw.LazyFrame[Any]:
        """The frame with the column ``name``."""


def numbered(
    frame: nw.LazyFrame[Any], name: str, newest: Sequence[str], within: Sequence[str]
) -> nw.LazyFrame[Any]:
    """The frame with a column of 1.0, 2.0, 3.0 … in descending order of ``newest``, nulls first,
    within each group.

    The last column of ``newest`` must make the order unique; the first of ``within`` must not be null.
    Narwhals has no descending order: the rows are ordered by negated columns.
    """
    negated = {f"NEWEST {column}": -nw.col(column) for column in newest}
    place = nw.col(within[0]).cum_count().over(*within, order_by=[*negated]).cast(nw.Float64)
    return frame.with_columns(**negated).with_columns(place.alias(name)).drop(*negated)
