"""Break-even or exact threshold: which of the two the final model decides by.

A threshold that was searched is right for the rows it was found on, and a little wrong for others:
at 13,811 clients it costs .0011 of loss, the break-even of calibrated probabilities .0001. So the
exact one is taken only if it is better beyond its error, on rows that had no part in finding it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from project_tools.evaluation.judgement import threshold_for
from project_tools.evaluation.metrics import METRICS, Z_95, Draw, Estimate, standard_error
from project_tools.evaluation.threshold import break_even_probability

Floats = npt.NDArray[np.float64]
_LOSS = METRICS["loss_of_income"]


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """The break-even, the exact threshold of all rows, and what the search for one gained.

    ``gain`` is the loss of the break-even less that of the other folds' exact thresholds, for each
    client of a fold: above 0 if searching is worth it.
    """

    break_even: float
    exact: float
    gain: Estimate

    @property
    def taken(self) -> Literal["break-even", "exact"]:
        """The exact threshold, if it is better by more than the 95 % error."""
        return "exact" if self.gain.value > Z_95 * self.gain.se else "break-even"

    @property
    def value(self) -> float:
        """The threshold that was taken."""
        return self.exact if self.taken == "exact" else self.break_even

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"taken": self.taken, **asdict(self)}


def choose_threshold(
    y: npt.NDArray[Any],
    p: Floats,
    fn_cost: float,
    held_out: Sequence[npt.NDArray[np.intp]],
    *,
    draw: Draw | None = None,
) -> ThresholdChoice:
    """The choice for calibrated out-of-fold probabilities ``p``.

    ``held_out`` holds the rows of each fold: all rows, each once. ``draw`` says how the clients
    were drawn. Raises ``TrainingError`` where the other folds lack a class.
    """
    break_even, gain = break_even_probability(fn_cost), np.zeros(len(y))
    for fold in held_out:
        others = np.ones(len(y), dtype=bool)
        others[fold] = False
        searched = threshold_for(_LOSS, y[others], p[others], fn_cost).value
        gain[fold] = _costs(y[fold], p[fold], break_even, fn_cost)
        gain[fold] -= _costs(y[fold], p[fold], searched, fn_cost)
    mean = float(gain.mean())
    return ThresholdChoice(
        break_even,
        threshold_for(_LOSS, y, p, fn_cost).value,
        Estimate(mean, standard_error(gain - mean, y, draw)),
    )


def _costs(y: npt.NDArray[Any], p: Floats, threshold: float, fn_cost: float) -> Floats:
    """What the decision on each client costs."""
    return np.asarray(np.where(p > threshold, y == 0, fn_cost * (y == 1)), dtype=np.float64)
