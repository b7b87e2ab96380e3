"""Faults of the files and reloads, under load, with a real gunicorn: never a wrong score, never a stop."""

import hashlib
import http.client
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from api import reload
from api.tests.running_server import children_of
from api.tests.served import Served, make_served
from project_tools.errors import StorageError
from project_tools.evaluation.calibration import PlattCalibration
from project_tools.serving.artefact import _seal, load_artefact, write_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.last_good import LastGood
from project_tools.serving.manifest import Manifest
from project_tools.serving.scoring import Scorer
from project_tools.settings import ROOT, Settings

PATIENCE_S = 90


class Server:
    """A gunicorn on a model, its log, and the scores that each of its models gives to ten clients."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served, self.log = served, folder / "log"
        with socket.socket() as attempt:
            attempt.bind(("127.0.0.1", 0))
            self.port = attempt.getsockname()[1]
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("CREDIT_", "API_"))}
        log = self.log.open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api"],
            cwd=ROOT,
            stderr=log,
            env={
                **kept,
                "CREDIT_MODEL": str(served.model),
                "CREDIT_CLIENTS": str(served.clients),
                "CREDIT_STATE": str(folder / "state"),
                "CREDIT_API_PORT": str(self.port),
            },
        )
        log.close()
        self.ids = served.ids()[:10]
        self.expected: dict[tuple[str, int], float] = {}
        self.digest = self.note_scores()
        wait_until(lambda: self.status("/health/ready") == 200, "the server is not ready")

    def note_scores(self) -> str:
        """Compute the right scores of the model at the path; its digest."""
        artefact = load_artefact(self.served.model, child=False)
        store, scorer = ClientStore.open(self.served.clients, artefact), Scorer(artefact)
        for i in self.ids:
            score = scorer.score(store.row(i))
            self.expected[artefact.digest, i] = score.decision.probability
        return artefact.digest

    def get(self, path: str) -> tuple[int, dict]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def status(self, path: str) -> int:
        try:
            return self.get(path)[0]
        except OSError:
            return 0

    def digests(self, asked: int = 20) -> set[str]:
        """The models that answer now."""
        return {self.get(f"/prediction/{self.ids[0]}")[1]["model"]["digest"] for _ in range(asked)}

    def workers(self) -> set[int]:
        return children_of(self.process.pid)[0]

    @contextmanager
    def under_load(self):
        """Requests all the time; each answer must be the right score of the model that it names."""
        stop, wrong, answers = threading.Event(), [], []

        def ask(number: int) -> None:
            while not stop.is_set():
                number += 1
                client = self.ids[number % len(self.ids)]
                try:
                    status, body = self.get(f"/prediction/{client}")
                    key = body.get("model", {}).get("digest"), client
                    if status != 200 or body["proba_risk_class"] != self.expected.get(key):
                        wrong.append((status, body))
                    answers.append(key)
                except (OSError, http.client.HTTPException, KeyError) as why:
                    wrong.append(repr(why))

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert wrong == []
        assert len(answers) > 20


def wait_until(true, what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def another_model(served: Served, version: str) -> None:
    """Replace the model at the path by one that gives other probabilities."""
    content = replace(
        served.content, version=version, calibration=PlattCalibration(1.1 + int(version) / 10, 0.1)
    )
    write_artefact(served.model, content)


def reseal(folder: Path, **changes: str) -> None:
    manifest = Manifest.from_bytes((folder / "manifest.json").read_bytes())
    _seal(folder, replace(manifest, **changes))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reload")
    made = Server(make_served(folder), folder)
    yield made
    made.process.send_signal(signal.SIGTERM)
    assert made.process.wait(PATIENCE_S) == 0
    assert "Traceback" not in made.log.read_text()


def test_the_clients_file_may_be_shortened_removed_and_put_back(server):
    path, workers = server.served.clients, server.workers()
    content = path.read_bytes()
    with server.under_load():
        with path.open("r+b") as file:
            file.truncate(2000)
        for i in server.served.ids()[10:60]:  # rows that were not read before: SIGBUS if mapped
            assert server.status(f"/clients/{i}") == 200
            assert server.status(f"/peers/{i}?group=everyone&feature=AMT_CREDIT") == 200
        path.unlink()
        assert server.status("/health/ready") == 200
        path.write_bytes(content)
    assert server.workers() == workers


@pytest.mark.slow
def test_a_worker_that_starts_while_model_and_clients_are_away_answers(server):
    away = [
        (p, p.with_name(f"{p.name}.away")) for p in (server.served.model, server.served.clients)
    ]
    victim, *_ = workers = server.workers()
    for path, hidden in away:
        path.rename(hidden)
    try:
        os.kill(victim, signal.SIGKILL)
        wait_until(
            lambda: len(server.workers()) == len(workers) and victim not in server.workers(),
            "no new worker",
        )
        other = (workers - {victim}).pop()
        os.kill(other, signal.SIGSTOP)  # so that the new one has to answer
        try:
            wait_until(lambda: server.status("/health/ready") == 200, "the new worker is not ready")
            assert server.digests(5) == {server.digest}
        finally:
            os.kill(other, signal.SIGCONT)
    finally:
        for path, hidden in away:
            hidden.rename(path)


@pytest.mark.parametrize(("sent", "version"), [(signal.SIGUSR1, "4"), (signal.SIGHUP, "5")])
def test_a_good_model_is_answered_from_without_a_stop(server, sent, version):
    workers = server.workers()
    with server.under_load():
        another_model(server.served, version)
        new = server.note_scores()
        server.process.send_signal(sent)
        wait_until(lambda: server.digests() == {new}, "the new model does not answer")
    server.digest = new
    assert server.workers() == workers


def damage(served: Served) -> None:
    content = (served.model / "model.txt").read_bytes()
    (served.model / "model.txt").write_bytes(content[:-100])


def lie(served: Served) -> None:
    golden = json.loads((served.model / "golden.json").read_text())
    golden["calibrated"][0] += 0.01
    (served.model / "golden.json").write_text(json.dumps(golden))
    reseal(served.model)


def take_another_state(served: Served) -> None:
    reseal(served.model, state_digest="f" * 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (damage, "model.txt is damaged"),
        (lie, "gives golden row 1 another"),
        (take_another_state, "was made with another feature state than the model"),
        (lambda served: shutil.rmtree(served.model), "there is no model folder"),
    ],
    ids=["damaged", "wrong score", "of other clients", "none"],
)
def test_another_artefact_is_refused_and_the_former_goes_on(server, tmp_path, change, reason):
    good, workers = tmp_path / "good", server.workers()
    shutil.copytree(server.served.model, good)
    before = server.log.read_text().count(reason)
    with server.under_load():
        change(server.served)
        server.process.send_signal(signal.SIGUSR1)
        wait_until(
            lambda: server.log.read_text().count(reason) >= before + len(workers),
            f"the log of each worker does not say: {reason}",
        )
        assert server.digests() == {server.digest}
    shutil.rmtree(server.served.model, ignore_errors=True)
    shutil.copytree(good, server.served.model)
    assert server.workers() == workers


def test_a_worker_without_a_model_heals_by_itself(tmp_path, monkeypatch):
    made = make_served(tmp_path)
    made.model.rename(tmp_path / "away")
    settings = Settings.load(
        {
            "CREDIT_MODEL": str(made.model),
            "CREDIT_CLIENTS": str(made.clients),
            "CREDIT_STATE": str(tmp_path / "state"),
        }
    )
    monkeypatch.setattr(reload, "RETRY_S", 0.2)
    keeper = reload.Keeper(settings, logging.getLogger("test"), lambda _, pair: pair.model)
    keeper.start("")
    assert keeper.service is None
    former = signal.getsignal(signal.SIGUSR1)
    try:
        keeper.watch()
        (tmp_path / "away").rename(made.model)
        wait_until(lambda: keeper.service is not None, "it did not heal")
    finally:
        signal.signal(signal.SIGUSR1, former)
    digest = hashlib.sha256((made.model / "manifest.json").read_bytes()).hexdigest()
    assert keeper.service == digest


def test_nothing_is_trusted_in_a_folder_that_others_can_write(tmp_path):
    made = make_served(tmp_path)
    (tmp_path / "state" / "serving").mkdir(parents=True)
    (tmp_path / "state" / "serving").chmod(0o777)
    with pytest.raises(StorageError, match="writable for others"):
        LastGood(made.model, made.clients, tmp_path / "state").adopt()
