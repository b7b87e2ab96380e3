"""Errors as RFC 9457 problem documents: one sentence, a request id, never a traceback."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, current_app, json, request
from werkzeug.exceptions import HTTPException

from api.service import NotLoadedError
from api.web.journal import place, request_id
from project_tools.errors import ArtefactError, CreditError, FeatureError, UnknownClientError

_MIME = "application/problem+json"
_RETRY_AFTER_S = "5"
_BY_ERROR: tuple[tuple[type[CreditError], HTTPStatus], ...] = (
    (UnknownClientError, HTTPStatus.NOT_FOUND),
    (FeatureError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotLoadedError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ArtefactError, HTTPStatus.SERVICE_UNAVAILABLE),
)
#: Our own words: a library's may hold what was sent.
_DETAILS: Mapping[int, str] = {
    400: "The request is malformed.",
    404: "There is no such address; GET / lists those that there are.",
    405: "This address does not take that method; the header Allow lists those that it takes.",
    413: "The body is too large.",
    422: "The request is understood, but fields in it are not as they must be; see errors.",
    500: "The server failed; the request id leads to the place in its log.",
    503: "The model or its clients cannot be read; the server's log says why.",
}


class MalformedError(CreditError):
    """A part of the address is not of the form that it must have."""


def answer_errors(app: APIFlask) -> None:
    """Answer every error of an application with a problem document."""
    app.register_error_handler(HTTPException, _from_werkzeug)
    app.register_error_handler(HTTPError, _from_apiflask)
    app.register_error_handler(CreditError, _from_ours)
    app.register_error_handler(Exception, _from_anything)


def problem(
    status: int,
    detail: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Any = None,
) -> Response:
    """A problem document; ``errors`` are the fields at fault and what is wrong with each."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": _sentence(detail or _DETAILS.get(status, HTTPStatus(status).phrase)),
        "request_id": request_id(),
        **({"errors": errors} if errors else {}),
    }
    response = Response(json.dumps(body), status, mimetype=_MIME)
    response.headers.extend(headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = _RETRY_AFTER_S
    return response


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"


def _from_werkzeug(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    kept = {n: v for n, v in error.get_headers() if n in ("Allow", "Retry-After")}
    return problem(status, headers=kept)


def _from_apiflask(error: HTTPError) -> Response:
    return problem(error.status_code, errors=error.detail)


def _from_ours(error: CreditError) -> Response:
    if isinstance(error, MalformedError):
        return problem(HTTPStatus.BAD_REQUEST, str(error))
    for kind, status in _BY_ERROR:
        if isinstance(error, kind):
            # An artefact's error names files of this machine: for the log, not for the caller.
            told = None if isinstance(error, ArtefactError) else str(error)
            _note(error, status)
            return problem(status, told)
    return _from_anything(error)


def _note(error: CreditError, status: HTTPStatus) -> None:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        current_app.logger.error("%s: %s", request_id(), error)


def _from_anything(error: Exception) -> Response:
    rule = request.url_rule.rule if request.url_rule else "(no route)"
    current_app.logger.error("%s %s: %s", request_id(), rule, place(error))
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR)
