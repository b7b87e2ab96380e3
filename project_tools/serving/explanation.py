"""The explanation of a client's score: contributions of features, and the reasons for the decision.

A decision has one set of contributions and reasons: the gap to the clients next to the threshold
(``reasons.gap``), in the words of one language. The pictures show the model's own contributions,
which lead from the average client (``explain``). Either with its base adds up to the model's own
score before calibration (log-odds, or a forest's probability); this is checked for every client.
Calibration is strictly increasing: a feature that raises the score raises the probability.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.features.wording.display import displayed
from project_tools.features.wording.languages import VALUE_WORDS, WORDINGS
from project_tools.serving.artefact import Artefact
from project_tools.serving.formats.base import Scale
from project_tools.serving.golden import SUMS_TO
from project_tools.serving.inputs import Value
from project_tools.serving.reasons.concepts import Direction
from project_tools.serving.reasons.gap import ComparedWith, Gaps, feature_parts, gaps
from project_tools.serving.reasons.languages import DEFAULT_LANGUAGE, words_of
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
    """The model's own contributions of a row, grouped by concept, the weightiest first.

    ``encoded`` is the same row as the model takes it, where it is there already. Raises
    ``ArtefactError`` if the contributions do not add up to the model's own score.
    """
    if encoded is None:
        encoded = artefact.model.encoder.encode(row)
    raw_scores, parts = artefact.model.raw_scores(encoded), artefact.model.contributions(encoded)
    check_sums(parts, raw_scores)
    return explanation_of(artefact, row, raw_scores, parts)


def scored_parts(
    artefact: Artefact, row: Mapping[str, Value], encoded: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The score of a row, and what each feature adds to its gap (``reasons.gap.feature_parts``).

    Raises ``ArtefactError`` if the parts do not add up to the score.
    """
    if encoded is None:
        encoded = artefact.model.encoder.encode(row)
    raw_scores = artefact.model.raw_scores(encoded)
    parts = feature_parts(
        artefact.model, artefact.reference, encoded, raw_scores,
        granted=_granted(artefact, raw_scores),
    )  # fmt: skip
    check_sums(parts, raw_scores)
    return raw_scores, parts


def check_sums(parts: NDArray[np.float64], raw_scores: NDArray[np.float64]) -> None:
    """Raises ``ArtefactError`` if contributions, which end with the base, do not add up to scores."""
    if not np.allclose(parts.sum(axis=1), raw_scores, rtol=SUMS_TO, atol=SUMS_TO):
        raise ArtefactError("the contributions do not add up to the score; export the model again")


def _granted(artefact: Artefact, raw_scores: NDArray[np.float64]) -> bool:
    return not artefact.model.probabilities(raw_scores)[0] > artefact.threshold


def explanation_of(
    artefact: Artefact,
    row: Mapping[str, Value],
    raw_scores: NDArray[np.float64],
    parts: NDArray[np.float64],
    language: str = DEFAULT_LANGUAGE,
) -> Explanation:
    """The parts of a row, which end with the base, grouped by concept, in the words of a language."""
    *own, base = parts[0].tolist()
    groups = _by_concept(contributions(artefact, row, own, language), artefact)
    return Explanation(artefact.model.scale, base, float(raw_scores[0]), tuple(groups))


def decision_reasons(
    artefact: Artefact,
    row: Mapping[str, Value],
    raw_scores: NDArray[np.float64],
    parts: NDArray[np.float64],
    *,
    language: str = DEFAULT_LANGUAGE,
    currency: str = "",
) -> DecisionReasons:
    """The reasons for the decision on a row, whose score and parts ``scored_parts`` gave.

    Raises ``SettingError`` for a language without words.
    """
    probability = float(artefact.model.probabilities(raw_scores)[0])
    granted = _granted(artefact, raw_scores)
    found = gaps(
        artefact.model, artefact.index, artefact.reference, raw_scores, parts, granted=granted
    )
    speaker = _Speaker(artefact, row, found, parts[0, :-1], language, currency)
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
    artefact: Artefact,
    row: Mapping[str, Value],
    parts: Sequence[float],
    language: str = DEFAULT_LANGUAGE,
) -> list[Contribution]:
    """Each feature of the model with its part of the score, in the model's order."""
    features = []
    words = words_of(language).concepts
    for feature, part, code in zip(
        artefact.features, parts, artefact.index.of_features, strict=True
    ):
        about, value = _described(artefact, feature.name, language), row[feature.name]
        label, concept, unit = about["label"], words[code].label, about["unit"]
        text = display_as(value, about, language)
        features.append(Contribution(feature.name, label, concept, unit, value, part, text))
    return features


def _described(artefact: Artefact, name: str, language: str) -> Mapping[str, Any]:
    """The catalogue's row of a feature; what this release declares has words of every language."""
    about = artefact.describe(name)
    if language == DEFAULT_LANGUAGE:
        return about
    # Answers in the artefact's own language do without the definitions of the features.
    from project_tools.features.catalogue import all_features  # noqa: PLC0415

    info = all_features(WORDINGS[language]).get(name)
    return about if info is None else {**about, "label": info.label, "unit": info.unit}


def _by_concept(features: Sequence[Contribution], artefact: Artefact) -> list[ConceptContribution]:
    """The features by concept, the weightiest first."""
    groups = []
    for code in artefact.index.codes:
        members = [features[at] for at in artefact.index.members(code)]
        total = sum(member.contribution for member in members)
        ordered = tuple(sorted(members, key=lambda member: -abs(member.contribution)))
        groups.append(ConceptContribution(members[0].concept, total, ordered, code))
    return sorted(groups, key=lambda group: -abs(group.contribution))


def display_as(value: Value, about: Mapping[str, Any], language: str = DEFAULT_LANGUAGE) -> str:
    """A value as its row of the catalogue says; a row of an older model gives value and unit.

    >>> display_as(-15000.0, {"name": "DAYS_BIRTH", "unit": "days", "display": "age"})
    '41 years'
    >>> display_as(-15000.0, {"name": "DAYS_BIRTH", "unit": "days"})
    '-15,000 days'
    """
    if about.get("display"):
        return displayed(value, about, VALUE_WORDS[language])
    if value is None:
        return VALUE_WORDS[language].missing
    return display(value, about["unit"])


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
