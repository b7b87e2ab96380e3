"""gunicorn's worker: one loop reads and writes all connections, threads compute the answers.

gunicorn's own threaded worker gives a thread to a connection before its request is complete, so that
as many slow clients as threads stop the service; and its loop waits up to two seconds for each client
that does not close. Here a thread gets a complete request and returns the bytes of its answer.

gunicorn's master imports this module before it forks, so it imports nothing of the application.
"""

import errno
import logging
import selectors
import socket
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from io import BytesIO
from math import inf
from typing import Any, NamedTuple

from gunicorn.http import errors, wsgi
from gunicorn.http.message import Request
from gunicorn.http.unreader import Unreader
from gunicorn.workers.gthread import ThreadWorker

from api.answers.base import json_text
from api.answers.problem import PROBLEM_JSON, problem_document
from api.web.framing import HEADER_LIMIT, Framing, TooLargeError
from api.web.protection import BODY_LIMIT, LARGE_TOGETHER, PROTECTIVE_HEADERS, RETRY_AFTER_S

#: Seconds in which a request's header and body must arrive.
REQUEST_S = 10
#: Seconds in which a client must take its answer.
ANSWER_S = 60
#: Seconds in which a client may still send after it was refused. If the connection were closed at
#: once, the system would drop the refusal before the client reads it.
LINGER_S = 2
#: Complete requests of one worker that may wait for a thread; more are answered 503.
WAITING = 64
#: Seconds after which a thread that computes lets another run. Under load the loop needs several turns
#: for each request that it refuses: with Python's 5 ms, a 503 took up to 0.8 s (median), now 0.14 s.
SWITCH_S = 0.0005
#: Seconds between two looks at the deadlines and at the parent, whatever else there is to do.
LOOKS_S = 0.25
#: For each connection that it has, a worker leaves a new one so many seconds to the other worker. If it
#: did not, the worker that wakes first would take all connections of a client, and the other none.
LEAVES_S = 0.0002
#: With more connections it does not wait: then there are enough for all workers.
SHARED = 20

_LOGGER = logging.getLogger("api")
_BUSY = "the service is busy; repeat the request later"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_RECEIVE = 64 * 1024
_STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (errors.LimitRequestLine, HTTPStatus.REQUEST_URI_TOO_LONG),
    (errors.LimitRequestHeaders, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE),
    (errors.ExpectationFailed, HTTPStatus.EXPECTATION_FAILED),
    (errors.UnsupportedTransferCoding, HTTPStatus.NOT_IMPLEMENTED),
)
#: The parser's kinds of errors; those of a body are OSErrors.
_MALFORMED = (errors.ParseException, OSError)


class Answer(NamedTuple):
    """The bytes of an answer, and whether the connection stays open after it."""

    content: bytes
    keeps_open: bool = False


class Complete(NamedTuple):
    """A request that has arrived: its header and its body, or, with chunks, both in the first."""

    header: bytes
    body: bytes | None


class Connection:
    """A client's connection: what it has sent, what it will get, and until when."""

    def __init__(self, sock: socket.socket, client: Any) -> None:
        self.sock = sock
        self.client = client
        self.deadline = time.monotonic() + REQUEST_S
        self.received = bytearray()
        #: Bytes of the request that a thread has.
        self.handed = 0
        self.framing = Framing()
        self.answer = memoryview(b"")
        self.keeps_open = False
        #: No byte of the next request has arrived.
        self.idle = False
        #: A thread computes the answer; what arrives meanwhile is read after it.
        self.computing = False
        #: What the loop waits for on it, and what it then calls; None: nothing.
        self.watched: tuple[int, Callable[[Connection, Any], None]] | None = None


