"""Hostile requests as raw sockets against a real gunicorn: problem documents, and others are served."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest

from api.answers.problem import Problem
from api.tests.running import served
from api.tests.running_server import PATIENCE_S, children_of
from api.web.protection import BODY_LIMIT
from tests.api.conftest import Keyed

pytestmark = pytest.mark.slow
MARK = b"SECRET-31415"
Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Target:
    """A server on a port of the loopback, asked by bare sockets."""

    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)

    def ask(self, sent: bytes) -> Answer:
        """The first answer on a connection of its own, read until the server closes it."""
        with self.connect() as connection:
            connection.sendall(sent)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
                if _is_whole(b"".join(parts)):
                    break
        return _parsed(b"".join(parts))

    def get(self, path: str, **headers: str) -> Answer:
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return self.ask("\r\n".join([*lines, "", ""]).encode())


def _is_whole(content: bytes) -> bool:
    header, end, body = content.partition(b"\r\n\r\n")
    if not end:
        return False
    lengths = [
        line for line in header.lower().split(b"\r\n") if line.startswith(b"content-length:")
    ]
    return bool(lengths) and len(body) >= int(lengths[0].partition(b":")[2])


def _parsed(content: bytes) -> Answer:
    header, _, body = content.partition(b"\r\n\r\n")
    first, *lines = header.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def is_problem(status: int, headers: dict[str, str], body: bytes) -> bool:
    """Whether an answer is a problem document of its status, with the header's request id."""
    document = Problem.model_validate_json(body)
    return (
        headers["Content-Type"] == "application/problem+json"
        and document.status == status
        and document.request_id == headers["X-Request-ID"]
    )


def names(count: int) -> bytes:
    """An object of so many unknown keys."""
    return b"{" + b",".join(b'"%x":0' % n for n in range(count)) + b"}"


JSON = "application/json"
#: The body, its media type, and what ``POST /admin/reload`` answers to it.
BODIES: dict[str, tuple[bytes, str, int]] = {
    "NaN": (b'{"AMT_CREDIT": NaN}', JSON, 422),
    "infinity": (b'{"AMT_CREDIT": -Infinity}', JSON, 422),
    "1e400": (b'{"AMT_CREDIT": 1e400}', JSON, 422),
    "a key twice": (b'{"a": 1, "a": 2}', JSON, 422),
    "deep arrays": (b"[" * 60_000, JSON, 422),
    "deep objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, JSON, 422),
    "a lone surrogate, escaped": (b'{"a": "\\ud800"}', JSON, 422),
    "a lone surrogate, raw": (b'{"a": "\xed\xa0\x80"}', JSON, 422),
    "NUL, escaped": (b'{"a": "\\u0000"}', JSON, 422),
    "NUL, raw": (b'{"a": "\x00"}', JSON, 422),
    "NUL alone": (b"\x00" * 1000, JSON, 422),
    "UTF-8 with a mark": (b"\xef\xbb\xbf{}", JSON, 422),
    "UTF-16": ("{}".encode("utf-16"), JSON, 422),
    "bytes that are no text": (b"\xff\xfe\xfd", JSON, 422),
    "charset latin-1": (b'{"a": "\xe4"}', f"{JSON}; charset=latin-1", 415),
    "charset UTF-16": ("{}".encode("utf-16"), f"{JSON}; charset=utf-16", 415),
    "charset that does not exist": (b"{}", f"{JSON}; charset=x-{MARK.decode()}", 415),
    "a form": (b"a=1", "application/x-www-form-urlencoded", 415),
    "a form in parts": (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--',
                        "multipart/form-data; boundary=x", 415),
    "XML": (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "text/xml", 415),
    "a pickle": (b"\x80\x04cos\nsystem\n(S'id'\ntR.", "application/octet-stream", 415),
    "no media type": (b"{}", "", 415),
    "5,000 unknown keys": (names(5_000), JSON, 422),
    "10,000 unknown keys": (names(10_000), JSON, 413),
    "a huge integer": (b'{"a": ' + b"9" * 60_000 + b"}", JSON, 422),
    "a huge exponent": (b'{"a": 1e' + b"9" * 1_000 + b"}", JSON, 422),
    "half an object": (b'{"a": ', JSON, 422),
    "an open text": (b'{"a": "' + MARK, JSON, 422),
    "the largest body": (b"[".ljust(BODY_LIMIT), JSON, 422),
    "a body beyond the limit": (b" " * (BODY_LIMIT + 1), JSON, 413),
}  # fmt: skip
#: 50 MB in 50 kB.
BOMB = gzip.compress(bytes(50_000_000), mtime=0)


