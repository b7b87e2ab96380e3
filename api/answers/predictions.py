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


class Prediction(Answer):
    """The decision on a client; ``margin`` is the probability minus the threshold."""

    id: ClientId
    proba_risk_class: Probability
    # Python reserves the word ``class``.
    label: Literal["risk", "no_risk"] = Field(validation_alias="class", serialization_alias="class")
    threshold: Probability
    margin: float
    model: ModelName
    raw_score: float