class Received(Unreader):  # type: ignore[misc]  # gunicorn has no types
    """The bytes of one complete request, as gunicorn's parser reads them."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.buf.write(content)

    def chunk(self) -> bytes:
        """Nothing follows: the parser asks for more only if the request is malformed."""
        return b""


class Collected:
    """Takes the place of a socket: keeps what gunicorn's response writes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def sendall(self, content: bytes) -> None:
        """Keep a part of the answer."""
        self.parts.append(content)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Answers complete requests in ``threads`` threads; limits connections, time and waiting."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.alive = True
        self._open: set[Connection] = set()
        self._lingering: set[Connection] = set()
        self._waiting = 0

    def run(self) -> None:
        """Serve until the master says stop; then answer what has begun to arrive."""
        sys.setswitchinterval(SWITCH_S)
        self.poller.register(
            self.method_queue.fileno(), selectors.EVENT_READ, self.method_queue.run_callbacks
        )
        self.set_accept_enabled(True)
        looked = 0.0
        while self.alive:
            if time.monotonic() - looked >= LOOKS_S:
                looked = time.monotonic()
                if not self.is_parent_alive():
                    break
                self.notify()
                self._end_expired()
            self.wait_for_and_dispatch_events(LOOKS_S)
        self.alive = False
        self.set_accept_enabled(False)
        end = time.monotonic() + self.cfg.graceful_timeout
        while (self._open or self._lingering) and time.monotonic() < end:
            for connection in [c for c in self._open if c.idle]:
                self._close(connection)
            self.notify()
            self.wait_for_and_dispatch_events(0.1)
            self._end_expired()
        self.tpool.shutdown(wait=False)
        for listener in self.sockets:
            listener.close()

    def accept(self, listener: socket.socket) -> None:
        """Take a connection; beyond the limit answer it 503 at once."""
        if len(self._open) <= SHARED:
            time.sleep(LEAVES_S * len(self._open))
        try:
            sock, client = listener.accept()
        except OSError as why:
            if why.errno in (errno.EAGAIN, errno.ECONNABORTED, errno.EMFILE, errno.ENFILE):
                return
            raise
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, client)
        self._open.add(connection)
        if len(self._open) > self.cfg.worker_connections:
            self._refuse(connection, HTTPStatus.SERVICE_UNAVAILABLE, _BUSY)
        else:
            self._watch(connection, selectors.EVENT_READ, self._read)

    def _read(self, connection: Connection, _: Any) -> None:
        if connection.computing:
            self._unwatch(connection)
            return
        content = _receive(connection)
        if content is None:
            return
        if not content:
            self._close(connection)
            return
        if connection.idle:
            connection.idle, connection.deadline = False, time.monotonic() + REQUEST_S
        connection.received += content
        if len(connection.received) > BODY_LIMIT + HEADER_LIMIT and self._large() > LARGE_TOGETHER:
            self._refuse(connection, HTTPStatus.SERVICE_UNAVAILABLE, _BUSY)
            return
        self._advance(connection)

    def _large(self) -> int:
        """Bytes of all large requests that are here, complete or not."""
        sizes = (len(connection.received) + connection.handed for connection in self._open)
        return sum(size for size in sizes if size > BODY_LIMIT + HEADER_LIMIT)

    def _advance(self, connection: Connection) -> None:
        """Pass the request to a thread if it is complete; refuse it if it is too large."""
        framing = connection.framing
        try:
            end = framing.end(connection.received)
        except TooLargeError as why:
            self._refuse(connection, why.status)
            return
        if end is None:
            if framing.expects_continue:
                framing.expects_continue = False
                _send(connection, _CONTINUE)
            return
        if self._waiting >= WAITING + self.cfg.threads:
            self._refuse(connection, HTTPStatus.SERVICE_UNAVAILABLE, _BUSY)
            return
        begin = end if framing.body is None else framing.body
        with memoryview(connection.received) as received:
            body = None if framing.body is None else bytes(received[begin:end])
            request = Complete(bytes(received[:begin]), body)
        del connection.received[:end]
        connection.handed = end
        connection.framing, connection.deadline = Framing(), inf
        # The loop still waits for it: nearly never does more arrive before the answer is sent.
        connection.computing = True
        self._waiting += 1
        future = self.tpool.submit(self._answer, request, connection.client, connection.sock)
        future.add_done_callback(
            lambda done: self.method_queue.defer(self._answered, connection, done)
        )

    def _answer(self, complete: Complete, client: Any, sock: socket.socket) -> Answer:
        """In a thread: the answer of the application to a request, or the parser's refusal."""
        written = Collected()
        try:
            request = Request(self.cfg, Received(complete.header), client)
            # A broken chunk must be refused before the application runs. Of a body of a given length
            # the parser would read 1 kB at a time and copy what remains: a minute for 18 MB.
            body = request.body.read() if complete.body is None else complete.body
            request.body = BytesIO(body)
            request._expected_100_continue = False  # noqa: SLF001  (the loop has sent it)
        except _MALFORMED as why:
            status = next(
                (s for kind, s in _STATUSES if isinstance(why, kind)), HTTPStatus.BAD_REQUEST
            )
            return Answer(self._refusal(status, type(why).__name__))
        try:
            server = sock.getsockname()
            response, environ = wsgi.create(request, written, client, server, self.cfg)
            environ["wsgi.multithread"] = True
            if not self.alive:
                response.force_close()
            parts = self.wsgi(environ, response.start_response)
            try:
                for part in parts:
                    response.write(part)
                response.close()
            finally:
                if hasattr(parts, "close"):
                    parts.close()
        except Exception as why:  # noqa: BLE001  (the application answers its own errors)
            return Answer(self._refusal(HTTPStatus.INTERNAL_SERVER_ERROR, type(why).__name__))
        return Answer(b"".join(written.parts), not response.should_close())

    def _refusal(self, status: HTTPStatus, kind: str, detail: str | None = None) -> bytes:
        """A problem document with its header. The log gets the kind of fault, not what was sent."""
        number = uuid.uuid4().hex
        # Not before the fork: gunicorn's master imports this file.
        from api.metrics import REFUSALS, REFUSED, REQUESTS  # noqa: PLC0415

        REFUSALS.labels(kind.lower()).inc()
        REQUESTS.labels(REFUSED, "other", status.value).inc()
        fields = {"request_id": number, "status": status.value, "reason": kind}
        _LOGGER.warning("refused", extra=fields)
        return refusal(status, number, detail)

    def _refuse(
        self, connection: Connection, status: HTTPStatus, detail: str | None = None
    ) -> None:
        self._unwatch(connection)
        connection.received.clear()
        self._start_writing(connection, Answer(self._refusal(status, status.phrase, detail)))

    def _answered(self, connection: Connection, done: "Future[Answer]") -> None:
        self._waiting -= 1
        connection.computing = False
        connection.handed = 0
        self._start_writing(connection, done.result())

    def _start_writing(self, connection: Connection, answer: Answer) -> None:
        connection.answer = memoryview(answer.content)
        connection.keeps_open = answer.keeps_open and self.alive
        connection.deadline = time.monotonic() + ANSWER_S
        self._write(connection, connection.sock)

    def _write(self, connection: Connection, _: Any) -> None:
        sent = _send(connection, connection.answer)
        if sent is None:
            self._close(connection)
            return
        connection.answer = connection.answer[sent:]
        if connection.answer:
            self._watch(connection, selectors.EVENT_WRITE, self._write)
        elif connection.keeps_open:
            self._await_next(connection)
        else:
            self._linger(connection)

    def _await_next(self, connection: Connection) -> None:
        connection.idle = not connection.received
        wait = self.cfg.keepalive if connection.idle else REQUEST_S
        connection.deadline = time.monotonic() + wait
        self._watch(connection, selectors.EVENT_READ, self._read)
        if connection.received:
            self._advance(connection)

    def _linger(self, connection: Connection) -> None:
        """Tell the client that no more comes, and read on so that it can read its answer."""
        self._open.discard(connection)
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        if len(self._lingering) >= self.cfg.worker_connections:
            self._close(connection)
            return
        self._lingering.add(connection)
        connection.deadline = time.monotonic() + LINGER_S
        self._watch(connection, selectors.EVENT_READ, self._discard)

    def _discard(self, connection: Connection, _: Any) -> None:
        if _receive(connection) == b"":
            self._close(connection)

    def _end_expired(self) -> None:
        now = time.monotonic()
        for connection in [c for c in (*self._open, *self._lingering) if c.deadline < now]:
            if connection in self._open and connection.received and not connection.answer:
                self._refuse(connection, HTTPStatus.REQUEST_TIMEOUT)
            else:
                self._close(connection)

    def _watch(
        self, connection: Connection, event: int, then: Callable[[Connection, Any], None]
    ) -> None:
        if connection.watched == (event, then):
            return
        self._unwatch(connection)
        self.poller.register(connection.sock, event, partial(then, connection))
        connection.watched = (event, then)

    def _unwatch(self, connection: Connection) -> None:
        if connection.watched is not None:
            self.poller.unregister(connection.sock)
            connection.watched = None

    def _close(self, connection: Connection) -> None:
        self._unwatch(connection)
        self._open.discard(connection)
        self._lingering.discard(connection)
        connection.sock.close()


def refusal(status: HTTPStatus, request_id: str, detail: str | None = None) -> bytes:
    """The whole answer to a request that the worker refuses: a problem document; then it closes."""
    body = json_text(problem_document(status, request_id, detail)).encode()
    headers = {
        "Connection": "close",
        "Content-Type": PROBLEM_JSON,
        "Content-Length": str(len(body)),
        "X-Request-ID": request_id,
        **PROTECTIVE_HEADERS,
    }
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = RETRY_AFTER_S
    lines = [f"HTTP/1.1 {status.value} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _receive(connection: Connection) -> bytes | None:
    """What has arrived; nothing at the end of the connection, None if there is nothing yet."""
    try:
        return connection.sock.recv(_RECEIVE)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _send(connection: Connection, content: bytes | memoryview) -> int | None:
    """How many bytes the system took; None if the client is gone."""
    try:
        return connection.sock.send(content)
    except BlockingIOError:
        return 0
    except OSError:
        return None
