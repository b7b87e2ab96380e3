"""Raw tables of later clients to feature files, with a state that was learnt before.

Nothing is learnt here: a client has the features that they would have alone, whoever else stands in
the tables. All are of the split ``new``, with an outcome or without: none of them may train a model.
"""

import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from project_tools.errors import FeatureError, SettingError
from project_tools.features.batch import (
    BuildReport,
    OpenTables,
    applications,
    checked_outputs,
    collect,
    open_on_engine,
    split_table,
    written,
)
from project_tools.features.columns import ID, SPLIT
from project_tools.features.definitions import application
from project_tools.features.files import TRANSFORMED, check_one_build, state_folder
from project_tools.features.pipeline import compute, feature_names
from project_tools.features.splits import assign_splits, split_digest
from project_tools.features.state import StoredState
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
    """Compute all features of all clients with the state in a folder, and write them to each
    output, beside the very same state.

    One of the two tables of applications may be missing, and so may any outcome. Raises a
    ``CreditError`` before any file is replaced.
    """
    start = time.perf_counter()
    paths = checked_outputs(outputs)
    _check_apart(paths, state)
    stored = StoredState.load(state)
    check_one_build(state, stored.digest)
    _check_serves(stored, state)
    absent = absent_applications(raw_dir, without)
    if absent and not quiet:
        say(f"  no {absent[0]}: taken as a table without rows")
    with open_on_engine(
        raw_dir, (*without, *absent), engine,
        threads=threads, memory_limit=memory_limit, quiet=quiet, learning=False,
    ) as given:  # fmt: skip
        table = _transformed(given, stored, quiet=quiet)
        origin = _origin(table, given)
    return written(table, stored, paths, given, start=start, quiet=quiet, origin=origin)


def _transformed(given: OpenTables, stored: StoredState, *, quiet: bool) -> pa.Table:
    clients = applications(given.tables, given.engine)
    if clients.empty:
        raise FeatureError(
            "the tables of applications hold no client; there is nothing to transform"
        )
    nothing_known = [None] * len(clients)  # of whom no outcome is looked at is new
    splits = split_table(assign_splits(clients[ID], nothing_known).sort_index())
    parts = compute(given.tables, given.engine, stored.look_up(given.engine), quiet=quiet)
    return collect(parts, splits, given.engine, stored.levels_)


def _origin(table: pa.Table, given: OpenTables) -> dict[str, Any]:
    """What the file says of its rows; its state says what it was learnt from."""
    return {
        "raw_digest": given.raw_sha(),
        "split_digest": split_digest(table[ID].to_pylist(), table[SPLIT].to_pylist()),
        TRANSFORMED: True,
    }


def _check_apart(paths: Sequence[Path], state: Path) -> None:
    """The file that the state was learnt for, which models were trained on, is not written over."""
    for path in paths:
        if state_folder(path).resolve() == state.resolve():
            raise SettingError(
                f"{path} lies beside the state itself, as the file that it was learnt for; name "
                "another output"
            )


def _check_serves(stored: StoredState, folder: Path) -> None:
    """Whether the state is of this program's features."""
    known = [row.get("name") for row in stored.catalogue]
    lacking = {*application.CATEGORIES} - {*stored.levels_}
    if known != list(feature_names()) or lacking:
        raise FeatureError(
            f"{folder} was learnt by a program of other features than this one "
            f"({len(known):,}, here {len(feature_names()):,}); build the features again, and train "
            "and export the model"
        )
