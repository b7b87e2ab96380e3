"""The explanation of a client's score: exact contributions, by concept, and reasons in words.

Base and contributions add up to the model's own score before calibration (log-odds, or a forest's
probability); this is checked for every client. Calibration is strictly increasing: a feature that
raises the score raises the probability.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.features.wording.display import displayed
from project_tools.serving.artefact import Artefact
from project_tools.serving.formats.base import Scale
from project_tools.serving.golden import SUMS_TO
from project_tools.serving.inputs import Value

#: As many reasons as a person takes in, and as lending law asks for.
MOST_REASONS = 4


@dataclass(frozen=True, slots=True)
class Contribution:
    """The contribution of one feature to the score, beside the client's value."""

    name: str
    label: str
    concept: str
    unit: str
    value: Value
    contribution: float
    displayed: str


@dataclass(frozen=True, slots=True)
class ConceptContribution:
    """The features of one concept, the weightiest first, and the sum of their contributions."""

    concept: str
    contribution: float
    features: tuple[Contribution, ...]

    @property
    def leading(self) -> list[Contribution]:
        """The features that move the score as the concept does, the weightiest first."""
        return [c for c in self.features if c.contribution * self.contribution > 0]


@dataclass(frozen=True, slots=True)
class Reason:
    """A principal reason in plain English: a concept, and the direction in which it moves the score."""

    text: str
    concept: str
    contribution: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Base and contributions, which add up to ``raw_score``; all on ``scale``, before calibration."""

    scale: Scale
    base: float
    raw_score: float
    groups: tuple[ConceptContribution, ...]


def explain(
    artefact: Artefact, row: Mapping[str, Value], encoded: NDArray[np.float32] | None = None
) -> Explanation:
    """The exact contributions of a row, grouped by concept, the weightiest first.

    ``encoded`` is the same row as the model takes it, where it is there already. Raises
    ``ArtefactError`` if the contributions do not add up to the model's own score.
    """
    if encoded is None:
        encoded = artefact.model.encoder.encode(row)
    *parts, base = artefact.model.contributions(encoded)[0].tolist()
    raw_score = float(artefact.model.raw_scores(encoded)[0])
    if not np.isclose(base + sum(parts), raw_score, rtol=SUMS_TO, atol=SUMS_TO):
        raise ArtefactError("the contributions do not add up to the score; export the model again")
    scale = artefact.model.scale
    return Explanation(
        scale, base, raw_score, tuple(_by_concept(contributions(artefact, row, parts)))
    )


def contributions(
    artefact: Artefact, row: Mapping[str, Value], parts: Sequence[float]
) -> list[Contribution]:
    """Each feature of the model with its part of the score, in the model's order."""
    features = []
    for feature, part in zip(artefact.features, parts, strict=True):
        described, value = artefact.describe(feature.name), row[feature.name]
        label, concept, unit = described["label"], described["concept"], described["unit"]
        text = display_as(value, described)
        features.append(Contribution(feature.name, label, concept, unit, value, part, text))
    return features


def _by_concept(features: Sequence[Contribution]) -> list[ConceptContribution]:
    members: dict[str, list[Contribution]] = {}
    for feature in features:
        members.setdefault(feature.concept, []).append(feature)
    groups = [
        ConceptContribution(
            concept,
            sum(c.contribution for c in members[concept]),
            tuple(sorted(members[concept], key=lambda c: -abs(c.contribution))),
        )
        for concept in sorted(members)
    ]
    return sorted(groups, key=lambda g: -abs(g.contribution))


def reasons(explanation: Explanation, *, granted: bool) -> list[Reason]:
    """At most four principal reasons for the decision, the weightiest first.

    They are the concepts that move the score furthest towards the decision: upwards for a refusal,
    downwards for a granted loan. Each names the two features of the concept that weigh most in the
    concept's own direction.
    """
    sign = -1 if granted else 1
    towards = [g for g in explanation.groups if sign * g.contribution > 0]
    direction = "Lowers" if granted else "Raises"
    principal = []
    for group in towards[:MOST_REASONS]:
        named = " and ".join(f"{c.label} ({c.displayed})" for c in group.leading[:2])
        text = f"{direction} the estimated risk: {group.concept}, above all {named}."
        principal.append(Reason(text, group.concept, group.contribution))
    return principal


def display_as(value: Value, about: Mapping[str, Any]) -> str:
    """A value as its row of the catalogue says; a row of an older model gives value and unit.

    >>> display_as(-15000.0, {"name": "DAYS_BIRTH", "unit": "days", "display": "age"})
    '41 years'
    >>> display_as(-15000.0, {"name": "DAYS_BIRTH", "unit": "days"})
    '-15,000 days'
    """
    return displayed(value, about) if about.get("display") else display(value, about["unit"])


def display(value: Value, unit: str = "") -> str:
    """A value as people read it.

    >>> display(1234567.0, "currency"), display(0.123456), display(None), display(3.0, "years")
    ('1,234,567 currency', '0.1235', 'not known', '3 years')
    """
    if value is None:
        return "not known"
    if isinstance(value, str):
        return value
    text = f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"  # noqa: PLR2004  (no digits after the point)
    return f"{text} {unit}".strip()
