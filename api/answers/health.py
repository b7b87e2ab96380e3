"""Answers for operators: that the service is alive, that it is ready, what it serves."""

from typing import Literal

from api.answers.base import Answer
from api.answers.model import ModelName


class Live(Answer):
    """The process answers."""

    status: Literal["live"]


class Ready(Answer):
    """The model is loaded; ``model`` is its digest."""

    status: Literal["ready"]
    model: str


class Version(Answer):
    """The release of the code; ``model`` is null where none is loaded.

    ``open`` is true where the service answers without a key.
    """

    release: str
    open: bool
    model: ModelName | None
