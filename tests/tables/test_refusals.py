"""A file that cannot be read as a table: the right place, the likely cause, and what to do."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from project_tools.errors import TableError
from project_tools.tables.declared import TABLES
from project_tools.tables.files import named_errors
from project_tools.tables.schema import Table
from project_tools.tables.views import check_grouped_digits, create_view, placed_keys

MONTHS, CARDS = TABLES["bureau_balance"], TABLES["credit_card_balance"]
HEADER = "SK_ID_BUREAU,MONTHS_BALANCE,STATUS"
ROWS = "".join(f"{key},-{key},C\n" for key in range(1, 9))


def read(path: Path, table: Table = MONTHS) -> list[tuple[Any, ...]]:
    """All rows as every command reads them; its extra columns too, for the error of a text."""
    con = duckdb.connect()
    with named_errors():
        create_view(con, table, path)
        with placed_keys(con, table, path):
            rows: list[tuple[Any, ...]] = con.execute(f"FROM {table.name}").fetchall()
    check_grouped_digits(table, path)
    return rows


def _in_line_7(old: str, new: str) -> Callable[[str], bytes]:
    """The key 6 is on line 7."""
    return lambda text: text.replace(old, new).encode("latin-1")


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
@pytest.mark.parametrize(
    ("content", "says", "code"),
    [
        (_in_line_7("6,-6,C", "6,-6,é"), r"line 7: column STATUS holds a byte that is not UTF-8.*save the file as UTF-8", "encoding"),
        (_in_line_7("STATUS", "STATUS,é"), r"line 1: column number 4 holds a byte that is not UTF-8", "encoding"),
        (lambda text: text.encode("utf-16"), r"is UTF-16 text; save it as UTF-8", "format"),
        (lambda text: text.replace(",", ";").encode(), r"separated by semicolons; save it with commas", "separator"),
        (lambda text: text.replace(",", "\t").encode(), r"separated by tabs; save it with commas", "separator"),
        (lambda text: b"sep=,\n" + text.encode(), r"line 1: 'sep=' is a spreadsheet's own line; delete it", "format"),
        (lambda text: b"sep=;\n" + text.replace(",", ";").encode(), r"line 1: 'sep=' .* delete it", "format"),
        (lambda _: b"PK\x03\x04 and more", r"is a zip archive or a spreadsheet; unpack it", "format"),
        (lambda _: b"PAR1 and more", r"is a Parquet file; give its name the ending \.parquet", "format"),
        (_in_line_7("6,-6", "6,-1_000"), r"line 7: column MONTHS_BALANCE holds a number with an underscore", "not-a-number"),
        (_in_line_7("6,-6", "6_0,-6"), r"line 7: column SK_ID_BUREAU holds a number with an underscore", "not-a-number"),
        (_in_line_7("6,-6", "6.5,-6"), r"line 7: column SK_ID_BUREAU holds a number that is not a whole key", "key-not-whole"),
        (_in_line_7("6,-6", f"{2**53},-6"), r"line 7: column SK_ID_BUREAU holds an id of 9,007,199,254,740,992 or more", "key-too-large"),
        (_in_line_7("6,-6", f"{2**63},-6"), r"line 7: column SK_ID_BUREAU holds an id of 9,007,199,254,740,992 or more", "key-too-large"),
        (_in_line_7("6,-6", '6,"-6,5"'), r"line 7: column MONTHS_BALANCE holds a text .*with a point, not with a comma", "not-a-number"),
        (_in_line_7("6,-6,C", "6,-6"), r"line 7: 2 values where the header names 3 columns", "values-per-row"),
        (_in_line_7(HEADER, f"{HEADER},STATUS"), r"holds the column STATUS twice", "column-twice"),
        (_in_line_7("STATUS", "STATE"), r"lacks the column STATUS; did you mean 'STATE'", "column-missing"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_table_is_refused(
    tmp_path: Path, ending: str, content: Callable[[str], bytes], says: str, code: str
) -> None:
    path, data = tmp_path / f"bureau_balance{ending}", content(f"{HEADER}\n{ROWS}")
    path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    with pytest.raises(TableError, match=rf"bureau_balance{ending}.*{says}") as caught:
        read(path)
    assert caught.value.code == code


def test_a_gzip_file_needs_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "bureau_balance.csv"
    path.write_bytes(gzip.compress(HEADER.encode()))
    with pytest.raises(TableError, match=r"is a gzip file; give its name the ending \.csv\.gz"):
        read(path)


def test_an_underscore_elsewhere_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "bureau_balance.csv"
    path.write_text(f"{HEADER},NOTE_1_2\n1,-1,C,2020_01\n2,-2,1_0,x\n")
    assert [row[2] for row in read(path)] == ["C", "1_0"]


def _parquet(path: Path, **columns: pa.Array) -> Path:
    """Columns by name; a name with a mark at its end stands there twice, or in another case."""
    pq.write_table(pa.Table.from_arrays([*columns.values()], names=[*columns]), path)
    return path


def test_a_column_twice_in_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bureau_balance.parquet"
    keys, months, status = pa.array([1]), pa.array([-1]), pa.array(["C"])
    names = [*MONTHS.column_names, "MONTHS_BALANCE"]
    pq.write_table(pa.Table.from_arrays([keys, months, status, months], names=names), path)
    with pytest.raises(TableError, match="holds the column MONTHS_BALANCE twice") as caught:
        read(path)
    assert caught.value.code == "column-twice"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_column_that_differs_in_case_is_an_extra_one(
    tmp_path: Path, ending: str, first: bool
) -> None:
    path = tmp_path / f"bureau_balance{ending}"
    names = [*MONTHS.column_names, "months_balance", "MONTHS_BALANCE_1", "note"]
    values: list[Any] = [1, -1, "C", -70, -80, "x"]
    if first:
        names, values = names[::-1], values[::-1]
    if ending == ".csv":
        path.write_text(f"{','.join(names)}\n{','.join(map(str, values))}\n")
    else:
        arrays = [pa.array([value]) for value in values]
        pq.write_table(pa.Table.from_arrays(arrays, names=names), path)
    con = duckdb.connect()
    extra = create_view(con, MONTHS, path)
    assert {*extra} == {"months_balance", "MONTHS_BALANCE_1", "note"}
    assert con.execute("FROM bureau_balance").fetchall() == [(1, -1.0, "C")]


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.int64(), pa.float64(), pa.decimal128(21, 1)], ids=str
)
def test_whole_numbers_are_levels_of_status(tmp_path: Path, kind: pa.DataType) -> None:
    """A table without C and X: pandas makes numbers of its levels."""
    levels = pa.array([0, 5, None, 7]).cast(kind)
    path = _parquet(tmp_path / "bureau_balance.parquet", SK_ID_BUREAU=pa.array([1, 2, 3, 4]),
                    MONTHS_BALANCE=pa.array([-1] * 4), STATUS=levels)  # fmt: skip
    assert [row[2] for row in sorted(read(path))] == ["0", "5", None, "7"]


def test_a_fraction_is_no_level_of_status(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "bureau_balance.parquet", SK_ID_BUREAU=pa.array([1, 2]),
                    MONTHS_BALANCE=pa.array([-1] * 2), STATUS=pa.array([1.5, float("nan")]))  # fmt: skip
    assert [row[2] for row in sorted(read(path))] == ["1.5", None]


def test_a_missing_key_of_parquet_is_missing(tmp_path: Path) -> None:
    path = _parquet(tmp_path / "bureau_balance.parquet", SK_ID_BUREAU=pa.array([float("nan"), 2.0]),
                    MONTHS_BALANCE=pa.array([-1] * 2), STATUS=pa.array(["C"] * 2))  # fmt: skip
    assert {row[0] for row in read(path)} == {None, 2}
