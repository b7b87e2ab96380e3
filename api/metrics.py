"""The figures that ``GET /metrics`` shows, added up over all workers, also those that have ended.

prometheus_client keeps a file for each worker in the folder of ``PROMETHEUS_MULTIPROC_DIR``, and
reads the variable when it is imported: a worker imports this module after gunicorn has set it. No
label holds a client, a key or a value of a request.
"""

import os

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

#: The variable that prometheus_client reads.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: The bounds of the service lie between them: 10 ms a score, 20 an explanation, 400 a picture.
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0, 2.0, 5.0, 10.0)
#: The route of requests that match none, and of those that the worker refuses before it looks.
NO_ROUTE, REFUSED = "(no route)", "(refused)"

REQUESTS = Counter(
    "credit_api_requests", "Answers by route, method and status.", ["route", "method", "status"]
)
SECONDS = Histogram(
    "credit_api_request_seconds", "Seconds that an answer took.", ["route"], buckets=BUCKETS
)
REFUSALS = Counter("credit_api_refusals", "Requests that were refused, by reason.", ["reason"])
READY = Gauge("credit_api_ready", "1 if every worker has a model.", multiprocess_mode="livemin")
MODEL = Gauge(
    "credit_api_model_info", "1 for a model that a worker answers from, 0 for a former one.", ["digest", "version"],
    multiprocess_mode="livemax",
)  # fmt: skip
_SHOWN: set[tuple[str, str]] = set()
RELOADS = Counter(
    "credit_api_reloads", "Attempts to load a model, by outcome, in each worker.", ["outcome"]
)
LAST_RELOAD = Gauge(
    "credit_api_last_reload_timestamp_seconds", "When a model was last loaded or refused.",
    ["outcome"], multiprocess_mode="max",
)  # fmt: skip
RECORDS = Counter(
    "credit_api_records",
    "Decisions by outcome: recorded, replayed (an Idempotency-Key came again), halted, failed (the "
    "record cannot be written) or refused.", ["outcome"],
)  # fmt: skip
RECORD_SECONDS = Histogram(
    "credit_api_record_seconds", "Seconds until a decision was recorded.", buckets=BUCKETS
)
PICTURES = Counter(
    "credit_api_pictures",
    "Pictures by outcome: drawn, kept, busy (too many waited), absent or failed.", ["outcome"],
)  # fmt: skip
PICTURES_WAITING = Gauge(
    "credit_api_pictures_waiting", "Requests that wait for a picture.", multiprocess_mode="livesum"
)


def show_model(digest: str, version: str) -> None:
    """Let the metrics say that this worker answers from a model, and from no other."""
    for other in _SHOWN - {(digest, version)}:
        MODEL.labels(*other).set(0)  # no label can be removed where several processes count
    _SHOWN.add((digest, version))
    MODEL.labels(digest, version).set(1)
    READY.set(1)


def exposition() -> bytes:
    """All figures in Prometheus's text format."""
    if FOLDER not in os.environ:  # one process alone
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
