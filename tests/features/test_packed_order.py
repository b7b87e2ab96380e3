"""A value in the order of time is packed into one number with it: exact for the schema's whole range."""

import duckdb
import narwhals as nw
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from project_tools.features.expressions import earliest, latest
from project_tools.tables.schema import LARGEST_OF

MONTHS = st.integers(-LARGEST_OF["months"], LARGEST_OF["months"])
COUNTS = st.integers(-LARGEST_OF["count"], LARGEST_OF["count"])
MOST, LAST = LARGEST_OF["count"], LARGEST_OF["months"]


@pytest.mark.parametrize("engine", ["duckdb", "polars"])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(rows=st.dictionaries(MONTHS, COUNTS, min_size=1, max_size=5))
@example(rows={-1: 40_000, -2: 32_767})
@example(rows={LAST: MOST, -LAST: -MOST})
@example(rows={-LAST: MOST, 1 - LAST: -MOST})
def test_the_latest_and_the_earliest_value_are_exact(engine: str, rows: dict[int, int]) -> None:
    frame = pl.DataFrame(
        {
            "k": [1] * len(rows),
            "t": [float(t) for t in rows],
            "v": [float(v) for v in rows.values()],
        }
    )
    native = duckdb.from_arrow(frame.to_arrow()) if engine == "duckdb" else frame.lazy()
    value, time = nw.col("v"), nw.col("t")
    found = (
        nw.from_native(native)
        .group_by("k")
        .agg(latest(value, time).alias("last"), earliest(value, time).alias("first"))
        .collect("polars")
        .to_native()
    )
    assert found["last"].to_list() == [rows[max(rows)]]
    assert found["first"].to_list() == [rows[min(rows)]]
