"""A registered version as a promotion weighs it: its held-out probabilities, card and measures."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from project_tools.evaluation.metrics import METRICS, Draw, Estimate, get_metric
from project_tools.governance.card import Card

Floats = npt.NDArray[np.float64]
#: Probabilities that differ by less than this are one probability.
_ALIKE = 1e-6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered version with calibrated probabilities ``p`` of held-out clients.

    The clients were drawn from ``labelled`` ones. ``model_format`` says how the model is stored,
    in a file of ``size_bytes``.
    """

    version: str
    run_id: str
    artefact_digest: str
    data_digest: str
    split_digest: str
    threshold: float
    fn_cost: float
    ids: npt.NDArray[np.int64]
    y: npt.NDArray[Any]
    p: Floats
    card: Card
    latency_ms: float
    explanation_ms: float = 0.0
    size_bytes: int = 0
    model_format: str = "lightgbm"
    family: str = "lightgbm"
    labelled: int | None = None

    @property
    def draw(self) -> Draw:
        """How the held-out clients were drawn."""
        return Draw.of(self.y, self.labelled)

    @property
    def clients_digest(self) -> str:
        """SHA-256 of the held-out clients' ids: which clients a comparison was made on."""
        return hashlib.sha256(np.ascontiguousarray(self.ids, dtype=np.int64).tobytes()).hexdigest()

    def score(self, metric: str) -> Estimate:
        """The metric of that name on the held-out clients; ``SettingError`` for another name."""
        return get_metric(metric).score(
            self.y, self.p, threshold=self.threshold, fn_cost=self.fn_cost, draw=self.draw
        )


def unusable(candidate: Candidate) -> str:
    """Why a version's probabilities cannot decide, in one sentence; empty if they can.

    They cannot if all clients get one probability, or if those who default get the lower ones.
    """
    if float(np.ptp(candidate.p)) < _ALIKE:
        return f"every held-out client gets the same probability, {float(candidate.p[0]):.4f}"
    auc = candidate.score("AUC")
    low, high = METRICS["AUC"].interval(auc) or (auc.value, auc.value)
    if high < 0.5:  # noqa: PLR2004  (chance)
        return (
            f"its probabilities are inverted: AUC on held-out clients is {auc.value:.3f} ({low:.3f} "
            f"to {high:.3f}), below chance"
        )
    return ""
