"""Answers about decisions, and the ids of the clients that they are made on."""

from typing import Literal

from pydantic import Field

from api.answers.base import Answer, ClientId, Count, Probability
from api.answers.model import ModelName


class ClientIds(Answer):
    """A page of client ids in ascending order, and how many clients match in all."""

    ids: list[ClientId]
    total: Count
    page: int = Field(ge=1)
    pages: int = Field(ge=1)
    size: int = Field(ge=1)


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


class Prediction(Decided):
    """The decision on a client."""

    id: ClientId


class ApplicantPrediction(Decided):
    """The decision on an applicant who is not known, and so has no id."""

    id: None
