"""A client's past: the recorded decisions, each with what differs from the one before, and the notes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from project_tools.errors import CreditError
from project_tools.serving.decisions.record import Decision, Event
from project_tools.serving.decisions.store import DecisionStore
from project_tools.serving.explanation import display_as
from project_tools.serving.folder import read_parts
from project_tools.serving.inputs import Encoder, Value
from project_tools.serving.reasons.concepts import PROTECTED, concepts_of

#: Features that one entry names; the others are counted.
MOST_FEATURES = 30
#: Models whose inputs are kept.
_KEPT = 8


@dataclass(frozen=True, slots=True)
class FeatureChange:
    """A feature that had another value at the decision before, as people read it."""

    name: str
    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs from the client's decision before.

    ``features`` are the most important ones of the model that decided, protected ones left out, and
    ``more`` counts those that are not named. ``features`` is None where a row was erased or a model is
    not archived on this machine.
    """

    before: Decision
    features: tuple[FeatureChange, ...] | None
    more: int


@dataclass(frozen=True, slots=True)
class Page:
    """Decisions and notes, the newest first; ``changes`` by the decision's id; ``next`` is where to go on."""

    entries: list[Decision | Event]
    changes: Mapping[str, Changes]
    next: int | None


def history(store: DecisionStore, client: int, *, before: int, size: int) -> Page:
    """A page of a client's decisions and notes, from before a sequence number downwards."""
    found = store.timeline(client, before=before, limit=size + 1)
    page = found[:size]
    decisions = [entry for entry in page if isinstance(entry, Decision)]
    if decisions:
        # What the oldest of the page is compared with lies on the next one.
        former = store.decisions(client=client, before=decisions[-1].sequence, limit=1)
        decisions += former
    changes = {after.id: _changes(store, earlier, after) for after, earlier in pairwise(decisions)}
    return Page(page, changes, page[-1].sequence if len(found) > size else None)


def _changes(store: DecisionStore, earlier: Decision, later: Decision) -> Changes:
    if earlier.input == later.input and earlier.model == later.model:
        return Changes(earlier, (), 0)
    rows = []
    for decision in (earlier, later):
        content = store.row(decision)
        inputs = _inputs_of(store, decision.model)
        if content is None or inputs is None:
            return Changes(earlier, None, 0)
        rows.append(inputs.encoder.decode(np.frombuffer(content, np.float32)))
    assert inputs is not None  # noqa: S101  (the loop has returned otherwise)
    names = [n for n in inputs.names if n in rows[0] and rows[0][n] != rows[1][n]]
    features = tuple(inputs.change(n, rows[0][n], rows[1][n]) for n in names[:MOST_FEATURES])
    return Changes(earlier, features, len(names) - len(features))


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What a model takes: its encoder, and the features that may be shown, the most important first."""

    encoder: Encoder
    names: Sequence[str]
    catalogue: Mapping[str, Mapping[str, Any]]

    def change(self, name: str, before: Value, after: Value) -> FeatureChange:
        about = self.catalogue[name]
        return FeatureChange(
            name, about["label"], display_as(before, about), display_as(after, about)
        )


def _inputs_of(store: DecisionStore, model: str) -> _Inputs | None:
    """The inputs of an archived model; None where it is not here, or cannot be read."""
    try:
        return _read_inputs(store.archive.path(model)) if store.archive.has(model) else None
    except CreditError:
        return None


@lru_cache(_KEPT)
def _read_inputs(folder: Path) -> _Inputs:
    parts = read_parts(folder)
    features = parts.features()
    catalogue, shares = parts.catalogue(features), parts.overview(features).shares()
    codes = concepts_of(catalogue.values())
    names = sorted(
        (feature.name for feature in features if codes[feature.name] != PROTECTED),
        key=lambda name: -shares.get(name, 0.0),
    )
    return _Inputs(Encoder(features), names, catalogue)
