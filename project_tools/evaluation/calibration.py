"""From a model's probability to a calibrated one, by a curve that never changes the order.

Needs numpy alone, because what is served applies it too.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from project_tools.errors import ArtefactError, TrainingError, unknown
from project_tools.evaluation.logistic import Floats, inside, logit, newton, sigmoid

#: The least slope. A model that ranks no better than chance would get a slope of 0 or below,
#: which would tie all clients or turn their order; with this one all get nearly the base rate.
LEAST_SLOPE = 1e-3


class _Curve:
    """What both curves share: probabilities are the logistic of the curve's log-odds."""

    __slots__ = ()

    def log_odds(self, p: Floats) -> Floats:
        raise NotImplementedError

    @overload
    def apply(self, p: float) -> float: ...
    @overload
    def apply(self, p: npt.NDArray[Any]) -> Floats: ...
    def apply(self, p: float | npt.NDArray[Any]) -> float | Floats:
        """Calibrated probabilities in (0, 1), of one probability or an array."""
        calibrated = sigmoid(self.log_odds(np.asarray(p, dtype=np.float64)))
        return calibrated if isinstance(p, np.ndarray) else float(calibrated)


@dataclass(frozen=True, slots=True)
class PlattCalibration(_Curve):
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
        x, target = logit(np.asarray(p, dtype=np.float64)), softened(np.asarray(y))
        columns, start = np.column_stack([x, np.ones_like(x)]), np.array([1.0, 0.0])
        slope, intercept = newton(columns, target, start, np.array([True, True])).tolist()
        if not slope >= LEAST_SLOPE:
            start[0] = slope = LEAST_SLOPE
            intercept = newton(columns, target, start, np.array([False, True])).tolist()[1]
        return cls(slope, intercept)

    def log_odds(self, p: Floats) -> Floats:
        """The calibrated log-odds of probabilities."""
        return np.asarray(self.slope * logit(p) + self.intercept)

    def to_dict(self) -> dict[str, Any]:
        return {"method": "platt", "slope": self.slope, "intercept": self.intercept}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``; ``ArtefactError`` for anything else."""
        return cls(*_numbers(plain, "platt", ("slope", "intercept")))


@dataclass(frozen=True, slots=True)
class BetaCalibration(_Curve):
    """``1 / (1 + exp(-(a·ln p - b·ln(1 - p) + c)))``, strictly increasing: a, b ≥ 0, one above 0.

    It bends where Platt's curve is straight in the logit; with a = b it is Platt's.
    Source: M. Kull, T. Silva Filho, P. Flach, Beta calibration, AISTATS 2017.

    >>> BetaCalibration(1.0, 1.0, 0.0).apply(0.25)
    0.25
    """

    a: float
    b: float
    c: float

    def __post_init__(self) -> None:
        finite = all(map(math.isfinite, (self.a, self.b, self.c)))
        if not finite or min(self.a, self.b) < 0 or not max(self.a, self.b) > 0:
            raise ArtefactError(
                f"the calibration has a {self.a}, b {self.b} and c {self.c}; all must be finite, "
                "a and b not below 0 and one of them above it"
            )

    @classmethod
    def fit(cls, p: npt.NDArray[Any], y: npt.NDArray[Any]) -> Self:
        """The most likely curve, as Kull et al. fit it: a weight below 0 is set to 0, then again.

        Labels are softened as Platt's. Raises ``TrainingError`` where a class is missing.
        """
        kept, target = inside(np.asarray(p, dtype=np.float64)), softened(np.asarray(y))
        columns = np.column_stack([np.log(kept), -np.log1p(-kept), np.ones_like(kept)])
        start, free = np.array([1.0, 1.0, 0.0]), np.array([True, True, True])
        found = newton(columns, target, start, free)
        for weight in (0, 1):
            if not found[weight] >= 0:
                start[weight], free[weight] = 0.0, False
                found = newton(columns, target, start, free)
        if not found[:2].max() >= LEAST_SLOPE or found[:2].min() < 0:
            platt = PlattCalibration.fit(p, y)
            return cls(platt.slope, platt.slope, platt.intercept)
        return cls(*found.tolist())

    def log_odds(self, p: Floats) -> Floats:
        """The calibrated log-odds of probabilities."""
        kept = inside(p)
        return np.asarray(self.a * np.log(kept) - self.b * np.log1p(-kept) + self.c)

    def to_dict(self) -> dict[str, Any]:
        return {"method": "beta", "a": self.a, "b": self.b, "c": self.c}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``; ``ArtefactError`` for anything else."""
        return cls(*_numbers(plain, "beta", ("a", "b", "c")))


#: Either curve.
Calibration: TypeAlias = PlattCalibration | BetaCalibration
METHODS: Mapping[str, type[PlattCalibration] | type[BetaCalibration]] = {
    "platt": PlattCalibration,
    "beta": BetaCalibration,
}


def calibration_from_dict(plain: Mapping[str, Any]) -> Calibration:
    """The curve of plain data that its ``to_dict`` gave; ``ArtefactError`` for anything else."""
    method = plain.get("method")
    if not isinstance(method, str) or method not in METHODS:
        raise ArtefactError(unknown("calibration", str(method), METHODS))
    return METHODS[method].from_dict(plain)


def softened(y: npt.NDArray[Any]) -> Floats:
    """Platt's targets in place of 0 and 1; ``TrainingError`` where a class is missing."""
    positives = int(np.sum(y == 1))
    negatives = len(y) - positives
    if not positives or not negatives:
        raise TrainingError("a calibration needs clients of both classes; one class is missing")
    return np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def _numbers(plain: Mapping[str, Any], method: str, names: tuple[str, ...]) -> list[float]:
    if set(plain) != {"method", *names} or plain["method"] != method:
        raise ArtefactError(
            f"a calibration holds method {method!r}, {' and '.join(names)}; this one holds "
            f"{', '.join(map(str, plain)) or 'nothing'} with method {plain.get('method')!r}"
        )
    numbers = [plain[name] for name in names]
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
        raise ArtefactError(f"{' and '.join(names)} of a calibration are numbers")
    return [float(n) for n in numbers]
