"""Spark gives the same features as DuckDB, from the same files and definitions: make test-spark."""

import math
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings

from project_tools.errors import SettingError
from project_tools.features.build import build
from project_tools.features.engines import on_spark
from project_tools.features.files import read_features
from tests.features.made_up_tables import made_up, write
from tests.features.test_loans_of_two_clients import COPIES, Copy, with_copies
from tests.features.test_magnitudes import EXTREMES, Extreme, changed
from tests.features.three_ways import A_FEW

#: What Java itself says of how Spark starts it.
JAVAS_OWN = ("WARNING: Using incubator modules: jdk.incubator.vector",)


@pytest.fixture(scope="module")
def spark() -> None:
    """PySpark and Java; without them the tests are skipped, by make test-spark they fail."""
    missing = [n for n, there in (("PySpark", find_spec("pyspark")), ("Java", shutil.which("java"))) if not there]  # fmt: skip
    if missing:
        said = f"{' and '.join(missing)} missing: install Java 17 and run make test-spark"
        if os.environ.get("SPARK_IS_HERE"):
            pytest.fail(said)
        pytest.skip(f"THE SPARK TEST DID NOT RUN. {said}")


#: A line of the Java machine's own, at its start.
JAVA_SAYS = "WARNING: Using incubator modules"


