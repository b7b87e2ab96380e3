"""From a model's probability to a calibrated one, by a curve that never changes the order.

What is served applies these curves, so they need numpy alone; ``calibration_fit`` fits them.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from project_tools.errors import ArtefactError, unknown
from project_tools.evaluation.logistic import Floats, inside, logit, sigmoid


@dataclass(frozen=True, slots=True)
class _Curve:
    """What both curves share: probabilities are the logistic of the curve's log-odds."""

    method: ClassVar[str]

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

    def to_dict(self) -> dict[str, Any]:
        return {"method": self.method, **asdict(self)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``; ``ArtefactError`` for anything else."""
        names = [field.name for field in fields(cls)]
        if set(plain) != {"method", *names} or plain["method"] != cls.method:
            raise ArtefactError(
                f"a calibration holds method {cls.method!r}, {' and '.join(names)}; this one holds "
                f"{', '.join(map(str, plain)) or 'nothing'} with method {plain.get('method')!r}"
            )
        numbers = [plain[name] for name in names]
        if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
            raise ArtefactError(f"{' and '.join(names)} of a calibration are numbers")
        return cls(*map(float, numbers))


@dataclass(frozen=True, slots=True)
class PlattCalibration(_Curve):
    """``1 / (1 + exp(-(slope·logit(p) + intercept)))``, strictly increasing: its slope is above 0.

    Source: J. Platt, Probabilistic Outputs for Support Vector Machines, 1999, on the logit.

    >>> PlattCalibration(1.0, 0.0).apply(0.25)
    0.25
    """

    method: ClassVar[str] = "platt"
    label: ClassVar[str] = "Platt's curve"
    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept) and self.slope > 0):
            raise ArtefactError(
                f"the calibration has slope {self.slope} and intercept {self.intercept}; "
                "both must be finite and the slope above 0"
            )

    def log_odds(self, p: Floats) -> Floats:
        """The calibrated log-odds of probabilities."""
        return np.asarray(self.slope * logit(p) + self.intercept)


@dataclass(frozen=True, slots=True)
class BetaCalibration(_Curve):
    """``1 / (1 + exp(-(a·ln p - b·ln(1 - p) + c)))``, strictly increasing: a, b ≥ 0, one above 0.

    It bends where Platt's curve is straight in the logit; with a = b it is Platt's.
    Source: M. Kull, T. Silva Filho, P. Flach, Beta calibration, AISTATS 2017.

    >>> BetaCalibration(1.0, 1.0, 0.0).apply(0.25)
    0.25
    """

    method: ClassVar[str] = "beta"
    label: ClassVar[str] = "the beta curve"
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

    def log_odds(self, p: Floats) -> Floats:
        """The calibrated log-odds of probabilities."""
        kept = inside(p)
        return np.asarray(self.a * np.log(kept) - self.b * np.log1p(-kept) + self.c)


#: Either curve.
Calibration: TypeAlias = PlattCalibration | BetaCalibration
#: The curves by the name of their method.
CALIBRATIONS: Mapping[str, type[PlattCalibration] | type[BetaCalibration]] = MappingProxyType(
    {curve.method: curve for curve in (PlattCalibration, BetaCalibration)}
)


def calibration_from_dict(plain: Mapping[str, Any]) -> Calibration:
    """The curve whose ``to_dict`` gave ``plain``; ``ArtefactError`` for anything else."""
    method = plain.get("method")
    if not isinstance(method, str) or method not in CALIBRATIONS:
        raise ArtefactError(unknown("calibration", str(method), CALIBRATIONS))
    return CALIBRATIONS[method].from_dict(plain)
