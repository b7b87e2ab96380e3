"""Log lines as JSON with a fixed list of fields: what is not on the list is not written.

A line has an event, which is a fixed text of this program, and fields that hold no value of a
request: never a client's id, a query, a body or a request line.
"""

import json
import logging
import os
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

#: Beside time, level, event and pid. ``reason`` is one of our own sentences, ``where`` a line of code,
#: ``seal`` that of the record's last event,
#: ``route`` the rule of a route (with ``<client>``) and ``key`` the id of a key, never the key.
FIELDS = (
    "request_id", "method", "route", "status", "seconds", "key", "model", "reason", "where", "logger",
    "seal",
)  # fmt: skip
#: gunicorn's messages that a worker may write; others may repeat a request.
_OF_WORKERS = frozenset({"Booting worker with pid: %s", "Worker exiting (pid: %s)"})
_encode = json.JSONEncoder(ensure_ascii=False, default=lambda _: "?").encode
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})


class JSONLines(logging.Formatter):
    """One JSON object a line. ``master`` is gunicorn's master, which never sees a request."""

    def __init__(self, master: int = 0) -> None:
        super().__init__()
        self._master = master

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; of an exception, its kind and place alone."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": self._event(record),
            "pid": record.process,
        }
        line |= {name: value for name in FIELDS if (value := vars(record).get(name)) is not None}
        if record.exc_info and record.exc_info[1]:
            line["where"] = place(record.exc_info[1])
        if line["event"] == _FOREIGN:
            line["logger"] = record.name
        return _encode(line)

    def _event(self, record: logging.LogRecord) -> str:
        if record.name.partition(".")[0] == "api":
            return str(record.msg)  # its arguments are left out
        gunicorns = record.name == "gunicorn.error"
        if gunicorns and (record.process == self._master or record.msg in _OF_WORKERS):
            return record.getMessage()
        return _FOREIGN


_FOREIGN = "a library's message was left out"


def configuration() -> dict[str, Any]:
    """For ``logging.config.dictConfig``: every line of this process and its children as JSON."""
    to_json = {"handlers": ["json"], "level": "INFO", "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JSONLines, "master": os.getpid()}},
        "handlers": {"json": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["json"], "level": "WARNING"},
        "loggers": {"api": to_json, "gunicorn.error": to_json},
    }


def log_threads() -> None:
    """Log the kind and place of an error that ends a thread: Python would print its message too."""

    def log(ended: Any) -> None:
        logging.getLogger("api").error("a thread ended", extra={"where": place(ended.exc_value)})

    threading.excepthook = log


def place(error: BaseException | None) -> str:
    """An error's kind and line of code. Its message may hold an applicant's data and is left out."""
    trace: TracebackType | None = None if error is None else error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "?" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return f"{type(error).__name__} at {where}"


def method_name(method: str) -> str:
    """The method of a request; one that is made up could hold anything.

    >>> method_name("GET"), method_name("SECRET-1")
    ('GET', 'other')
    """
    return method if method in _METHODS else "other"
