"""Replay: a recorded decision is computed again, from its input and the archived model.

With the same versions of the libraries and the same kind of processor the numbers are equal to the
bit. Otherwise they agree within 1e-12, and the replay names what differs.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from project_tools.serving.decisions.errors import ReplayError
from project_tools.serving.decisions.record import Decision
from project_tools.serving.decisions.store import DecisionStore
from project_tools.settings import ROOT

#: How closely another processor or another version of a library repeats a score.
CLOSE = 1e-12
_TIMEOUT_S = 120
#: Rows that one child computes.
_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision, computed again; ``differences`` names versions and processor that are others."""

    decision: Decision
    probability: float
    raw_score: float
    label: str
    differences: tuple[str, ...]

    @property
    def outcome(self) -> Literal["equal", "close", "different"]:
        """``equal`` to the bit, ``close`` within 1e-12 under other versions, or ``different``."""
        recorded = self.decision
        pairs = (
            (self.probability, recorded.probability),
            (self.raw_score + 0.0, recorded.raw_score),
        )
        if self.label != recorded.label:
            return "different"
        if all(one == other for one, other in pairs):
            return "equal"
        if self.differences and all(abs(one - other) <= CLOSE for one, other in pairs):
            return "close"
        return "different"


def replay(store: DecisionStore, ids: Iterable[str]) -> Iterator[Replay]:
    """Compute decisions again; one child process for each model.

    Raises ``UnknownDecisionError``, and ``ReplayError`` for a decision whose input was erased or
    changed, and for a model that is not archived here or has a former format.
    """
    by_model: dict[str, list[Decision]] = {}
    for id_ in ids:
        decision = store.decision(id_)
        by_model.setdefault(decision.model, []).append(decision)
    for model, decisions in by_model.items():
        for start in range(0, len(decisions), _ROWS):
            part = decisions[start : start + _ROWS]
            answer = _recompute(store, model, [_input(store, decision) for decision in part])
            for decision, (raw, probability, label) in zip(part, answer["scores"], strict=True):
                recorded = json.loads(decision.computed_by)
                differences = _differences(recorded, answer["computed_by"], answer["packages"])
                yield Replay(decision, probability, raw, label, differences)


def _input(store: DecisionStore, decision: Decision) -> bytes:
    row = store.row(decision)
    if row is None:
        raise ReplayError(f"decision {decision.id} cannot be computed again: its input was erased")
    if hashlib.sha256(row).hexdigest() != decision.input:
        raise ReplayError(f"the input of decision {decision.id} was changed; run decisions verify")
    return row


def _recompute(store: DecisionStore, model: str, rows: list[bytes]) -> dict[str, Any]:
    folder = store.archive.path(model)
    if not store.archive.has(model):
        raise ReplayError(
            f"the model {model[:12]}… is not archived in {folder.parent}; replay on the machine "
            "that served it, or copy its folder from there"
        )
    answer = _ask_child(folder, rows)
    if "error" in answer:
        raise ReplayError(
            f"the archived model {model[:12]}… cannot be read by this release: {answer['error']}"
        )
    if answer["digest"] != model:
        raise ReplayError(f"the folder {folder} holds another model than its name says")
    return answer


def _ask_child(folder: Path, rows: list[bytes]) -> dict[str, Any]:
    search_path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    asked = json.dumps({"folder": str(folder), "rows": [row.hex() for row in rows]})
    try:
        done = subprocess.run(
            [sys.executable, "-m", "project_tools.serving.decisions.recomputation"],
            input=asked,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "PYTHONPATH": search_path, "OMP_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"it was not read and scored within {_TIMEOUT_S} s"}
    if done.returncode or not done.stdout:
        return {"error": f"it ended the process that read it (status {done.returncode})"}
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _differences(
    recorded: Mapping[str, str], here: Mapping[str, str], packages: Iterable[str]
) -> tuple[str, ...]:
    """What computes here and is not what computed then, of all that can change a score."""
    return tuple(
        f"{name} {recorded.get(name, 'unknown')} then, {here.get(name, 'none')} now"
        for name in ("processor", "numpy", "scipy", *packages)
        if recorded.get(name) != here.get(name)
    )
