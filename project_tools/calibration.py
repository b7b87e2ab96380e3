"""From a model's probability to a calibrated one, by a curve that never changes the order.

Needs numpy alone, because what is served applies it too.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, overload

import numpy as np
import numpy.typing as npt

from project_tools.errors import ArtefactError, TrainingError

Floats = npt.NDArray[np.float64]
#: Probabilities closer than this to 0 or 1 are taken as this far from it: the logit stays finite.
EDGE = 1e-12
#: The least slope. A model that ranks no better than chance would get a slope of 0 or below,
#: which would tie all clients or turn their order; with this one all get nearly the base rate.
LEAST_SLOPE = 1e-3
_STEPS = 100
_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class PlattCalibration:
    """``1 / (1 + exp(-(slope·logit(p) + intercept)))``, strictly increasing: its slope is above 0.

    Source: J. Platt, Probabilistic Outputs for Support Vector Machines, 1999, on the logit.

    >>> PlattCalibration(1.0, 0.0).apply(0.25)
    0.25
    """

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept) and self.slope > 0):
            raise ArtefactError(
                f"the calibration has slope {self.slope} and intercept {self.intercept}; "
                "both must be finite and the slope above 0"
            )

    @classmethod
    def fit(cls, p: npt.NDArray[Any], y: npt.NDArray[Any]) -> Self:
        """The most likely curve for out-of-fold probabilities ``p`` and labels ``y``.

        Labels are softened by Platt's (n₁+1)/(n₁+2) and 1/(n₀+2), so that separable rows get a
        finite slope. Raises ``TrainingError`` where a class is missing.
        """
        x, target = _logit(np.asarray(p, dtype=np.float64)), _softened(np.asarray(y))
        slope, intercept = _newton(x, target)
        if not slope >= LEAST_SLOPE:
            slope = LEAST_SLOPE
            intercept = _newton(x, target, slope=LEAST_SLOPE)[1]
        return cls(slope, intercept)

    @overload
    def apply(self, p: float) -> float: ...
    @overload
    def apply(self, p: npt.NDArray[Any]) -> Floats: ...
    def apply(self, p: float | npt.NDArray[Any]) -> float | Floats:
        """Calibrated probabilities in (0, 1), of one probability or an array."""
        logits = _logit(np.asarray(p, dtype=np.float64))
        calibrated = _sigmoid(self.slope * logits + self.intercept)
        return calibrated if isinstance(p, np.ndarray) else float(calibrated)

    def to_dict(self) -> dict[str, Any]:
        return {"method": "platt", "slope": self.slope, "intercept": self.intercept}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``; ``ArtefactError`` for anything else."""
        keys = {"method", "slope", "intercept"}
        if set(plain) != keys or plain["method"] != "platt":
            raise ArtefactError(
                f"a calibration holds method 'platt', slope and intercept; this one holds "
                f"{', '.join(map(str, plain)) or 'nothing'} with method {plain.get('method')!r}"
            )
        numbers = (plain["slope"], plain["intercept"])
        if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
            raise ArtefactError("slope and intercept of a calibration are numbers")
        return cls(*map(float, numbers))


def _logit(p: Floats) -> Floats:
    inside = np.clip(p, EDGE, 1 - EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _sigmoid(x: Floats) -> Floats:
    """``1 / (1 + exp(-x))`` without overflow at either end."""
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1 / (1 + small), small / (1 + small)))


def _softened(y: npt.NDArray[Any]) -> Floats:
    positives = int(np.sum(y == 1))
    negatives = len(y) - positives
    if not positives or not negatives:
        raise TrainingError("a calibration needs clients of both classes; one class is missing")
    return np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def _newton(x: Floats, target: Floats, slope: float | None = None) -> tuple[float, float]:
    """Slope and intercept of the least log loss; the slope stays where one is given.

    Steps are halved until the loss falls, so the convex problem is solved from any start.
    """
    columns = np.column_stack([x, np.ones_like(x)])
    free = np.array([slope is None, True])
    beta = np.array([1.0 if slope is None else slope, 0.0])
    loss = _log_loss(columns @ beta, target)
    for _ in range(_STEPS):
        p = _sigmoid(columns @ beta)
        part = columns[:, free]
        hessian = part.T @ (part * (p * (1 - p))[:, None]) + 1e-12 * np.eye(part.shape[1])
        step = np.zeros(2)
        step[free] = np.linalg.lstsq(hessian, part.T @ (target - p), rcond=None)[0]
        beta, fallen = _halved(columns, target, beta, step, loss)
        loss -= fallen
        if fallen <= _TOLERANCE * abs(loss):
            break
    return float(beta[0]), float(beta[1])


def _halved(
    columns: Floats, target: Floats, beta: Floats, step: Floats, loss: float
) -> tuple[Floats, float]:
    """The longest of the halved steps that lowers the loss, and by how much it does."""
    for power in range(40):
        moved = beta + step / 2**power
        fallen = loss - _log_loss(columns @ moved, target)
        if fallen > 0:
            return moved, fallen
    return beta, 0.0


def _log_loss(logits: Floats, target: Floats) -> float:
    return float(np.sum(np.logaddexp(0, logits) - target * logits))
