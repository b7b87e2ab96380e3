"""The answer to a request that fails (RFC 9457, Problem Details for HTTP APIs)."""

from pydantic import Field

from api.answers.base import Answer

PROBLEM_JSON = "application/problem+json"


class Problem(Answer):
    """What went wrong, in one sentence. ``errors`` names the fields at fault by their location."""

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    request_id: str
    errors: dict[str, dict[str, list[str]]] | None = None
