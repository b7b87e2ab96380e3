"""The curves of acceptance and cost against the threshold and against the cost ratio, with intervals."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from project_tools.evaluation.curves import Cost, Curves, Point, Share
from project_tools.evaluation.metrics import (
    METRICS,
    Draw,
    Estimate,
    Floats,
    Interval,
    standard_error,
)
from project_tools.evaluation.threshold import break_even_probability

#: Cost ratios of the curve, beside that of the model.
RATIOS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 50.0)
#: Steps of the threshold's curve, each over at least so many clients.
_STEPS, _LEAST = 50, 10
_DIGITS = 4


def sensitivity(
    y: npt.NDArray[Any], p: Floats, threshold: float, fn_cost: float, draw: Draw | None = None
) -> Curves:
    """The curves of clients with outcomes ``y`` (1 defaulted) and calibrated probabilities ``p``.

    The thresholds are quantiles of the probabilities to four digits, and the model's own; at least
    ten clients lie between two of them. ``draw`` says how the clients were drawn, as for a score.
    """
    steps = max(1, min(_STEPS, len(p) // _LEAST))
    quantiles = np.quantile(p, np.linspace(0, 1, steps + 1))[1:-1].round(_DIGITS)
    thresholds = np.unique([0.0, *quantiles, threshold, 1.0]).tolist()
    ratios = np.unique([*RATIOS, fn_cost]).tolist()

    def points(pairs: Iterable[tuple[float, float]]) -> tuple[Point, ...]:
        return tuple(_point(y, p, at, cost, draw) for at, cost in pairs)

    return Curves(
        clients=len(p),
        defaulted=int((np.asarray(y) == 1).sum()),
        by_threshold=points((at, fn_cost) for at in thresholds),
        by_cost=points((break_even_probability(cost), cost) for cost in ratios),
        as_served=points((threshold, cost) for cost in ratios),
    )


def _point(
    y: npt.NDArray[Any], p: Floats, threshold: float, fn_cost: float, draw: Draw | None
) -> Point:
    granted = (p <= threshold).astype(np.float64)
    acceptance = Estimate(float(granted.mean()), standard_error(granted - granted.mean(), y, draw))
    metric = METRICS["loss_of_income"]
    loss = metric.score(y, p, threshold=threshold, fn_cost=fn_cost, draw=draw)
    return Point(
        threshold=float(threshold),
        fn_cost=float(fn_cost),
        acceptance=Share(acceptance.value, *_inside(acceptance.interval, 1.0)),
        cost=Cost(loss.value, *_inside(loss.interval, np.inf)),
    )


def _inside(interval: Interval, most: float) -> Interval:
    low, high = interval
    return max(low, 0.0), min(high, most)
