"""Answers about what people said: reviews of decisions, and notes about clients."""

from pydantic import Field

from api.answers.base import Answer, ClientId, DecisionId
from project_tools.serving.decisions.reviews import Outcome, Status, Verdict


class Confirmation(Answer):
    """What a second person said of an override; ``reason`` is null where it was erased."""

    outcome: Verdict
    by: str
    reason: str | None
    time: str
    seal: str


class Review(Answer):
    """What a person said of a decision; ``by`` is the holder of their key, empty where none was asked for.

    An override is ``pending`` until another person confirms or rejects it. ``reason`` is null where
    it was erased.
    """

    decision: DecisionId
    outcome: Outcome
    status: Status
    by: str
    reason: str | None
    time: str
    seal: str
    confirmation: Confirmation | None


class Note(Answer):
    """A note about a client; ``text`` is null where it was erased."""

    id: ClientId
    sequence: int = Field(ge=1)
    by: str
    text: str | None
    time: str
    seal: str
