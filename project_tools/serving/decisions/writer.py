"""The writer: one thread per process commits what all request threads hand to it, in groups.

A commit costs a flush of the disk, whatever it holds; so the requests that wait share one. A
transaction also fixes the order: it reads the head, chains the new events to it, and moves it.
"""

import json
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from project_tools.serving.decisions.database import Database, unavailable
from project_tools.serving.decisions.errors import (
    AlreadyRecordedError,
    HaltedError,
    KeyInUseError,
    NotHaltedError,
    RecordUnavailableError,
)
from project_tools.serving.decisions.record import (
    COLUMNS,
    NewDecision,
    NewEvent,
    Values,
    canonical_json,
    event_digest,
    now,
)

#: Requests that one transaction commits at most.
GROUP = 64
#: Seconds that a request waits for its commit.
WAIT_S = 10.0
#: Hours that an answer is kept under its Idempotency-Key.
KEPT_H = 24
#: Answers older than that are removed once in so many groups.
_SWEEP = 256


@dataclass(frozen=True, slots=True)
class Once:
    """The Idempotency-Key of a request: the caller's key, the route, the value, the body's digest."""

    key_id: str
    route: str
    value: str
    body: str

    @property
    def key(self) -> tuple[str, str, str]:
        """By what it is unique."""
        return self.key_id, self.route, self.value


@dataclass(slots=True, eq=False)
class Job:
    """What one request records, and its outcome.

    ``answer`` makes the answer that is kept under the key of ``once``, of the values and digests of
    the events. ``halts``: the event puts a halt in force (true), or ends it (false). ``also`` runs
    further statements in the same transaction; ``wait_s`` is how long the caller waits.
    """

    events: Sequence[NewDecision | NewEvent]
    once: Once | None = None
    answer: Callable[[list[tuple[Values, str]]], bytes] | None = None
    halts: bool | None = None
    also: Callable[[Connection], None] | None = None
    wait_s: float = WAIT_S
    rows: list[tuple[Values, str]] = field(default_factory=list)
    answered: bytes = b""
    error: Exception | None = None
    # Held until the job is done: a bare lock wakes a thread in half the time of an event.
    _running: threading.Lock = field(default_factory=threading.Lock)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _state: str = "waiting"

    def __post_init__(self) -> None:
        self._running.acquire()

    @property
    def firsts(self) -> list[tuple[str, str, str]]:
        """What its events record that may be recorded once alone, in their order."""
        return [new.only for new in self.events if isinstance(new, NewEvent) and new.only]

    def take(self) -> bool:
        """Whether the writer may record it; False once the request has given up."""
        with self._lock:
            if self._state == "waiting":
                self._state = "taken"
            return self._state == "taken"

    def finish(self, error: Exception | None = None) -> None:
        """Give the outcome to the request that waits."""
        self.error = error or self.error
        self._running.release()

    def wait(self) -> None:
        """Wait until it is committed; raises its error, or ``RecordUnavailableError`` if that is late."""
        if not self._running.acquire(timeout=self.wait_s):
            with self._lock:
                given_up = self._state == "waiting"
                self._state = "abandoned" if given_up else self._state
            # What the writer has taken is soon committed or refused.
            if given_up or not self._running.acquire(timeout=self.wait_s):
                raise RecordUnavailableError(
                    f"the record of decisions was not written within {self.wait_s:.0f} s; nothing is "
                    "decided meanwhile"
                )
        if self.error is not None:
            raise self.error


