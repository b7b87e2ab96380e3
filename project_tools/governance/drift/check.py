"""The command ``drift``: files in, a comparison out, written where it is asked for."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from project_tools.errors import FeatureError, SettingError
from project_tools.evaluation.metrics import FN_COST
from project_tools.features.splits import NEW, TRAIN
from project_tools.features.state import state_digest
from project_tools.governance.drift.comparison import Drift, DriftRule, compare
from project_tools.governance.drift.reference import DriftReference
from project_tools.governance.drift.rows import CLASSES, Decisions, Source
from project_tools.serving.columns import CLASS, PROBABILITY
from project_tools.serving.feature_state import state_of
from project_tools.system.progress import working

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from project_tools.serving.artefact import Artefact

#: Exit status of a comparison that found drift; 1 and 2 are errors, as everywhere.
DRIFTED = 3
#: Decisions of an artefact on a source's rows.
Decide = Callable[[Source], Decisions]


@dataclass(frozen=True, slots=True)
class Model:
    """An artefact as drift sees it: what it decides, and the cost that its threshold weighs."""

    decide: Decide
    fn_cost: float

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """The verified artefact in a folder."""
        # Imported here: two seconds that a comparison without a model should not wait for.
        from project_tools.serving.artefact import load_artefact  # noqa: PLC0415

        artefact = load_artefact(folder)
        return cls(lambda source: _decide(artefact, source), artefact.manifest.fn_cost)


def drift(
    reference: Path,
    new: Path,
    *,
    artefact: Path | None = None,
    split: str | None = None,
    fn_cost: float | None = None,
    freeze: Path | None = None,
    rule: DriftRule | None = None,
    quiet: bool = False,
) -> Drift:
    """Compare a file with a reference: frozen JSON, or a file whose training rows are frozen now.

    A model folder is the reference that was frozen at its training; the model scores rows of
    features, unless another ``artefact`` does.
    ``split`` takes those rows of the new file alone. ``artefact`` scores rows of features;
    ``freeze`` writes the reference as JSON. ``fn_cost`` is the artefact's or 5 unless given.
    """
    if fn_cost is not None and not 0 < fn_cost < np.inf:
        raise SettingError(f"fn_cost is {fn_cost}; it takes a number above 0")
    rows = Source.open(new, split)
    notes = _of_another_state(new, (reference, artefact))
    if reference.is_dir():
        artefact = artefact or (None if rows.has_decisions else reference)
        reference = _of_training(reference)
    model = None if artefact is None else Model.load(artefact)
    frozen = _reference(reference, model, fn_cost, quiet=quiet)
    if freeze is not None:
        with writable(freeze):
            frozen.save(freeze)
    decisions = None if model is None else _decided(model, rows, quiet=quiet)
    with working(f"comparing {rows.rows:,} rows of {new.name}", quiet=quiet):
        found = compare(frozen, rows, decisions=decisions, rule=rule)
    return replace(found, notes=(*found.notes, *notes))


@contextmanager
def writable(path: Path) -> "Iterator[None]":
    """``FeatureError`` where a file cannot be written."""
    try:
        yield
    except OSError as why:
        raise FeatureError(f"{path} cannot be written ({why.strerror})") from why


def to_json(found: Drift) -> str:
    """The comparison as JSON."""
    return json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n"


def _reference(
    path: Path, model: Model | None, fn_cost: float | None, *, quiet: bool
) -> DriftReference:
    if path.name.endswith(".json"):
        return _checked(DriftReference.load(path), path, model, fn_cost)
    source = Source.open(path, TRAIN, otherwise=NEW)
    decisions = None if model is None else _decided(model, source, quiet=quiet)
    cost = _cost(model, fn_cost)
    with working(f"freezing {source.rows:,} rows of {path.name}", quiet=quiet):
        return DriftReference.of(source, decisions, cost)


def _of_another_state(new: Path, others: "Iterable[Path | None]") -> tuple[str, ...]:
    """A note where what was learnt for the new file's features is not what the reference's or the
    model's training learnt: the same client then has other values in the groups, which looks like
    drift.
    """
    mine = state_of(new)
    if mine is None:
        return ()
    for other in others:
        state = None if other is None else state_of(other)
        if state is not None and state_digest(state) != state_digest(mine):
            return (
                f"{new.name} was built with a feature state of its own ({mine.name}), not that of "
                f"{state}: features of groups (GROUP1_, GROUP2_, CTAR_, LL_) were learnt anew and may "
                "differ though no client does; transform its raw tables with that state: "
                f"python -m project_tools features RAW {new} --state {state}",
            )
    return ()


def _of_training(folder: Path) -> Path:
    from project_tools.serving.folder import DRIFT_REFERENCE  # noqa: PLC0415  (as in ``Model.load``)

    path = folder / DRIFT_REFERENCE
    if not path.is_file():
        raise FeatureError(
            f"{folder} holds no {DRIFT_REFERENCE} that was frozen at its training; freeze one from "
            "the feature file, with --artefact and --freeze"
        )
    return path


def _cost(model: Model | None, fn_cost: float | None) -> float:
    if fn_cost is not None:
        return fn_cost
    return FN_COST if model is None else model.fn_cost


def _checked(
    frozen: DriftReference, path: Path, model: Model | None, fn_cost: float | None
) -> DriftReference:
    if model is not None and frozen.score is None:
        raise SettingError(
            f"{path.name} holds no decisions to compare the artefact's with; freeze it anew from "
            "the feature file, with --artefact and --freeze"
        )
    if fn_cost is not None and frozen.score is not None and frozen.score.fn_cost != fn_cost:
        raise SettingError(
            f"fn_cost is {fn_cost:g}, {path.name} was frozen with {frozen.score.fn_cost:g}; "
            "leave it out or freeze anew"
        )
    return frozen


def _decided(model: Model, source: Source, *, quiet: bool) -> Decisions:
    if source.has_decisions:
        raise SettingError(f"{source.name} holds decisions already; leave --artefact out")
    with working(f"scoring {source.rows:,} rows of {source.name}", quiet=quiet):
        return model.decide(source)


def _decide(artefact: "Artefact", source: Source) -> Decisions:
    from project_tools.serving.scoring import PyfuncModel  # noqa: PLC0415

    scored = PyfuncModel(artefact).predict(source.frame([f.name for f in artefact.features]))
    return Decisions(
        scored[PROBABILITY].to_numpy(dtype=np.float64),
        scored[CLASS].map(CLASSES).to_numpy(dtype=np.bool_),
    )
