"""Answers for operators: that the service is alive, that it is ready, what it serves."""

from typing import Literal

from api.answers.base import Answer
from api.answers.model import ModelName


class Live(Answer):
    """The process answers."""

    status: Literal["live"]


class Ready(Answer):
    """The model is loaded, and decisions can be recorded; ``model`` is its digest.

    ``halted``: a person has halted the decisions, and people decide until further notice.
    """

    status: Literal["ready"]
    model: str
    halted: bool


class Halted(Answer):
    """Whether the decisions are halted now, why that was ordered, and when (UTC, ISO 8601).

    ``seal`` proves the order and all that was recorded before it.
    """

    halted: bool
    reason: str
    time: str
    seal: str


class Version(Answer):
    """The release of the code; ``model`` is null where none is loaded.

    ``open`` is true where the service answers without a key.
    """

    release: str
    open: bool
    model: ModelName | None
