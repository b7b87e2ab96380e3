"""The limit of every request, and the protective headers of every answer."""

from apiflask import APIFlask
from flask import Response, abort, request

from api.web.protection import BODY_LIMIT, PROTECTIVE_HEADERS


def guard(app: APIFlask) -> None:
    """Refuse large bodies, and add the headers that keep answers out of caches and frames."""
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT
    app.before_request(_refuse_large)
    app.after_request(_protect)


def _refuse_large() -> None:
    # Flask checks its own limit only when a route reads the body.
    if (request.content_length or 0) > BODY_LIMIT:
        abort(413)


def _protect(response: Response) -> Response:
    for name, value in PROTECTIVE_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
