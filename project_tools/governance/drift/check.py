"""The comparison of the command ``drift``: two files in, figures and alarms out."""

import json
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from project_tools.errors import FeatureError, SettingError
from project_tools.evaluation.metrics import FN_COST
from project_tools.features.columns import TARGET
from project_tools.features.splits import NEW, TRAIN
from project_tools.features.state import state_digest
from project_tools.governance.drift.comparison import Drift, DriftRule, compare
from project_tools.governance.drift.joint import joint_drift
from project_tools.governance.drift.performance import performance
from project_tools.governance.drift.reference import DriftReference
from project_tools.governance.drift.rows import CLASSES, Decisions, Source
from project_tools.serving.columns import CLASS, PROBABILITY
from project_tools.serving.feature_state import state_of
from project_tools.system.progress import working

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from project_tools.serving.artefact import Artefact


#: The note if the reference holds only bins.
NOT_JOINT = (
    "the features were not compared together: values that change places between clients would not "
    "show; give the feature file of the training as REFERENCE"
)
#: Exit status when there is drift; 1 and 2 are errors, as in every command.
DRIFTED = 3
#: Decides on the rows of a source, as an artefact does.
Decide = Callable[[Source], Decisions]


@dataclass(frozen=True, slots=True)
class Model:
    """What drift needs of an artefact: its decisions, the cost of a missed defaulter, the weights of
    its features, and the training clients of its reference, if it has one.
    """

    decide: Decide
    fn_cost: float
    weights: Mapping[str, float]
    sample: Source | None

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """The verified artefact in a folder."""
        # Imported here, because it takes two seconds and not every comparison needs a model.
        from project_tools.serving.artefact import load_artefact  # noqa: PLC0415
        from project_tools.serving.pyfunc import PyfuncModel  # noqa: PLC0415

        artefact = load_artefact(folder)

        def decide(source: Source) -> Decisions:
            columns = [feature.name for feature in artefact.features]
            scored = PyfuncModel(artefact).predict(source.frame(columns))
            return Decisions(
                scored[PROBABILITY].to_numpy(dtype=np.float64),
                scored[CLASS].map(CLASSES).to_numpy(dtype=np.bool_),
            )

        return cls(
            decide, artefact.manifest.fn_cost, artefact.overview.importance, _sample(artefact)
        )

    def decided(self, source: Source, *, quiet: bool) -> Decisions:
        """The decisions on a source's rows; ``SettingError`` if the source holds decisions."""
        if source.has_decisions:
            raise SettingError(f"{source.name} holds decisions already; leave --artefact out")
        with working(f"scoring {source.rows:,} rows of {source.name}", quiet=quiet):
            return self.decide(source)


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
    """Compare a file with a reference: frozen JSON, a model folder, or a file frozen now.

    A model folder gives the reference that its training froze, and the model that scores rows of
    features, unless ``artefact`` names another one. Of a feature file the training rows are
    frozen. ``split``: compare only these rows of the new file. ``freeze``: write the reference
    there. ``fn_cost``: the cost of a missed defaulter, by default that of the model, else 5.

    Raises ``SettingError`` for arguments that do not fit, ``FeatureError`` for files that cannot be
    read or compared, ``ArtefactError`` for a damaged model folder.
    """
    if fn_cost is not None and not 0 < fn_cost < np.inf:
        raise SettingError(f"fn_cost is {fn_cost}; it takes a number above 0")
    rows = Source.open(new, split)
    notes = note_if_states_differ(new, (reference, artefact))
    if reference.is_dir():
        artefact = artefact or (None if rows.has_decisions else reference)
        own = artefact == reference
        reference = _training_reference(reference)
    else:
        own = False
    model = None if artefact is None else Model.load(artefact)
    # The rows that a joint comparison needs.
    together = model.sample if own and model is not None else None
    if reference.name.endswith(".json"):
        frozen = DriftReference.load(reference)
        _check_fits(frozen, reference.name, model, fn_cost)
    else:
        source = Source.open(reference, TRAIN, fallback_split=NEW)
        decisions = None if model is None else model.decided(source, quiet=quiet)
        cost = fn_cost or (FN_COST if model is None else model.fn_cost)
        together = source
        with working(f"freezing {source.rows:,} rows of {reference.name}", quiet=quiet):
            frozen = DriftReference.of(source, decisions, cost)
    if freeze is not None:
        with writable(freeze):
            frozen.save(freeze)
    decisions = None if model is None else model.decided(rows, quiet=quiet)
    with working(f"comparing {rows.rows:,} rows of {new.name}", quiet=quiet):
        result = compare(frozen, rows, decisions=decisions, rule=rule)
    decisions = rows.decisions() if decisions is None and rows.has_decisions else decisions
    if decisions is not None:
        cost = fn_cost or (FN_COST if frozen.score is None else frozen.score.fn_cost)
        done = performance(decisions, cost, result.rule, rows.outcomes())
        result = replace(result, performance=done)
    if together is not None and together.kinds and rows.kinds:
        with working("comparing the features together", quiet=quiet):
            joint = joint_drift(together, rows, None if model is None else model.weights)
        result = replace(result, joint=joint)
    elif rows.kinds:
        notes = (*notes, NOT_JOINT)
    return replace(result, notes=(*result.notes, *notes))


