"""Raw tables of later clients to feature files, with a state that was learnt before.

Nothing is learnt here: a client's features do not depend on the other clients in the tables. All
clients get the split ``new``, with an outcome or without: no model may train on them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from project_tools.errors import FeatureError, SettingError
from project_tools.features.batch import (
    BuildReport,
    FeatureRows,
    OpenTables,
    applications,
    checked_outputs,
    collect,
    open_on_engine,
    split_table,
    write,
)
from project_tools.features.columns import ID, SPLIT
from project_tools.features.definitions import application
from project_tools.features.files import TRANSFORMED, check_one_build, state_folder
from project_tools.features.pipeline import compute, feature_names
from project_tools.features.splits import assign_splits, split_digest
from project_tools.features.state import LookUp, StoredState
from project_tools.system.progress import say
from project_tools.tables.files import absent_applications


def transform(
    raw_dir: Path,
    outputs: Sequence[Path],
    state: Path,
    *,
    without: Collection[str] = (),
    engine: str = "duckdb",
    threads: int | None = None,
    memory_limit: str | None = None,
    quiet: bool = False,
) -> BuildReport:
    """Compute all features of all clients with the state in a folder; write them to each output,
    with a copy of the state beside it.

    One of the two tables of applications may be missing, and so may any outcome. Raises a
    ``CreditError`` before any file is replaced.
    """
    paths = checked_outputs(outputs, raw_dir)
    _check_apart(paths, state)
    made = transformed(
        raw_dir, state, without=without,
        engine=engine, threads=threads, memory_limit=memory_limit, quiet=quiet,
    )  # fmt: skip
    origin = {
        "raw_digest": made.raw_digest,
        "split_digest": split_digest(made.table[ID].to_pylist(), made.table[SPLIT].to_pylist()),
        TRANSFORMED: True,
    }
    return write(made.rows, made.state, paths, made.source, quiet=quiet, origin=origin)


@dataclass(frozen=True)
class Transformed:
    """The rows of a feature file in memory, with the state and the raw tables that they come from."""

    rows: FeatureRows
    state: StoredState
    source: OpenTables
    raw_digest: str

    @property
    def table(self) -> pa.Table:
        """The features of all clients."""
        return self.rows.table


def transformed(
    raw_dir: Path,
    state: Path,
    *,
    without: Collection[str] = (),
    engine: str = "duckdb",
    threads: int | None = None,
    memory_limit: str | None = None,
    quiet: bool = False,
) -> Transformed:
    """The features of all clients with the state in a folder; nothing is written.

    Raises a ``CreditError`` as ``transform`` does.
    """
    stored = StoredState.load(state)
    check_one_build(state, stored.digest)
    _check_serves(stored, state)
    absent = absent_applications(raw_dir, without)
    if absent and not quiet:
        say(f"  no {absent[0]}: taken as a table without rows")
    with open_on_engine(
        raw_dir, (*without, *absent), engine,
        threads=threads, memory_limit=memory_limit, quiet=quiet, learning=False,
    ) as source:  # fmt: skip
        rows = _features(source, stored, quiet=quiet)
        return Transformed(rows, stored, source, source.raw_sha())


def _features(source: OpenTables, stored: StoredState, *, quiet: bool) -> FeatureRows:
    clients = applications(source.tables, source.engine)
    if clients.empty:
        raise FeatureError(
            "the tables of applications hold no client; there is nothing to transform"
        )
    no_outcomes = [None] * len(clients)  # Clients without an outcome get the split ``new``.
    splits = split_table(assign_splits(clients[ID], no_outcomes).sort_index())
    parts = compute(source.tables, source.engine, LookUp(stored, source.engine), quiet=quiet)
    return collect(parts, splits, source.engine, stored.levels_)


def _check_apart(paths: Sequence[Path], state: Path) -> None:
    """``SettingError`` for an output that would replace the file that the state was learnt with."""
    for path in paths:
        if state_folder(path).resolve() == state.resolve():
            raise SettingError(
                f"{path} lies beside the state itself, as the file that it was learnt for; name "
                "another output"
            )


def _check_serves(stored: StoredState, folder: Path) -> None:
    """``FeatureError`` for a state that was learnt for other features than those of this program."""
    names = [row.get("name") for row in stored.catalogue]
    lacking = {*application.CATEGORIES} - {*stored.levels_}
    if names != list(feature_names()) or lacking:
        raise FeatureError(
            f"{folder} was learnt by a program of other features than this one "
            f"({len(names):,}, here {len(feature_names()):,}); build the features again, and train "
            "and export the model"
        )
