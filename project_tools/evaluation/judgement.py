"""How good probabilities of unseen rows are: calibration, threshold, scores with errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from project_tools.errors import SettingError
from project_tools.evaluation.calibration import Calibration
from project_tools.evaluation.calibration_fit import fit_platt
from project_tools.evaluation.metrics import FN_COST, METRICS, Draw, Estimate, Metric, get_metric
from project_tools.evaluation.threshold import Threshold, best_threshold

Floats = npt.NDArray[np.float64]
#: The metric whose best threshold is taken where the metric asked for looks at no decision.
DECIDING = "loss_of_income"


@dataclass(frozen=True, slots=True)
class Judgement:
    """How good out-of-fold probabilities are.

    ``calibration`` was fitted on them, ``threshold`` and ``scores`` belong to the calibrated
    probabilities; ``threshold.score`` is the deciding score at the threshold.
    """

    metric: str
    calibration: Calibration
    threshold: Threshold
    scores: Mapping[str, Estimate]

    @property
    def score(self) -> Estimate:
        """The metric that was asked for."""
        return self.scores[self.metric]

    @property
    def loss(self) -> float:
        """The same, turned so that less is better."""
        return get_metric(self.metric).loss(self.score.value)


def judge(
    y: npt.NDArray[Any],
    p: Floats,
    *,
    metric: str = DECIDING,
    fn_cost: float = FN_COST,
    calibration: Calibration | None = None,
    draw: Draw | None = None,
    threshold: float | None = None,
) -> Judgement:
    """Calibrate out-of-fold probabilities, find the exact threshold, score the decisions.

    Without a ``calibration``, Platt's curve is fitted on them. The threshold is the metric's best,
    or that of ``loss_of_income`` for a metric that looks at no decision, such as AUC; ``threshold``
    takes its place. ``draw`` says how the clients were drawn.
    """
    calibration = calibration or fit_platt(p, y)
    calibrated = calibration.apply(p)
    deciding = deciding_metric(metric)
    if threshold is None:
        best = threshold_for(deciding, y, calibrated, fn_cost)
    else:
        reached = deciding.score(y, calibrated, threshold=threshold, fn_cost=fn_cost)
        best = Threshold(threshold, reached.value)
    scores = evaluate(y, calibrated, best.value, fn_cost, draw=draw)
    return Judgement(metric, calibration, best, scores)


def deciding_metric(metric: str) -> Metric:
    """The metric of that name if it looks at decisions, else ``loss_of_income``."""
    asked = get_metric(metric)
    return asked if asked.of_counts is not None else METRICS[DECIDING]


def threshold_for(metric: Metric, y: npt.NDArray[Any], p: Floats, fn_cost: float) -> Threshold:
    """The best threshold of a metric of decisions; ``SettingError`` for another metric."""
    of_counts = metric.of_counts
    if of_counts is None:
        raise SettingError(f"{metric.name} looks at no decision, so it has no best threshold")
    return best_threshold(
        y,
        p,
        lambda tp, fp, fn, tn: of_counts(tp, fp, fn, tn, fn_cost),
        greater_is_better=metric.greater_is_better,
    )


def evaluate(
    y: npt.NDArray[Any],
    p: npt.NDArray[Any],
    threshold: float,
    fn_cost: float = FN_COST,
    *,
    draw: Draw | None = None,
) -> dict[str, Estimate]:
    """All scores with standard errors, at a threshold that was found elsewhere.

    ``draw`` says how the clients were drawn, as for ``Metric.score``. Raises ``TrainingError`` where
    a class is missing.
    """
    return {
        name: metric.score(y, p, threshold=threshold, fn_cost=fn_cost, draw=draw)
        for name, metric in METRICS.items()
    }
