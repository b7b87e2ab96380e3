"""The log: one line per answer, with route and request id, without any client or value."""

import logging
import time
import uuid
from collections.abc import Callable

from apiflask import APIFlask
from flask import Response, g, request


def journal(app: APIFlask) -> None:
    """Give each request an id; log each answer and send the id in its header."""
    app.logger.setLevel(logging.INFO)
    app.before_request(_begin)
    app.after_request(_end(app.logger))


def request_id() -> str:
    """The id of the current request."""
    if "request_id" not in g:
        g.request_id = uuid.uuid4().hex
    current: str = g.request_id
    return current


def place(error: BaseException) -> str:
    """An error's kind and line of code. Its message may hold an applicant's data and is left out."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "?" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return f"{type(error).__name__} at {where}"


def _begin() -> None:
    request_id()
    g.started = time.perf_counter()


def _end(logger: logging.Logger) -> Callable[[Response], Response]:
    def end(response: Response) -> Response:
        # The rule, not the path: the path holds the client's id.
        rule = request.url_rule.rule if request.url_rule else "(no route)"
        elapsed = 1000 * (time.perf_counter() - g.get("started", time.perf_counter()))
        logger.info(
            "%s %s %s %.1f ms %s", request.method, rule, response.status_code, elapsed, request_id()
        )
        response.headers["X-Request-ID"] = request_id()
        return response

    return end
