"""What is answered is recorded, whatever fails: killed, full, locked, read-only, stopped, restored."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import event, text

from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.errors import RecordUnavailableError
from project_tools.serving.decisions.record import NewDecision, NewEvent, Seal
from project_tools.serving.decisions.store import DecisionStore, once, open_store
from project_tools.serving.decisions.writer import Job
from project_tools.settings import ROOT
from project_tools.system.progress import say
from tests.helpers.postgres import Postgres

Make = Callable[..., NewDecision]
#: Kills of the slow test; KILLS=500 shows the bound of the issue.
KILLS = int(os.environ.get("KILLS", "100"))


def run(program: str | Path, *words: object, timeout: float = 120) -> str:
    """What a program printed; it is a file, or a text."""
    command = ["-c", program] if isinstance(program, str) else [program]
    done = subprocess.run(
        [sys.executable, *map(str, [*command, *words])],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("rounds", [5, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_a_writer_that_is_killed_loses_and_doubles_nothing(
    address: str | None, tmp_path: Path, rounds: int
) -> None:
    program = ROOT / "tests" / "helpers" / "killed_writer.py"
    lines = run(program, address or "", tmp_path, rounds, timeout=600).splitlines()
    answered = dict(line.split() for line in lines)
    assert len(answered) == len(lines) >= rounds
    with open_store(address, tmp_path) as store:
        found = verify(store.database)
        assert found.problems == []
        recorded: dict[str, str] = {}
        while part := store.decisions(after=len(recorded), limit=5000):
            recorded.update((d.id, d.seal) for d in part)
    lost = [id_ for id_, seal in answered.items() if recorded.get(id_) != seal]
    assert lost == []
    assert found.decisions == len(recorded)  # none twice: an id is unique
    # At most those that were in flight at each kill were recorded and not answered.
    assert len(recorded) - len(answered) <= 4 * rounds
    unanswered = len(recorded) - len(answered)
    say(f"{rounds} kills: {len(answered)} answered, 0 lost, 0 doubled, {unanswered} unanswered")


RECORDS = """
import os, sys, pathlib, threading
from project_tools.serving.decisions.record import NewDecision
from project_tools.serving.decisions.store import open_store
store = open_store(sys.argv[1] or None, pathlib.Path(sys.argv[2]))
def work(client):
    for i in range(40):
        new = NewDecision(client, "ab" * 32, "m", "1", 0.2, b"row", 0.1, -1.0, "no_risk", False)
        (decision,) = store.record([new])
        os.write(1, f"{decision.seal}\\n".encode())
threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
store.close()
"""


def test_two_processes_make_one_chain(address: str | None, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RECORDS, address or "", str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    seals = [line for one in both for line in one.communicate(timeout=60)[0].splitlines()]
    with open_store(address, tmp_path) as store:
        assert sorted(d.seal for d in store.decisions(limit=1000)) == sorted(seals)
        assert verify(store.database).decisions == len(seals) == 320
        assert verify(store.database).problems == []


KILLED_AFTER_COMMIT = """
import os, signal, sys, pathlib
from project_tools.serving.decisions import writer
from project_tools.serving.decisions.record import NewDecision
from project_tools.serving.decisions.store import once, open_store
writer.Job.finish = lambda self, error=None: os.kill(os.getpid(), signal.SIGKILL)
new = NewDecision(1, "ab" * 32, "m", "1", 0.2, b"row", 0.1, -1.0, "no_risk", False)
store = open_store(sys.argv[1] or None, pathlib.Path(sys.argv[2]))
store.idempotent(once("k", "/p", "v", {"a": 1}), lambda: [new], lambda made: made[0].seal.encode())
"""


def test_a_key_after_a_crash_between_commit_and_answer(address: str | None, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED_AFTER_COMMIT, address or "", str(tmp_path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9
    with open_store(address, tmp_path) as store:
        key = once("k", "/p", "v", {"a": 1})
        answer = store.idempotent(key, lambda: pytest.fail("decided twice"), repr)
        (decision,) = store.decisions()
        assert (answer.content, answer.replayed) == (decision.seal.encode(), True)


def fails(store: DecisionStore, new: NewDecision) -> str:
    """The one line of a record that cannot be written."""
    with pytest.raises(RecordUnavailableError, match="nothing is decided meanwhile") as refused:
        store.record([new])
    shown = "".join(traceback.format_exception(refused.value))
    assert "\n" not in str(refused.value)
    assert "Hidden-Word" not in shown
    return str(refused.value)


def recorded_again(store: DecisionStore, decided: Make, before: int) -> None:
    """It goes on by itself, and nothing was recorded that was refused."""
    store.record([decided(1)])
    found = verify(store.database)
    assert (found.problems, found.decisions) == ([], before + 1)


def test_a_full_disk_by_its_page_count(sqlite_store: DecisionStore, decided: Make) -> None:
    sqlite_store.record([decided(1)])
    full = [True]

    def limit(connection: sqlite3.Connection, _: object) -> None:
        if full[0]:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 20}")

    event.listen(sqlite_store.database._connected(), "connect", limit)
    sqlite_store._writer.close()
    sqlite_store.database.close()
    count = 1
    with suppress(RecordUnavailableError):
        while count < 1000:
            sqlite_store.record([decided(count, row=os.urandom(3000))])
            count += 1
    assert 5 < count < 30
    assert "SQLITE_FULL" in fails(sqlite_store, decided(1, row=b"Hidden-Word" * 9000))
    full[0] = False
    recorded_again(sqlite_store, decided, before=count)


FILE_LIMIT = """
import os, pathlib, resource, sys
from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.errors import RecordUnavailableError
from project_tools.serving.decisions.record import NewDecision
from project_tools.serving.decisions.store import open_store
store = open_store(None, pathlib.Path(sys.argv[1]))
make = lambda: NewDecision(1, "ab" * 32, "m", "1", 0.2, os.urandom(3000), 0.1, -1.0, "no_risk", False)
store.record([make()])
answered, failed = 1, 0
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
while failed < 3:
    try:
        store.record([make()])
        answered += 1
    except RecordUnavailableError as why:
        failed += 1
        print(why)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.record([make()])
found = verify(store.database)
print(answered > 10, found.decisions - answered, found.problems)
"""


def test_a_full_disk_by_the_largest_file(tmp_path: Path) -> None:
    *lines, last = run(FILE_LIMIT, tmp_path).splitlines()
    assert last == "True 1 []"  # all that were answered, and the one afterwards
    assert len(lines) == 3
    assert all("cannot be used now (OperationalError SQLITE_" in line for line in lines)


@contextmanager
def locked_by_another_process(path: Path) -> Iterator[None]:
    """Locked as by somebody's SQLite shell, without our lock."""
    program = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        try:
            yield
        finally:
            other.kill()


def test_a_file_that_another_process_locks(sqlite_store: DecisionStore, decided: Make) -> None:
    sqlite_store.record([decided(1)])
    assert sqlite_store.database.path is not None
    with locked_by_another_process(sqlite_store.database.path):
        assert "OperationalError SQLITE_BUSY" in fails(sqlite_store, decided(1))
        assert len(sqlite_store.decisions()) == 1  # readers go on
    recorded_again(sqlite_store, decided, before=1)


def test_a_request_that_has_given_up_is_not_recorded_later(
    store: DecisionStore, decided: Make
) -> None:
    store.record([decided(1)])
    with store.database.writing():
        with pytest.raises(RecordUnavailableError, match="was not written within 0 s"):
            store._writer.run(Job([decided(2)], wait_s=0.3))  # the first waits in the database
        with pytest.raises(RecordUnavailableError, match="was not written within 0 s"):
            store._writer.run(Job([decided(3)], wait_s=0.3))  # this one before it
    time.sleep(0.5)
    store.record([decided(4)])
    clients = [d.client for d in store.decisions()]
    assert 3 not in clients
    assert verify(store.database).problems == []


