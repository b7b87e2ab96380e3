"""A real server under gunicorn, started once for all test modules of a run."""

import atexit
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path

from api.tests.running import served

ROOT = Path(__file__).resolve().parents[2]
#: A loaded machine takes long to import what it needs.
PATIENCE_S = 120


def environment(**changes: str) -> dict[str, str]:
    """This process's environment with our settings alone."""
    kept = {name: v for name, v in os.environ.items() if not name.startswith(("CREDIT_", "API_"))}
    made = {
        "CREDIT_MODEL": str(served().model),
        "CREDIT_CLIENTS": str(served().clients),
        "CREDIT_STATE": str(served().model.parent / "state"),
    }
    return {**kept, **made, **changes}


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as attempt:
        attempt.bind(("127.0.0.1", 0))
        return int(attempt.getsockname()[1])


def children_of(master: int) -> tuple[set[int], set[int]]:
    """The workers of gunicorn's master, and the process that draws (Linux)."""
    workers: set[int] = set()
    drawing: set[int] = set()
    for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except FileNotFoundError:
            continue
        if command:  # empty: it has ended
            (drawing if "api.pictures.server" in command else workers).add(int(pid))
    return workers, drawing


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, and the file that holds what it has printed."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    @classmethod
    def start(cls, log: Path, **changes: str) -> "Server":
        """A server that answers; ``AssertionError`` with its log if it ends instead."""
        port = free_port()
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "api"],
                env=environment(CREDIT_API_PORT=str(port), **changes),
                cwd=ROOT,
                stdout=file,
                stderr=file,
            )
        server = cls(process, port, log)
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and process.poll() is None:
            try:
                server.get("/health/live")
            except ConnectionError:
                time.sleep(0.1)
            else:
                return server
        server.stop()
        raise AssertionError(f"no answer; the log says: {log.read_text()}")

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def picture(self, path: str = "/global_shap", **headers: str) -> bytes:
        """A picture, asked for until it is there: the process that draws may be starting."""
        end = time.monotonic() + PATIENCE_S
        while True:
            status, _, body = self.get(path, **headers)
            if status == HTTPStatus.OK:
                return body
            assert time.monotonic() < end, body

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)

    def ask(self, sent: bytes) -> tuple[bytes, bytes]:
        """Header and body of what a bare connection gets until it is closed."""
        with self.connect() as connection:
            connection.sendall(sent)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
        header, _, body = b"".join(parts).partition(b"\r\n\r\n")
        return header, body

    def stop(self) -> int:
        """Ask the server to stop; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@cache
def running() -> Server:
    """The server that all test modules of a run share."""
    folder = tempfile.TemporaryDirectory(prefix="api-server-")
    atexit.register(folder.cleanup)
    server = Server.start(Path(folder.name) / "log")
    atexit.register(server.stop)
    return server
