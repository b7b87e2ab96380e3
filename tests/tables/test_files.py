"""What a raw table may look like as a file, and what each refusal says."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from project_tools.errors import TableError
from project_tools.tables.check import check
from project_tools.tables.declared import TABLES
from project_tools.tables.digest import digest_beside, raw_digest
from project_tools.tables.files import connect, named_errors, open_tables
from project_tools.tables.loaded import LoadedTables
from project_tools.tables.rules import NOT_FINITE
from tests.tables.raw_folder import rows_of, write

NAME = "bureau"
Change = Callable[[Path], None]


def read(folder: Path, name: str = NAME) -> pd.DataFrame:
    with named_errors():
        return (
            LoadedTables(open_tables(folder))
            .read(name)
            .collect("pandas")
            .to_native()
            .sort_values(["SK_ID_CURR", "SK_ID_BUREAU"], ignore_index=True)
        )


def _text(folder: Path) -> str:
    return (folder / f"{NAME}.csv").read_text()


def _bytes(content: Callable[[str], bytes]) -> Change:
    return lambda folder: (folder / f"{NAME}.csv").write_bytes(content(_text(folder)))  # type: ignore[func-returns-value, return-value]  # for its effect


def _gz(folder: Path) -> None:
    (folder / f"{NAME}.csv.gz").write_bytes(gzip.compress(_text(folder).encode()))
    (folder / f"{NAME}.csv").unlink()


def _frame(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    return lambda folder: write(folder, NAME, change(rows_of(folder, NAME)))


def _parquet(change: Callable[[pa.Table], pa.Table] = lambda table: table) -> Change:
    def put(folder: Path) -> None:
        table = pa.Table.from_pandas(rows_of(folder, NAME), preserve_index=False)
        pq.write_table(change(table), folder / f"{NAME}.parquet")
        (folder / f"{NAME}.csv").unlink()

    return put


def _cast(table: pa.Table, **types: pa.DataType) -> pa.Table:
    for name, kind in types.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].cast(kind))
    return table


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(_bytes(lambda text: b"\xef\xbb\xbf" + text.encode()), id="byte-order mark"),
        pytest.param(_bytes(lambda text: text.replace("\n", "\r\n").encode()), id="Windows line ends"),
        pytest.param(_bytes(lambda text: text.rstrip("\n").encode()), id="no line end at the end"),
        pytest.param(_gz, id="gzip"),
        pytest.param(_frame(lambda rows: rows[rows.columns[::-1]]), id="columns in another order"),
        pytest.param(_frame(lambda rows: rows.assign(OUR_NOTE="a, b")), id="an extra column, quoted"),
        pytest.param(_frame(lambda rows: rows.sample(frac=1, random_state=1)), id="rows in another order"),
        pytest.param(_frame(lambda rows: rows.astype({"SK_ID_CURR": "float64"})), id="keys with .0"),
        pytest.param(_parquet(), id="Parquet"),
        pytest.param(_parquet(lambda t: _cast(t, SK_ID_CURR=pa.int32(), DAYS_CREDIT=pa.int16())), id="Parquet, narrow"),
        pytest.param(_parquet(lambda t: _cast(t, SK_ID_CURR=pa.float64())), id="Parquet, keys as floats"),
        pytest.param(
            _parquet(lambda t: _cast(t, CREDIT_ACTIVE=pa.dictionary(pa.int8(), pa.string()))), id="Parquet, dictionary"
        ),
    ],
)  # fmt: skip
def test_every_form_of_a_file_reads_the_same(sound: Path, own: Path, form: Change) -> None:
    form(own)
    pd.testing.assert_frame_equal(read(own), read(sound))


def test_the_case_of_a_file_s_name_does_not_matter(sound: Path, own: Path) -> None:
    (own / f"{NAME}.csv").rename(own / "Bureau.CSV")
    pd.testing.assert_frame_equal(read(own), read(sound))


def test_nan_and_infinity_are_missing_and_counted(own: Path) -> None:
    rows = rows_of(own, NAME)
    rows["AMT_CREDIT_SUM"] = rows["AMT_CREDIT_SUM"].astype("object")
    rows.loc[:3, "AMT_CREDIT_SUM"] = ["inf", "-Infinity", "NaN", ""]
    write(own, NAME, rows)
    assert read(own)["AMT_CREDIT_SUM"].isna().sum() >= 4
    assert np.isfinite(read(own)["AMT_CREDIT_SUM"].dropna()).all()
    odd = [f for f in check(own).findings if f.column == "AMT_CREDIT_SUM"]
    assert [(f.rows, f.what) for f in odd] == [(2, f"{NOT_FINITE}, as row 1")]


@pytest.mark.parametrize("kind", [pa.null(), pa.string(), pa.float64(), pa.int32()], ids=str)
@pytest.mark.parametrize("column", ["AMT_ANNUITY", "CREDIT_ACTIVE"])
def test_an_all_null_column_of_parquet_is_read_whatever_its_type(
    own: Path, column: str, kind: pa.DataType
) -> None:
    def empty(table: pa.Table) -> pa.Table:
        place = table.column_names.index(column)
        return table.set_column(place, column, pa.nulls(len(table), kind))

    _parquet(empty)(own)
    assert read(own)[column].isna().all()


def test_numbers_in_a_text_column_of_parquet_are_refused(own: Path) -> None:
    def numbers(table: pa.Table) -> pa.Table:
        place = table.column_names.index("CREDIT_ACTIVE")
        return table.set_column(place, "CREDIT_ACTIVE", pa.array([1] * len(table), pa.int32()))

    _parquet(numbers)(own)
    with pytest.raises(
        TableError, match="column CREDIT_ACTIVE is INTEGER where texts are expected"
    ):
        read(own)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_header_alone_and_one_row_are_tables(own: Path, rows: int) -> None:
    write(own, NAME, rows_of(own, NAME).head(rows))
    assert len(read(own)) == rows


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_file_without_even_a_header_is_a_table_without_rows(own: Path, ending: str) -> None:
    (own / f"{NAME}.csv").unlink()
    (own / f"{NAME}{ending}").write_bytes(gzip.compress(b"") if ending.endswith("gz") else b"")
    assert len(read(own)) == 0
    report = check(own)
    assert not report.fatal
    assert report.rows[NAME] == 0
    assert "the file is empty" in next(f.what for f in report.findings if f.table == NAME)


def _in(row: int, column: str, value: str) -> Change:
    def put(folder: Path) -> None:
        rows = rows_of(folder, NAME)
        rows[column] = rows[column].astype("object")
        rows.loc[row, column] = value
        write(folder, NAME, rows)

    return put


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_frame(lambda rows: rows.rename(columns={"AMT_ANNUITY": "AMT_ANUITY"})),
         r"bureau\.csv lacks the column AMT_ANNUITY; did you mean 'AMT_ANUITY'\?"),
        (_in(4, "AMT_ANNUITY", "secret"), r"bureau\.csv, line 6: column AMT_ANNUITY holds a text where a number"),
        (_in(4, "SK_ID_CURR", "123456.5"), r"bureau\.csv, line 6: column SK_ID_CURR holds a number that is not a whole key"),
        (_in(4, "SK_ID_CURR", "12345678901234567890"), r"line 6: column SK_ID_CURR holds an id of 9,007,199"),
        (_bytes(lambda text: gzip.compress(text.encode())[:200]), r"bureau\.csv is a gzip file"),
        (_bytes(lambda text: text.encode() + b"1,2,3\n"), r"bureau\.csv, line \d+: 3 values where the header names 17"),
        (_in(4, "SK_ID_CURR", str(2**53)), r"line 6: column SK_ID_CURR holds an id of 9,007,199"),
        (_frame(lambda rows: rows.rename(columns=str.lower)),
         r"lacks the column SK_ID_CURR, .*; did you mean 'sk_id_curr'\?"),
        (lambda folder: (folder / "Bureau.CSV").write_bytes(b"x"), r"Bureau\.CSV and bureau\.csv; keep one"),
        (lambda folder: (folder / f"{NAME}.csv").rename(folder / "bureaus.csv"),
         r"holds no bureau\{.*did you mean 'bureaus\.csv'"),
        (lambda folder: (folder / f"{NAME}.csv.gz").write_bytes(b"x"), r"bureau\.csv and bureau\.csv\.gz; keep one"),
    ],
)  # fmt: skip
def test_a_refusal_names_file_line_and_column_but_no_value(
    own: Path, spoil: Change, says: str
) -> None:
    spoil(own)
    with pytest.raises(TableError, match=says) as caught:
        read(own)
    assert "\n" not in str(caught.value)
    assert not {"secret", "123456", "1234567890"} & set(str(caught.value).replace(".", " ").split())


def test_a_truncated_gzip_is_refused(own: Path) -> None:
    buffer = io.BytesIO(gzip.compress(_text(own).encode()))
    (own / f"{NAME}.csv.gz").write_bytes(buffer.getvalue()[:-2000])
    (own / f"{NAME}.csv").unlink()
    with pytest.raises(TableError, match=r"bureau\.csv\.gz"):
        read(own)


def _rows(frame: nw.LazyFrame) -> pd.DataFrame:
    rows = frame.collect("pandas").to_native()
    return rows.sort_values(list(rows.columns), ignore_index=True)


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_loaded_table_is_its_file_read_once(own: Path, tmp_path: Path, on_disk: bool) -> None:
    raw = open_tables(own, connection=connect(threads=2, spill=tmp_path))
    tables = LoadedTables(raw, folder=tmp_path if on_disk else None)
    before = {name: _rows(nw.from_native(raw.connection.table(name))) for name in TABLES}
    frames = {name: tables.read(name) for name in TABLES}
    for path in own.iterdir():
        path.unlink()  # nothing is read from the files any more
    for name in TABLES:
        pd.testing.assert_frame_equal(_rows(frames[name]), before[name])
        assert tables.counts[name].rows == len(before[name])


def test_a_released_table_gives_its_room_back(own: Path) -> None:
    raw = open_tables(own)
    tables = LoadedTables(raw)

    def held() -> set[str]:
        return {name for (name,) in raw.connection.execute(
            "SELECT table_name FROM duckdb_tables()").fetchall()}  # fmt: skip

    tables.read(NAME)
    assert f"rows of {NAME}" in held()
    tables.release(NAME)
    assert f"rows of {NAME}" not in held()
    for name in (name for name in TABLES if name != NAME):
        tables.read(name)
        tables.release(name)
    assert held() == set()  # nor does anything stay of what is counted across the tables


def test_the_digest_beside_the_reading_is_the_digest(own: Path) -> None:
    raw = open_tables(own)
    with digest_beside(raw) as digest:
        pass
    assert digest() == raw_digest(own)
    before = raw_digest(own)
    _in(1, "AMT_ANNUITY", "17")(own)
    assert before != raw_digest(own)
    with pytest.raises(TableError, match=r"bureau\.csv changed while it was read; run the command"):
        digest()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (duckdb.OutOfMemoryException("Out of Memory Error: failed"), "raise CREDIT_MEMORY_LIMIT"),
        (duckdb.IOException("IO Error: Could not write: No space left on device"), "disk of temporary files is full"),
    ],
)  # fmt: skip
def test_memory_and_disk_that_run_out_get_a_sentence(error: Exception, says: str) -> None:
    with pytest.raises(TableError, match=says), named_errors():
        raise error