def _on_spark(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: a session leaves a gateway to Java behind."""
    command = [sys.executable, "-W", "error", "-m", "project_tools", "features", *arguments]
    return subprocess.run(
        [*command, "--engine", "spark"], capture_output=True, text=True, timeout=1500,
        env={**os.environ, "CREDIT_THREADS": "2"}, check=False,
    )  # fmt: skip


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_all_columns_agree_with_duckdb(odd_tables: Path, tmp_path: Path, agree) -> None:
    """One table as Parquet, one compressed, one of Windows, one left out: Spark reads them too."""
    raw = Path(shutil.copytree(odd_tables, tmp_path / "raw"))
    _rewrite(raw)
    by_spark, by_duckdb = (tmp_path / f"{engine}.parquet" for engine in ("spark", "duckdb"))
    done = _on_spark(str(raw), str(by_spark), "--without", "credit_card_balance", "--quiet")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stderr.splitlines() if line not in JAVAS_OWN] == []
    build(raw, [by_duckdb], quiet=True, without=["credit_card_balance"])
    found, wanted = (read_features(path).frame for path in (by_spark, by_duckdb))
    agree(found.set_index("SK_ID_CURR"), wanted.set_index("SK_ID_CURR"))


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_a_state_learnt_on_duckdb_serves_spark(
    odd_tables: Path, by_duckdb: Path, tmp_path: Path, agree
) -> None:
    """Of the new applicants alone, who have no table of labelled ones."""
    raw = Path(shutil.copytree(odd_tables, tmp_path / "raw"))
    (raw / "application_train.csv").unlink()
    state, out = by_duckdb.with_name("features.state"), tmp_path / "later.parquet"
    done = _on_spark(str(raw), str(out), "--state", str(state), "--quiet")
    assert done.returncode == 0, done.stderr
    found, wanted = (read_features(path).frame.set_index("SK_ID_CURR") for path in (out, by_duckdb))
    agree(found, wanted[wanted.SPLIT == "new"])


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
@settings(A_FEW, max_examples=1)  # two minutes each
@given(copies=COPIES, extremes=EXTREMES)
def test_hostile_tables_agree_with_duckdb(
    tmp_path_factory: pytest.TempPathFactory, agree, copies: list[Copy], extremes: list[Extreme]
) -> None:
    """Loans of two clients, and amounts from 1e-320 to 1e300 of either sign, in the same tables."""
    tables = changed(with_copies(made_up(71, clients=30), copies), extremes, null_beyond=math.inf)
    tables["POS_CASH_balance"][0]["CNT_INSTALMENT_FUTURE"] = 2.0**31 - 1
    folder = tmp_path_factory.mktemp("hostile")
    raw = write(tables, folder / "raw")
    by_spark, by_duckdb = (folder / f"{engine}.parquet" for engine in ("spark", "duckdb"))
    done = _on_spark(str(raw), str(by_spark), "--quiet")
    assert done.returncode == 0, done.stderr
    build(raw, [by_duckdb], quiet=True)
    found, wanted = (
        read_features(path).frame.set_index("SK_ID_CURR") for path in (by_spark, by_duckdb)
    )
    agree(found, wanted)
    assert not np.isinf(found.select_dtypes("float32").to_numpy()).any()


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_a_fraction_of_a_month_is_refused_by_its_place(tmp_path: Path) -> None:
    tables = made_up(72, clients=20)
    tables["POS_CASH_balance"][1]["MONTHS_BALANCE"] = -12.5
    raw = write(tables, tmp_path / "raw")
    done = _on_spark(str(raw), str(tmp_path / "f.parquet"), "--quiet")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith(JAVA_SAYS)]
    assert "POS_CASH_balance" in line
    assert "MONTHS_BALANCE" in line
    assert not (tmp_path / "f.parquet").exists()


def _rewrite(raw: Path) -> None:
    (raw / "credit_card_balance.csv").unlink()
    for name, rewrite in {
        "bureau": lambda t: t.to_parquet(raw / "bureau.parquet"),
        "bureau_balance": lambda t: t.to_csv(raw / "bureau_balance.csv.gz", index=False),
        "POS_CASH_balance": lambda t: (
            t[t.columns[::-1]]
            .assign(MORE="x, y")
            .to_csv(raw / "POS_CASH_balance.csv", index=False, lineterminator="\r\n", na_rep="NaN")
        ),
    }.items():
        table = pd.read_csv(raw / f"{name}.csv")
        (raw / f"{name}.csv").unlink()
        rewrite(table)


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_a_text_further_down_is_refused_without_its_value(odd_tables: Path, tmp_path: Path) -> None:
    """Beyond the rows that are looked at before any work."""
    raw = Path(shutil.copytree(odd_tables, tmp_path / "raw"))
    lines = (raw / "bureau_balance.csv").read_text().splitlines()
    head, first = lines[0], lines[1]
    spoilt = first.replace(first.split(",")[1], "secret", 1)
    (raw / "bureau_balance.csv").write_text("\n".join([head, *[first] * 12_000, spoilt, ""]))
    done = _on_spark(str(raw), str(tmp_path / "f.parquet"), "--quiet")
    assert done.returncode == 1
    assert "holds a text where a number is expected" in done.stderr
    assert "secret" not in done.stdout + done.stderr
    ours = [line for line in done.stderr.splitlines() if not line.startswith(JAVA_SAYS)]
    assert len(ours) == 1
    assert not (tmp_path / "f.parquet").exists()


def test_without_pyspark_one_line_says_what_to_do(
    odd_tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_spark, "find_spec", lambda _name: None)
    with pytest.raises(SettingError, match=r"needs PySpark, which is not installed.*make spark$"):
        build(odd_tables, [tmp_path / "f.parquet"], engine="spark", quiet=True)


def test_without_java_one_line_says_what_to_do(
    odd_tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_spark, "find_spec", lambda _name: object())
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(SettingError, match=r"needs Java 17 or later.*openjdk-17.*JAVA_HOME"):
        build(odd_tables, [tmp_path / "f.parquet"], engine="spark", quiet=True)


#: Reads one table from folders whose names other readers take for patterns, in one process.
_READ_PATHS = """
import sys
from pathlib import Path
from project_tools.features.engines.on_spark import SparkEngine, spark_session
from project_tools.tables.declared import TABLES
with spark_session(2, None) as session:
    for path in sys.argv[1:]:
        rows = SparkEngine(session)._table(TABLES["bureau_balance"], Path(path)).to_native().collect()
        print([tuple(row) for row in rows])
"""


@pytest.mark.spark
@pytest.mark.usefixtures("spark")
def test_spark_reads_exactly_the_named_file(tmp_path: Path) -> None:
    paths = []
    for name in (
        "set1",
        "set[12]",
        "a*",
        "{a,b}",
        "b c",
        "it's",
        'q"d',
        "50%20x",
        "w?",
        "year=2024",
    ):
        folder = tmp_path / name
        folder.mkdir()
        month = -1 if name == "set1" else -3
        csv, parquet = (folder / f"bureau_balance.{ending}" for ending in ("csv", "parquet"))
        csv.write_text(f"SK_ID_BUREAU,months_balance,MONTHS_BALANCE,STATUS\n1,-70,{month},2\n")
        columns = {"SK_ID_BUREAU": [1], "months_balance": [-70], "MONTHS_BALANCE": [month]}
        pq.write_table(pa.table({**columns, "STATUS": [2.0]}), parquet)
        paths += [] if name == "set1" else [str(csv), str(parquet)]
    command = [sys.executable, "-c", _READ_PATHS, *paths]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.splitlines() == ["[(1, -3.0, '2')]"] * len(paths)