@contextmanager
def writable(path: Path) -> "Iterator[None]":
    """Raises ``FeatureError`` for a file that cannot be written."""
    try:
        yield
    except OSError as why:
        raise FeatureError(f"{path} cannot be written ({why.strerror})") from why


def to_json(result: Drift) -> str:
    """The comparison as JSON."""
    return json.dumps(result.to_dict(), indent=1, allow_nan=False) + "\n"


def note_if_states_differ(new: Path, others: "Iterable[Path | None]") -> tuple[str, ...]:
    """A note if the new file was built with another feature state than the reference or the model.

    The state holds what was learnt for groups of clients. With another state the same client has
    other values in these features, which looks like drift.
    """
    own = state_of(new)
    if own is None:
        return ()
    for other in others:
        state = None if other is None else state_of(other)
        if state is not None and state_digest(state) != state_digest(own):
            return (
                f"{new.name} was built with a feature state of its own ({own.name}), not that of "
                f"{state}: features of groups (GROUP1_, GROUP2_, CTAR_, LL_) were learnt anew and may "
                "differ though no client does; transform its raw tables with that state: "
                f"python -m project_tools features RAW {new} --state {state}",
            )
    return ()


def _sample(artefact: "Artefact") -> Source | None:
    """The numbers and outcomes of the training clients in a model's reference."""
    if artefact.reference is None:
        return None
    sample = artefact.reference.sample
    columns = {
        feature.name: sample.column(at).astype(np.float32)
        for at, feature in enumerate(artefact.features)
        if feature.kind == "number"
    }
    frame = pd.DataFrame({**columns, TARGET: sample.defaulted.astype(np.float64)})
    return Source.of_frame(frame, "the reference of the model")


def _training_reference(folder: Path) -> Path:
    from project_tools.serving.folder import DRIFT_REFERENCE  # noqa: PLC0415  (as in ``Model.load``)

    path = folder / DRIFT_REFERENCE
    if not path.is_file():
        raise FeatureError(
            f"{folder} holds no {DRIFT_REFERENCE} that was frozen at its training; freeze one from "
            "the feature file, with --artefact and --freeze"
        )
    return path


def _check_fits(
    frozen: DriftReference, name: str, model: Model | None, fn_cost: float | None
) -> None:
    if model is not None and frozen.score is None:
        raise SettingError(
            f"{name} holds no decisions to compare the artefact's with; freeze it anew from "
            "the feature file, with --artefact and --freeze"
        )
    if fn_cost is not None and frozen.score is not None and frozen.score.fn_cost != fn_cost:
        raise SettingError(
            f"fn_cost is {fn_cost:g}, {name} was frozen with {frozen.score.fn_cost:g}; "
            "leave it out or freeze anew"
        )
