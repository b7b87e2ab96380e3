"""The pictures of an explanation, as PNG: one client's waterfall, the model's beeswarm.

shap draws through pyplot, which has one "current figure" for the whole process: most pictures that
several threads draw at once are wrong. So one lock guards all drawing, and every figure is closed.
"""

import hashlib
import io
import textwrap
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from project_tools.serving.artefact import Artefact
from project_tools.serving.explanation import ConceptContribution, Explanation, display, explain
from project_tools.serving.formats.base import Scale
from project_tools.serving.inputs import Value
from project_tools.serving.overview import Swarm
from project_tools.serving.shap_library import import_shap

_DRAWING = threading.Lock()
#: Bars that are shown at least, where there are as many; the rest are added up in one more.
_BARS = 10
_DPI = 100
#: Inches of white around a picture.
_MARGIN = 0.1
_LABEL_WIDTH = 56
#: Inches for each row of the beeswarm: its labels have two lines.
_SWARM_ROW = 0.55
_NAMED_IN_ALT = 5
#: Pictures kept in memory, at about 40 kB each.
_KEPT = 256


@dataclass(frozen=True, slots=True)
class Shown:
    """How numbers of a scale are drawn: with two decimals, so a probability is drawn in percent."""

    factor: float
    unit: str
    axis: str


