"""Pictures: one process draws them one after the other, two wait, and the workers wait for nothing else."""

import logging
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from api.pictures import client, process, server
from api.pictures.client import NoPictureError, Pictures
from api.pictures.messages import PULSE, SOCKET, receive, send
from api.pictures.process import PictureProcess
from api.tests.running import application, run_folder, served
from api.tests.running_server import PATIENCE_S, children_of, running
from api.tests.test_gunicorn_settings import configuration
from api.tests.test_refusals import unloaded
from project_tools.serving.charts import Bar, Waterfall, chart_of

CHART = Waterfall("x", 0.0, 1.0, (Bar("a", 1.0),))


def wait_until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)


class Painter(Case):
    """The server's own parts, with a drawing that takes as long as the test says."""

    def setUp(self) -> None:
        super().setUp()
        self.drawn: list[str] = []
        self.go, self.begun = threading.Event(), threading.Semaphore(0)
        self.painter = server.Painter(self.draw, server.Cache())
        self.listener = server.listener_in(self.folder)
        for target in (lambda: self.painter.listen(self.listener), self.draw_all):
            threading.Thread(target=target, daemon=True).start()
        self.addCleanup(self.go.set)
        self.pictures = Pictures(self.folder)

    def draw(self, chart: bytes) -> bytes:
        self.begun.release()
        assert self.go.wait(PATIENCE_S)
        axis = chart_of(chart).axis
        self.drawn.append(axis)
        if axis == "broken":
            raise ValueError("SECRET-1")
        return f"picture of {axis}".encode()

    def draw_all(self) -> None:
        while self.painter.draw_next(PATIENCE_S):
            pass

    def ask(self, axis: str, pictures: Pictures | None = None) -> bytes:
        return (pictures or self.pictures).png(axis, lambda: Waterfall(axis, 0.0, 1.0, ()))

    def hold(self, *names: str) -> list[threading.Thread]:
        """Ask for pictures in workers of their own; the first is being drawn at the return."""
        threads = []
        for name in names:
            threads.append(threading.Thread(target=self.ask, args=(name, Pictures(self.folder))))
            threads[-1].start()
        assert self.begun.acquire(timeout=PATIENCE_S)
        turns = self.painter.turns
        wait_until(lambda: turns.taken == len(names), "they do not wait")
        return threads

    def test_a_picture_is_drawn_once_for_a_key(self) -> None:
        self.go.set()
        asked: list[int] = []

        def chart() -> Waterfall:
            asked.append(1)
            return CHART

        self.assertEqual([self.pictures.png("k", chart) for _ in range(3)], [b"picture of x"] * 3)
        self.assertEqual((self.drawn, len(asked)), (["x"], 1))

    def test_one_is_drawn_two_wait_and_a_fourth_is_refused_at_once(self) -> None:
        threads = self.hold("a", "b", "c")
        started = time.monotonic()
        with self.assertRaisesRegex(NoPictureError, "too many pictures wait") as caught:
            self.ask("d")
        self.assertLess(time.monotonic() - started, 1)
        self.assertEqual(caught.exception.reason, "busy")
        self.go.set()
        for thread in threads:
            thread.join(PATIENCE_S)
        self.assertEqual(sorted(self.drawn), ["a", "b", "c"])
        self.assertEqual(self.ask("d"), b"picture of d")

    def test_two_requests_for_one_picture_draw_it_once(self) -> None:
        first = self.hold("a")
        second = threading.Thread(target=self.ask, args=("a", Pictures(self.folder)))
        second.start()
        wait_until(lambda: self.painter.turns.taken == 2, "the second does not wait")
        self.go.set()
        for thread in (*first, second):
            thread.join(PATIENCE_S)
        self.assertEqual(self.drawn, ["a"])

    def test_a_kept_picture_is_answered_while_others_wait(self) -> None:
        self.go.set()
        self.ask("kept")
        self.begun.acquire()
        self.go.clear()
        self.hold("a", "b", "c")
        self.assertEqual(self.ask("kept"), b"picture of kept")

    def test_a_worker_keeps_a_thread_for_other_answers(self) -> None:
        self.assertLess(client.THREADS, configuration().threads)
        with mock.patch.object(client, "PATIENCE_S", 0.5):
            mute = Pictures(Path(tempfile.mkdtemp(dir=self.folder)))  # nobody listens there
            threads = [
                threading.Thread(target=self.absent, args=(mute,)) for _ in range(client.THREADS)
            ]
            for thread in threads:
                thread.start()
            wait_until(lambda: mute.waiting.taken == client.THREADS, "they do not wait")
            with self.assertRaises(NoPictureError) as caught:
                self.ask("a", mute)
            self.assertEqual(caught.exception.reason, "busy")
            for thread in threads:
                thread.join(PATIENCE_S)
            self.absent(mute)  # and the threads are free again

    def absent(self, pictures: Pictures) -> None:
        with self.assertRaisesRegex(NoPictureError, "does not answer") as caught:
            self.ask("a", pictures)
        self.assertEqual(caught.exception.reason, "absent")

    def test_a_picture_that_fails_stops_no_other(self) -> None:
        self.go.set()
        with self.assertRaisesRegex(NoPictureError, "could not be drawn") as caught:
            self.ask("broken")
        self.assertEqual(caught.exception.reason, "failed")
        self.assertNotIn("SECRET", str(caught.exception))
        for _ in range(5):
            self.assertEqual(self.ask("a"), b"picture of a")

    def test_a_worker_that_ends_or_talks_nonsense_takes_no_turn(self) -> None:
        self.go.set()
        for sent in (b"", b"\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x01k"):
            for _ in range(3):
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(str(self.folder / SOCKET))
                    connection.sendall(sent)
        wait_until(lambda: self.painter.turns.taken == 0, "a turn is lost")
        self.assertEqual(self.ask("a"), b"picture of a")

    def test_a_slow_worker_loses_its_turn(self) -> None:
        self.go.set()
        with mock.patch.object(server, "TALK_S", 0.2), socket.socket(socket.AF_UNIX) as slow:
            slow.connect(str(self.folder / SOCKET))
            send(slow, b"k")
            self.assertEqual(receive(slow), b"C")
            wait_until(lambda: self.painter.turns.taken == 0, "a turn is lost")

    def test_only_this_user_may_connect(self) -> None:
        mode = stat.S_IMODE((self.folder / SOCKET).stat().st_mode)
        self.assertEqual(mode, 0o600)
        self.folder.chmod(0o755)
        with self.assertRaisesRegex(PermissionError, "not this user's alone"):
            server.listener_in(self.folder)

    def test_the_cache_keeps_the_last_pictures_only(self) -> None:
        cache = server.Cache(kept=2)
        for key in (b"a", b"b"):
            cache.put(key, key)
        cache.get(b"a")
        cache.put(b"c", b"c")
        self.assertEqual([cache.get(key) for key in (b"a", b"b", b"c")], [b"a", None, b"c"])


