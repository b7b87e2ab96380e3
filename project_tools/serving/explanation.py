"""The explanation of a client's score: exact contributions, and the reasons for the decision.

Base and contributions add up to the model's own score before calibration (log-odds, or a forest's
probability); this is checked for every client. Calibration is strictly increasing: a feature that
raises the score raises the probability. The reasons come from the gap to the clients next to the
threshold (``reasons.gap``), in the words of one language.
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
from project_tools.serving.reasons.concepts import Direction
from project_tools.serving.reasons.gap import ComparedWith, Gaps, gaps
from project_tools.serving.reasons.languages import words_of
from project_tools.serving.reasons.notes import note
from project_tools.serving.reasons.sentences import Fact, says, sentence


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
    code: str = ""

    @property
    def leading(self) -> list[Contribution]:
        """The features that move the score as the concept does, the weightiest first."""
        return [c for c in self.features if c.contribution * self.contribution > 0]


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason as it is said: a concept, what it does to the risk, and by how many points.

    ``contribution`` is the concept's part of the gap, on the model's scale. ``fact`` is what the
    sentence says; None where it names no value.
    """

    code: str
    concept: str
    direction: Direction
    text: str
    points: float
    contribution: float
    fact: Fact | None = None


@dataclass(frozen=True, slots=True)
class ConceptPoints:
    """What a concept adds to the risk, in points, and its part of the gap on the model's scale."""

    code: str
    concept: str
    points: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whom the client is compared with: how many they are, their risk in percent, their mean score.

    ``note`` says why it is the average client, where it is. ``risk`` and all points of the concepts
    add up to the client's risk, as shown.
    """

    compared_with: ComparedWith
    clients: int
    risk: float
    raw_score: float
    note: str | None


@dataclass(frozen=True, slots=True)
class DecisionReasons:
    """The reasons for a decision, at most four, and what speaks on the other side.

    ``risk`` is the calibrated probability in percent with one decimal. Where a protected concept is
    a principal reason there are no reasons, and ``blocked`` says so.
    """

    granted: bool
    risk: float
    reference: Comparison
    reasons: tuple[Reason, ...]
    other_side: tuple[Reason, ...]
    concepts: tuple[ConceptPoints, ...]
    blocked: str | None


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
    return explanation_of(artefact, row, *scored_parts(artefact, row, encoded))


def scored_parts(
    artefact: Artefact, row: Mapping[str, Value], encoded: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The score of a row, and its contributions, which end with the base and add up to the score.

    Raises ``ArtefactError`` if they do not add up.
    """
    if encoded is None:
        encoded = artefact.model.encoder.encode(row)
    parts = artefact.model.contributions(encoded)
    raw_scores = artefact.model.raw_scores(encoded)
    if not np.allclose(parts.sum(axis=1), raw_scores, rtol=SUMS_TO, atol=SUMS_TO):
        raise ArtefactError("the contributions do not add up to the score; export the model again")
    return raw_scores, parts


def explanation_of(
    artefact: Artefact,
    row: Mapping[str, Value],
    raw_scores: NDArray[np.float64],
    parts: NDArray[np.float64],
) -> Explanation:
    """The contributions of a row, as ``scored_parts`` gave them, grouped by concept."""
    *own, base = parts[0].tolist()
    groups = _by_concept(contributions(artefact, row, own), artefact)
    return Explanation(artefact.model.scale, base, float(raw_scores[0]), tuple(groups))


