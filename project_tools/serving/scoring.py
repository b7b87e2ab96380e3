"""From a client's features, or an applicant's raw records, to a decision.

MLflow finds ``_load_pyfunc`` by the name of this module (``loader_module`` of a registered
version); this module imports nothing of MLflow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.evaluation.threshold import Decision
from project_tools.serving.artefact import Artefact, load_artefact
from project_tools.serving.columns import CLASS, PROBABILITY, RAW_SCORE
from project_tools.serving.folder import STATE
from project_tools.serving.inputs import Value
from project_tools.system.files import sha256

if TYPE_CHECKING:  # a process that only scores imports neither pandas nor polars
    import pandas as pd

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
        model = self._artefact.model
        raw = model.raw_scores(row)
        probability = float(model.probabilities(raw)[0])
        return Score(Decision(probability, self._artefact.threshold), float(raw[0]))


def load_applicants(directory: Path, artefact: Artefact) -> "Applicants":
    """The computer of an applicant's features from raw records, by the state of a served folder.

    ``artefact`` was loaded from that folder; ``ArtefactError`` if the state changed since.
    """
    for name, digest in artefact.manifest.files.items():
        path = directory / name
        if name.startswith(f"{STATE}/") and (not path.is_file() or sha256(path) != digest):
            raise ArtefactError(f"{name} has changed since the model was loaded; load it again")
    from project_tools.features.applicant import Applicants  # noqa: PLC0415  (it imports polars)

    return Applicants.load(directory / STATE)


class PyfuncModel:
    """The artefact behind MLflow's pyfunc protocol: a frame in, a frame of the same index out."""

    def __init__(self, artefact: Artefact) -> None:
        self._artefact = artefact

    def predict(
        self, frame: "pd.DataFrame", params: Mapping[str, Any] | None = None
    ) -> "pd.DataFrame":
        """``proba_risk_class``, ``class`` and ``raw_score`` of each row."""
        import pandas as pd  # noqa: PLC0415  (the caller has it)

        del params  # MLflow passes them; there are none
        model = self._artefact.model
        raw = model.raw_scores(model.encoder.encode_frame(frame))
        probabilities = model.probabilities(raw)
        labels = [Decision(float(p), self._artefact.threshold).label for p in probabilities]
        columns = {PROBABILITY: probabilities, CLASS: labels, RAW_SCORE: raw}
        return pd.DataFrame(columns, index=frame.index)


def _load_pyfunc(path: str) -> PyfuncModel:
    """The verified artefact in a folder, for ``mlflow.pyfunc.load_model``."""
    return PyfuncModel(load_artefact(Path(path)))
