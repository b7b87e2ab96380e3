"""Answers that say why: contributions, reasons and pictures."""

from typing import Literal

from pydantic import Field

from api.answers.base import Answer, ClientId, Value
from api.answers.findings import Finding
from project_tools.serving.formats.base import Scale
from project_tools.serving.reasons.concepts import Direction
from project_tools.serving.reasons.gap import MOST_REASONS, ComparedWith


class Contribution(Answer):
    """What one feature adds to the gap of the scores; above 0 it raises the risk."""

    name: str
    label: str
    value: Value
    displayed: str
    unit: str
    contribution: float


class ConceptContribution(Answer):
    """What the features of one concept add to the gap together."""

    code: str
    concept: str
    contribution: float
    features: tuple[Contribution, ...]


class Reason(Answer):
    """A concept that sets the client apart, as a sentence to be said.

    ``points`` are percentage points of the risk; ``contribution`` is the concept's part of the gap,
    on ``scale``.
    """

    code: str
    concept: str
    direction: Direction
    text: str
    points: float
    contribution: float


class ConceptPoints(Answer):
    """What a concept adds to the risk in percentage points, and to the gap on ``scale``."""

    code: str
    concept: str
    points: float
    contribution: float


class Comparison(Answer):
    """Whom the client is compared with: their number (0: the average client), risk in percent, score.

    ``note`` says why it is the average client, where it is.
    """

    compared_with: ComparedWith
    clients: int = Field(ge=0)
    risk: float
    raw_score: float
    note: str | None


class Explanation(Answer):
    """The reasons for the decision, and the contributions that they come from.

    ``reference.risk`` and the points of all ``concepts`` add up to ``risk``, in percent. ``base``, the
    mean score of those compared with, and all contributions of ``groups`` add up to ``raw_score``, on
    ``scale``, before calibration.
    ``blocked``: a protected concept is a principal reason, so that no reason may be given.
    """

    id: ClientId
    language: Literal["en", "fr"]
    risk: float = Field(ge=0, le=100)
    reference: Comparison
    reasons: tuple[Reason, ...] = Field(max_length=MOST_REASONS)
    other_side: tuple[Reason, ...] = Field(max_length=MOST_REASONS)
    concepts: tuple[ConceptPoints, ...]
    blocked: str | None
    scale: Scale
    base: float
    raw_score: float
    groups: tuple[ConceptContribution, ...]


class ApplicantExplanation(Explanation):
    """The same for an applicant who is not known; ``findings`` is there where raw records were sent."""

    id: None  # type: ignore[assignment]  # in the place of a client's
    findings: tuple[Finding, ...] = ()


class Picture(Answer):
    """A PNG as a data URI, and what it shows in words."""

    image: str = Field(pattern="^data:image/png;base64,")
    alt: str
