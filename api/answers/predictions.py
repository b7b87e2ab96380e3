"""Answers about decisions, and the ids of the clients that they are made on."""

from typing import Literal

from pydantic import Field

from api.answers.base import Answer, ClientId, Count, DecisionId, Probability
from api.answers.explanations import Explanation
from api.answers.findings import Finding
from api.answers.model import ModelName
from api.answers.reviews import Review


class ClientIds(Answer):
    """A page of client ids in ascending order, and how many clients match in all."""

    ids: list[ClientId]
    total: Count
    page: int = Field(ge=1)
    pages: int = Field(ge=1)
    size: int = Field(ge=1)


class Recorded(Answer):
    """Where the record holds a decision; ``time`` is UTC in ISO 8601.

    ``seal`` proves this decision, and all before it, to who has kept it: the sequence number and the
    digest of the decision's row in the chain.
    """

    id: DecisionId
    sequence: int = Field(ge=1)
    time: str
    seal: str = Field(pattern="^[1-9][0-9]*-[0-9a-f]{64}$")


class Decided(Answer):
    """A decision; ``margin`` is the probability minus the threshold.

    ``near`` says whether the probability lies within the error of the calibration around the threshold;
    null where the model does not say how wide that is.
    """

    proba_risk_class: Probability
    # Python reserves the word ``class``.
    label: Literal["risk", "no_risk"] = Field(validation_alias="class", serialization_alias="class")
    threshold: Probability
    margin: float
    near: bool | None
    model: ModelName
    raw_score: float
    decision: Recorded


class Prediction(Decided):
    """The decision on a client; ``explanation`` is there where it was asked for."""

    id: ClientId
    explanation: Explanation | None = None


class ApplicantPrediction(Decided):
    """The decision on an applicant who is not known, and so has no id.

    ``findings`` is there where raw records were sent.
    """

    id: None
    findings: tuple[Finding, ...] = ()


class Predictions(Answer):
    """The decisions on a batch, in its order."""

    predictions: list[Prediction | ApplicantPrediction]


class RecordedDecision(Answer):
    """A decision as it was recorded, by the model and the threshold of then.

    ``client`` is null for an applicant who is not known, ``key`` the id of the caller's key (empty
    where none was asked for), ``near`` is null where the model did not say, ``input`` the SHA-256 of the row that the model took.
    ``review_wanted``: it is near the threshold, and nobody has reviewed it.
    """

    decision: Recorded
    client: ClientId | None
    key: str
    proba_risk_class: Probability
    # Python reserves the word ``class``.
    label: Literal["risk", "no_risk"] = Field(validation_alias="class", serialization_alias="class")
    threshold: Probability
    margin: float
    near: bool | None
    model: ModelName
    raw_score: float
    input: str
    review_wanted: bool
    reviews: list[Review]


class RecordedDecisions(Answer):
    """A page of recorded decisions in the order of the chain.

    ``next`` is the ``after`` of the next page, null where no more are recorded. A page may hold fewer
    than were asked for, also none, and still have a next one.
    """

    decisions: list[RecordedDecision]
    next: int | None
