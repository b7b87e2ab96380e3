"""The process that draws: ``python -m api.pictures.server FOLDER``.

One thread draws, one picture after the other, at the lowest priority; short-lived threads read the
questions. It knows no model and no client: a chart says what to draw. It ends with its parent.
"""

import logging
import logging.config
import os
import queue
import shutil
import signal
import socket
import stat
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from api.logs import configuration, log_threads, place
from api.pictures.messages import BUSY, CHART, FAILED, PICTURE, PULSE, SOCKET, receive, send
from api.pictures.turns import Turns
from project_tools.serving.charts import chart_of

#: Pictures that may be asked for at a time: one is drawn, two wait.
WAITING = 2
#: Pictures kept in memory, at about 80 kB each.
KEPT = 256
#: Seconds in which a worker must send its question and take its answer.
TALK_S = 5.0
_NICE = 19
_LOGGER = logging.getLogger("api")
_LOOK_S = 0.5
#: Connections whose question is being read; kept pictures are answered meanwhile.
_READERS = 32


class Cache:
    """The last pictures by key."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._pictures: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> bytes | None:
        """A picture, if it is kept."""
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
            return self._pictures.get(key)

    def put(self, key: bytes, picture: bytes) -> None:
        """Keep a picture in place of the one that was asked for longest ago."""
        with self._lock:
            self._pictures[key] = picture
            while len(self._pictures) > self._kept:
                self._pictures.popitem(last=False)


class Painter:
    """Answers questions: from the cache, or in turn from what ``draw`` makes of a chart."""

    def __init__(self, draw: Callable[[bytes], bytes], cache: Cache) -> None:
        self._draw, self._cache = draw, cache
        self.turns = Turns(1 + WAITING)
        self._readers = Turns(_READERS)
        self._charts: queue.Queue[tuple[socket.socket, bytes, bytes]] = queue.Queue()

    def listen(self, listener: socket.socket) -> None:
        """Read questions for ever; those of slow workers do not stop the others."""
        while True:
            connection, _ = listener.accept()
            connection.settimeout(TALK_S)
            if self._readers.take():
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()
            else:
                connection.close()

    def draw_next(self, wait_s: float) -> bool:
        """Draw the picture that waits longest; False if none came meanwhile."""
        try:
            connection, key, chart = self._charts.get(timeout=wait_s)
        except queue.Empty:
            return False
        try:
            answer = FAILED
            try:
                picture = self._cache.get(key) or self._draw(chart)
                self._cache.put(key, picture)
                answer = PICTURE + picture
            except Exception as why:  # noqa: BLE001  (the next picture must be drawn)
                _LOGGER.error("picture failed", extra={"where": place(why)})
            with suppress(OSError):  # the worker has ended meanwhile; the picture is kept
                send(connection, answer)
        finally:
            self.turns.give_back()
            connection.close()
        return True

    def _read(self, connection: socket.socket) -> None:
        waits = False
        try:
            key = receive(connection)
            kept = self._cache.get(key)
            if kept is not None:
                send(connection, PICTURE + kept)
            elif not self.turns.take():
                send(connection, BUSY)
            else:
                waits = True
                send(connection, CHART)
                chart = receive(connection)
                self._charts.put((connection, key, chart))
                return
        except OSError:
            pass  # the worker is gone or too slow, or asked for something else
        finally:
            self._readers.give_back()
        if waits:
            self.turns.give_back()
        connection.close()


def listener_in(folder: Path) -> socket.socket:
    """A socket in a folder of this user alone; ``PermissionError`` for another folder."""
    status = folder.lstat()
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
        raise PermissionError(f"{folder} is not this user's alone (mode 0700)")
    path = folder / SOCKET
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    former = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(former)
    listener.listen(_READERS)
    return listener


def beat(folder: Path) -> None:
    """Say that the process lives: the time is the system's own clock since its start."""
    now = time.monotonic()
    pulse = folder / PULSE
    pulse.touch(mode=0o600)
    os.utime(pulse, (now, now))


def main() -> int:
    """Draw until the parent ends."""
    folder, parent = Path(sys.argv[1]), os.getppid()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the parent, which ends this process
    logging.config.dictConfig(configuration())
    log_threads()
    os.nice(_NICE)
    beat(folder)
    from project_tools.serving.canvas import png  # noqa: PLC0415  (it takes seconds)

    painter = Painter(lambda chart: png(chart_of(chart)), Cache())
    listener = listener_in(folder)
    threading.Thread(target=painter.listen, args=(listener,), daemon=True).start()
    while os.getppid() == parent:
        beat(folder)
        painter.draw_next(_LOOK_S)
    shutil.rmtree(folder, ignore_errors=True)  # the parent was killed and has left it
    return 0


if __name__ == "__main__":
    sys.exit(main())
