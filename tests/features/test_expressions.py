"""The packed order of ``latest`` and ``earliest``, at the extremes of its range."""

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project_tools.features.expressions import TIMED_VALUES, TIMES, earliest, latest

MOST = float(TIMED_VALUES - 1)
END = float(TIMES)
Rows = list[tuple[float, float | None]]


def by_polars(rows: Rows) -> tuple[float | None, float | None]:
    table = pl.DataFrame(rows, schema={"time": pl.Float64, "value": pl.Float64}, orient="row")
    found = _aggregated(nw.from_native(table.lazy()))
    return found.to_native().collect().row(0)


def by_duckdb(rows: Rows) -> tuple[float | None, float | None]:
    times, values = zip(*rows, strict=True)
    table = pa.table(
        {"time": pa.array(times, pa.float64()), "value": pa.array(values, pa.float64())}
    )
    with duckdb.connect() as connection:
        return _aggregated(nw.from_native(connection.from_arrow(table))).to_native().fetchall()[0]


def _aggregated(frame: nw.LazyFrame) -> nw.LazyFrame:
    value, time = nw.col("value"), nw.col("time")
    return frame.with_columns(one=nw.lit(1)).group_by("one").agg(
        earliest(value, time).alias("first"), latest(value, time).alias("last")
    ).select("first", "last")  # fmt: skip


def in_plain_python(rows: Rows) -> tuple[float | None, float | None]:
    known = sorted(row for row in rows if row[1] is not None)
    return (known[0][1], known[-1][1]) if known else (None, None)


#: The extremes, their neighbours, and what lies between.
TIMES_OF_ROWS = st.one_of(
    st.sampled_from((-END, 1 - END, -1.0, 0.0, 1.0, END - 1, END)),
    st.integers(-TIMES, TIMES).map(float),
)
VALUES_OF_ROWS = st.one_of(
    st.none(),
    st.sampled_from((-MOST, 1 - MOST, -1.0, 0.0, 1.0, 32_767.0, 32_768.0, 40_000.0, MOST - 1, MOST)),
    st.integers(1 - TIMED_VALUES, TIMED_VALUES - 1).map(float),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True)
@given(rows=st.lists(st.tuples(TIMES_OF_ROWS, VALUES_OF_ROWS), min_size=1, max_size=6))
def test_first_and_last_values_in_the_whole_range(rows: Rows) -> None:
    assert by_polars(rows) == by_duckdb(rows) == in_plain_python(rows)


@pytest.mark.parametrize(
    "row",
    [
        (-12.5, 131.0),  # a fraction of a month
        (-END - 1, 5.0),
        (END + 1, 5.0),
        (-1e300, 5.0),
        (-1.0, MOST + 1),
        (-1.0, -MOST - 1),
        (-1.0, 1e300),
        (-1.0, 2.5),  # a fraction of an instalment
    ],
)
def test_a_row_out_of_the_range_counts_as_null(row: tuple[float, float]) -> None:
    assert by_polars([row]) == by_duckdb([row]) == (None, None)
    beside: Rows = [(-3.0, 7.0), row, (-2.0, 8.0)]
    assert by_polars(beside) == by_duckdb(beside) == (7, 8)


def test_the_code_of_every_time_and_value_is_exact() -> None:
    """The largest code, and the spaces between neighbours, fit into a double's 53 bits."""
    assert TIMES * 2 * TIMED_VALUES + TIMED_VALUES < 2**53
