"""The answer to a request that fails (RFC 9457, Problem Details for HTTP APIs)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import Field

from api.answers.base import Answer

PROBLEM_JSON = "application/problem+json"

#: Our own sentences: a library's may repeat what was sent.
_DETAILS: Mapping[int, str] = {
    400: "The request is malformed.",
    404: "There is no such address; GET / lists all addresses.",
    405: "This address does not accept that method; the header Allow lists the methods that it does.",
    408: "The request did not arrive in time.",
    413: "The body is too large.",
    414: "The request line is too long.",
    417: "The only expectation that is met is 100-continue.",
    422: "Some fields of the request are not valid; see errors.",
    431: "The header of the request is too large.",
    500: "The server failed; look for the request id in its log.",
    501: "The body has a transfer coding other than chunked.",
    503: "The model or its clients cannot be read; the server's log says why.",
}


class Problem(Answer):
    """What went wrong, in one sentence. ``errors`` names the fields at fault by their location."""

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    request_id: str
    errors: dict[str, dict[str, list[str]]] | None = None


def problem_document(
    status: int, request_id: str, detail: str | None = None, errors: Any = None
) -> Problem:
    """The document of a status; without ``detail`` it holds the status's own sentence.

    >>> problem_document(408, "0f").detail
    'The request did not arrive in time.'
    """
    phrase = HTTPStatus(status).phrase
    return Problem(
        type="about:blank",
        title=phrase,
        status=status,
        detail=_sentence(detail or _DETAILS.get(status, phrase)),
        request_id=request_id,
        **({"errors": errors} if errors else {}),
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"
