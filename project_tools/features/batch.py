"""What ``build`` and ``transform`` share: they open raw tables, collect features, write files."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from project_tools.errors import FeatureError, SettingError
from project_tools.features.amendment import ROUNDED
from project_tools.features.columns import ID, SPLIT, TARGET
from project_tools.features.definitions import application
from project_tools.features.engines.batch import BatchTables
from project_tools.features.engines.choice import check_engine, start_engine
from project_tools.features.engines.engine import Engine, Tables
from project_tools.features.files import as_category, check_outputs, write_features
from project_tools.features.pipeline import Parts, feature_names
from project_tools.features.splits import SPLITS
from project_tools.features.state import FeatureState
from project_tools.system.files import temporary_folder
from project_tools.system.progress import say, working
from project_tools.tables.check import ordered
from project_tools.tables.declared import TABLES
from project_tools.tables.demonstration import is_demonstration
from project_tools.tables.digest import digest_beside
from project_tools.tables.files import (
    RawTables,
    connect,
    find_files,
    named_errors,
    open_tables,
)
from project_tools.tables.report import Finding

#: Share of the allowed memory that DuckDB may hold. The rest is for the table of features, which is
#: put together outside of DuckDB, and for Python itself.
STEPS_SHARE = 0.6
_ZERO = pa.scalar(0.0, pa.float32())


@dataclass(frozen=True)
class BuildReport:
    """What a build wrote: clients by split, digests of its inputs and of the state, odd findings."""

    clients: dict[str, int]
    raw_digest: str
    split_digest: str
    state_digest: str
    odd: tuple[Finding, ...]
    without: tuple[str, ...]


@dataclass(frozen=True)
class FeatureRows:
    """The rows of a feature file, and the doubles of those features from which others are computed.

    ``exact`` has the clients of ``table`` in its order: with the doubles, a changed application is
    computed again to the bit.
    """

    table: pa.Table
    exact: pa.Table


@dataclass(frozen=True)
class OpenTables:
    """Raw tables opened on an engine, which checks them as it reads them."""

    raw: RawTables
    tables: BatchTables
    engine: Engine
    raw_sha: Callable[[], str]


@contextmanager
def open_on_engine(
    raw_dir: Path,
    without: Collection[str],
    engine: str,
    *,
    threads: int | None,
    memory_limit: str | None,
    quiet: bool,
    learning: bool = True,
) -> Iterator[OpenTables]:
    """Open the raw tables of a folder on an engine.

    ``learning`` demands both tables of applications; without it one of them is enough.
    """
    check_engine(engine)
    find_files(raw_dir, without, learning=learning)  # all are there before a header is read
    with temporary_folder("features") as spill, named_errors():
        connection = connect(threads, _for_the_steps(memory_limit), Path(spill))
        with working("reading the headers", quiet=quiet):
            raw = open_tables(raw_dir, without, connection, learning=learning)
        with (
            digest_beside(raw) as raw_sha,
            start_engine(engine, connection, threads, memory_limit) as started,
        ):
            yield OpenTables(raw, started.tables(raw, quiet=quiet), started, raw_sha)
        connection.close()


def write(
    rows: FeatureRows,
    state: FeatureState,
    paths: Sequence[Path],
    source: OpenTables,
    *,
    quiet: bool,
    origin: Mapping[str, Any] | None = None,
) -> BuildReport:
    """Write the features to each path, with their state beside it, and report what was written.

    ``origin`` describes the tables that were transformed, where the state was learnt from others.
    """
    odd = odd_findings(source, quiet=quiet)
    raw_digest = state.raw_digest if origin is None else origin["raw_digest"]
    with working("writing " + " and ".join(path.name for path in paths), quiet=quiet):
        invented = is_demonstration(source.raw.files.values(), raw_digest)
        digest = write_features(
            rows.table, state, paths, origin, demonstration=invented, exact=rows.exact
        )
    splits = rows.table[SPLIT].value_counts().to_pylist()
    return BuildReport(
        clients={row["values"]: row["counts"] for row in splits},
        raw_digest=raw_digest,
        split_digest=state.split_digest if origin is None else origin["split_digest"],
        state_digest=digest,
        odd=odd,
        without=source.raw.without,
    )


def odd_findings(source: OpenTables, *, quiet: bool) -> tuple[Finding, ...]:
    """What is odd in the tables that were read, in order; progress names the most frequent one."""
    odd = ordered(source.tables.odd)
    if odd and not quiet:
        rows = sum(finding.rows for finding in odd)
        first = max(odd, key=lambda finding: finding.rows)
        say(
            f"  odd: {len(odd)} findings in {rows:,} rows, as {first}; project_tools check lists all"
        )
    return odd


def collect(
    parts: Parts, splits: pa.Table, engine: Engine, levels: Mapping[str, Sequence[str]]
) -> FeatureRows:
    """The feature file's rows, sorted by client: whole keys, float32 numbers, categories for texts.

    Each part is taken out before the engine computes the next one: as float32 it is half as large,
    and the engine needs the memory for the next table.
    """
    clients = splits[ID].combine_chunks()
    numbers = {TARGET, *feature_names()}.difference(application.CATEGORIES)
    columns = {ID: splits[ID], SPLIT: as_category(splits[SPLIT], SPLITS)}
    exact = {ID: splits[ID]}
    with closing(parts):
        for part in parts:
            lowered = engine.lower_for(clients, part, numbers)
            columns |= {n: _no_negative_zero(lowered[n]) for n in lowered.column_names}
            if rounded := [name for name in ROUNDED if name in lowered.column_names]:
                doubles = engine.lower_for(clients, part.select(ID, *rounded), ())
                exact |= {name: doubles[name] for name in rounded}
    for name in application.CATEGORIES:
        columns[name] = as_category(columns[name], levels[name])
    table = pa.table({n: columns[n] for n in (ID, TARGET, SPLIT, *feature_names())})
    return FeatureRows(table, pa.table({name: exact[name] for name in (ID, *ROUNDED)}))


def _no_negative_zero(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers with 0 for -0: engines differ in the sign of a sum of zeros."""
    return pc.add(column, _ZERO) if column.type == _ZERO.type else column