@pytest.fixture
def target(keyed: Keyed) -> Iterator[Target]:
    """The server; afterwards it still answers, and knows nothing of what was sent."""
    yield Target(keyed.server.port)
    client = served().ids()[0]
    started = time.monotonic()
    status, _, _ = keyed.server.get(
        f"/prediction/{client}", Authorization=f"Bearer {keyed.keys['score']}"
    )
    assert status == 200
    assert time.monotonic() - started < 5
    assert MARK not in keyed.server.log.read_bytes()


def request(
    path: str, key: str, body: bytes, form: str, *, method: str = "POST", more: str = ""
) -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"{f'Content-Type: {form}' if form else 'X-None: 1'}\r\n{more}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@pytest.mark.parametrize("name", BODIES)
def test_a_body_of_any_kind_is_refused_or_not_read(target: Target, keyed: Keyed, name: str) -> None:
    body, form, expected = BODIES[name]
    status, headers, answer = target.ask(
        request("/admin/reload", keyed.keys["admin"], body, form)
    )  # fmt: skip
    assert status == expected
    assert is_problem(status, headers, answer)
    assert MARK not in answer
    for path, method, key, statuses in (
        ("/admin/reload", "POST", "score", {403, 413, 415}),
        ("/admin/reload", "POST", "none", {401, 413, 415}),
        ("/prediction/", "POST", "score", {405, 413}),
        (f"/prediction/{served().ids()[0]}", "PUT", "score", {405, 413}),
        (f"/prediction/{served().ids()[0]}", "GET", "score", {200, 413}),
    ):
        sent = request(path, keyed.keys.get(key, key), body, form, method=method)
        status, headers, answer = target.ask(sent)
        assert status in statuses, (path, method, key)
        assert status == 200 or is_problem(status, headers, answer)


def test_a_compressed_body_is_not_unpacked(target: Target, keyed: Keyed) -> None:
    before = _private_kb(keyed)
    for coding in ("gzip", "deflate", "br", "gzip, gzip"):
        more = f"Content-Encoding: {coding}\r\n"
        for path, key in (("/admin/reload", "admin"), ("/prediction/", "score")):
            answer = target.ask(request(path, keyed.keys[key], BOMB, JSON, more=more))
            assert answer[0] in (405, 422)
            assert is_problem(*answer)
    assert _private_kb(keyed) - before < 20_000


def test_100_mb_are_refused_after_the_first_bytes(target: Target) -> None:
    start = b"POST /admin/reload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    for head, part in (
        (b"Content-Length: 104857600\r\n\r\n", bytes(65536)),
        (b"Transfer-Encoding: chunked\r\n\r\n", chunk),
    ):
        with target.connect() as connection:
            connection.sendall(start + head)
            sent = 0
            try:
                for _ in range(1600):
                    connection.sendall(part)
                    sent += len(part)
                    connection.settimeout(0.001)
                    try:
                        answer = connection.recv(65536)
                        break
                    except TimeoutError:
                        connection.settimeout(PATIENCE_S)
                else:
                    pytest.fail("all 100 MB were taken")
            except (BrokenPipeError, ConnectionResetError):
                pytest.fail("cut without an answer")
        assert sent < 20_000_000
        assert is_problem(*_parsed(answer))
        assert answer.startswith(b"HTTP/1.1 413 ")