def decision_reasons(
    artefact: Artefact,
    row: Mapping[str, Value],
    raw_scores: NDArray[np.float64],
    parts: NDArray[np.float64],
    *,
    language: str = "en",
    currency: str = "",
) -> DecisionReasons:
    """The reasons for the decision on a row, whose score and parts ``scored_parts`` gave.

    Raises ``SettingError`` for a language without words.
    """
    probability = float(artefact.model.probabilities(raw_scores)[0])
    granted = not probability > artefact.threshold
    found = gaps(
        artefact.model, artefact.index, artefact.reference, raw_scores, parts, granted=granted
    )
    speaker = _Speaker(
        artefact, row, found, _feature_gaps(artefact, found, parts), language, currency
    )
    risk = round(100 * probability, 1)
    baseline, blocked = found.baseline, bool(found.blocked[0])
    return DecisionReasons(
        granted=granted,
        risk=risk,
        reference=Comparison(
            baseline.compared_with,
            baseline.clients,
            round(risk - float(found.points[0].sum()), 1) + 0.0,
            baseline.raw_score,
            note(
                baseline.compared_with,
                language,
                granted=granted,
                held=artefact.reference is not None,
            ),
        ),
        reasons=() if blocked else speaker.reasons(found.principal[0]),
        other_side=() if blocked else speaker.reasons(found.other_side[0]),
        concepts=tuple(
            ConceptPoints(code, speaker.label(code), float(points), float(gap))
            for code, points, gap in sorted(
                zip(found.index.codes, found.points[0], found.gaps[0], strict=True),
                key=lambda concept: -abs(concept[2]),
            )
        ),
        blocked=words_of(language).blocked if blocked else None,
    )


def _feature_gaps(
    artefact: Artefact, found: Gaps, parts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each feature's part of the gap."""
    own = parts[0, :-1]
    if artefact.reference is None or found.baseline.compared_with == "average":
        return own
    side = artefact.reference.refused if found.granted else artefact.reference.accepted
    return own if side is None else own - np.array(side.contributions)


@dataclass(frozen=True, slots=True)
class _Speaker:
    """Says concepts in one language, each with the fact of a client that carries it most."""

    artefact: Artefact
    row: Mapping[str, Value]
    found: Gaps
    feature_gaps: NDArray[np.float64]
    language: str
    currency: str

    def label(self, code: str) -> str:
        return words_of(self.language).concepts[code].label

    def reasons(self, chosen: NDArray[np.bool_]) -> tuple[Reason, ...]:
        """The chosen concepts, the weightiest first."""
        parts = self.found.gaps[0]
        order = sorted(np.flatnonzero(chosen).tolist(), key=lambda at: -abs(parts[at]))
        return tuple(self._reason(at) for at in order)

    def _reason(self, at: int) -> Reason:
        code, gap = self.found.index.codes[at], float(self.found.gaps[0, at])
        direction: Direction = "raises" if gap > 0 else "lowers"
        fact = self._fact(code, direction)
        text = sentence(code, direction, fact, self.language, self.currency)
        points = float(self.found.points[0, at])
        return Reason(code, self.label(code), direction, text, points, gap, fact)

    def _fact(self, code: str, direction: Direction) -> Fact | None:
        """The feature that moves the score most as the concept does and that may be said so."""
        sign = 1 if direction == "raises" else -1
        usual = {} if self.artefact.reference is None else self.artefact.reference.usual
        members = self.found.index.members(code)
        for at in sorted(members, key=lambda member: -sign * self.feature_gaps[member]):
            if sign * self.feature_gaps[at] <= 0:
                break
            name = self.artefact.features[at].name
            value = self.row[name]
            fact = Fact(name, float(value) if isinstance(value, int) else value, usual.get(name))
            if says(fact, direction):
                return fact
        return None


def contributions(
    artefact: Artefact, row: Mapping[str, Value], parts: Sequence[float]
) -> list[Contribution]:
    """Each feature of the model with its part of the score, in the model's order."""
    features = []
    words = words_of("en").concepts
    for feature, part, code in zip(
        artefact.features, parts, artefact.index.of_features, strict=True
    ):
        described, value = artefact.describe(feature.name), row[feature.name]
        label, concept, unit = described["label"], words[code].label, described["unit"]
        text = display_as(value, described)
        features.append(Contribution(feature.name, label, concept, unit, value, part, text))
    return features


def _by_concept(features: Sequence[Contribution], artefact: Artefact) -> list[ConceptContribution]:
    """The features by concept, the weightiest first."""
    groups = []
    for code in artefact.index.codes:
        members = [features[at] for at in artefact.index.members(code)]
        total = sum(member.contribution for member in members)
        ordered = tuple(sorted(members, key=lambda member: -abs(member.contribution)))
        groups.append(ConceptContribution(members[0].concept, total, ordered, code))
    return sorted(groups, key=lambda group: -abs(group.contribution))


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
