"""Raw tables to feature files, in one call."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from project_tools.errors import FeatureError
from project_tools.features.batch import (
    BuildReport,
    FeatureRows,
    applications,
    checked_outputs,
    collect,
    open_on_engine,
    split_table,
    write,
)
from project_tools.features.catalogue import catalogue, to_json
from project_tools.features.columns import ID, SPLIT, TARGET
from project_tools.features.definitions import application
from project_tools.features.engines.engine import Engine, Tables
from project_tools.features.pipeline import compute, feature_names
from project_tools.features.splits import NEW, SPLIT_SEED, TRAIN, assign_splits, split_digest
from project_tools.features.state import LEAST_CLIENTS, FeatureState, Learner


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
    """Compute all features of all clients; write them to each output in the format of its ending.

    Group statistics are learnt from the training clients or, ``as_published``, from all labelled
    clients with groups of any size. Raises a ``CreditError`` before any file is replaced.
    """
    paths = checked_outputs(outputs, raw_dir)
    with open_on_engine(
        raw_dir, without, engine, threads=threads, memory_limit=memory_limit, quiet=quiet
    ) as source:
        rows, state = fit_transform(
            source.tables, source.engine, seed=seed, as_published=as_published, quiet=quiet,
            raw_sha=source.raw_sha,
        )  # fmt: skip
    return write(rows, state, paths, source, quiet=quiet)


def fit_transform(
    tables: Tables,
    engine: Engine,
    *,
    raw_sha: Callable[[], str],
    seed: int = SPLIT_SEED,
    as_published: bool = False,
    quiet: bool = False,
) -> tuple[FeatureRows, FeatureState]:
    """Learn from the training clients and compute everybody's features, sorted by client id.

    Returns these rows and the fitted state.
    """
    splits = _splits(tables, engine, seed)
    split, least_clients = splits[SPLIT], 1 if as_published else LEAST_CLIENTS
    learning = splits.filter(
        pc.not_equal(split, NEW) if as_published else pc.equal(split, TRAIN)
    ).select([ID])
    learner = Learner(engine, engine.lift(learning), least_clients)
    parts = compute(tables, engine, learner, quiet=quiet)
    rows = collect(parts, splits, engine, application.LEVELS)
    state = FeatureState(
        tables_=learner.tables_,
        levels_=application.LEVELS,
        least_clients=least_clients,
        raw_digest=raw_sha(),
        split_digest=split_digest(splits[ID].to_pylist(), split.to_pylist()),
        catalogue=to_json(catalogue(feature_names())),
    )
    return rows, state


def _splits(tables: Tables, engine: Engine, seed: int) -> pa.Table:
    """Client and split of every application, sorted by client."""
    clients = applications(tables, engine)
    splits = assign_splits(clients[ID], clients[TARGET], seed=seed).sort_index()
    if not (splits == TRAIN).any():
        raise FeatureError(
            "application_train holds no client with a TARGET to learn from; give labelled clients"
        )
    return split_table(splits)
