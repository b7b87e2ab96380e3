"""One line of the log and one count of the metrics per answer, without any client or value."""

import logging
import time
import uuid
from collections.abc import Callable

from apiflask import APIFlask
from flask import Response, g, request

from api.logs import method_name
from api.metrics import NO_ROUTE, REQUESTS, SECONDS


def journal(app: APIFlask) -> None:
    """Give each request an id; log and count each answer, and send the id in its header."""
    app.logger.setLevel(logging.INFO)
    app.before_request(_begin)
    app.after_request(_end(app.logger))


def request_id() -> str:
    """The id of the current request."""
    if "request_id" not in g:
        g.request_id = uuid.uuid4().hex
    current: str = g.request_id
    return current


def _begin() -> None:
    request_id()
    g.started = time.perf_counter()


def _end(logger: logging.Logger) -> Callable[[Response], Response]:
    def end(response: Response) -> Response:
        # The rule, not the path: the path holds the client's id.
        matched = request.url_rule
        rule = matched.rule if matched else NO_ROUTE
        method, status, number = method_name(request.method), response.status_code, request_id()
        seconds = time.perf_counter() - g.get("started", time.perf_counter())
        REQUESTS.labels(rule, method, status).inc()
        SECONDS.labels(rule).observe(seconds)
        fields = {
            "request_id": number,
            "method": method,
            "route": rule,
            "status": status,
            "seconds": round(seconds, 6),
            "key": g.get("key_id"),
            "model": g.get("model_digest"),
        }
        logger.info("answer", extra=fields)
        response.headers["X-Request-ID"] = number
        return response

    return end
