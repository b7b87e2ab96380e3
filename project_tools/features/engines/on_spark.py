"""The features on Spark, for tables that have outgrown one machine.

Spark reads the files itself, with the schema's types; no value passes through pandas. Before that,
DuckDB checks the headers and counts the findings in the rows without keeping them.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import narwhals as nw
import pyarrow as pa

from project_tools.errors import SettingError, TableError
from project_tools.features.engines.batch import BatchEngine
from project_tools.features.engines.engine import Frame, FrameTables, Held
from project_tools.system.progress import working
from project_tools.tables.declared import TABLES
from project_tools.tables.files import MISSING, RawTables, csv_header
from project_tools.tables.loaded import check_in_place
from project_tools.tables.report import Finding
from project_tools.tables.schema import FLOAT32_MOST, Column, Table

_MEBIBYTES = {"MB": 1, "GB": 1024}
#: Loggers that write a failed query to stderr, with the value at which it failed.
_LOGS_OF_VALUES = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
#: Either of them means that Spark's own configuration says where it runs.
_ELSEWHERE = ("PYSPARK_GATEWAY_PORT", "SPARK_CONF_DIR")
#: Tasks after a shuffle on this machine: Spark's default of 200 is for a cluster, and costs seconds
#: in each step here. Spark merges small tasks.
_LOCAL_PARTITIONS = 16
_LOG = Path(__file__).with_name("spark_log.properties")
_SETTINGS = {
    "spark.app.name": "credit features",
    "spark.driver.maxResultSize": "0",  # the features of all clients come back as one table
    "spark.sql.ansi.enabled": "true",  # a text where a number is expected is an error, no null
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_LOG.as_uri()}",
}


class SparkTables(FrameTables):
    """Tables that Spark reads from their files, and the findings in their rows."""

    def __init__(self, frames: Mapping[str, Frame], odd: tuple[Finding, ...]) -> None:
        super().__init__(frames)
        self.odd = odd


class SparkEngine(BatchEngine):
    """Keeps held frames in Spark's memory or disk until they are released."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def tables(self, raw: RawTables, *, quiet: bool) -> "SparkTables":
        with working("checking the rows", quiet=quiet, done=raw.connection.query_progress):
            odd = check_in_place(raw)
        frames = {name: self._table(TABLES[name], raw.files.get(name)) for name in TABLES}
        return SparkTables(frames, odd)

    def hold(self, frame: Frame) -> Held:
        native = frame.to_native().persist()
        native.count()
        return Held(_wrapped(native), native.unpersist)

    def lift(self, table: pa.Table) -> Frame:
        return _wrapped(self._session.createDataFrame(table))

    def _table(self, table: Table, path: Path | None) -> Frame:
        if path is None:
            schema = ", ".join(f"`{c.name}` {_spark_type(c)}" for c in table.columns)
            return _wrapped(self._session.createDataFrame([], schema))
        where = path.resolve().as_uri()
        if path.suffix.lower() == ".parquet":
            native = self._session.read.parquet(where)
        else:
            native = self._read_csv(where, csv_header(path))
        return _wrapped(native.select(*(_column(column) for column in table.columns)))

    def _read_csv(self, where: str, header: list[str]) -> Any:
        """All columns as text, by position: a missing value is written in several ways, and Spark
        reads only one of them.
        """
        names = (name.replace("`", "``") for name in header)
        return self._session.read.csv(
            where, schema=", ".join(f"`{name}` STRING" for name in names), header=True, escape='"',
            mode="FAILFAST",
        )  # fmt: skip


@contextmanager
def spark_session(threads: int | None, memory_limit: str | None) -> Iterator[Any]:
    """A Spark session, closed with the block; ``SettingError`` where PySpark or Java is missing.

    It runs on this machine with ``threads`` threads, unless ``spark-submit`` started this process
    or ``SPARK_CONF_DIR`` names another place. ``memory_limit`` is the driver's.
    """
    check_installed()
    from pyspark.logger import PySparkLogger  # noqa: PLC0415  (an extra)
    from pyspark.sql import SparkSession  # noqa: PLC0415  (an extra)

    for name in _LOGS_OF_VALUES:
        PySparkLogger.getLogger(name).disabled = True
    # Spark's workers would otherwise take whichever python3 stands first in the path.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    settings = dict(_SETTINGS)
    if threads is not None or not any(name in os.environ for name in _ELSEWHERE):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        settings["spark.master"] = f"local[{threads or '*'}]"
        settings["spark.sql.shuffle.partitions"] = str(_LOCAL_PARTITIONS)
    if memory_limit is not None:
        settings["spark.driver.memory"] = _java_size(memory_limit)
    session = SparkSession.builder.config(map=settings).getOrCreate()
    try:
        with _named_errors():
            yield session
    finally:
        session.stop()


def check_installed() -> None:
    """``SettingError`` that says what to install if PySpark or Java is missing."""
    if find_spec("pyspark") is None:
        raise SettingError(
            "the engine spark needs PySpark, which is not installed; install it with: make spark"
        )
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=str(Path(home) / "bin") if home else None) is None:
        raise SettingError(
            "the engine spark needs Java 17 or later and finds none; install it (Debian: apt-get "
            "install openjdk-17-jre-headless), or set JAVA_HOME to where it is"
        )


@contextmanager
def _named_errors() -> Iterator[None]:
    """Replace Spark's errors about a file's rows by one sentence without the value."""
    from pyspark.errors import PySparkException  # noqa: PLC0415  (an extra)

    try:
        yield
    except PySparkException as why:
        message = str(why)
        if "CAST_INVALID_INPUT" in message or "MALFORMED_RECORD" in message:
            raise TableError(
                "a row of a raw table holds a text where a number is expected, or another number "
                "of values than its header; `python -m project_tools check` names the place"
            ) from None  # Spark's message repeats the value
        raise


def _column(column: Column) -> Any:
    """A raw column in the schema's type; null where the file marks a missing value."""
    from pyspark.sql import functions as F  # noqa: PLC0415, N812  (an extra; as Spark's own guide names it)

    raw = F.col(f"`{column.name}`")
    value = F.when(~raw.cast("string").isin(*MISSING), raw).cast(_spark_type(column))
    if column.sql_type == "DOUBLE":  # NaN and what is not finite as float32 count as missing
        value = F.when(~F.isnan(value) & (F.abs(value) <= FLOAT32_MOST), value)
    return value.alias(column.name)


def _spark_type(column: Column) -> str:
    return {"VARCHAR": "STRING"}.get(column.sql_type, column.sql_type)


def _java_size(size: str) -> str:
    """A size of ``CREDIT_MEMORY_LIMIT`` as Java writes it.

    >>> _java_size("1.5GB"), _java_size("800MB")
    ('1536m', '800m')
    """
    number, unit = re.fullmatch(r"([\d.]+)\s*(MB|GB)", size).groups()  # type: ignore[union-attr]  # settings checked it
    return f"{int(float(number) * _MEBIBYTES[unit])}m"


def _wrapped(native: Any) -> Frame:
    frame: Frame = nw.from_native(native)
    return frame
