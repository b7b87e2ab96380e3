"""What protects every request and answer, whether the application or the worker answers."""

#: Bytes of a request's body; the largest body is a row of features.
BODY_LIMIT = 64 * 1024

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