class Writer:
    """Commits jobs in groups. The thread starts with the first job; ``close`` ends it."""

    def __init__(self, database: Database, facts: str) -> None:
        self._database, self._facts = database, facts
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        # The driver's own: SQLAlchemy takes longer for the statements of a group than the database.
        self._cursor: Any = None
        self._file: tuple[int, int] | None = None
        self._groups = 0
        self._statements = _statements(database.mark, sqlite=database.sqlite)

    def run(self, job: Job) -> Job:
        """Record a job, and return it when it is committed; raises why it is not."""
        if self._thread is None:
            self._start()
        self._queue.put(job)
        job.wait()
        return job

    def close(self) -> None:
        """Commit what is waiting, and end the thread."""
        with self._starting:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="decisions", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group, last = [first], False
            with suppress(queue.Empty):
                while len(group) < GROUP and not last:
                    job = self._queue.get_nowait()
                    last = job is None
                    group += [job] if job is not None else []
            self._record(group)
            if last:
                break
        self._disconnect()

    def _record(self, group: list[Job]) -> None:
        """Commit a group; one that the database refuses is tried again job by job."""
        try:
            self._commit(group)
        except Exception as why:  # noqa: BLE001  (each request must get an outcome)
            if len(group) > 1 and self._database.refuses_rows(why):
                for job in group:
                    self._record([job])
                return
            # Never the database's own error, which holds parameters.
            told = isinstance(why, RecordUnavailableError)
            for job in group:
                job.finish(why if told else unavailable(self._database.name, why))
        else:
            for job in group:
                job.finish()

    def _commit(self, group: list[Job]) -> None:
        connection, fresh = self._connected()  # which may make the schema, under the same lock
        with self._database.locked():
            try:
                try:
                    recorded = self._write(connection, group)
                except self._database.errors:
                    self._disconnect()
                    if fresh or self._database.sqlite:
                        raise
                    # PostgreSQL was started anew since the last group; nothing was committed.
                    connection, _ = self._connected()
                    recorded = self._write(connection, group)
                self._cursor.execute("COMMIT" if recorded else "ROLLBACK")
            except BaseException:
                self._disconnect()
                # One that was opened while the file was read-only would stay so.
                self._database.close()
                raise

    def _write(self, connection: Connection, group: list[Job]) -> bool:
        """Everything of a transaction but its end; False where no job has anything to record."""
        statements, cursor = self._statements, self._cursor
        cursor.execute(self._database.begin)
        cursor.execute(statements.head)
        sequence, digest, halted = cursor.fetchone()
        batch = _Batch(sequence, digest, halted, self._facts)
        for job in group:
            if job.take():
                used = None
                if job.once is not None:
                    cursor.execute(statements.used, job.once.key)
                    used = cursor.fetchone()
                taken = False
                for first in job.firsts:
                    cursor.execute(statements.taken, first)
                    taken = taken or cursor.fetchone() is not None
                batch.add(job, used[0] if used else None, taken=taken)
        if not batch.rows and not batch.answers:
            return False
        for statement, rows in (
            (statements.content, list(batch.contents.items())),
            (statements.event, batch.rows),
            (statements.first, [(*first, at) for first, at in batch.firsts.items()]),
            (statements.forget, list(batch.answers)),
            (statements.answer, [(*key, *rest) for key, rest in batch.answers.items()]),
        ):
            if len(rows) == 1:  # the drivers take longer to prepare for many
                cursor.execute(statement, rows[0])
            elif rows:
                cursor.executemany(statement, rows)
        for also in batch.also:
            also(connection)
        cursor.execute(statements.move, (batch.sequence, batch.digest, batch.halted))
        self._groups += 1
        if self._groups % _SWEEP == 1:
            cursor.execute(statements.sweep, (oldest_kept(),))
        return True

    def _connected(self) -> tuple[Connection, bool]:
        """The writer's connection, and whether it is new.

        A file that was replaced, as by a restore, is opened anew: the former one has no name.
        """
        path = self._database.path
        if self._connection is not None and path is not None and _identity(path) != self._file:
            self._disconnect()
        if self._connection is not None:
            return self._connection, False
        self._connection = self._database.open()
        self._cursor = self._connection.connection.cursor()
        self._file = _identity(path) if path is not None else None
        return self._connection, True

    def _disconnect(self) -> None:
        """Give up the connection and what it has not committed."""
        connection, cursor = self._connection, self._cursor
        self._connection = self._cursor = None
        if connection is None:
            return
        with suppress(*self._database.errors):
            cursor.execute("ROLLBACK")  # a statement that failed would keep SQLite's file locked
        with suppress(*self._database.errors):
            cursor.close()
            connection.invalidate()
            connection.close()


