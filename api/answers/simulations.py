"""Answers about decisions that were not made: other values, counter-offers, missing documents."""

from typing import Literal

from pydantic import Field

from api.answers.base import Answer, ClientId, Count, Probability
from api.answers.explanations import Explanation
from api.answers.model import ModelName


class Outcome(Answer):
    """What would be decided; ``margin`` is the probability minus the threshold.

    ``near`` as in a decision.
    """

    proba_risk_class: Probability
    # Python reserves the word ``class``.
    label: Literal["risk", "no_risk"] = Field(validation_alias="class", serialization_alias="class")
    margin: float
    near: bool | None
    raw_score: float


class _Simulated(Answer):
    """``exact``: the pipeline would compute the same bits; else ``note`` says why it might not."""

    id: ClientId
    simulation: Literal[True]
    threshold: Probability
    model: ModelName
    exact: bool
    note: str | None


class WhatIf(_Simulated):
    """A simulated decision with its explanation; ``before`` is the one without the changes."""

    outcome: Outcome
    before: Outcome
    explanation: Explanation


class Offer(Answer):
    """An amount over ``term`` months that would be accepted, its annuity and the price of the goods.

    ``share`` is the amount in percent of the request.
    """

    amount: float
    share: int = Field(ge=1, le=100)
    term: int = Field(ge=1)
    annuity: float
    goods_price: float | None
    proba_risk_class: Probability
    raw_score: float


class Offers(_Simulated):
    """The offers, the largest amount first, and ``sentence``, which says what was found or why none.

    ``cells`` combinations were tried; ``accepted`` of them would be accepted, those without an accepted
    neighbour included.
    """

    language: Literal["en", "fr"]
    offers: list[Offer]
    cells: Count
    accepted: Count
    sentence: str


class MissingValue(Answer):
    """A missing document or score, and the share of other clients' values that change the decision."""

    name: str
    label: str
    share: Probability
    sentence: str


class Missing(_Simulated):
    """What is missing and could change the decision, the likeliest first; ``tried`` values were missing."""

    language: Literal["en", "fr"]
    proba_risk_class: Probability
    missing: list[MissingValue]
    tried: Count
    sentence: str
