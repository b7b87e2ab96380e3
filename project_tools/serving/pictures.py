"""What the pictures of an explanation show: one client's waterfall, the model's beeswarm.

Here a chart is made, with its content in words. ``project_tools.serving.canvas`` draws it.
"""

import hashlib
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import starmap

import numpy as np

from project_tools.serving.artefact import Artefact
from project_tools.serving.charts import Bar, Beeswarm, Chart, Dots, Waterfall
from project_tools.serving.explanation import ConceptContribution, Explanation
from project_tools.serving.formats.base import Scale
from project_tools.serving.inputs import Value

#: Bars that are shown at least, where there are as many; the rest are added up in one more.
_BARS = 10
_LABEL_WIDTH = 56
_NAMED_IN_ALT = 5


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
class Described:
    """A chart, and its content in words for readers who do not see it."""

    chart: Chart
    alt: str


def waterfall_key(artefact: Artefact, row: Mapping[str, Value]) -> str:
    """A key of the values as they are shown, with levels that the model was not trained on."""
    shown = repr([row.get(feature.name) for feature in artefact.features])
    return f"waterfall:{artefact.digest}:{hashlib.sha256(shown.encode()).hexdigest()}"


def beeswarm_key(artefact: Artefact) -> str:
    """A key of the model's picture."""
    return f"beeswarm:{artefact.digest}"


def waterfall(explanation: Explanation) -> Described:
    """From the average to the client's score, a bar for each concept, the weightiest on top."""
    shown = SHOWN[explanation.scale]
    values = [shown.factor * group.contribution for group in explanation.groups]
    bars = [*map(Bar, map(_bar_label, explanation.groups), values)]
    single = _single_bars(values)
    if single < len(bars):
        bars[single:] = [Bar(f"{len(bars) - single} other groups", sum(values[single:]))]
    chart = Waterfall(
        f"{shown.axis}, before calibration",
        shown.factor * explanation.base,
        shown.factor * explanation.raw_score,
        tuple(bars),
    )
    return Described(chart, _waterfall_text(explanation))


def beeswarm(artefact: Artefact) -> Described:
    """A dot for each background client and concept; colour is the concept's weightiest feature.

    Concepts that are left out are not added up: the overview orders each by itself, so that no
    client can be restored, and the contributions at one place belong to several clients.
    """
    shown = SHOWN[artefact.model.scale]
    means = {s.concept: shown.factor * _mean(s.contributions) for s in artefact.overview.swarms}
    swarms = sorted(artefact.overview.swarms, key=lambda swarm: -means[swarm.concept])
    rows = tuple(
        Dots(
            _label(s.concept, artefact.describe(s.leader)["label"]),
            tuple(shown.factor * contribution for contribution in s.contributions),
            s.values,
        )
        for s in swarms[:_BARS]
    )
    rest = len(swarms) - len(rows)
    note = f"{rest} other groups weigh less and are left out" if rest else ""
    axis, colours = f"contribution to the {shown.axis}", "value of the feature named second"
    return Described(Beeswarm(axis, colours, note, rows), _swarm_text(means, shown))


def _mean(contributions: Sequence[float]) -> float:
    """The mean magnitude."""
    return float(np.abs(contributions).mean())


def _single_bars(values: Sequence[float]) -> int:
    """How many bars to show so that the sum of the others is never the largest.

    ``values`` are ordered by magnitude. The sum of the others is one bar more.
    """
    for single in range(_BARS - 1, len(values) - 1):
        if abs(sum(values[single:])) <= abs(values[0]):
            return single
    return len(values)


def _bar_label(group: ConceptContribution) -> str:
    first = (group.leading or group.features)[0]
    return _label(group.concept, first.label, f": {first.displayed}")


def _label(concept: str, feature: str, value: str = "") -> str:
    """The concept over its weightiest feature."""
    short = textwrap.shorten(feature, max(_LABEL_WIDTH - len(value), 12), placeholder=" …")
    return f"{concept}\n{short}{value}"


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
    named = ", ".join(starmap("{} {:.2f}".format, first))
    return f"What moves the model most, as the mean contribution in {shown.unit}: {named}."
