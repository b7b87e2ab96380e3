"""The final evaluation of a model on the test clients, by whom nothing was chosen.

Threshold and calibration come from out-of-fold probabilities of the training clients. The test
clients are looked at once: for figures with intervals, the calibration, and the decisions' cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from project_tools.errors import TrainingError
from project_tools.evaluation.judgement import evaluate, threshold_for
from project_tools.evaluation.metrics import METRICS, Draw, Estimate, Interval, interval_text
from project_tools.evaluation.reliability import (
    CalibrationLine,
    ReliabilityBin,
    calibration_line,
    reliability_curve,
)
from project_tools.evaluation.threshold import break_even_probability
from project_tools.models.dataset import Dataset
from project_tools.models.training import TrainedModel, check_held_out

Floats = npt.NDArray[np.float64]
#: Costs of a missed defaulter, in refused good clients, that the loss is drawn over.
COST_RATIOS = tuple(range(1, 21))
_LOSS = METRICS["loss_of_income"]


@dataclass(frozen=True, slots=True)
class CostPoint:
    """The loss per test client at one cost of a missed defaulter.

    ``best``: with the threshold of this cost, by the model's own rule (the break-even, or the exact
    best one out of fold); ``served``: with the model's own threshold; ``approve_all`` and ``refuse_all``: without any model.
    """

    fn_cost: float
    best: float
    best_se: float
    served: float
    approve_all: float
    refuse_all: float


@dataclass(frozen=True, slots=True)
class ThresholdCost(CostPoint):
    """The same, with the threshold of this cost."""

    threshold: float


@dataclass(frozen=True, slots=True)
class FinalEvaluation:
    """All figures on the test clients, who were drawn from ``labelled`` ones.

    ``raw_curve`` is the reliability before calibration.
    """

    clients: int
    defaulted: int
    scores: Mapping[str, Estimate]
    intervals: Mapping[str, Interval | None]
    line: CalibrationLine
    curve: Sequence[ReliabilityBin]
    raw_curve: Sequence[ReliabilityBin]
    costs: Sequence[ThresholdCost]
    labelled: int

    def to_dict(self) -> dict[str, Any]:
        """Plain figures, without a client among them."""
        return asdict(self)


def evaluate_finally(model: TrainedModel, training: Dataset, test: Dataset) -> FinalEvaluation:
    """Judge a model on the test clients; ``training`` holds the clients that it was trained on.

    Raises ``TrainingError`` for test clients that the model was trained on, for features of
    another state, and for other training clients than the model's.
    """
    check_held_out(model, test)
    if not np.array_equal(training.ids, model.ids):
        raise TrainingError(
            "the training clients given are not those that the model was trained on"
        )
    raw = model.raw_probabilities(test.X)
    p, threshold, cost = model.calibration.apply(raw), model.threshold, model.fn_cost
    oof = model.calibration.apply(model.oof)
    scores = evaluate(test.y, p, threshold, cost, draw=test.draw)
    return FinalEvaluation(
        clients=len(test),
        defaulted=int(np.sum(test.y == 1)),
        scores=scores,
        intervals={name: METRICS[name].interval(score) for name, score in scores.items()},
        line=calibration_line(test.y, p),
        curve=reliability_curve(test.y, p),
        raw_curve=reliability_curve(test.y, raw),
        costs=cost_curve(
            (training.y, oof), (test.y, p), threshold, exact=model.exact_threshold, draw=test.draw
        ),
        labelled=test.draw.labelled,
    )


def cost_curve(
    out_of_fold: tuple[npt.NDArray[Any], Floats],
    test: tuple[npt.NDArray[Any], Floats],
    threshold: float,
    ratios: Sequence[float] = COST_RATIOS,
    *,
    exact: bool = True,
    draw: Draw | None = None,
) -> list[ThresholdCost]:
    """The loss on test clients over the cost of a missed defaulter; both pairs are (y, p).

    ``exact``: the threshold of each cost is the best one out of fold, else its break-even. ``draw`` says how the test clients were drawn.
    """
    y, p = test
    rate = float(np.mean(y))
    points = []
    for ratio in ratios:
        best = break_even_probability(ratio)
        if exact:
            best = threshold_for(_LOSS, *out_of_fold, ratio).value
        reached = _LOSS.score(y, p, threshold=best, fn_cost=ratio, draw=draw)
        served = _LOSS.score(y, p, threshold=threshold, fn_cost=ratio)
        points.append(
            ThresholdCost(
                ratio, reached.value, reached.se, served.value, ratio * rate, 1 - rate, best
            )
        )
    return points


def cost_figure(costs: Sequence[CostPoint], fn_cost: float) -> Any:
    """A matplotlib figure of the loss over the cost, beside approving and refusing everybody."""
    from matplotlib.figure import Figure  # noqa: PLC0415  (half a second that no score should wait for)

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    ratios = [point.fn_cost for point in costs]
    axes.errorbar(
        ratios, [point.best for point in costs], yerr=[point.best_se for point in costs],
        marker="o", markersize=3, capsize=2, label="model, threshold of each cost (± 1 s.e.)",
    )  # fmt: skip
    axes.plot(ratios, [point.served for point in costs], "-.", label="model, served threshold")
    axes.plot(ratios, [point.approve_all for point in costs], "--", label="approve all")
    axes.plot(ratios, [point.refuse_all for point in costs], ":", label="refuse all")
    axes.axvline(fn_cost, color="0.6", linewidth=1)
    axes.set(
        xlabel="cost of a missed defaulter, in refused good clients",
        ylabel="loss for each test client, in refused good clients",
        xticks=ratios, ylim=(0, 1.1 * max(p.refuse_all for p in costs)),
    )  # fmt: skip
    axes.legend()
    return figure


def final_table(model: TrainedModel, evaluation: FinalEvaluation) -> str:
    """The figures below each other, for the terminal."""
    lines = [f"{'score':<28}{'out of fold':>18}{'test':>10}   95 % interval"]
    for name, score in evaluation.scores.items():
        oof, interval = model.scores[name], interval_text(evaluation.intervals[name])
        lines.append(f"{name:<28}{oof.value:>9.4f} ± {oof.se:.4f}{score.value:>10.4f}   {interval}")
    rate = evaluation.defaulted / evaluation.clients
    line, choice = evaluation.line, model.calibration_choice
    return "\n".join([
        *lines,
        f"loss of income without a model: approve all {model.fn_cost * rate:.4f}, "
        f"refuse all {1 - rate:.4f} (a missed defaulter costs {model.fn_cost:g} refused good clients)",
        f"threshold {model.threshold:.4f}: {_reason(model)}",
        f"{model.calibration.label} comes from out-of-fold probabilities; beta's log loss is lower than Platt's by {choice.gain:.6f} ± "
        f"{choice.gain_se:.6f}",
        f"calibration on test clients: slope {line.slope:.3f} ± {line.slope_se:.3f}, intercept "
        f"{line.intercept:+.3f} ± {line.intercept_se:.3f} (true probabilities: 1 and 0)",
        f"{evaluation.clients:,} test clients, {evaluation.defaulted:,} of them defaulted, drawn from "
        f"{evaluation.labelled:,} labelled ones; ± one standard error",
    ])  # fmt: skip


def _reason(model: TrainedModel) -> str:
    """Why the model decides by its threshold."""
    choice = model.threshold_choice
    if choice is None:
        return f"the best one by {model.metric} on out-of-fold probabilities"
    text = {
        "exact": f"the exact best one out of fold; the break-even would be {choice.break_even:.4f}",
        "break-even": f"the break-even; the exact best one out of fold would be {choice.exact:.4f}",
    }[choice.taken]
    gain = choice.gain
    return f"{text}; searching saves {gain.value:+.4f} ± {gain.se:.4f} a client on other folds"
