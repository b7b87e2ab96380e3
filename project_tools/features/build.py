"""Raw tables to feature files, in one call."""

import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from project_tools.errors import FeatureError, SettingError
from project_tools.features.catalogue import catalogue, to_json
from project_tools.features.definitions import application
from project_tools.features.engines.choice import BatchTables, check_engine, start_engine
from project_tools.features.engines.engine import Engine, Tables
from project_tools.features.expressions import CLIENT
from project_tools.features.files import as_category, check_ending, write_features
from project_tools.features.pipeline import Parts, compute, feature_names, finished
from project_tools.features.splits import (
    NEW,
    SPLIT_SEED,
    SPLITS,
    TRAIN,
    assign_splits,
    split_digest,
)
from project_tools.features.state import LEAST_CLIENTS, FeatureState, Learner
from project_tools.system.progress import say, working
from project_tools.tables.check import ordered
from project_tools.tables.files import (
    RawTables,
    connect,
    digest_beside,
    find_files,
    named_errors,
    open_tables,
)
from project_tools.tables.report import Finding

#: Share of the memory allowed that the steps before the last may hold; the rest is for the table of
#: features, which is put together outside of DuckDB, and for Python itself.
STEPS_SHARE = 0.6


@dataclass(frozen=True)
class BuildReport:
    """What a build made of what, and in which time."""

    outputs: tuple[Path, ...]
    clients: dict[str, int]
    features: int
    raw_digest: str
    split_digest: str
    state_digest: str
    extra_columns: dict[str, tuple[str, ...]]
    odd: tuple[Finding, ...]
    without: tuple[str, ...]
    seconds: float


def build(
    raw_dir: Path,
    outputs: Sequence[Path],
    *,
    without: Collection[str] = (),
    as_published: bool = False,
    engine: str = "duckdb",
    seed: int = SPLIT_SEED,
    threads: int | None = None,
    memory_limit: str | None = None,
    quiet: bool = False,
) -> BuildReport:
    """Compute all features of all clients and write them to each output, by its ending.

    What is learnt is learnt from the training clients; ``as_published``: from all labelled ones,
    with groups of any size. Raises a ``CreditError`` before any file is replaced.
    """
    start = time.perf_counter()
    paths = checked_outputs(outputs)
    with opened(
        raw_dir, without, engine, threads=threads, memory_limit=memory_limit, quiet=quiet
    ) as given:
        table, state = fit_transform(
            given.tables, given.engine, seed=seed, as_published=as_published, quiet=quiet,
            raw_sha=given.raw_sha,
        )  # fmt: skip
    return written(table, state, paths, given, start=start, quiet=quiet)


@dataclass(frozen=True)
class Given:
    """Raw tables where an engine computes with them, checked as they are read."""

    raw: RawTables
    tables: BatchTables
    engine: Engine
    raw_sha: Callable[[], str]


@contextmanager
def opened(
    raw_dir: Path,
    without: Collection[str],
    engine: str,
    *,
    threads: int | None,
    memory_limit: str | None,
    quiet: bool,
    learning: bool = True,
) -> Iterator[Given]:
    """The raw tables of a folder on an engine, to learn from or to be transformed alone."""
    check_engine(engine)
    files = find_files(raw_dir, without, learning=learning)
    with tempfile.TemporaryDirectory(prefix="credit-features-") as spill, named_errors():
        connection = connect(threads, _for_the_steps(memory_limit), Path(spill))
        with working("reading the headers", quiet=quiet):
            raw = open_tables(raw_dir, without, connection, learning=learning)
        with (
            digest_beside(files) as raw_sha,
            start_engine(engine, connection, threads, memory_limit) as started,
        ):
            yield Given(raw, started.tables(raw, quiet=quiet), started, raw_sha)
        connection.close()


def written(
    table: pa.Table,
    state: FeatureState,
    paths: Sequence[Path],
    given: Given,
    *,
    start: float,
    quiet: bool,
    origin: Mapping[str, Any] | None = None,
) -> BuildReport:
    """Write the features to each path, beside the state they are of; what was made."""
    odd = ordered(given.tables.odd)
    _tell(odd, quiet=quiet)
    with working("writing " + " and ".join(path.name for path in paths), quiet=quiet):
        digest = write_features(table, state, paths, origin)
    return BuildReport(
        outputs=tuple(paths),
        clients=_counts(table),
        features=len(feature_names()),
        raw_digest=state.raw_digest if origin is None else origin["raw_digest"],
        split_digest=state.split_digest if origin is None else origin["split_digest"],
        state_digest=digest,
        extra_columns=dict(given.raw.extra),
        odd=odd,
        without=given.raw.without,
        seconds=time.perf_counter() - start,
    )


