"""Replay: a decision and its recorded reasons are computed again, from its input and the archived model.

With the same versions of the libraries and the same kind of processor the numbers are equal to the
bit. Otherwise they agree within 1e-12, and the replay names what differs.
"""

import hashlib
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from project_tools.serving.decisions.errors import ReplayError
from project_tools.serving.decisions.record import Decision
from project_tools.serving.decisions.store import DecisionStore
from project_tools.settings import ROOT

Outcome = Literal["equal", "close", "different"]
#: How closely another processor or another version of a library repeats a score.
CLOSE = 1e-12
_TIMEOUT_S = 120
#: Rows that one child computes.
_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Replay:
    """A decision, computed again; ``differences`` names versions and processor that are others.

    ``reasons`` are the recorded reasons beside those of now, by language.
    """

    decision: Decision
    probability: float
    raw_score: float
    label: str
    differences: tuple[str, ...]
    reasons: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """``equal`` to the bit, ``close`` within 1e-12 under other versions, or ``different``."""
        recorded = self.decision
        then = [recorded.probability, recorded.raw_score, recorded.label]
        return self._compared(then, [self.probability, self.raw_score + 0.0, self.label])

    def outcome_of(self, language: str) -> Outcome:
        """The same of the reasons that were said in a language: codes, points, facts, sentences."""
        return self._compared(*self.reasons[language])

    @property
    def different(self) -> bool:
        """Whether the decision or any of its reasons comes out otherwise."""
        return "different" in {self.outcome, *map(self.outcome_of, self.reasons)}

    def _compared(self, then: Any, here: Any) -> Outcome:
        distance = _distance(then, here)
        if distance == 0:
            return "equal"
        return "close" if self.differences and distance <= CLOSE else "different"


def _distance(then: Any, here: Any) -> float:
    """The largest difference of two numbers of plain data; infinite where anything else differs."""
    if isinstance(then, dict) and isinstance(here, dict) and then.keys() == here.keys():
        return max((_distance(then[name], here[name]) for name in then), default=0.0)
    if isinstance(then, list) and isinstance(here, list) and len(then) == len(here):
        return max(map(_distance, then, here), default=0.0)
    if isinstance(then, float) and isinstance(here, float):
        return abs(then - here)
    return 0.0 if then == here else math.inf


def replay(store: DecisionStore, ids: Iterable[str]) -> Iterator[Replay]:
    """Compute decisions and their recorded reasons again; one child process for each model.

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
            rows = [_input(store, decision) for decision in part]
            issued = [_issued(store, decision) for decision in part]
            answer = _recompute(store, model, rows, issued)
            for decision, (raw, probability, label), then, here in zip(
                part, answer["scores"], issued, answer["reasons"], strict=True
            ):
                recorded = json.loads(decision.computed_by)
                differences = _differences(recorded, answer["computed_by"], answer["packages"])
                reasons = {one["language"]: (one, now) for one, now in zip(then, here, strict=True)}
                yield Replay(decision, probability, raw, label, differences, reasons)


def _issued(store: DecisionStore, decision: Decision) -> list[dict[str, Any]]:
    """The reasons that were issued for a decision, one for each language."""
    contents = map(store.content, store.events(subject=decision.id, kinds=["reasons"]))
    return [json.loads(content) for content in contents if content is not None]


def _input(store: DecisionStore, decision: Decision) -> bytes:
    row = store.row(decision)
    if row is None:
        raise ReplayError(f"decision {decision.id} cannot be computed again: its input was erased")
    if hashlib.sha256(row).hexdigest() != decision.input:
        raise ReplayError(f"the input of decision {decision.id} was changed; run decisions verify")
    return row


def _recompute(
    store: DecisionStore, model: str, rows: list[bytes], issued: list[list[dict[str, Any]]]
) -> dict[str, Any]:
    folder = store.archive.path(model)
    if not store.archive.has(model):
        raise ReplayError(
            f"the model {model[:12]}… is not archived in {folder.parent}; replay on the machine "
            "that served it, or copy its folder from there"
        )
    answer = _ask_child(folder, rows, issued)
    if "error" in answer:
        raise ReplayError(
            f"the archived model {model[:12]}… cannot be read by this release: {answer['error']}"
        )
    if answer["digest"] != model:
        raise ReplayError(f"the folder {folder} holds another model than its name says")
    return answer


def _ask_child(
    folder: Path, rows: list[bytes], issued: list[list[dict[str, Any]]]
) -> dict[str, Any]:
    search_path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    asked = json.dumps(
        {
            "folder": str(folder),
            "rows": [row.hex() for row in rows],
            "spoken": [[[one["language"], one["currency"]] for one in said] for said in issued],
        }
    )
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