#: Ends of addresses; all are answered below 500 with a problem document.
ADDRESSES = (
    *("/prediction/NaN", "/prediction/1e400", "/prediction/-1", "/prediction/0x10"),
    *("/prediction/%00", "/prediction/100001%00", "/prediction/%ED%A0%80", "/prediction/%FF"),
    *("/prediction/%F0%9F%92%A9", "/prediction/%D9%A1%D9%A2", "/prediction/" + "9" * 3_000),
    *("/prediction/..%2f..%2fetc%2fpasswd", "/prediction/100001;a=b", "/prediction//100001"),
    *("/prediction/%00%00/", "/%2e%2e/%2e%2e/etc/passwd", "/clients/' OR 1=1--".replace(" ", "%20")),
    *("/prediction/?page=NaN", "/prediction/?page=1e400", "/prediction/?page=" + "9" * 3_000),
    *("/prediction/?page=-1", "/prediction/?size=0", "/prediction/?size=1001", "/prediction/?query=%00"),
    *("/prediction/?query=%ED%A0%80", "/prediction/?page=1&page=2", "/prediction/?a%5B%5D=1"),
    *("/prediction/?" + "&".join(f"a{n}" for n in range(500)), "/prediction/?__proto__=1"),
    *("/peers/CLIENT?feature=%00", "/peers/CLIENT?feature=%ED%A0%80", "/peers/CLIENT?feature="),
    *("/peers/CLIENT", "/peers/CLIENT?feature=" + "x" * 3_000, "/peers/CLIENT?feature=A&group=%00"),
    *("/peers/CLIENT?" + "&".join(["feature=AMT_CREDIT"] * 100), "/model_info?features=NaN"),
    *("/data?columns=%00", "/data?n=NaN", "/data?protected=2", "/target?n=1e400"),
)  # fmt: skip


@pytest.mark.parametrize("path", ADDRESSES, ids=lambda path: path[:40])
def test_an_address_of_any_kind_is_a_problem_below_500(
    target: Target, keyed: Keyed, path: str
) -> None:
    path = path.replace("CLIENT", str(served().ids()[0]))
    scope = "data" if path.startswith(("/data", "/target")) else "explain"
    scope = "score" if path.startswith("/prediction") else scope
    answer = target.get(path, Authorization=f"Bearer {keyed.keys[scope]}")
    assert HTTPStatus.BAD_REQUEST <= answer[0] < HTTPStatus.INTERNAL_SERVER_ERROR
    assert is_problem(*answer)


#: Beginnings of requests, and what follows each second, without an end.
DRIPS = {
    "bytes": (b"", b"G"),
    "header lines": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", b"X-A: b\r\n"),
    "chunks": (
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n",
    ),
}


def test_16_connections_of_each_kind_that_drip_end_at_the_deadline(
    target: Target, keyed: Keyed
) -> None:
    held = {kind: [target.connect() for _ in range(16)] for kind in DRIPS}
    for kind, connections in held.items():
        for connection in connections:
            connection.sendall(DRIPS[kind][0])
    statuses: dict[str, set[int]] = {kind: set() for kind in DRIPS}
    slowest = 0.0
    for _ in range(14):
        for kind, (_, part) in DRIPS.items():
            for connection in [*held[kind]]:
                try:
                    connection.sendall(part)
                    connection.setblocking(False)
                    if content := connection.recv(65536):
                        statuses[kind].add(_parsed(content)[0])
                        assert is_problem(*_parsed(content))
                    held[kind].remove(connection)
                    connection.close()
                except BlockingIOError:
                    connection.setblocking(True)
                except OSError:
                    held[kind].remove(connection)
                    connection.close()
        started = time.monotonic()
        status, _, _ = keyed.server.get(
            "/prediction/", Authorization=f"Bearer {keyed.keys['score']}"
        )
        assert status == 200
        slowest = max(slowest, time.monotonic() - started)
        time.sleep(1)
    assert {kind: len(left) for kind, left in held.items()} == dict.fromkeys(DRIPS, 0)
    assert statuses == {kind: {408} for kind in DRIPS}
    assert slowest < 2


def _private_kb(keyed: Keyed) -> int:
    """Private memory of all workers."""
    total = 0
    for pid in children_of(keyed.server.process.pid)[0]:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_"):
                total += int(line.split()[1])
    return total


def test_the_log_is_json_without_a_failure_of_ours(keyed: Keyed) -> None:
    lines = [json.loads(x) for x in keyed.server.log.read_text().splitlines() if x.startswith("{")]
    assert not [line for line in lines if line["event"] == "failed" or line.get("status") == 500]