def fit_transform(
    tables: Tables,
    engine: Engine,
    *,
    raw_sha: Callable[[], str],
    seed: int = SPLIT_SEED,
    as_published: bool = False,
    quiet: bool = False,
) -> tuple[pa.Table, FeatureState]:
    """Learn from the training clients and transform everybody: rows by client id, and the state."""
    splits = _splits(tables, engine, seed)
    learning = _learning(splits, as_published)
    learner = Learner(
        engine, engine.lift(learning, "learning"), 1 if as_published else LEAST_CLIENTS
    )
    parts = compute(tables, engine, learner, quiet=quiet)
    table = collect(parts, splits, engine, application.LEVELS)
    state = FeatureState(
        tables_=learner.tables_,
        levels_=application.LEVELS,
        least_clients=1 if as_published else LEAST_CLIENTS,
        raw_digest=raw_sha(),
        split_digest=split_digest(splits[CLIENT].to_pylist(), splits["SPLIT"].to_pylist()),
        catalogue=to_json(catalogue(feature_names())),
    )
    return table, state


def collect(
    parts: Parts, splits: pa.Table, engine: Engine, levels: Mapping[str, Sequence[str]]
) -> pa.Table:
    """The feature file's rows, sorted by client: keys whole, numbers float32, texts categories.

    Each part is taken out as soon as it is there: as float32 it is half as large, and the engine
    needs its room for the next table.
    """
    clients = splits[CLIENT].combine_chunks()
    columns = {CLIENT: splits[CLIENT], "SPLIT": as_category(splits["SPLIT"], SPLITS)}
    for part in parts:
        lowered = engine.lower_for(clients, finished(part))
        columns |= dict(zip(lowered.column_names, lowered.columns, strict=True))
    for name in application.CATEGORIES:
        columns[name] = as_category(columns[name], levels[name])
    return pa.table({n: columns[n] for n in (CLIENT, "TARGET", "SPLIT", *feature_names())})


def _tell(odd: Sequence[Finding], *, quiet: bool) -> None:
    """One line where rows are odd: the features are made of them all the same."""
    if odd and not quiet:
        rows = sum(finding.rows for finding in odd)
        first = max(odd, key=lambda finding: finding.rows)
        say(
            f"  odd: {len(odd)} findings in {rows:,} rows, as {first}; project_tools check lists all"
        )


def _splits(tables: Tables, engine: Engine, seed: int) -> pa.Table:
    """Client and split of every application, by client."""
    clients = applications(tables, engine)
    splits = assign_splits(clients[CLIENT], clients["TARGET"], seed=seed).sort_index()
    if not (splits == TRAIN).any():
        raise FeatureError(
            "application_train holds no client with a TARGET to learn from; give labelled clients"
        )
    return split_table(splits)


def applications(tables: Tables, engine: Engine) -> pd.DataFrame:
    """Client and outcome of every application; refuses one without a client."""
    train, test = tables.read("application_train"), tables.read("application_test")
    keys = application.stacked(train, test)
    clients: pd.DataFrame = engine.lower(keys.select(CLIENT, "TARGET")).to_pandas()
    if clients[CLIENT].isna().any():
        missing = int(clients[CLIENT].isna().sum())
        raise FeatureError(f"{missing} applications have no SK_ID_CURR; remove or mend them")
    return clients


def split_table(splits: pd.Series) -> pa.Table:
    """Splits by client as a table of the feature file's columns."""
    return pa.table({CLIENT: splits.index.to_numpy("int64"), "SPLIT": splits.to_list()})


def _learning(splits: pa.Table, as_published: bool) -> pa.Table:
    """The clients that are learnt from."""
    wanted = [
        split != NEW if as_published else split == TRAIN for split in splits["SPLIT"].to_pylist()
    ]
    return splits.filter(pa.array(wanted)).select([CLIENT])


def _counts(table: pa.Table) -> dict[str, int]:
    counted = table["SPLIT"].value_counts().to_pylist()
    return {row["values"]: row["counts"] for row in counted}


def _for_the_steps(memory_limit: str | None) -> str | None:
    """What DuckDB may hold of the memory allowed.

    >>> _for_the_steps("4GB")
    '2.4GB'
    """
    if memory_limit is None:
        return None
    number, unit = re.fullmatch(r"([\d.]+)\s*(MB|GB)", memory_limit).groups()  # type: ignore[union-attr]  # settings checked it
    return f"{float(number) * STEPS_SHARE:g}{unit}"


def checked_outputs(outputs: Sequence[Path]) -> list[Path]:
    """The paths to write; refuses none, and an ending that says no format."""
    if not outputs:
        raise SettingError("no output is named; name one that ends in .parquet or .pkl.gz")
    paths = [Path(path) for path in outputs]
    for path in paths:
        check_ending(path)
    return paths