def applications(tables: Tables, engine: Engine) -> pd.DataFrame:
    """Client and outcome of every application; ``FeatureError`` for one without a client id."""
    train, test = tables.read("application_train"), tables.read("application_test")
    keys = application.stacked(train, test)
    clients: pd.DataFrame = engine.lower(keys.select(ID, TARGET)).to_pandas()
    if clients[ID].isna().any():
        missing = int(clients[ID].isna().sum())
        raise FeatureError(f"{missing} applications have no SK_ID_CURR; remove or mend them")
    return clients


def split_table(splits: pd.Series) -> pa.Table:
    """A series of splits by client as a table of the columns ``SK_ID_CURR`` and ``SPLIT``."""
    return pa.table({ID: splits.index.to_numpy("int64"), SPLIT: splits.to_list()})


def _for_the_steps(memory_limit: str | None) -> str | None:
    """DuckDB's share of the allowed memory.

    >>> _for_the_steps("4GB")
    '2.4GB'
    """
    if memory_limit is None:
        return None
    number, unit = re.fullmatch(r"([\d.]+)\s*(MB|GB)", memory_limit).groups()  # type: ignore[union-attr]  # settings checked it
    return f"{float(number) * STEPS_SHARE:g}{unit}"


def checked_outputs(outputs: Sequence[Path], raw_dir: Path) -> list[Path]:
    """The paths to write; raises a ``CreditError`` for those that would replace something else.

    An output is neither a raw table nor beside the raw tables under the name of one.
    """
    if not outputs:
        raise SettingError("no output is named; name one that ends in .parquet or .pkl.gz")
    paths = [Path(path) for path in outputs]
    check_outputs(paths, list(raw_dir.iterdir()) if raw_dir.is_dir() else [])
    for path in paths:
        check_no_raw_table(path, raw_dir)
    return paths


def check_no_raw_table(output: Path, raw_dir: Path) -> None:
    """``SettingError`` for an output in the folder of raw tables that bears the name of one."""
    table = output.name.split(".")[0]
    if table in TABLES and output.resolve().parent == raw_dir.resolve():
        raise SettingError(
            f"{output} would be a second file of the raw table {table}; "
            "write it to another folder, or under another name"
        )