@dataclass(slots=True)
class _Batch:
    """What a transaction writes: rows chained to the head, contents, answers, the new head."""

    sequence: int
    digest: str
    halted: str | None
    facts: str
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], tuple[Any, ...]] = field(default_factory=dict)
    firsts: dict[tuple[str, str, str], int] = field(default_factory=dict)
    also: list[Callable[[Connection], None]] = field(default_factory=list)

    def add(self, job: Job, used: str | None, *, taken: bool) -> None:
        """Chain the events of a job, or give the job the error that prevents it.

        ``used`` is when its Idempotency-Key was last used; ``taken``: one of its firsts is recorded.
        """
        job.rows, job.error = [], None
        try:
            self._refuse(job, used)
            if taken or any(first in self.firsts for first in job.firsts):
                raise AlreadyRecordedError("another request has recorded this meanwhile")
            sequence, digest = self.sequence, self.digest
            rows = []
            for new in job.events:
                sequence += 1
                values = new.values(sequence, self.facts)
                digest = event_digest(digest, values)
                rows.append((values, digest))
            answer = job.answer(rows) if job.answer else b""
        except Exception as why:  # noqa: BLE001  (it is the job's own outcome, and no other's)
            job.error = why
            return
        if job.once is not None:
            place = (now(), job.once.body, self.sequence + 1, sequence, answer)
            self.answers[job.once.key] = place
        job.rows, job.answered = rows, answer
        self.sequence, self.digest = sequence, digest
        self.rows += [(*values, digest) for values, digest in rows]
        for new in job.events:
            self.contents.update(new.contents())
        for new, (values, _) in zip(job.events, rows, strict=True):
            if isinstance(new, NewEvent) and new.only:
                self.firsts[new.only] = values[0]
        if job.also is not None:
            self.also.append(job.also)
        if job.halts is not None:
            facts = json.loads(rows[0][0][-1])
            self.halted = canonical_json({**facts, "since": rows[0][0][3]}) if job.halts else None

    def _refuse(self, job: Job, used: str | None) -> None:
        if self.halted is not None and any(isinstance(new, NewDecision) for new in job.events):
            raise HaltedError(json.loads(self.halted)["reason"])
        if job.halts is False and self.halted is None:
            raise NotHaltedError("decisions are not halted: there is nothing to resume")
        kept = used is not None and used >= oldest_kept()
        if job.once is not None and (kept or job.once.key in self.answers):
            raise KeyInUseError(
                "another request with this Idempotency-Key was answered meanwhile; send it again "
                "for its answer"
            )


@dataclass(frozen=True, slots=True)
class _Statements:
    """The statements of a group, compiled once: the writer runs them for every decision."""

    head: str
    event: str
    content: str
    answer: str
    move: str
    used: str
    forget: str
    sweep: str
    taken: str
    first: str


def _statements(mark: str, *, sqlite: bool) -> _Statements:
    columns = ", ".join(f'"{name}"' for name in (*COLUMNS, "digest"))
    marks = ", ".join([mark] * (len(COLUMNS) + 1))
    key = f"key_id = {mark} AND route = {mark} AND value = {mark}"
    return _Statements(
        head="SELECT sequence, digest, halted FROM head" + ("" if sqlite else " FOR UPDATE"),
        event=f"INSERT INTO events ({columns}) VALUES ({marks})",
        content=(
            f"INSERT INTO contents (digest, content) VALUES ({mark}, {mark}) "
            "ON CONFLICT (digest) DO NOTHING"
        ),
        answer=(
            "INSERT INTO answers (key_id, route, value, time, body, first, last, answer) "
            f"VALUES ({', '.join([mark] * 8)})"
        ),
        move=f"UPDATE head SET sequence = {mark}, digest = {mark}, halted = {mark}",
        used=f"SELECT time FROM answers WHERE {key}",
        forget=f"DELETE FROM answers WHERE {key}",
        sweep=f"DELETE FROM answers WHERE time < {mark}",
        taken=f"SELECT 1 FROM firsts WHERE kind = {mark} AND subject = {mark} AND name = {mark}",
        first=f"INSERT INTO firsts (kind, subject, name, sequence) VALUES ({', '.join([mark] * 4)})",
    )


def oldest_kept() -> str:
    return (datetime.now(UTC) - timedelta(hours=KEPT_H)).isoformat(timespec="microseconds")


def _identity(path: Any) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
