"""Idempotency-Key: a request that is sent again gets the answer that the first one got."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Response, request

from api.web.access import caller
from api.web.problems import FieldsError
from project_tools.serving.decisions.store import once
from project_tools.serving.decisions.writer import Once

F = TypeVar("F", bound=Callable[..., Any])
IDEMPOTENCY_KEY = "Idempotency-Key"
#: In an answer that was given before.
REPLAYED = "Idempotency-Replayed"
_KEY = re.compile(r"[!-~]{1,64}")
_MARK = "_takes_idempotency_key"


def idempotent(view: F) -> F:
    """Say that a view takes an Idempotency-Key: the document describes it."""
    setattr(view, _MARK, True)
    return view


def takes_key(view: Any) -> bool:
    """Whether a view takes an Idempotency-Key."""
    return getattr(view, _MARK, False)


def replayed(content: bytes) -> Response:
    """An answer that was given before under the same key."""
    response = Response(content, mimetype="application/json")
    response.headers[REPLAYED] = "true"
    return response


def current_once(body: Any) -> Once | None:
    """The current request's Idempotency-Key with its body; None where it has none.

    ``FieldsError`` (422) for a key that is not 1 to 64 visible ASCII characters.
    """
    value = request.headers.get(IDEMPOTENCY_KEY)
    if value is None:
        return None
    if not _KEY.fullmatch(value):
        message = "It has 1 to 64 visible ASCII characters."
        raise FieldsError({"headers": {IDEMPOTENCY_KEY: [message]}})
    return once(caller(), f"{request.method} {request.path}", value, body)
