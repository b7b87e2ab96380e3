"""The pictures of a search: its history, what mattered, and the curves of its best setting.

Figures are made without pyplot, which would keep each of them in memory.
"""

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from project_tools.evaluation.metrics import METRICS, Estimate
from project_tools.evaluation.reliability import reliability_curve, reliability_figure
from project_tools.evaluation.threshold import break_even_probability, cuts
from project_tools.search.trial import Trial

Floats = npt.NDArray[np.float64]
BLUE, ORANGE, GREY = "#1f5a99", "#b4530b", "#8a8a8a"
#: Characters of a line of a bar's name: a long feature label takes several lines.
LABEL_CHARACTERS = 40
#: A lift over fewer clients is noise. A cell with a larger share is dark, so that its text is white.
LEAST_SHARE, DARK = 0.01, 0.5


class NotebookFigure:
    """A figure that a notebook shows where it is the last value of a cell."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure

    def _repr_png_(self) -> bytes:
        png = io.BytesIO()
        self._figure.savefig(png, format="png", dpi=100)
        return png.getvalue()


def history(trials: Sequence[Trial], metric: str) -> Figure:
    """The metric of each trial in the order in which they ended, and the best so far."""
    figure, axes = _axes("trial, in the order in which they ended", metric)
    done = sorted((t for t in trials if t.order is not None), key=lambda t: t.order or 0)
    finished = [(t.order, t.judgement.score) for t in done if t.judgement is not None]
    places, scores = [place for place, _ in finished], [score for _, score in finished]
    axes.errorbar(
        places, [s.value for s in scores], [s.se for s in scores],
        fmt="o", color=BLUE, ecolor=GREY, label="finished (± standard error)",
    )  # fmt: skip
    best = np.maximum if METRICS[metric].greater_is_better else np.minimum
    axes.step(
        places, best.accumulate([s.value for s in scores]), where="post", color=ORANGE, label="best so far"
    )  # fmt: skip
    for status, mark in (("hopeless", "v"), ("failed", "x")):
        ended = [t.order for t in done if t.status == status]
        if ended:
            bottom = axes.get_ylim()[0]
            axes.plot(ended, [bottom] * len(ended), mark, color=GREY, label=status)
    axes.legend()
    return figure


def importance_bars(
    shares: Mapping[str, float], what: str = "share in the differences between the trials' losses"
) -> Figure:
    """Bars by name, the largest on top: by default the shares of the hyperparameters."""
    figure, axes = _axes(what, "")
    names = [textwrap.fill(name, LABEL_CHARACTERS) for name in shares][::-1]
    lines = sum(name.count("\n") + 1 for name in names)
    figure.set_figheight(max(figure.get_figheight(), 1 + 0.25 * lines))
    axes.barh(names, list(shares.values())[::-1], color=BLUE)
    return figure


def curves(
    y: npt.NDArray[Any],
    p: Floats,
    threshold: float,
    fn_cost: float,
    scores: Mapping[str, Estimate],
    *,
    on: str = "out of fold",
) -> dict[str, Figure]:
    """ROC, precision-recall, reliability and loss against threshold, by name; ``on`` says of whom."""
    return {
        "roc": _roc(y, p, scores["AUC"]),
        "precision_recall": _precision_recall(y, p, scores["average_precision"]),
        "reliability": reliability_figure({on: reliability_curve(y, p)}),
        "loss_by_threshold": _loss_by_threshold(y, p, threshold, fn_cost),
    }


def decision_figures(
    y: npt.NDArray[Any], p: Floats, threshold: float, fn_cost: float, scores: Mapping[str, Estimate]
) -> dict[str, Figure]:
    """The curves of a final model on its held-out clients, by name, with gain, lift and confusion."""
    return curves(y, p, threshold, fn_cost, scores, on="test clients") | {
        "gain": _gain(y, p),
        "lift": _lift(y, p),
        "confusion": _confusion(y, p, threshold),
    }


def _caught(y: npt.NDArray[Any], p: Floats) -> tuple[Floats, Floats]:
    """Shares of all clients and of the defaults among the clients of the highest probabilities."""
    defaults = np.cumsum(np.asarray(y, dtype=np.float64)[np.argsort(-p, kind="stable")])
    return np.arange(1, len(y) + 1) / len(y), defaults / max(defaults[-1], 1)


def _gain(y: npt.NDArray[Any], p: Floats) -> Figure:
    figure, axes = _axes("share of the clients, by falling probability", "share of the defaults among them")  # fmt: skip
    axes.plot(*_caught(y, p), color=BLUE, label="model")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="chance")
    axes.legend()
    return figure


def _lift(y: npt.NDArray[Any], p: Floats) -> Figure:
    figure, axes = _axes("share of the clients, by falling probability", "their rate of default, in that of all")  # fmt: skip
    clients, defaults = _caught(y, p)
    shown = clients >= LEAST_SHARE
    axes.plot(clients[shown], (defaults / clients)[shown], color=BLUE, label="model")
    axes.axhline(1, color=GREY, linestyle="--", label="chance")
    axes.legend()
    return figure


def _confusion(y: npt.NDArray[Any], p: Floats, threshold: float) -> Figure:
    figure, axes = _axes("decision", "outcome")
    y, refused = np.asarray(y) == 1, p > threshold
    counts = [[int(np.sum(y == outcome) - np.sum(refused[y == outcome])), int(np.sum(refused[y == outcome]))] for outcome in (False, True)]  # fmt: skip
    shares = [[count / max(sum(row), 1) for count in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for down, row in enumerate(counts):
        for right, count in enumerate(row):
            text = f"{count:,}\n{shares[down][right]:.0%} of the row"
            axes.text(right, down, text, ha="center", va="center", color="white" if shares[down][right] > DARK else "black")  # fmt: skip
    axes.set_xticks([0, 1], ["granted", "refused"])
    axes.set_yticks([0, 1], ["repaid", "defaulted"])
    axes.grid(visible=False)
    axes.set_title(f"threshold {threshold:.4f}")
    return figure


def _axes(x: str, y: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    return figure, axes


def _roc(y: npt.NDArray[Any], p: Floats, auc: Estimate) -> Figure:
    figure, axes = _axes("share of the repaid refused", "share of the defaults refused")
    false, true, _ = roc_curve(y, p)
    axes.plot(false, true, color=BLUE, label=f"AUC {auc.value:.3f} ± {auc.se:.3f}")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="chance")
    axes.legend()
    return figure


def _precision_recall(y: npt.NDArray[Any], p: Floats, average: Estimate) -> Figure:
    figure, axes = _axes("share of the defaults refused (recall)", "share of defaults in the refused (precision)")  # fmt: skip
    precision, recall, _ = precision_recall_curve(y, p)
    axes.plot(recall, precision, color=BLUE, label=f"average precision {average.value:.3f} ± {average.se:.3f}")  # fmt: skip
    axes.axhline(float(np.mean(y)), color=GREY, linestyle="--", label="share of defaults in all")
    axes.legend()
    return figure


def _loss_by_threshold(y: npt.NDArray[Any], p: Floats, threshold: float, fn_cost: float) -> Figure:
    figure, axes = _axes("threshold", "loss of income for each client")
    thresholds, (_, fp, fn, _) = cuts(y, p)
    axes.plot(thresholds, (fn_cost * fn + fp) / len(y), color=BLUE)
    axes.axvline(threshold, color=ORANGE, label=f"threshold {threshold:.3f}")
    break_even = break_even_probability(fn_cost)
    axes.axvline(break_even, color=GREY, linestyle="--", label="break-even")
    axes.axhline(fn_cost * float(np.mean(y)), color=GREY, linestyle=":", label="granting all")
    axes.set_xlim(0, min(1.0, 4 * break_even))
    axes.legend()
    return figure