READ_ONLY = """
import os, pathlib, sys
from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.errors import RecordUnavailableError
from project_tools.serving.decisions.record import NewDecision
from project_tools.serving.decisions.store import open_store
make = lambda: NewDecision(1, "ab" * 32, "m", "1", 0.2, b"row", 0.1, -1.0, "no_risk", False)
state = pathlib.Path(sys.argv[1])
with open_store(None, state / "first") as store:  # imports everything, as the user who may
    store.record([make()])
    verify(store.database)
if os.geteuid() == 0:
    os.setgid(65534), os.setuid(65534)  # nothing is read-only for root
with open_store(None, state / "second") as store:
    store.record([make()])
folder = state / "second" / "decisions"
file = folder / "decisions.sqlite"
store = open_store(None, state / "second")
for path, mode, back in ((file, 0o400, 0o600), (folder, 0o500, 0o700)):
    path.chmod(mode)
    for _ in range(2):
        try:
            store.record([make()])
        except RecordUnavailableError as why:
            print(why)
    path.chmod(back)
    store.record([make()])
    store.close()
found = verify(store.database)
print(found.decisions, found.problems)
"""


def test_a_file_or_folder_that_is_read_only() -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(0o777)
        *lines, last = run(READ_ONLY, folder).splitlines()
    finally:
        shutil.rmtree(folder)
    assert last == "3 []"
    assert len(lines) == 4
    assert all("cannot be used now (" in line for line in lines)


def test_postgres_stopped_and_back(postgres: Postgres, tmp_path: Path, decided: Make) -> None:
    with open_store(postgres.database(), tmp_path) as store:
        store.record([decided(1)])
        postgres.stop("immediate")
        try:
            start = time.monotonic()
            says = fails(store, decided(1, row=b"Hidden-Word"))
            assert "OperationalError" in says
            assert "PostgreSQL at " in says
            with pytest.raises(RecordUnavailableError):
                store.halted()
            assert time.monotonic() - start < 10
        finally:
            postgres.start()
        recorded_again(store, decided, before=1)
        assert store.halted() is None


def test_a_connection_that_postgres_has_closed_fails_no_request(
    postgres: Postgres, tmp_path: Path, decided: Make
) -> None:
    with open_store(postgres.database(), tmp_path) as store:
        store.record([decided(1)])
        with store.database.connect() as connection:
            connection.execute(text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ))  # fmt: skip
        recorded_again(store, decided, before=1)


def test_sqlite_backed_up_lost_and_restored(tmp_path: Path, decided: Make) -> None:
    """The drill of docs/operations.md: the backup is taken while decisions are recorded."""
    with open_store(None, tmp_path / "state") as store:
        before = store.record([decided(i) for i in range(5)])
        source = sqlite3.connect(tmp_path / "state" / "decisions" / "decisions.sqlite")
        copy = sqlite3.connect(tmp_path / "backup.sqlite")
        source.backup(copy)
        copy.close()
        source.close()
        after = store.record([decided(9)])
        shutil.rmtree(tmp_path / "state" / "decisions")
        (tmp_path / "state" / "decisions").mkdir()
        shutil.copy(
            tmp_path / "backup.sqlite", tmp_path / "state" / "decisions" / "decisions.sqlite"
        )
        # The process that was not stopped goes on in the restored file, not in the lost one.
        store.record([decided(10)])
        store.database.close()
    with open_store(None, tmp_path / "state") as store:
        found = verify(store.database, Seal.parse(before[-1].seal))
        assert (found.problems, found.decisions) == ([], 6)
        (problem,) = verify(store.database, Seal.parse(after[-1].seal)).problems
        assert "is not the one of the seal" in problem  # what was lost with the disk shows


def test_postgres_backed_up_lost_and_restored(
    postgres: Postgres, tmp_path: Path, decided: Make
) -> None:
    url = postgres.database()
    with open_store(url, tmp_path) as store:
        before = store.record([decided(i) for i in range(5)])
        store.event(NewEvent("note", {}, client=1, content=b"called"))
        postgres.dump(url, tmp_path / "dump")
        head = store.head()
    restored = postgres.database()
    postgres.restore(restored, tmp_path / "dump")
    with open_store(restored, tmp_path) as store:
        assert store.decisions() == before
        found = verify(store.database, head)
        assert (found.problems, found.events) == ([], 6)
        recorded_again(store, decided, before=5)
