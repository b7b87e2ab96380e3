"""Answers that say why: contributions, reasons and pictures."""

from pydantic import Field

from api.answers.base import Answer, ClientId, Value
from project_tools.serving.explanation import MOST_REASONS
from project_tools.serving.formats.base import Scale


class Contribution(Answer):
    """What one feature adds to the score; above 0 it raises the risk."""

    name: str
    label: str
    value: Value
    displayed: str
    unit: str
    contribution: float


class ConceptContribution(Answer):
    """What the features of one concept add to the score together."""

    concept: str
    contribution: float
    features: tuple[Contribution, ...]


class Reason(Answer):
    """A principal reason for the decision, as a sentence."""

    text: str
    concept: str
    contribution: float


class Explanation(Answer):
    """``base`` and all contributions add up to ``raw_score``, on ``scale``, before calibration."""

    id: ClientId
    scale: Scale
    base: float
    raw_score: float
    groups: tuple[ConceptContribution, ...]
    reasons: tuple[Reason, ...] = Field(max_length=MOST_REASONS)


class Picture(Answer):
    """A PNG as a data URI, and what it shows in words."""

    image: str = Field(pattern="^data:image/png;base64,")
    alt: str
