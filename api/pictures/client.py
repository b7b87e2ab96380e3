"""Pictures for a worker: it asks the drawing process, and holds few of its threads meanwhile."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

from api.metrics import PICTURES, PICTURES_WAITING
from api.pictures.messages import BUSY, CHART, PICTURE, SOCKET, receive, send
from api.pictures.turns import Turns
from project_tools.errors import CreditError
from project_tools.serving.charts import Chart, chart_bytes

#: Seconds that a caller waits for a picture.
PATIENCE_S = 10.0
#: Threads of a worker that may wait for pictures: one of its four is left for other answers.
THREADS = 3
_LOOK_S = 0.05


class NoPictureError(CreditError):
    """No picture now; ``reason`` is ``busy``, ``absent`` or ``failed``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Pictures:
    """The pictures of the drawing process whose socket lies in ``folder``."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.waiting = Turns(THREADS)

    def png(self, key: str, chart: Callable[[], Chart]) -> bytes:
        """The picture of a key; ``chart`` is called if it must be drawn. ``NoPictureError``."""
        try:
            picture, outcome = self._ask(key, chart)
        except NoPictureError as why:
            PICTURES.labels(why.reason).inc()
            raise
        PICTURES.labels(outcome).inc()
        return picture

    def _ask(self, key: str, chart: Callable[[], Chart]) -> tuple[bytes, str]:
        if not self.waiting.take():
            raise _busy()
        PICTURES_WAITING.inc()
        try:
            return self._talk(key, chart)
        except OSError:
            raise NoPictureError(
                "absent",
                "the process that draws pictures does not answer; repeat the request later",
            ) from None
        finally:
            PICTURES_WAITING.dec()
            self.waiting.give_back()

    def _talk(self, key: str, chart: Callable[[], Chart]) -> tuple[bytes, str]:
        if self._folder is None:
            raise FileNotFoundError
        outcome = "kept"
        with _connected(self._folder / SOCKET) as connection:
            send(connection, key.encode())
            answer = receive(connection)
            if answer == CHART:
                send(connection, chart_bytes(chart()))
                answer, outcome = receive(connection), "drawn"
        if answer == BUSY:
            raise _busy()
        if answer[:1] != PICTURE:
            raise NoPictureError(
                "failed", "the picture could not be drawn; the server's log says why"
            )
        return answer[1:], outcome


def _connected(path: Path) -> socket.socket:
    """A connection; while the process starts, its socket is not there yet."""
    end = time.monotonic() + PATIENCE_S
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(PATIENCE_S)
        try:
            connection.connect(str(path))
        except OSError:
            connection.close()
            if time.monotonic() > end:
                raise
            time.sleep(_LOOK_S)
        else:
            return connection


def _busy() -> NoPictureError:
    return NoPictureError("busy", "too many pictures wait to be drawn; repeat the request later")
