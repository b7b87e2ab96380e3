"""The calibration curves of least log loss, fitted by scipy. What is served needs none of this."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from project_tools.errors import TrainingError
from project_tools.evaluation.calibration import BetaCalibration, Calibration, PlattCalibration
from project_tools.evaluation.logistic import Floats, inside, log_loss, logit, sigmoid
from project_tools.evaluation.metrics import Z_95

#: The least slope. A model that ranks no better than chance would get a slope of 0 or below,
#: which would tie all clients or turn their order; with this one all get nearly the base rate.
LEAST_SLOPE = 1e-3
#: Gradient of the mean log loss at which a fit ends.
_GRADIENT = 1e-12
#: Share of the columns' largest variance below which a direction in them is rounding alone.
_ROUNDING = 1e-14


def fit_platt(p: npt.NDArray[Any], y: npt.NDArray[Any]) -> PlattCalibration:
    """The most likely Platt's curve for out-of-fold probabilities ``p`` and labels ``y``.

    Raises ``TrainingError`` where a class is missing.
    """
    x, target = logit(np.asarray(p, dtype=np.float64)), softened(np.asarray(y))
    columns = np.column_stack([x, np.ones_like(x)])
    slope, intercept = least_log_loss(columns, target, np.array([1.0, 0.0]))
    if slope < LEAST_SLOPE:
        slope = LEAST_SLOPE
        [intercept] = least_log_loss(columns[:, 1:], target, np.zeros(1), offset=slope * x)
    return PlattCalibration(float(slope), float(intercept))


def fit_beta(p: npt.NDArray[Any], y: npt.NDArray[Any]) -> BetaCalibration:
    """The most likely beta curve, as Kull et al. fit it: a weight below 0 is set to 0, then again.

    Where neither weight stays above 0 it is Platt's curve, written as a beta curve. Raises
    ``TrainingError`` where a class is missing.
    """
    kept, target = inside(np.asarray(p, dtype=np.float64)), softened(np.asarray(y))
    columns = np.column_stack([np.log(kept), -np.log1p(-kept), np.ones_like(kept)])
    start, free = np.array([1.0, 1.0, 0.0]), [0, 1, 2]
    weights = least_log_loss(columns, target, start)
    for weight in (0, 1):
        if weights[weight] < 0:
            free.remove(weight)
            weights = np.zeros(3)
            weights[free] = least_log_loss(columns[:, free], target, start[free])
    if weights[:2].max() < LEAST_SLOPE or weights[:2].min() < 0:
        platt = fit_platt(p, y)
        return BetaCalibration(platt.slope, platt.slope, platt.intercept)
    return BetaCalibration(*weights.tolist())


#: The fit of each curve, by its method.
FITS: Mapping[str, Callable[[npt.NDArray[Any], npt.NDArray[Any]], Calibration]] = MappingProxyType(
    {"platt": fit_platt, "beta": fit_beta}
)


def softened(y: npt.NDArray[Any]) -> Floats:
    """Platt's targets (n₁+1)/(n₁+2) and 1/(n₀+2) in place of 1 and 0.

    With them even separable rows get a finite slope. Raises ``TrainingError`` where a class is
    missing.

    >>> softened(np.array([1, 1, 0])).round(3).tolist()
    [0.75, 0.75, 0.333]
    """
    positives = int(np.sum(y == 1))
    negatives = len(y) - positives
    if not positives or not negatives:
        raise TrainingError("a calibration needs clients of both classes; one class is missing")
    return np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def least_log_loss(
    columns: Floats, target: Floats, start: Floats, *, offset: Floats | float = 0.0
) -> Floats:
    """The weights with which ``offset + columns @ weights`` are the log-odds of least log loss.

    A target may lie between 0 and 1. Where several weights are as good, because the columns
    depend on each other, they are the nearest to ``start``.
    """
    # In units of the columns' own directions the loss is about as curved in each of them.
    variances, directions = np.linalg.eigh(columns.T @ columns / len(columns))
    kept = variances > _ROUNDING * variances[-1]
    basis = directions[:, kept] / np.sqrt(variances[kept])
    free, fixed = columns @ basis, offset + columns @ start

    def loss(moved: Floats) -> tuple[float, Floats]:
        logits = fixed + free @ moved
        errors = sigmoid(logits) - target
        return float(np.mean(log_loss(logits, target))), errors @ free / len(target)

    def curvature(moved: Floats) -> Floats:
        return information(free, fixed + free @ moved) / len(target)

    # The curvature is given: on 250,000 rows a method that guesses it took five times as long.
    result = minimize(
        loss, np.zeros(free.shape[1]), jac=True, hess=curvature, method="trust-exact",
        options={"gtol": _GRADIENT},
    )  # fmt: skip
    return np.asarray(start + basis @ result.x)


def information(columns: Floats, logits: Floats) -> Floats:
    """Fisher's information on the weights of a logistic regression; its inverse, their covariance."""
    p = sigmoid(logits)
    return np.asarray(columns.T @ (columns * (p * (1 - p))[:, None]))


def near_band(curve: Calibration, p: npt.NDArray[Any], threshold: float) -> tuple[float, float]:
    """The calibrated probabilities that cannot be told from a threshold: ± 1.96 standard errors.

    ``p`` are the out-of-fold probabilities that the curve was fitted on. The error is that of the
    curve where it crosses the threshold, by the delta method, t(1 - t)·sqrt(x' I⁻¹ x) with Fisher's
    information I, as for every logistic regression.
    """
    columns = _columns(curve, np.asarray(p, dtype=np.float64))
    low, high = 0.0, 1.0
    for _ in range(100):  # halvings, until low and high are neighbours where the curve crosses
        middle = (low + high) / 2
        low, high = (middle, high) if curve.apply(middle) < threshold else (low, middle)
    at = _columns(curve, np.array([high]))[0]
    covariance = np.linalg.pinv(information(columns, curve.log_odds(np.asarray(p))))
    error = threshold * (1 - threshold) * float(np.sqrt(max(at @ covariance @ at, 0.0)))
    return max(0.0, threshold - Z_95 * error), min(1.0, threshold + Z_95 * error)


def _columns(curve: Calibration, p: Floats) -> Floats:
    """What the curve's free weights multiply; a weight that was set to 0 is not free."""
    kept = inside(p)
    if isinstance(curve, PlattCalibration):
        return np.column_stack([logit(kept), np.ones_like(kept)])
    own = [(curve.a, np.log(kept)), (curve.b, -np.log1p(-kept))]
    return np.column_stack([*(column for weight, column in own if weight), np.ones_like(kept)])
