"""The worker: slow and malformed clients stop nobody, and get a problem document at most."""

import json
import os
import selectors
import socket
import sys
import time
import unittest
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any
from unittest import mock

from gunicorn.config import Config

from api.tests.running import served
from api.tests.running_server import children_of, running
from api.web.framing import HEADER_LIMIT, Framing, TooLargeError
from api.web.protection import BODY_LIMIT, BODY_LIMITS
from api.web.worker import REQUEST_S, SHARED, WAITING, Answer, Worker, refusal

HELD = 16
SECRET = b"SECRET-27182"
CHUNKED = b"POST /prediction/ HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
LENGTH = b"POST /prediction/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
#: Beginnings of requests that never end.
UNFINISHED = {
    "half a header": b"GET /prediction/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ",
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + bytes(64),
    "one byte": b"G",
    "half a body": LENGTH % 1000 + b"{",
    "chunks without an end": CHUNKED + b"1\r\nx\r\n" * 5,
}


class Slow(unittest.TestCase):
    def test_connections_that_do_not_finish_stop_nobody(self) -> None:
        server = running()
        with ExitStack() as held:
            for beginning in UNFINISHED.values():
                for _ in range(HELD):
                    held.enter_context(server.connect()).sendall(beginning)
            time.sleep(0.2)
            started = time.monotonic()
            for client_id in served().ids()[:10]:
                self.assertEqual(server.get(f"/prediction/{client_id}")[0], 200)
            self.assertLess(time.monotonic() - started, REQUEST_S / 2)

    def test_a_client_that_does_not_close_stops_nobody(self) -> None:
        server = running()
        with ExitStack() as held:
            for _ in range(HELD):
                connection = held.enter_context(server.connect())
                connection.sendall(b"GET /health/live HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            started = time.monotonic()
            self.assertEqual(server.get("/health/live")[0], 200)
            self.assertLess(time.monotonic() - started, 2)

    def test_one_deadline_holds_for_the_whole_request(self) -> None:
        server = running()
        with server.connect() as connection:
            started = time.monotonic()
            connection.settimeout(0.5)
            answer = b""
            while time.monotonic() - started < 2 * REQUEST_S:  # a byte each half second
                try:
                    connection.sendall(b"G")
                    answer = connection.recv(65536)
                    break
                except TimeoutError:
                    continue
            took = time.monotonic() - started
        self.assertIn(b" 408 ", answer.split(b"\r\n")[0])
        self.assertTrue(REQUEST_S - 1 <= took <= REQUEST_S + 5, took)


class Refused(unittest.TestCase):
    def check(self, status: int, sent: bytes) -> Any:
        """The problem document with which the worker refuses and closes."""
        header, body = running().ask(sent)
        lines = header.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        self.assertIn(f" {status} ", lines[0])
        self.assertEqual(headers["Content-Type"], "application/problem+json")
        self.assertEqual(headers["Connection"], "close")
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        document = json.loads(body)
        self.assertEqual(document["status"], status)
        self.assertEqual(document["request_id"], headers["X-Request-ID"])
        self.assertNotIn(SECRET, header + body)
        return document

    def test_malformed_requests_get_a_problem_document_without_what_was_sent(self) -> None:
        for sent, status in (
            (b"GET /" + SECRET + b" x HTTP/1.1\r\n\r\n", 400),
            (SECRET + b"\r\n\r\n", 400),
            (b"get /" + SECRET + b" HTTP/1.1\r\n\r\n", 400),
            (b"GET / HTTP/9.9" + SECRET + b"\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n" + SECRET + b"\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: " + SECRET + b"\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nX-A: " + SECRET + b"\x00\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nContent-Length: -1" + SECRET + b"\r\n\r\n", 400),
            (CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n") + b"0\r\n\r\n", 400),
            (CHUNKED + SECRET + b"\r\n\r\n", 400),
            (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", 400),
            (b"GET /" + 5000 * b"x" + SECRET + b" HTTP/1.1\r\n\r\n", 414),
            (b"GET / HTTP/1.1\r\nX-A: " + 9000 * b"x" + SECRET + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nX-A: " + HEADER_LIMIT * b"x", 431),
            (b"GET / HTTP/1.1\r\nExpect: " + SECRET + b"\r\n\r\n", 417),
            (CHUNKED.replace(b"chunked", SECRET), 501),
            (LENGTH % (BODY_LIMIT + 1), 413),
            (CHUNKED + b"%x\r\n" % (BODY_LIMIT + 1), 413),
            (CHUNKED + b"1\r\nx\r\n" * BODY_LIMIT, 413),
        ):
            with self.subTest(sent[:60]):
                self.check(status, sent)
        self.assertNotIn(SECRET, running().log.read_bytes())

    def test_script_name_is_no_business_of_a_client(self) -> None:
        status, _, _ = running().get("/health/live", SCRIPT_NAME="/x", PATH_INFO="/y")
        self.assertEqual(status, 200)

    def test_what_is_overloaded_says_when_to_come_again(self) -> None:
        answer = refusal(HTTPStatus.SERVICE_UNAVAILABLE, "7" * 32, "the service is busy")
        self.assertIn(b"\r\nRetry-After: 5\r\n", answer)


class Limits(unittest.TestCase):
    """A worker of its own: what is beyond a limit gets 503 at once, and the connection ends."""

    def setUp(self) -> None:
        configuration = Config()
        self.connections = WAITING + configuration.threads + 2
        configuration.set("worker_connections", self.connections)
        self.worker = Worker(0, os.getpid(), [], None, 60, configuration, None)
        self.addCleanup(self.worker.tmp.close)
        self.worker.poller = selectors.DefaultSelector()
        self.worker.tpool = mock.Mock()  # nothing is ever answered
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.addCleanup(self.close)

    def close(self) -> None:
        self.listener.close()
        for call in self.worker.tpool.submit.call_args_list:
            call.args[3].close()
        for key in [*self.worker.poller.get_map().values()]:
            key.fileobj.close()
        self.worker.poller.close()

    def connect(self, sent: bytes = b"") -> socket.socket:
        client = socket.create_connection(self.listener.getsockname(), 5)
        self.addCleanup(client.close)
        self.worker.accept(self.listener)
        client.sendall(sent)
        self.worker.wait_for_and_dispatch_events(0.05 if sent else 0)
        return client

    def check_busy(self, client: socket.socket) -> None:
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertIn(b"\r\nRetry-After: ", answer)
        self.assertIn(b"\r\nConnection: close\r\n", answer)

    def test_the_loop_gets_its_turn_soon(self) -> None:
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        self.worker.alive = False  # it ends at once
        with mock.patch.object(self.worker, "poller"):
            self.worker.run()
        self.assertAlmostEqual(sys.getswitchinterval(), 0.0005)

    def test_connections(self) -> None:
        for _ in range(self.connections):
            client = self.connect()
        client.setblocking(False)
        self.assertRaises(BlockingIOError, client.recv, 1)
        self.check_busy(self.connect())

    def test_a_new_connection_is_left_to_who_has_fewer(self) -> None:
        with mock.patch("api.web.worker.time.sleep") as slept:
            for _ in range(SHARED + 3):
                self.connect()
        waits = [call.args[0] for call in slept.call_args_list]
        self.assertEqual(len(waits), SHARED + 1)  # beyond that there are enough for all
        self.assertEqual(waits[0], 0)
        self.assertEqual(waits, sorted({*waits}))
        self.assertLess(max(waits), 0.005)

    def test_requests_that_wait(self) -> None:
        request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        for _ in range(WAITING + self.worker.cfg.threads):
            self.connect(request)
        self.assertEqual(self.worker.tpool.submit.call_count, WAITING + self.worker.cfg.threads)
        self.check_busy(self.connect(request))

    def test_large_requests_together(self) -> None:
        """One is taken, complete or not; the next one is refused until the first has its answer."""
        length = 200_000
        request = LENGTH.replace(b"/prediction/", b"/predictions") % length + bytes(length)

        def send() -> socket.socket:
            client = self.connect(request)
            for _ in range(10):
                self.worker.wait_for_and_dispatch_events(0.01)
            return client

        with mock.patch("api.web.worker.LARGE_TOGETHER", 300_000):
            send()
            self.assertEqual(self.worker.tpool.submit.call_count, 1)
            self.check_busy(send())
            answered = mock.Mock()
            answered.result.return_value = Answer(b"x", keeps_open=True)
            (first,) = (c for c in self.worker._open if c.handed)  # noqa: SLF001  (no thread answers here)
            self.worker._answered(first, answered)  # noqa: SLF001
            send()
        self.assertEqual(self.worker.tpool.submit.call_count, 2)


class Served(unittest.TestCase):
    def test_the_largest_body_is_read_at_once(self) -> None:
        limit = BODY_LIMITS["/predictions"]
        request = LENGTH.replace(b"/prediction/", b"/predictions") % limit
        request = request.replace(b"\r\n\r\n", b"\r\nContent-Type: application/json\r\n\r\n")
        started = time.monotonic()
        with running().connect() as connection:
            connection.sendall(request + b'"'.ljust(limit))
            self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 400 "))
        self.assertLess(time.monotonic() - started, 10)  # a fifth of a second on an idle machine

    def test_chunks_are_read_and_a_connection_is_used_again(self) -> None:
        requests = CHUNKED + b"2\r\n{}\r\n0\r\n\r\n" + LENGTH % 2 + b"{}"
        last = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        header, body = running().ask(requests + last)
        self.assertIn(b"405", header)
        self.assertEqual(body.count(b"HTTP/1.1 405 "), 1)
        self.assertEqual(body.count(b"HTTP/1.1 200 OK"), 1)

    def test_what_arrives_while_an_answer_is_computed_is_answered_after_it(self) -> None:
        with running().connect() as connection, connection.makefile("rb") as answers:
            for client in served().ids()[:20]:
                for path in (
                    f"/explanation/{client}",
                    "/health/live",
                ):  # the second is the quick one
                    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                    time.sleep(0.001)
                for name, value in (("id", client), ("status", "live")):
                    self.assertTrue(answers.readline().startswith(b"HTTP/1.1 200"))
                    lines = iter(answers.readline, b"\r\n")
                    headers = dict(line.decode().strip().lower().split(": ", 1) for line in lines)
                    body = json.loads(answers.read(int(headers["content-length"])))
                    self.assertEqual(body[name], value)

    def test_clients_that_leave_before_their_answer_stop_nobody(self) -> None:
        server = running()
        workers, _ = children_of(server.process.pid)
        for client in served().ids()[:40]:
            with server.connect() as connection:
                address = f"GET /explanation/{client} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
                connection.sendall(address.encode())
        before, start = sum(map(_computed, workers)), time.monotonic()
        for client in served().ids()[:5]:
            self.assertEqual(server.get(f"/explanation/{client}")[0], 200)
        time.sleep(1)
        # A loop that cannot forget them would compute all the time.
        self.assertLess(sum(map(_computed, workers)) - before, (time.monotonic() - start) / 2)

    def test_a_client_that_waits_for_100_gets_it_once(self) -> None:
        with running().connect() as connection:
            connection.sendall(
                (LENGTH % 2).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
            )
            self.assertEqual(connection.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(b"{}")
            self.assertTrue(connection.recv(65536).startswith(b"HTTP/1.1 405 "))


def _computed(pid: int) -> float:
    """Seconds that a process has computed (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Frames(unittest.TestCase):
    def test_the_end_is_found_whatever_the_pieces(self) -> None:
        for request in (
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            LENGTH % 5 + b"12345",
            CHUNKED + b"5\r\n12345\r\n0\r\n\r\n",
            CHUNKED + b"5;x=y\r\n12345\r\n2\r\n\r\n\r\n0\r\nA: b\r\n\r\n",
        ):
            for step in (1, 2, 7, len(request)):
                with self.subTest(request, step=step):
                    framing, received, ends = Framing(), bytearray(), []
                    for at in range(0, len(request), step):
                        received += request[at : at + step]
                        ends.append(framing.end(received))
                    self.assertEqual([*filter(None, ends)], [len(request)])
                    self.assertEqual(framing.end(received + b"GET"), len(request))

    def test_a_route_may_take_more(self) -> None:
        for path, limit in BODY_LIMITS.items():
            beginning = LENGTH.replace(b"/prediction/", path.encode() + b"?a=1")
            self.assertIsNone(Framing().end(bytearray(beginning % limit)))
            with self.assertRaises(TooLargeError):
                Framing().end(bytearray(beginning % (limit + 1)))
            with self.assertRaises(TooLargeError):  # not in chunks
                chunk = b"%x\r\n" % (BODY_LIMIT + 1)
                Framing().end(bytearray(CHUNKED.replace(b"/prediction/", path.encode()) + chunk))

    def test_a_limit_is_a_limit(self) -> None:
        self.assertIsNone(Framing().end(bytearray(LENGTH % BODY_LIMIT)))
        with self.assertRaises(TooLargeError) as caught:
            Framing().end(bytearray(LENGTH % (BODY_LIMIT + 1)))
        self.assertEqual(caught.exception.status, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


if __name__ == "__main__":
    unittest.main()
