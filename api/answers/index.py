"""The answer of ``GET /``."""

from api.answers.base import Answer


class Index(Answer):
    """The addresses of the API by name; ``{id}`` stands for a client's id, ``{decision}`` for a decision's."""

    name: str
    release: str
    links: dict[str, str]
