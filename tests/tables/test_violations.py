"""Counting violations: columns that are within their limits are not counted rule by rule."""

import math
from collections.abc import Callable

import duckdb
import pyarrow as pa
import pytest

from project_tools.tables.declared import TABLES
from project_tools.tables.rules import BY_MAGNITUDE
from project_tools.tables.schema import Column
from project_tools.tables.violations import VIEW_ROW, TableCount, count

#: A number of a column at an end of its limits or beyond, or null where it has no such end.
EDGES: dict[str, Callable[[Column], float | None]] = {
    "least": lambda column: column.between[0],
    "most": lambda column: column.between[1],
    "below the least": lambda column: _next(column.between[0], -math.inf),
    "above the most": lambda column: _next(column.between[1], math.inf),
    "largest": lambda column: float(column.largest),
    "beyond the largest": lambda column: _next(column.largest, math.inf),
    "beyond the largest, negative": lambda column: _next(-column.largest, -math.inf),
    "infinity": lambda _: math.inf,
    "negative infinity": lambda _: -math.inf,
    "NaN": lambda _: math.nan,
    "null": lambda _: None,
    "sentinel": lambda column: max(column.sentinels, default=None),
}


def _next(number: float | None, towards: float) -> float | None:
    return None if number is None else math.nextafter(number, towards)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize(
    "name",
    [name if name == "bureau" else pytest.param(name, marks=pytest.mark.slow) for name in TABLES],
)
def test_no_column_at_its_limits_is_left_out(name: str, edge: str) -> None:
    """A view is counted rule by rule, so it tells what a table must give."""
    numbers = [column for column in TABLES[name].columns if column.sql_type == "DOUBLE"]
    with duckdb.connect() as con:
        types = {"BIGINT": pa.int64(), "VARCHAR": pa.string(), "DOUBLE": pa.float64()}
        others = {c.name: pa.nulls(2, types[c.sql_type]) for c in TABLES[name].columns}
        values = {c.name: pa.array([EDGES[edge](c), None], pa.float64()) for c in numbers}
        con.from_arrow(pa.table(others | values)).create("held")
        found = _codes(count(con, TABLES[name], "held"))
        assert found == _codes(count(con, TABLES[name], "held", VIEW_ROW))
    broken = {code for _, code, _ in found if code in BY_MAGNITUDE}
    if not numbers or edge in {"least", "most", "null"}:
        assert not broken
    elif edge in {"infinity", "negative infinity", "NaN"}:
        assert broken == {"not-finite"}


def _codes(counted: TableCount) -> set[tuple[str, str, int]]:
    return {(finding.column, finding.code, finding.rows) for finding in counted.findings}


def test_a_sentinel_can_be_computed_with() -> None:
    """It is left out of the least and greatest number of its column, without a look at its size."""
    columns = [column for table in TABLES.values() for column in table.columns]
    assert all(abs(number) <= column.largest for column in columns for number in column.sentinels)
