"""What every request must keep to, and the headers that every answer bears."""

from apiflask import APIFlask
from flask import Response, abort, request

#: No route takes more than a row of features; bytes.
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
    # Flask's own limit is met only by a route that reads the body.
    if (request.content_length or 0) > BODY_LIMIT:
        abort(413)


def _protect(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response
