"""Faults of the whole service: whatever kills it, each decision that was answered is recorded, none twice."""

import http.client
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.tests.running import served
from api.tests.running_server import PATIENCE_S, Server, children_of
from api.web.keys import SCOPES, new_key, write_keys
from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.record import Decision, Seal
from project_tools.serving.decisions.store import open_store
from project_tools.settings import ROOT
from tests.helpers.postgres import Postgres, end_postgres, start_postgres

#: How often the service is killed; a longer run sets the variable.
KILLS = int(os.environ.get("KILLS", "5"))
CALLERS = 6


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = start_postgres()
    yield server
    end_postgres(server)


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest) -> str | None:
    """The address of an empty record; None is the SQLite file of the state folder."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres").database()


class Service:
    """A service with keys on a state folder, which can be started again."""

    def __init__(self, folder: Path, address: str | None = None) -> None:
        self.state, self.address = folder / "state", address
        self._folder, self._starts = folder, 0
        self.key, stored = new_key("x", SCOPES, days=1, per_minute=10_000_000)
        write_keys(folder / "keys", [stored])
        self.ids = served().ids()[:20]
        self.server = self.start()

    def start(self) -> Server:
        self._starts += 1
        changes = {"CREDIT_STATE": str(self.state), "CREDIT_API_KEYS": str(self._folder / "keys")}
        if self.address:
            changes["CREDIT_DECISIONS"] = self.address
        self.server = Server.start(self._folder / f"log{self._starts}", **changes)
        self.until(200)
        return self.server

    def ask(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S)
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def decide(self) -> tuple[int, Any]:
        return self.ask(f"/prediction/{self.ids[0]}")

    def until(self, status: int, path: str = "/health/ready") -> float:
        """Seconds until an address answers with a status."""
        start = time.monotonic()
        while True:
            try:
                if self.ask(path)[0] == status:
                    return time.monotonic() - start
            except OSError:
                pass
            assert time.monotonic() - start < PATIENCE_S, self.server.log.read_text()[-3000:]
            time.sleep(0.05)

    @contextmanager
    def under_load(self) -> Iterator[list[Any]]:
        """Callers that ask all the time; the decisions that were answered to them."""
        answered: list[Any] = []
        stop = threading.Event()

        def call(number: int) -> None:
            while not stop.is_set():
                number += 1
                try:
                    status, body = self.ask(f"/prediction/{self.ids[number % len(self.ids)]}")
                except (OSError, http.client.HTTPException, ValueError):
                    time.sleep(0.02)  # it is killed
                else:
                    if status == 200:
                        answered.append(body)

        threads = [threading.Thread(target=call, args=(n,)) for n in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield answered
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def kill(self) -> None:
        """End master, workers and the drawing process by SIGKILL, at the same time."""
        master = self.server.process
        workers, drawing = children_of(master.pid)
        for pid in (master.pid, *workers, *drawing):
            os.kill(pid, signal.SIGKILL)
        master.wait(PATIENCE_S)

    def recorded(self) -> list[Decision]:
        """All decisions of the record, whose chain holds."""
        with open_store(self.address, self.state) as store:
            found = verify(store.database)
            assert found.problems == []
            decisions: list[Decision] = []
            while page := store.decisions(
                after=len(decisions) and decisions[-1].sequence, limit=5000
            ):
                decisions += page
            return decisions

    def check(self, answered: list[Any]) -> tuple[int, int]:
        """Every answer is recorded once, as it was given; the numbers of answers and of decisions."""
        decisions = self.recorded()
        by_id = {decision.id: decision for decision in decisions}
        assert len(by_id) == len(decisions)
        lost = [body for body in answered if body["decision"]["id"] not in by_id]
        assert lost == []
        for body in answered:
            decision = by_id[body["decision"]["id"]]
            assert (decision.client, decision.probability) == (body["id"], body["proba_risk_class"])
            assert decision.seal == body["decision"]["seal"]
        assert len({body["decision"]["sequence"] for body in answered}) == len(answered)
        return len(answered), len(decisions)


@pytest.mark.slow
def test_killed_it_has_recorded_each_answer_once(tmp_path: Path, address: str | None) -> None:
    service = Service(tmp_path, address)
    answered: list[Any] = []
    for number in range(KILLS):
        with service.under_load() as answers:
            enough = time.monotonic() + 0.7 + 0.1 * (number % 5)
            while time.monotonic() < enough or len(answers) < 20:
                time.sleep(0.01)
            service.kill()
        assert len(answers) >= 20
        answered += answers
        service.start()
    assert service.server.stop() == 0
    numbers = service.check(answered)
    with open_store(address, service.state) as store:
        seal = Seal.parse(answered[-1]["decision"]["seal"])
        assert verify(store.database, seal).problems == []
    print(f"{KILLS} kills: {numbers[0]} answered, {numbers[1]} recorded, 0 lost, 0 twice")  # noqa: T201  (the figures that are shown)


@pytest.mark.slow
def test_stopped_it_answers_what_has_begun_and_two_reloads_at_once_lose_nothing(
    tmp_path: Path, address: str | None
) -> None:
    service = Service(tmp_path, address)
    with service.under_load() as answered:
        while len(answered) < 50:
            time.sleep(0.01)
        statuses: list[int] = []
        reloads = [
            threading.Thread(
                target=lambda: statuses.append(service.ask("/admin/reload", "POST", {})[0])
            )
            for _ in range(2)
        ]
        for thread in reloads:
            thread.start()
        for thread in reloads:
            thread.join()
        assert statuses == [200, 200]
        before = len(answered)
        while len(answered) < before + 50:
            time.sleep(0.01)
        assert service.server.stop() == 0
    service.check(answered)
    with open_store(address, service.state) as store:
        assert [event.facts["step"] for event in store.events()].count("asked") == 2
    log = service.server.log.read_text()
    assert "Traceback" not in log
    assert '"event": "head"' in log


@pytest.mark.slow
def test_a_halt_reaches_every_worker_within_a_second_and_survives_a_restart(tmp_path: Path) -> None:
    service = Service(tmp_path)
    explanation = f"/explanation/{service.ids[0]}"
    assert service.ask("/admin/halt", "POST", {"reason": "a test"})[0] == 200
    time.sleep(1)
    for _ in range(20):  # both workers
        assert service.decide()[0] == 503
        assert service.ask(explanation)[0] == 503
        assert service.ask("/health/ready")[1]["halted"] is True
        assert service.ask("/decisions")[0] == 200
    service.kill()
    service.start()
    assert service.decide()[0] == 503
    assert service.ask("/admin/resume", "POST", {"reason": "it was a test"})[0] == 200
    time.sleep(1)
    for _ in range(20):
        assert service.decide()[0] == 200
        assert service.ask(explanation)[0] == 200
    assert service.server.stop() == 0
    service.check([])


@pytest.mark.slow
def test_full_disk_and_lock_are_503_and_it_comes_back_by_itself(tmp_path: Path) -> None:
    service = Service(tmp_path)
    answered = [service.decide()[1] for _ in range(60)]
    file = service.state / "decisions" / "decisions.sqlite"
    workers = children_of(service.server.process.pid)[0]
    before = len(service.recorded())
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    for pid in workers:  # no file is written beyond 8 kB: a full disk
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    refused = [service.decide() for _ in range(20)]
    assert {status for status, _ in refused} == {503}
    assert "cannot be recorded" in refused[0][1]["detail"]
    assert service.until(503) < 5
    for pid in workers:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    status, body = service.decide()
    assert status == 200
    answered.append(body)
    service.until(200)
    assert len(service.recorded()) == before + 1, "a decision was recorded that nobody got"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert service.decide()[0] == 503
    other.execute("ROLLBACK")
    other.close()
    answered.append(service.decide()[1])
    assert service.until(200) < 10
    assert service.server.stop() == 0
    assert service.check(answered) == (62, 62)


def drill(part: int, store: str, backup: Path, seal: str, environ: dict[str, str]) -> str:
    """Run the lines of docs/operations.md that back up (0) or restore (1); what the last one says."""
    text = (ROOT / "docs" / "operations.md").read_text()
    block = text.partition("### Back up and restore")[2].split("```bash\n")[part + 1]
    said = ""
    for line in block.partition("```")[0].splitlines():
        other = {"sqlite": "# PostgreSQL", "postgres": "# SQLite"}[store]
        if other in line or (store == "postgres" and "decisions.sqlite" in line):
            continue
        command = line.replace("/backup", str(backup)).replace("SEAL", seal)
        binaries = max(Path("/usr/lib/postgresql").glob("*/bin"))
        path = f"{Path(sys.executable).parent}:{binaries}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euc", command], env={**os.environ, **environ, "PATH": path},
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
    return said


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_backed_up_lost_and_restored_as_the_document_says(
    tmp_path: Path, postgres: Postgres, kind: str
) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    service = Service(tmp_path, postgres.database() if kind == "postgres" else None)

    def environ() -> dict[str, str]:
        named = {"CREDIT_STATE": str(service.state)}
        return named | ({"CREDIT_DECISIONS": service.address} if service.address else {})

    answered = [service.decide()[1] for _ in range(20)]
    seal = answered[-1]["decision"]["seal"]
    with service.under_load():  # nothing has to stop for a backup
        drill(0, kind, backup, seal, environ())
    late = service.decide()[1]["decision"]["seal"]
    assert service.server.stop() == 0
    shutil.rmtree(service.state)
    (service.state / "decisions").mkdir(parents=True, mode=0o700)
    service.address = postgres.database() if kind == "postgres" else None
    drill(1, kind, backup, seal, environ())
    with open_store(service.address, service.state) as store:
        assert verify(store.database, Seal.parse(late)).problems != [], "what was lost must show"
    service.start()
    answered.append(service.decide()[1])
    assert service.server.stop() == 0
    service.check(answered)
    digest = answered[0]["model"]["digest"]
    assert (service.state / "decisions" / "artefacts" / digest / "manifest.json").is_file()


@pytest.mark.slow
def test_postgresql_goes_and_comes_back(tmp_path: Path, postgres: Postgres) -> None:
    service = Service(tmp_path, postgres.database())
    answered = [service.decide()[1] for _ in range(10)]
    postgres.stop("immediate")
    assert {service.decide()[0] for _ in range(10)} == {503}
    service.until(503)
    assert service.ask("/model_info")[0] == 200
    postgres.start()
    service.until(200)
    answered += [service.decide()[1] for _ in range(10)]
    assert service.server.stop() == 0
    assert service.check(answered) == (20, 20)
    log = service.server.log.read_text()
    assert "Hidden-Word" not in log
    assert "Traceback" not in log
