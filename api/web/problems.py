"""Errors as RFC 9457 problem documents: one sentence, a request id, never a traceback."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, current_app, request
from werkzeug.exceptions import HTTPException

from api.answers.base import json_text
from api.answers.problem import PROBLEM_JSON, problem_document
from api.logs import place
from api.metrics import NO_ROUTE, REFUSALS
from api.pictures.client import NoPictureError
from api.service import NotLoadedError
from api.web.journal import request_id
from api.web.protection import RETRY_AFTER_S
from project_tools.errors import ArtefactError, CreditError, FeatureError, UnknownClientError
from project_tools.serving.decisions.errors import (
    ConflictError,
    HaltedError,
    KeyInUseError,
    KeyReusedError,
    NotHaltedError,
    RecordUnavailableError,
    UnknownDecisionError,
)


class MalformedError(CreditError):
    """A part of the address has the wrong form."""


class FieldsError(CreditError):
    """Some fields of a request are not valid; ``errors`` says why, by location and name."""

    def __init__(self, errors: Mapping[str, Mapping[str, list[str]]]) -> None:
        super().__init__("some fields of the request are not valid; see errors")
        self.errors = errors


_BY_ERROR: tuple[tuple[type[CreditError], HTTPStatus], ...] = (
    (MalformedError, HTTPStatus.BAD_REQUEST),
    (UnknownClientError, HTTPStatus.NOT_FOUND),
    (FieldsError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (FeatureError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotLoadedError, HTTPStatus.SERVICE_UNAVAILABLE),
    (NoPictureError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ArtefactError, HTTPStatus.SERVICE_UNAVAILABLE),
    (RecordUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (HaltedError, HTTPStatus.SERVICE_UNAVAILABLE),
    (NotHaltedError, HTTPStatus.CONFLICT),
    (UnknownDecisionError, HTTPStatus.NOT_FOUND),
    (ConflictError, HTTPStatus.CONFLICT),
    (KeyReusedError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (KeyInUseError, HTTPStatus.CONFLICT),
)
NOT_RECORDED = "It cannot be recorded now, so nothing is decided; the server's log says why."
#: What the caller is told where our own sentence names files of this machine: the log gets that.
_INSTEAD: tuple[tuple[type[CreditError], str | None], ...] = (
    (ArtefactError, None),
    (RecordUnavailableError, NOT_RECORDED),
)


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
    reason: str = "",
) -> Response:
    """A problem document; ``errors`` holds what is wrong with each field, by its location.

    The metrics count it under ``reason``, one of our own words (default: the status in words).
    """
    REFUSALS.labels(reason or HTTPStatus(status).phrase.lower()).inc()
    body = problem_document(status, request_id(), detail, errors)
    response = Response(json_text(body), status, mimetype=PROBLEM_JSON)
    response.headers.extend(headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = RETRY_AFTER_S
    return response


def _from_werkzeug(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    headers = {n: v for n, v in error.get_headers() if n in ("Allow", "Retry-After")}
    return problem(status, headers=headers)


def _from_apiflask(error: HTTPError) -> Response:
    return problem(error.status_code, errors=error.detail)


def _from_ours(error: CreditError) -> Response:
    for kind, status in _BY_ERROR:
        if isinstance(error, kind):
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR and kind is not HaltedError:
                current_app.logger.error(
                    "not answered", extra={"request_id": request_id(), "reason": str(error)}
                )
            detail = next((text for k, text in _INSTEAD if isinstance(error, k)), str(error))
            errors = error.errors if isinstance(error, FieldsError) else None
            reason = "halted" if kind is HaltedError else ""
            return problem(status, detail, errors=errors, reason=reason)
    return _from_anything(error)


def _from_anything(error: Exception) -> Response:
    rule = request.url_rule.rule if request.url_rule else NO_ROUTE
    current_app.logger.error(
        "failed", extra={"request_id": request_id(), "route": rule, "where": place(error)}
    )
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR)
