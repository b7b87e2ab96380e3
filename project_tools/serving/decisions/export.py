"""The recorded decisions as a whole file: CSV, Parquet or JSON lines."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from project_tools.errors import SettingError, unknown
from project_tools.serving.columns import CLASS, PROBABILITY, RAW_SCORE
from project_tools.serving.decisions.record import Decision
from project_tools.serving.decisions.reviews import Review, reviews_of
from project_tools.serving.decisions.store import DecisionStore
from project_tools.system.files import replacing

ENDINGS = (".csv", ".jsonl", ".parquet")
#: The columns of the file; ``client`` is empty for an applicant who was not known. ``review`` is the
#: last review's status, ``reviewer`` who made it, ``confirmed_by`` who confirmed or rejected it.
SCHEMA = pa.schema({
    "sequence": pa.int64(), "id": pa.string(), "time": pa.string(), "client": pa.int64(),
    PROBABILITY: pa.float64(), CLASS: pa.string(), "near": pa.bool_(), "threshold": pa.float64(),
    RAW_SCORE: pa.float64(), "model": pa.string(), "model_name": pa.string(),
    "model_version": pa.string(), "input": pa.string(), "key_id": pa.string(), "seal": pa.string(),
    "review": pa.string(), "reviewer": pa.string(), "confirmed_by": pa.string(),
})  # fmt: skip
_BATCH = 10_000
#: Above every sequence number.
_NO_SEQUENCE = 1 << 62


def export(store: DecisionStore, target: Path, *, client: int | None = None) -> int:
    """Write all decisions, or those on one client, in order; returns how many there are.

    The file is whole or absent. ``SettingError`` for an ending that is not one of ``ENDINGS``.
    """
    if target.suffix not in ENDINGS:
        raise SettingError(unknown("ending", target.suffix, ENDINGS))
    if target.is_dir():
        raise SettingError(f"{target} is a folder; name a file to write")
    count = 0
    with replacing(target) as temporary, _writer(temporary) as write:
        for batch in batches(store, client):
            count += len(batch)
            reviews = reviews_of(store, [decision.id for decision in batch])
            write([as_dict(d, reviews.get(d.id, [None])[-1]) for d in batch])
    return count


def export_last(store: DecisionStore, target: Path) -> int:
    """Write each client's last decision by the model that decided last; returns how many there are.

    So a client who is asked for ten times counts once, and no change of the model looks like one of
    the clients. Applicants who were not known all count. ``SettingError`` for an empty record.
    """
    newest = store.decisions(before=_NO_SEQUENCE, limit=1)
    if not newest:
        raise SettingError("no decision is recorded yet")
    model, before, count = newest[0].model, _NO_SEQUENCE, 0
    seen: set[int] = set()
    with replacing(target) as temporary, _writer(temporary) as write:
        while batch := store.decisions(before=before, limit=_BATCH):
            before = batch[-1].sequence
            rows = []
            for decision in batch:
                if decision.model == model and decision.client not in seen:
                    seen |= set() if decision.client is None else {decision.client}
                    rows.append(as_dict(decision))
            write(rows)
            count += len(rows)
    return count


def batches(store: DecisionStore, client: int | None = None) -> Iterator[list[Decision]]:
    """All decisions in order, some thousands at a time."""
    last = 0
    while batch := store.decisions(client=client, after=last, limit=_BATCH):
        yield batch
        last = batch[-1].sequence


def as_dict(decision: Decision, review: Review | None = None) -> dict[str, Any]:
    """A decision and its last review by the names of ``SCHEMA``."""
    second = None if review is None else review.confirmation
    other = {
        PROBABILITY: decision.probability,
        CLASS: decision.label,
        "review": None if review is None else review.status,
        "reviewer": None if review is None else review.by,
        "confirmed_by": None if second is None else second.by,
    }
    return {
        name: other[name] if name in other else getattr(decision, name) for name in SCHEMA.names
    }


@contextmanager
def _writer(path: Path) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    if path.suffix == ".jsonl":
        with path.open("w", encoding="utf-8") as file:
            yield lambda rows: file.writelines(f"{json.dumps(row)}\n" for row in rows)
        return
    make = csv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter
    with make(str(path), SCHEMA) as writer:
        yield lambda rows: writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
