"""How true probabilities are: which calibration to take, the reliability curve, slope, intercept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from project_tools.errors import TrainingError
from project_tools.evaluation.calibration import Calibration
from project_tools.evaluation.calibration_fit import (
    FITS,
    fit_beta,
    fit_platt,
    information,
    least_log_loss,
)
from project_tools.evaluation.logistic import Floats, log_loss, logit

#: Parts of the out-of-fold rows; each is judged by curves that the others fitted.
FOLDS = 5
#: Groups of clients of equal size in a reliability curve.
BINS = 10


@dataclass(frozen=True, slots=True)
class CalibrationChoice:
    """The curve to serve and the evidence for it.

    ``loss`` is each method's mean log loss on rows that it was not fitted on; ``gain`` is Platt's
    less beta's, paired row by row, ``gain_se`` its standard error.
    """

    calibration: Calibration
    loss: Mapping[str, float]
    gain: float
    gain_se: float

    @property
    def method(self) -> str:
        return self.calibration.method


def choose_calibration(
    y: npt.NDArray[Any], oof: npt.NDArray[Any], *, seed: int = 0
) -> CalibrationChoice:
    """Platt's curve or the beta curve for out-of-fold probabilities, judged on held-out parts.

    Beta is taken where it is better by more than twice the standard error of the paired
    difference; a tie goes to Platt, which has a parameter less. A beta curve with a weight of 0 is not
    taken either, because no probability can then lie above (or below) a limit. The curve returned is
    fitted on all rows. Raises ``TrainingError`` for fewer than two clients of a class.
    """
    y, oof = np.asarray(y), np.asarray(oof, dtype=np.float64)
    losses = {name: np.empty(len(y)) for name in FITS}
    parts = _parts(y, seed)
    for part in np.unique(parts):
        held_out, fitting = parts == part, parts != part
        for name, fit in FITS.items():
            curve = fit(oof[fitting], y[fitting])
            losses[name][held_out] = log_loss(curve.log_odds(oof[held_out]), y[held_out])
    means = {name: float(loss.mean()) for name, loss in losses.items()}
    difference = losses["platt"] - losses["beta"]
    gain, se = float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(y)))
    bent = fit_beta(oof, y) if gain > 2 * se else None
    if bent is None or not min(bent.a, bent.b) > 0:
        return CalibrationChoice(fit_platt(oof, y), means, gain, se)
    return CalibrationChoice(bent, means, gain, se)


def _parts(y: npt.NDArray[Any], seed: int) -> npt.NDArray[np.intp]:
    """The number of each row's part; both classes are spread evenly over all parts."""
    rarest = int(min(np.sum(y == 1), np.sum(y == 0)))
    if rarest < 2:  # noqa: PLR2004  (one to fit on, one to judge by)
        raise TrainingError(
            f"choosing a calibration needs two clients of each class; there are {rarest} of one"
        )
    random, parts = np.random.default_rng(seed), np.empty(len(y), dtype=np.intp)
    for label in (0, 1):
        rows = random.permutation(np.flatnonzero(y == label))
        parts[rows] = np.arange(len(rows)) % min(FOLDS, rarest)
    return parts


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Clients of neighbouring probabilities: their mean, the rate of default, and the rate's error."""

    clients: int
    predicted: float
    observed: float
    se: float


def reliability_curve(
    y: npt.NDArray[Any], p: npt.NDArray[Any], bins: int = BINS
) -> list[ReliabilityBin]:
    """Mean probability against the rate of default, in groups of equal size, ascending.

    The error of a rate is Wilson's half width at one standard error, so that a group without a
    default has one too.

    >>> [(b.predicted, b.observed) for b in reliability_curve([0, 1, 1, 1], [0.2, 0.2, 0.8, 0.8], 2)]
    [(0.2, 0.5), (0.8, 1.0)]
    """
    y, p = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    groups = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    return [_bin(y[rows], p[rows]) for rows in groups]


def _bin(y: Floats, p: Floats) -> ReliabilityBin:
    n, rate = len(y), float(y.mean())
    se = float(np.sqrt(rate * (1 - rate) / n + 1 / (4 * n * n)) / (1 + 1 / n))
    return ReliabilityBin(n, float(p.mean()), rate, se)


@dataclass(frozen=True, slots=True)
class CalibrationLine:
    """Slope and intercept of the outcomes on the log-odds; 1 and 0 for true probabilities."""

    slope: float
    slope_se: float
    intercept: float
    intercept_se: float


def calibration_line(y: npt.NDArray[Any], p: npt.NDArray[Any]) -> CalibrationLine:
    """The logistic regression of outcomes on the log-odds of their probabilities (Cox, 1958).

    A slope below 1 says that the probabilities are too extreme, an intercept above 0 that they
    are too low. Raises ``TrainingError`` where a class is missing.
    """
    y = np.asarray(y, dtype=np.float64)
    if not 0 < y.mean() < 1:
        raise TrainingError("a calibration line needs clients of both classes; one is missing")
    x = logit(np.asarray(p, dtype=np.float64))
    columns = np.column_stack([x, np.ones_like(x)])
    line = least_log_loss(columns, y, np.array([1.0, 0.0]))
    # The small ridge makes the error of a slope huge, not zero, where all probabilities are alike.
    fisher = information(columns, columns @ line) + 1e-12 * np.eye(2)
    errors = np.sqrt(np.diag(np.linalg.pinv(fisher)))
    (slope, intercept), (slope_se, intercept_se) = line.tolist(), errors.tolist()
    return CalibrationLine(slope, slope_se, intercept, intercept_se)


def reliability_figure(curves: Mapping[str, Sequence[ReliabilityBin]]) -> Any:
    """A matplotlib figure of reliability curves by name, beside the line of true probabilities.

    Drawn without pyplot, whose current figure belongs to the whole process.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  (half a second that no score should wait for)

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    edge = 1.05 * max(max(b.predicted, b.observed + b.se) for c in curves.values() for b in c)
    axes.plot([0, edge], [0, edge], color="0.6", linestyle="--", label="true probabilities")
    for name, bins in curves.items():
        predicted, observed = [b.predicted for b in bins], [b.observed for b in bins]
        axes.errorbar(
            predicted, observed, yerr=[b.se for b in bins], marker="o", capsize=2, label=name
        )
    axes.set(xlabel="predicted probability of default", ylabel="rate of default (± 1 s.e.)")
    axes.legend()
    return figure