SHOWN: Mapping[Scale, Shown] = {
    "log-odds": Shown(1, "log-odds", "log-odds of default"),
    "probability": Shown(100, "percentage points", "probability of default in percentage points"),
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, and its content in words for readers who do not see it."""

    png: bytes
    alt: str


@dataclass(slots=True)
class PictureCache:
    """The last pictures, by the digests of the model and the data; each picture is drawn once."""

    _pictures: OrderedDict[str, Picture] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _drawing: threading.Lock = field(default_factory=threading.Lock)

    def waterfall(self, artefact: Artefact, row: Mapping[str, Value]) -> Picture:
        """The waterfall of a client's row, from the cache or drawn now."""
        return self._get(_key(artefact, row), lambda: waterfall(explain(artefact, row)))

    def beeswarm(self, artefact: Artefact) -> Picture:
        """The beeswarm of the model, from the cache or drawn now."""
        return self._get(f"beeswarm:{artefact.digest}", lambda: beeswarm(artefact))

    def _get(self, key: str, draw: Callable[[], Picture]) -> Picture:
        if (kept := self._kept(key)) is not None:
            return kept
        with self._drawing:  # two requests for one picture draw it once; drawing is serial anyway
            picture = self._kept(key) or draw()
        with self._lock:
            self._pictures[key] = picture
            while len(self._pictures) > _KEPT:
                self._pictures.popitem(last=False)
        return picture

    def _kept(self, key: str) -> Picture | None:
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
            return self._pictures.get(key)


def _key(artefact: Artefact, row: Mapping[str, Value]) -> str:
    """A key of the values as they are shown, with levels that the model was not trained on."""
    shown = repr([row.get(feature.name) for feature in artefact.features])
    return f"waterfall:{artefact.digest}:{hashlib.sha256(shown.encode()).hexdigest()}"


def warm() -> None:
    """Import shap and pyplot before the first request for a picture: it takes seconds."""
    import_shap()


def waterfall(explanation: Explanation) -> Picture:
    """From the base to the client's score, a bar for each concept, the weightiest on top."""
    shown = SHOWN[explanation.scale]
    values = shown.factor * np.array([group.contribution for group in explanation.groups])
    bars = _bars(values[None, :])
    with _DRAWING:
        shap, plt = import_shap()
        figure = plt.figure()
        try:
            shap.plots.waterfall(
                shap.Explanation(
                    values=values,
                    base_values=shown.factor * explanation.base,
                    feature_names=[_bar_label(group) for group in explanation.groups],
                ),
                max_display=bars,
                show=False,
            )
            axes = figure.axes[0]
            axes.set_xlabel(f"{shown.axis}, before calibration", labelpad=22)
            _name_the_rest(axes)
            return Picture(_png(figure), _waterfall_text(explanation))
        finally:
            plt.close(figure)


def beeswarm(artefact: Artefact) -> Picture:
    """A dot for each background client and concept; colour is the concept's weightiest feature.

    Categories have no low and high, and are grey.
    """
    swarms, shown = artefact.overview.swarms, SHOWN[artefact.model.scale]
    values = shown.factor * np.column_stack([swarm.contributions for swarm in swarms])
    names = [_label(s.concept, artefact.describe(s.leader)["label"]) for s in swarms]
    png = _swarm(values, np.column_stack([_colours(s) for s in swarms]), names, shown)
    means = np.abs(values).mean(axis=0)
    return Picture(
        png, _swarm_text({s.concept: m for s, m in zip(swarms, means, strict=True)}, shown)
    )


def _swarm(
    values: NDArray[np.float64], colours: NDArray[Any], names: Sequence[str], shown: Shown
) -> bytes:
    with _DRAWING:
        shap, plt = import_shap()
        figure = plt.figure()
        random_state = np.random.get_state()  # noqa: NPY002  (shap shuffles the dots with it)
        try:
            np.random.seed(0)  # noqa: NPY002  (the same picture every time)
            shap.plots.beeswarm(
                shap.Explanation(values=values, data=colours, feature_names=list(names)),
                max_display=_bars(values),
                show=False,
                color_bar_label="value of the feature named second",
                plot_size=_SWARM_ROW,
            )
            axes = figure.axes[0]
            axes.set_xlabel(f"contribution to the {shown.axis}")
            _name_the_rest(axes)
            return _png(figure)
        finally:
            np.random.set_state(random_state)  # noqa: NPY002
            plt.close(figure)


def _name_the_rest(axes: Any) -> None:
    """Write "groups" where shap writes "features": each bar is a group of features."""
    labels = [
        tick.get_text().replace("other features", "other groups") for tick in axes.get_yticklabels()
    ]
    axes.set_yticks(axes.get_yticks(), labels)
    for tick, label in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_fontsize(10 if "\n" in label else 12)


def _png(figure: Any) -> bytes:
    """The figure as PNG, cut to its drawing; it is drawn once, where ``savefig`` draws twice."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  (see shap_library)

    figure.set_dpi(_DPI)
    figure.set_facecolor("white")
    canvas: Any = FigureCanvasAgg(figure)  # matplotlib types only a part of it
    bounds = figure.get_tightbbox(canvas.get_renderer()).padded(_MARGIN)
    size, new = figure.get_size_inches(), (bounds.width, bounds.height)
    boxes = [(axes, axes.get_position().bounds) for axes in figure.axes]
    figure.set_size_inches(*new)
    for axes, (left, bottom, width, height) in boxes:
        axes.set_position([
            (left * size[0] - bounds.x0) / new[0], (bottom * size[1] - bounds.y0) / new[1],
            width * size[0] / new[0], height * size[1] / new[1],
        ])  # fmt: skip
    content = io.BytesIO()
    canvas.print_png(content)
    return content.getvalue()


def _bars(values: NDArray[np.float64]) -> int:
    """How many bars to show so that the sum of the others is never the largest.

    ``values`` has shape (rows, concepts); a bar's length is its mean magnitude. shap shows one
    bar less than ``max_display``, and the sum of the others as the last bar.
    """
    lengths = np.abs(values).mean(axis=0)
    order = np.argsort(-lengths)
    for shown in range(min(_BARS, len(order)), len(order)):
        rest = np.abs(values[:, order[shown - 1 :]].sum(axis=1)).mean()
        if rest <= lengths[order[0]]:
            return shown
    return len(order)


def _colours(swarm: Swarm) -> NDArray[Any]:
    values = np.array([np.nan if v is None else v for v in swarm.values])
    if np.isnan(values).all():
        return np.full(len(values), "level", dtype=object)  # no number: shap draws it grey
    return values.astype(object)


def _bar_label(group: ConceptContribution) -> str:
    first = (group.leading or group.features)[0]
    return _label(group.concept, first.label, f": {display(first.value, first.unit)}")


def _label(concept: str, feature: str, value: str = "") -> str:
    """The concept over its weightiest feature, without signs that matplotlib or shap interpret."""
    short = textwrap.shorten(feature, max(_LABEL_WIDTH - len(value), 12), placeholder=" …")
    return f"{concept}\n{short}{value}".replace("$", r"\$").replace("=", ":")


def _waterfall_text(explanation: Explanation) -> str:
    shown = SHOWN[explanation.scale]
    first = [
        f"{g.concept} {shown.factor * g.contribution:+.2f}"
        for g in explanation.groups[:_NAMED_IN_ALT]
    ]
    return (
        f"Waterfall in {shown.unit} from the average {shown.factor * explanation.base:.2f} to this "
        f"client's {shown.factor * explanation.raw_score:.2f}. The weightiest: {', '.join(first)}."
    )


def _swarm_text(means: Mapping[str, float], shown: Shown) -> str:
    first = sorted(means.items(), key=lambda pair: -pair[1])[:_NAMED_IN_ALT]
    named = ", ".join(f"{concept} {mean:.2f}" for concept, mean in first)
    return f"What moves the model most, as the mean contribution in {shown.unit}: {named}."
