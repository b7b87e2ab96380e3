"""What protects every request and answer, whether the application or the worker answers."""

#: Bytes of a request's body; the largest body is a row of features.
BODY_LIMIT = 64 * 1024
#: Of the routes that take more: an applicant's raw records, and a batch of them.
BODY_LIMITS = {
    "/prediction": 4 * 2**20,
    "/explanation": 4 * 2**20,
    "/predictions": 24 * 2**20,
}
#: Bytes of all large requests, above ``BODY_LIMIT``, that a worker holds at a time.
LARGE_TOGETHER = 32 * 2**20

PROTECTIVE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
#: Seconds after which a client may repeat a request that was answered 503.
RETRY_AFTER_S = "5"


def body_limit(path: str) -> int:
    """Bytes that the body of a request to this path may have.

    >>> body_limit("/prediction"), body_limit("/prediction/")
    (4194304, 65536)
    """
    return BODY_LIMITS.get(path, BODY_LIMIT)
