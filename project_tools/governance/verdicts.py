"""A verdict on each figure of a model card: which intervals exclude the ideal value."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from project_tools.evaluation.metrics import METRICS, Estimate
from project_tools.governance.card import Card, Result
from project_tools.governance.segments import Figure

#: Share of true intervals that exclude the ideal by chance.
_BY_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """A figure that has an ideal value, and whether its 95 % interval excludes that value."""

    figure: str
    ideal: float
    value: float
    low: float
    high: float

    @property
    def excluded(self) -> bool:
        return not self.low <= self.ideal <= self.high

    @property
    def text(self) -> str:
        """The figure, its interval and its ideal, in one line."""
        return f"{self.figure}: {self.value:.3f} ({self.low:.3f} to {self.high:.3f}), ideal {self.ideal:g}"


def verdicts(card: Card) -> list[Verdict]:
    """Slope, intercept and mean of the probabilities: of all clients, then of each group."""
    line = card.calibration
    whole = [
        Verdict("calibration slope", 1, line.slope, *Estimate(line.slope, line.slope_se).interval),
        Verdict("intercept", 0, line.intercept, *Estimate(line.intercept, line.intercept_se).interval),
    ]  # fmt: skip
    rows = [("predicted less defaulted", 0.0, card.segments.overall.gap)]
    for one in card.segments.segments:
        name = f"{one.group} ({one.characteristic})"
        rows += [
            (f"predicted less defaulted, {name}", 0.0, one.gap),
            (f"slope, {name}", 1.0, one.slope),
        ]
    return whole + [
        Verdict(name, ideal, figure.value, figure.low, figure.high)
        for name, ideal, figure in rows
        if isinstance(figure, Figure) and figure.low is not None and figure.high is not None
    ]


def summary_of(judged: list[Verdict]) -> str:
    """How many intervals exclude the ideal, and how many would by chance alone."""
    count, excluded = len(judged), sum(one.excluded for one in judged)
    chance = float(binom.sf(excluded - 1, count, _BY_CHANCE)) if excluded else 1.0
    text = (
        f"{excluded} of {count} intervals exclude the ideal; by chance about "
        f"{_BY_CHANCE * count:.1f} would"
    )
    if not excluded:
        return f"{text}."
    return (
        f"{text}, and so many or more with a probability of {chance:.2g} if they were independent."
    )


def verdict_on(card: Card, row: Result) -> str:
    """What the interval of a score says beside the score that needs no model."""
    rate, cost = card.data.test.rate, card.fn_cost
    without = {
        "loss_of_income": (min(cost * rate, 1 - rate), "granting or refusing all"),
        "AUC": (0.5, "chance"),
        "Gini": (0.0, "chance"),
        "f2": (5 * rate / (1 + 4 * rate), "refusing all"),
        "recall_specificity_G_mean": (0.0, "granting or refusing all"),
        "average_precision": (rate, "the rate of default"),
        "brier": (rate * (1 - rate), "the rate of default for all"),
        "log_loss": (_entropy(rate), "the rate of default for all"),
    }
    if row.name not in without or row.interval is None:
        return "no interval"
    value, what = without[row.name]
    low, high = row.interval
    above, below = (
        ("better", "WORSE") if METRICS[row.name].greater_is_better else ("WORSE", "better")
    )
    if low > value:
        return f"{above} than {what} ({value:.3f})"
    if high < value:
        return f"{below} than {what} ({value:.3f})"
    return f"not apart from {what} ({value:.3f})"


def _entropy(rate: float) -> float:
    kept = float(np.clip(rate, 1e-12, 1 - 1e-12))
    return float(-kept * np.log(kept) - (1 - kept) * np.log(1 - kept))
