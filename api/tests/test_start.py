"""Starting: one line and an exit status for what cannot start, and a real start and stop."""

import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import packages_distributions
from pathlib import Path
from unittest import mock

from api import __main__ as launcher
from api.tests.running import served
from api.tests.running_server import PATIENCE_S, ROOT, environment, free_port
from api.web.keys import OPEN
from project_tools.system.files import sha256

API = Path(launcher.__file__).resolve().parent


class Refused(unittest.TestCase):
    def check(self, **changes: str) -> tuple[int, str, str]:
        """Exit status, output and errors of ``python -m api --check``, in this process."""
        out, errors = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, environment(**changes), clear=True),
            redirect_stdout(out),
            redirect_stderr(errors),
        ):
            status = launcher.main(["--check"])
        return status, out.getvalue(), errors.getvalue()

    def test_what_could_start_gives_its_digest(self) -> None:
        digest = sha256(served().model / "manifest.json")
        self.assertEqual(self.check(), (0, f"{digest}\n", ""))

    def test_what_could_not_is_one_line(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        damaged = shutil.copytree(served().model, folder / "damaged")
        (damaged / "model.txt").write_bytes((damaged / "model.txt").read_bytes()[:-100])
        for changes, words in (
            ({"CREDIT_MODEL": str(folder / "none")}, "there is no model folder"),
            ({"CREDIT_MODEL": str(damaged)}, "model.txt is damaged"),
            ({"CREDIT_API_PORT": "80000"}, "CREDIT_API_PORT is '80000'"),
            ({"CREDIT_API_PROT": "8000"}, "did you mean 'CREDIT_API_PORT'"),
            ({"CREDIT_MODEL": ""}, "CREDIT_MODEL is set to nothing"),
        ):
            with self.subTest(words):
                status, out, errors = self.check(**changes)
                self.assertEqual((status, out), (1, ""))
                self.assertIn(words, errors)
                self.assertEqual(errors.count("\n"), 1)

    def start(self, command: list[str], **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  (our own module)
            command,
            env=environment(**changes),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def test_a_port_in_use_is_one_line(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            done = self.start([sys.executable, "-m", "api"], CREDIT_API_PORT=port)
        self.assertEqual(done.returncode, 1)
        self.assertIn(
            f"cannot listen on 127.0.0.1 port {port} (Address already in use)", done.stderr
        )
        self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1))

    def test_gunicorn_without_the_launcher_is_refused_too(self) -> None:
        gunicorn = [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            str(API / "gunicorn.conf.py"),
            "api.wsgi:app",
        ]
        done = self.start(gunicorn, CREDIT_MODEL="/nonexistent", CREDIT_API_PORT=str(free_port()))
        self.assertEqual(done.returncode, 1)
        self.assertTrue(
            done.stderr.strip().endswith("`python -m project_tools export`"), done.stderr
        )
        self.assertNotIn("Traceback", done.stderr)


class Started(unittest.TestCase):
    def test_it_serves_and_stops(self) -> None:
        port = free_port()
        log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed by addCleanup)
        self.addCleanup(log.close)
        server = subprocess.Popen(
            [sys.executable, "-m", "api"],
            env=environment(CREDIT_API_PORT=str(port)),
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
        try:
            self.assertEqual(self.answer(server, port), "ready")
        finally:
            server.send_signal(signal.SIGTERM)
            status = server.wait(PATIENCE_S)
            log.seek(0)
            text = log.read()
        self.assertEqual(status, 0, text)
        self.assertEqual(text.count(f"\n{OPEN}\n"), 1, text)
        self.assertNotIn("Traceback", text)
        self.assertNotIn("Error", text)

    def answer(self, server: "subprocess.Popen[bytes]", port: int) -> str:
        """What ``/health/ready`` says, as soon as it says anything."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end and server.poll() is None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
            try:
                connection.request("GET", "/health/ready")
                return str(json.loads(connection.getresponse().read())["status"])
            except ConnectionError:
                time.sleep(0.1)
            finally:
                connection.close()
        return f"no answer; exit status {server.poll()}"


class Names(unittest.TestCase):
    def test_no_module_here_hides_a_library(self) -> None:
        # `python -m unittest discover api` puts this folder first among the places of imports.
        names = {p.stem for p in API.glob("*.py")} | {p.name for p in API.iterdir() if p.is_dir()}
        names -= {"__init__", "__main__", "__pycache__", "tests"}
        self.assertEqual(names & {*sys.stdlib_module_names}, set())
        self.assertEqual(names & {*packages_distributions()}, set())


if __name__ == "__main__":
    unittest.main()