class Process(Case):
    def setUp(self) -> None:
        super().setUp()
        self.logger = mock.Mock(spec=logging.Logger)
        self.process = PictureProcess(self.folder, self.logger)
        self.addCleanup(self.process.stop)

    def start(self) -> int:
        self.process.check()
        wait_until((self.folder / PULSE).exists, "it does not start")
        return self.child.pid

    @property
    def child(self) -> "subprocess.Popen[bytes]":
        assert self.process.process is not None
        return self.process.process

    def started_anew(self, former: int) -> bool:
        self.process.check()
        return self.child.pid != former

    def test_one_that_dies_is_started_anew(self) -> None:
        former = self.start()
        self.process.check()
        self.assertEqual(self.child.pid, former)
        os.kill(former, signal.SIGKILL)
        with mock.patch.object(process, "PAUSE_S", 0):
            wait_until(lambda: self.started_anew(former), "it is not started anew")
        self.assertEqual(self.logger.error.call_args.args, ("picture process died",))

    def test_one_that_ends_at_once_is_not_started_all_the_time(self) -> None:
        former = self.start()
        os.kill(former, signal.SIGKILL)
        self.child.wait(PATIENCE_S)
        with mock.patch.object(process, "PAUSE_S", 1000):  # a busy machine starts it slowly
            self.process.check()
        self.assertEqual(self.child.pid, former)

    def test_one_that_hangs_is_killed(self) -> None:
        hung = self.start()
        wait_until((self.folder / SOCKET).exists, "it does not listen")
        os.kill(hung, signal.SIGSTOP)
        self.process.check()
        self.assertIsNone(self.child.poll())
        with mock.patch.object(process, "HUNG_S", 0.2):
            time.sleep(0.3)
            self.process.check()
        self.assertEqual(self.child.wait(PATIENCE_S), -signal.SIGKILL)
        self.assertEqual(self.logger.error.call_args.args, ("picture process killed",))

    def test_it_leaves_the_processors_to_the_others(self) -> None:
        run_folder()
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, self.start()), 19)


class Refused(unittest.TestCase):
    def test_without_a_process_a_picture_is_503_and_says_when_to_come_again(self) -> None:
        known = served().ids()[0]
        pictures = application().extensions["credit_pictures"]
        with mock.patch.object(pictures, "_folder", None):
            for address in (f"/local_shap/{known}", "/global_shap"):
                response = application().test_client().get(address)
                self.assertEqual(response.status_code, 503)
                self.assertEqual(response.headers["Retry-After"], "5")
                self.assertIn("does not answer", (response.json or {})["detail"])
            status = application().test_client().get("/health/ready").status_code
            self.assertEqual(status, 200)

    def test_without_a_model_the_model_is_what_is_missing(self) -> None:
        detail = (unloaded().test_client().get("/global_shap").json or {})["detail"]
        self.assertIn("The model is not loaded", detail)


class Workers(unittest.TestCase):
    def test_they_import_no_matplotlib(self) -> None:
        if not Path("/proc").exists():
            self.skipTest("this system has no /proc")
        running().picture()
        workers, drawing = children_of(running().process.pid)
        self.assertEqual((len(workers), len(drawing)), (2, 1))
        for pid in workers | drawing:
            maps = Path(f"/proc/{pid}/maps").read_text()
            self.assertEqual("matplotlib" in maps, pid in drawing)


if __name__ == "__main__":
    unittest.main()
