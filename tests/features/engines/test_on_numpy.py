"""What a program of NumPy calls computes is what Polars computes from the same expressions."""

import math
from collections.abc import Callable
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project_tools.features.engines.engine import Engine, Frame
from project_tools.features.engines.on_numpy import NumpyEngine
from project_tools.features.engines.on_polars import PolarsEngine
from project_tools.features.engines.program import Program
from project_tools.features.expressions import divide, earliest, flag, latest, numbered, on_grid

a, b, loan = nw.col("a"), nw.col("b"), nw.col("loan")
#: Few numbers, so that rows are equal, halves are rounded, and divisors are 0.
NUMBERS = st.sampled_from([None, None, 0.0, 1.0, -1.0, 2.5, -0.5, 3.0, 1e30])
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, st.sampled_from([None, 0.0, 1.0, 2.0])), max_size=7)

ROW_BY_ROW = {
    "arithmetic": a + b * 2 - a / 4,
    "opposite sign": -a,
    "size": a.abs(),
    "root": a.abs().sqrt(),
    "quotient": divide(a, b),
    "rounded": a.round(0),
    "on a grid": on_grid(a, 20),
    "chosen": nw.when(a > b).then(a),
    "chosen of two": nw.when(a <= b).then(a).otherwise(b),
    "chosen literal": nw.when(a >= 1).then(nw.lit(7.0)).otherwise(nw.lit(None, dtype=nw.Float64)),
    "unless": nw.when(a != 1.0).then(a),
    "both": flag((a == b) & (b < 3)),
    "null or not": flag(a.is_null()) + flag(~b.is_null()) * 2,
    "one of": flag(a.is_in([1.0, 3.0])),
    "sum across": nw.sum_horizontal(a, b, loan),
    "least across": nw.min_horizontal(a, b, loan),
    "greatest across": nw.max_horizontal(a, b, loan),
    "of the loan": a.max().over("SK_ID_CURR", "loan"),
    "of all": a.sum().over("SK_ID_CURR"),
    "literal": nw.lit(2.0),
}
BY_GROUP = {
    "sum": a.sum(),
    "mean": a.mean(),
    "least": a.min(),
    "greatest": a.max(),
    "known": a.count().cast(nw.Float64),
    "rows": nw.len().cast(nw.Float64),
    "rows that": nw.when(a > 0).then(nw.lit(1)).sum().cast(nw.Float64),
    "distinct": a.n_unique().cast(nw.Float64),
    "any": a.is_null().any().cast(nw.Float64),
    "latest": latest(a.round(0), b.round(0)),
    "earliest": earliest(a.round(0), b.round(0)),
    "mean of known": nw.when(a.count() > 1).then(a.sum() / 2),
}


def _joined(frame: Frame, how: str) -> Frame:
    sums = frame.filter(~loan.is_null()).group_by("SK_ID_CURR", "loan").agg(b.sum().alias("sum"))
    return frame.join(sums, on=["SK_ID_CURR", "loan"], how=how)  # type: ignore[arg-type]


COMPUTE: dict[str, Callable[[Frame, Engine], Frame]] = {
    "rows": lambda frame, _: frame.with_columns(**ROW_BY_ROW),
    "one group": lambda frame, _: frame.group_by("SK_ID_CURR").agg(**BY_GROUP),
    "groups": lambda frame, _: frame.group_by("SK_ID_CURR", "loan").agg(**BY_GROUP),
    "filtered": lambda frame, _: frame.filter(a > b).group_by("SK_ID_CURR").agg(**BY_GROUP),
    "left join": lambda frame, _: _joined(frame, "left"),
    "inner join": lambda frame, _: _joined(frame, "inner"),
    "stacked": lambda frame, _: nw.concat([frame.select("a", "b"), frame.select(a=b, b=a)]),
    "numbered": lambda frame, _: numbered(
        frame.with_columns(half=flag(a.is_null())), "position", ("b", "row"), ("SK_ID_CURR", "half")
    ),
    "looked up": lambda frame, engine: frame.join(
        engine.lift(pl.DataFrame({"a": [0.0, 1.0], "learnt": [5.0, None]}).to_arrow()),
        on="a", how="left",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", COMPUTE)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(rows=ROWS)
def test_a_program_computes_what_polars_computes(
    what: str, rows: list[tuple[float | None, ...]]
) -> None:
    columns = {
        "SK_ID_CURR": [1.0] * len(rows),
        "row": [float(number) for number in range(len(rows))],
        **{name: [row[place] for row in rows] for place, name in enumerate(("a", "b", "loan"))},
    }
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64))
    wanted = COMPUTE[what](nw.from_native(frame.lazy()), PolarsEngine()).to_native().collect()
    found = _computed(columns, COMPUTE[what])
    assert [*found] == wanted.columns
    assert _sorted(found) == _sorted(wanted.to_dict(as_series=False))


def _computed(
    columns: dict[str, list[Any]], compute: Callable[[Frame, Engine], Frame]
) -> dict[str, list[float]]:
    program = Program()
    engine = NumpyEngine(program)
    places = compute(engine.table("rows", columns), engine).to_native().places
    given_columns = dict(program.inputs)
    result = {}
    for name, place in places.items():
        program.inputs = given_columns
        program.finish([place])
        inputs = {p: np.array(columns[n], dtype=float) for (_, n), p in program.inputs.items()}
        result[name] = program.run(inputs).tolist()
    return result


def _sorted(columns: dict[str, list[Any]]) -> list[list[str]]:
    """The rows as texts in a fixed order, null and NaN alike, and 0 and -0."""
    rows = zip(*columns.values(), strict=True)
    return sorted([str(math.nan if v is None else float(v) + 0.0) for v in row] for row in rows)


@pytest.mark.parametrize(
    "compute",
    [
        lambda frame: frame.with_columns(x=~(a > 1)),
        lambda frame: frame.with_columns(x=a.round(2)),
        lambda frame: frame.with_columns(x=a.sum()),
        lambda frame: frame.join(frame.select("row"), on="row", how="anti"),
        lambda frame: frame.join(frame, on="row", how="left"),
    ],
    ids=[
        "opposite of a null",
        "decimals",
        "an aggregate of all rows",
        "another join",
        "one name twice",
    ],
)
def test_what_would_be_computed_otherwise_is_refused(compute: Callable[[Frame], Frame]) -> None:
    with pytest.raises(NotImplementedError, match="has no step"):
        compute(NumpyEngine(Program()).table("rows", ["row", "a"]))


def test_a_step_is_kept_once_and_computed_at_once_without_inputs() -> None:
    calls: list[float] = []

    def doubled(value: Any) -> Any:
        calls.append(value)
        return value * 2

    program = Program()
    given_column, number = program.input("rows", "a"), program.literal(2.0)
    assert program.step(doubled, number) == program.step(doubled, number)
    assert calls == [2.0]
    place = program.step(doubled, given_column)
    program.step(doubled, place)  # no output needs it
    program.finish([place])
    assert program.run({given_column: np.array([1.0])}).tolist() == [2.0]
    assert len(calls) == 2
