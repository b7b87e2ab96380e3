"""From a client's features, or an applicant's raw records, to a decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.evaluation.threshold import Decision
from project_tools.serving.artefact import Artefact
from project_tools.serving.folder import STATE
from project_tools.serving.inputs import Value

# The loader that MLflow finds in versions registered before it had a module of its own.
from project_tools.serving.pyfunc import _load_pyfunc  # noqa: F401
from project_tools.system.files import sha256

if TYPE_CHECKING:  # a process that only scores imports no narwhals
    from project_tools.features.applicant import Applicants


@dataclass(frozen=True, slots=True)
class Score:
    """A decision, and the score before calibration that it comes from."""

    decision: Decision
    raw_score: float


class Scorer:
    """Scores one client after the other with one artefact; safe to share between threads."""

    def __init__(self, artefact: Artefact) -> None:
        self._artefact = artefact

    def score(self, row: Mapping[str, Value]) -> Score:
        """The score of a row of features by name; ``FeatureError`` where one is missing."""
        return self.score_encoded(self._artefact.model.encoder.encode(row))

    def score_encoded(self, row: NDArray[np.float32]) -> Score:
        """The score of one encoded row, shape (1, features)."""
        return self.score_rows(row)[0]

    def score_rows(self, rows: NDArray[np.float32]) -> list[Score]:
        """The scores of encoded rows, shape (rows, features), by one call of the model."""
        model, threshold = self._artefact.model, self._artefact.threshold
        raw = model.raw_scores(rows)
        pairs = zip(model.probabilities(raw).tolist(), raw.tolist(), strict=True)
        return [Score(Decision(probability, threshold), score) for probability, score in pairs]


def load_applicants(directory: Path, artefact: Artefact) -> "Applicants":
    """The computer of an applicant's features from raw records, by the state of a served folder.

    ``artefact`` was loaded from that folder; ``ArtefactError`` if the state changed since.
    """
    check_state(directory, artefact)
    from project_tools.features.applicant import Applicants  # noqa: PLC0415  (it imports narwhals)

    return Applicants.load(directory / STATE)


def check_state(directory: Path, artefact: Artefact) -> None:
    """``ArtefactError`` if the feature state of a served folder changed since the artefact was loaded."""
    for name, digest in artefact.manifest.files.items():
        path = directory / name
        if name.startswith(f"{STATE}/") and (not path.is_file() or sha256(path) != digest):
            raise ArtefactError(f"{name} has changed since the model was loaded; load it again")
