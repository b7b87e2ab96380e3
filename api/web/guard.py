"""The limit of every request, and the protective headers of every answer."""

from apiflask import APIFlask
from flask import Response, abort, request

#: Bytes; the largest body is a row of features.
BODY_LIMIT = 64 * 1024

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


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
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
