"""A path is a path: whatever its characters, exactly the named file is read."""

import gzip
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from project_tools.errors import TableError
from project_tools.tables.declared import TABLES
from project_tools.tables.digest import digest_beside, raw_digest
from project_tools.tables.files import open_tables
from project_tools.tables.views import create_view
from tests.tables.raw_folder import rows_of, write

MONTHS = TABLES["bureau_balance"]
QUICK = settings(
    max_examples=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
#: Names of folders: patterns, quotes, blanks, home folders, addresses, partitions, escapes.
NAMES = st.text("[]*?{}'\"~!^-,.=:%#$\\ \taé12", min_size=1, max_size=12).filter(
    lambda name: name not in {".", ".."}
)


def _put(folder: Path, ending: str, month: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"bureau_balance{ending}"
    if ending == ".parquet":
        pq.write_table(
            pa.table({"SK_ID_BUREAU": [1], "MONTHS_BALANCE": [month], "STATUS": ["C"]}), path
        )
        return path
    content = f"SK_ID_BUREAU,MONTHS_BALANCE,STATUS\n1,{month},C\n".encode()
    path.write_bytes(gzip.compress(content) if ending.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
@QUICK
@given(outer=NAMES, inner=NAMES)
@example(outer="set[12]", inner="a*")
@example(outer="back\\slash", inner="{a,b}")
@example(outer="**", inner="{1,2}")
@example(outer="SK_ID_BUREAU=7", inner="MONTHS_BALANCE=-9")
@example(outer="~", inner='it\'s a "raw" folder ')
def test_exactly_the_named_file_is_read(
    tmp_path_factory: pytest.TempPathFactory, ending: str, outer: str, inner: str
) -> None:
    top = tmp_path_factory.mktemp("paths")
    for other in ("set1", "set2", "a", "1", "2", "raw"):  # what a pattern would find
        _put(top / other / other, ending, -50)
    path = _put(top / outer / inner, ending, -3)
    con = duckdb.connect()
    if "\\" in outer + inner and set("*?[") & set(outer + inner):
        with pytest.raises(TableError, match=r"holds a backslash beside one of \* \? \["):
            create_view(con, MONTHS, path)
        return
    create_view(con, MONTHS, path)
    assert con.execute("FROM bureau_balance").fetchall() == [(1, -3.0, "C")]
    con.close()
    shutil.rmtree(top)


@pytest.mark.parametrize("name", ["set[12]", "set?", "set*"])
def test_the_digest_is_of_the_folder_that_is_read(sound: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(sound, tmp_path / "set1")
    own = shutil.copytree(sound, tmp_path / name)
    write(own, "bureau", rows_of(own, "bureau").head(3))
    raw = open_tables(own)
    with digest_beside(raw) as digest:
        assert raw.connection.execute("SELECT count(*) FROM bureau").fetchall() == [(3,)]
    assert digest() == raw_digest(own) != raw_digest(sound)


def test_a_relative_path_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("~", "s3:", "file:"):
        path = _put(Path(name), ".csv", -4)
        con = duckdb.connect()
        create_view(con, MONTHS, path)
        assert con.execute("SELECT MONTHS_BALANCE FROM bureau_balance").fetchall() == [(-4.0,)]
