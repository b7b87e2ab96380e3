"""Numbers of any size and fractions: the batch and one applicant read the same, or refuse the same."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from project_tools.errors import FeatureError, TableError
from project_tools.features.engines.on_polars import PolarsTables
from project_tools.features.records import read_records
from project_tools.tables.declared import TABLES
from project_tools.tables.files import RawTables, connect
from project_tools.tables.loaded import LoadedTables, check_in_place
from project_tools.tables.report import Finding
from project_tools.tables.schema import LARGEST_OF, Column, Kind
from project_tools.tables.views import create_view
from tests.helpers.applicants import completed

QUICK = settings(
    max_examples=15, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
#: 1e-320 to 1e300, both signs, by exponent, so that all magnitudes are as likely.
MAGNITUDES = st.builds(
    lambda sign, digits, power: sign * float(f"{digits}e{power}"),
    st.sampled_from((1, -1)), st.floats(1, 9.99), st.integers(-320, 300),
)  # fmt: skip
AMOUNTS = st.one_of(MAGNITUDES, st.sampled_from((0.0, 1e12, -1e12, math.inf, -math.inf)))
WHOLE = st.one_of(st.integers(-(10**15), 10**15), st.sampled_from((32_767, 32_768, 40_000, 2**31)))
#: Tables of histories, whose rows can be an applicant's, and their columns of numbers.
COLUMNS = [
    (name, column)
    for name, table in TABLES.items()
    if not name.startswith("application")
    for column in table.columns
    if column.sql_type == "DOUBLE"
]
WHOLE_COLUMNS = [(name, column) for name, column in COLUMNS if column.is_whole]


def _raw(folder: Path, name: str, column: str, values: Sequence[float]) -> RawTables:
    """One table of which only the keys and one column hold values, as a CSV file."""
    header = TABLES[name].column_names
    keys = {c.name for c in TABLES[name].columns if c.kind == "key"}
    path = folder / f"{name}.csv"
    lines = [",".join(header)]
    for key, value in enumerate(values, start=1):
        lines.append(
            ",".join(str(key) if n in keys else repr(value) if n == column else "" for n in header)
        )
    path.write_text("\n".join(lines) + "\n")
    raw = RawTables(connect(threads=1), files={name: path})
    for other in TABLES:
        raw.empty(other)
    create_view(raw.connection, TABLES[name], path)
    return raw


def _read(raw: RawTables, name: str, column: str) -> list[float | None]:
    """The column in the order of its keys."""
    rows = LoadedTables(raw).read(name).collect("pyarrow").to_native()
    key = TABLES[name].column_names[0]
    found: list[float | None] = rows.sort_by(key)[column].to_pylist()
    return found


def _of_one_applicant(name: str, column: str, values: Sequence[float]) -> list[float | None]:
    records = completed(**{name: [{column: value} for value in values]})
    numbers = read_records(records).columns[name][column]
    return [None if math.isnan(number) else number for number in numbers]


def _bits(values: Sequence[float | None]) -> list[str | None]:
    return [None if value is None else float(value).hex() for value in values]


@QUICK
@given(
    where=st.sampled_from(COLUMNS),
    values=st.lists(AMOUNTS, min_size=1, max_size=6),
    whole=st.lists(WHOLE, min_size=6, max_size=6),
)
@example(
    where=("bureau", TABLES["bureau"].column("AMT_ANNUITY")),
    values=[1e39, 1e-320, 5e-324, 1e12, 1.1e12, math.nan],
    whole=[0] * 6,
)
@example(
    where=("POS_CASH_balance", TABLES["POS_CASH_balance"].column("CNT_INSTALMENT_FUTURE")),
    values=[1.0] * 6,
    whole=[40_000, 32_767, 32_768, 2**31 - 1, 2**31, -(10**12)],
)
def test_a_number_is_read_or_missing_alike(
    tmp_path: Path, where: tuple[str, Column], values: list[float], whole: list[int]
) -> None:
    name, column = where
    if column.is_whole:
        values = [float(number) for number in whole[: len(values)]]
    wanted = [v if math.isfinite(v) and abs(v) <= column.largest else None for v in values]
    raw = _raw(tmp_path, name, column.name, values)
    assert _bits(_read(raw, name, column.name)) == _bits(wanted)
    assert _bits(_of_one_applicant(name, column.name, values)) == _bits(wanted)


@pytest.mark.parametrize("number", [1e39, -1e13, 1e300, math.inf])
def test_a_number_that_is_too_large_is_a_finding(tmp_path: Path, number: float) -> None:
    raw = _raw(tmp_path, "bureau", "AMT_ANNUITY", [1.0, number])
    tables = PolarsTables(raw)
    assert tables.read("bureau").collect()["AMT_ANNUITY"].to_list().count(None) == 1
    what, code = ("not a finite number, treated as missing", "not-finite")
    if math.isfinite(number):
        what, code = "beyond ±1,000,000,000,000, treated as missing", "out-of-range"
    found = [finding for finding in tables.odd if finding.column == "AMT_ANNUITY"]
    assert found == [Finding("odd", "bureau", "AMT_ANNUITY", 1, what, code)]


@pytest.mark.parametrize("kind", LARGEST_OF)
def test_each_kind_has_its_range(tmp_path: Path, kind: Kind) -> None:
    name, column = next((n, c) for n, c in COLUMNS if c.kind == kind)
    most = LARGEST_OF[kind]
    raw = _raw(tmp_path, name, column.name, [most, most + 1, -most, -most - 1])
    assert _read(raw, name, column.name) == [most, None, -most, None]


@pytest.mark.slow
@QUICK
@given(
    where=st.sampled_from(WHOLE_COLUMNS),
    fraction=st.floats(-99_999, 99_999).filter(lambda number: not number.is_integer()),
)
@example(
    where=("POS_CASH_balance", TABLES["POS_CASH_balance"].column("MONTHS_BALANCE")), fraction=-12.5
)
@example(where=("bureau", TABLES["bureau"].column("DAYS_CREDIT")), fraction=1e-320)
def test_a_fraction_is_refused_alike(
    tmp_path: Path, where: tuple[str, Column], fraction: float
) -> None:
    name, column = where
    place = re.escape(f"{name}.{column.name}: a fraction where whole numbers are expected")
    for read in (lambda raw: LoadedTables(raw).read(name), check_in_place):
        raw = _raw(tmp_path, name, column.name, [-1.0, fraction, -2.0])
        with pytest.raises(TableError, match=rf"^{place}, as row 2 in 1 row") as caught:
            read(raw)
        assert repr(fraction) not in str(caught.value)
    with pytest.raises(
        FeatureError, match=rf"^{name}.1..{column.name}: it holds a fraction"
    ) as refused:
        _of_one_applicant(name, column.name, [-1.0, fraction])
    assert repr(fraction) not in str(refused.value)


def test_every_time_and_count_is_whole() -> None:
    names = re.compile(r"MONTHS_BALANCE|DAYS_.*|NUM_.*|CNT_.*|SK_DPD.*")
    for table in TABLES.values():
        for column in table.columns:
            assert column.is_whole or not names.fullmatch(column.name), (table.name, column.name)


@pytest.mark.parametrize("number", [0, 5, 2.0])
def test_a_whole_number_is_a_level_of_one_applicant_s_months(number: float) -> None:
    records = completed(bureau_balance=[{"STATUS": number}])
    assert read_records(records).columns["bureau_balance"]["STATUS"] == [str(int(number))]


@pytest.mark.parametrize("value", [1.5, True])
def test_another_number_is_no_level(value: object) -> None:
    records = completed(bureau_balance=[{"STATUS": value}])
    with pytest.raises(FeatureError, match=r"bureau_balance\[0\].STATUS: it takes a text, or null"):
        read_records(records)
