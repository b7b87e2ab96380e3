"""The record of decisions, as the API and the commands use it."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Select, and_, literal_column, select

from project_tools.errors import SettingError
from project_tools.serving.decisions.archive import Archive
from project_tools.serving.decisions.database import Database, Trace
from project_tools.serving.decisions.errors import KeyReusedError, UnknownDecisionError
from project_tools.serving.decisions.platform import platform_facts
from project_tools.serving.decisions.record import (
    COLUMNS,
    SALT,
    Decision,
    Event,
    Kind,
    NewDecision,
    NewEvent,
    Seal,
    Values,
    canonical_json,
)
from project_tools.serving.decisions.tables import ANSWERS, CONTENTS, EVENTS, FIRSTS, HEAD
from project_tools.serving.decisions.writer import Job, Once, Writer, oldest_kept

#: Makes the answer that is kept under an Idempotency-Key.
AnswerOf = Callable[[Event], bytes]
#: Seconds for which a process believes what it last read of a halt.
_HALT_S = 0.5
#: An Idempotency-Key: visible ASCII characters.
_VALUE = range(0x21, 0x7F)
_LONGEST_VALUE = 64
#: In these words SQLite finds the partial indexes.
_OTHER_KINDS = EVENTS.c.kind != literal_column("'decision'")
_ROW = [EVENTS.c[name] for name in (*COLUMNS, "digest")]


@dataclass(frozen=True, slots=True)
class Halt:
    """A halt that is in force: why, who ordered it, and since when (UTC, ISO 8601)."""

    reason: str
    who: str
    since: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer under an Idempotency-Key; ``replayed``: it was given before."""

    content: bytes
    replayed: bool


class DecisionStore:
    """One record of decisions; threads can share it, a forked child must open its own.

    It connects at the first use, and again by itself after every failure. What cannot be written
    or read raises ``RecordUnavailableError``.
    """

    def __init__(self, database: Database, archive: Archive) -> None:
        self.database, self.archive = database, archive
        self._writer = Writer(database, platform_facts())
        self._halt: tuple[float, Halt | None] = (-_HALT_S, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is waiting, and close the connections."""
        self._writer.close()
        self.database.close()

    def record(self, decisions: Sequence[NewDecision]) -> list[Decision]:
        """The decisions as they are recorded, in order, all or none; returns after the commit.

        ``HaltedError`` where decisions are halted.
        """
        job = self._writer.run(Job(decisions))
        return [Decision.of(values, digest) for values, digest in job.rows]

    def record_explained(self, new: NewDecision, reasons: NewEvent) -> tuple[Decision, Event]:
        """A decision and the reasons that were issued with it, both or none.

        The decision has its id already, which is the ``subject`` of the reasons. ``HaltedError``.
        """
        decision, event = self._writer.run(Job([new, replace(reasons, client=new.client)])).rows
        return Decision.of(*decision), Event.of(*event)

    def add(self, events: Sequence[NewEvent]) -> list[Event]:
        """Record several events about one decision, all or none; else as ``event``."""
        client = self.decision(str(events[0].subject)).client
        job = self._writer.run(Job([replace(new, client=client) for new in events]))
        return [Event.of(values, digest) for values, digest in job.rows]

    def idempotent(
        self,
        once: Once,
        decide: Callable[[], Sequence[NewDecision]],
        answer: Callable[[list[Decision]], bytes],
    ) -> Answer:
        """The answer to a request with an Idempotency-Key, made and recorded at most once in 24 h.

        The first request with the key calls ``decide``, and ``answer`` with what is recorded, in
        the writer's transaction: it must be quick and call nothing of the store. Later ones get the
        same bytes. ``KeyReusedError`` for another body; ``KeyInUseError`` if a request with the
        key was answered while this one ran: nothing is recorded then.
        """
        kept = self.answered(once)
        if kept is not None:
            return Answer(kept, replayed=True)
        job = Job(decide(), once, lambda rows: answer([Decision.of(*row) for row in rows]))
        return Answer(self._writer.run(job).answered, replayed=False)

    def answered(self, once: Once) -> bytes | None:
        """The answer that is kept under a key; ``KeyReusedError`` where the body was another one."""
        _check_key(once.value)
        where = [ANSWERS.c[n] == getattr(once, n) for n in ("key_id", "route", "value")]
        query = select(ANSWERS.c.body, ANSWERS.c.answer).where(*where)
        with self.database.connect() as connection:
            row = connection.execute(query.where(ANSWERS.c.time >= oldest_kept())).first()
        if row is None:
            return None
        if row.body != once.body:
            raise KeyReusedError(
                "this Idempotency-Key was used for another request; send a new one with a new key"
            )
        return bytes(row.answer)

    def event(
        self, new: NewEvent, key: Once | None = None, answer: AnswerOf | None = None
    ) -> Event:
        """Record an event of another kind than a decision.

        One about a decision (``subject``) is about its client too; ``UnknownDecisionError``. With a
        ``key``, what ``answer`` makes of the event is kept under it, as by ``idempotent``.
        ``AlreadyRecordedError`` where it is not the ``first`` one.
        """
        if new.subject is not None:
            new = replace(new, client=self.decision(new.subject).client)
        return self._event(Job([new], key, _of_event(answer)))

    def change(
        self, new: NewEvent, also: Callable[[Connection], None], wait_s: float = 600
    ) -> Event:
        """Record an event, and run further statements in the same transaction."""
        return self._event(Job([new], also=also, wait_s=wait_s))

    def halt(
        self, reason: str, who: str, key_id: str = "", *,
        key: Once | None = None, answer: AnswerOf | None = None,
    ) -> Event:  # fmt: skip
        """Let no decision be recorded from now on, in no process, until ``resume``.

        ``key`` and ``answer`` as for ``event``.
        """
        new = NewEvent("halt", _why(reason, who), key_id=key_id)
        return self._event(Job([new], key, _of_event(answer), halts=True))

    def resume(
        self, reason: str, who: str, key_id: str = "", *,
        key: Once | None = None, answer: AnswerOf | None = None,
    ) -> Event:  # fmt: skip
        """End a halt; ``NotHaltedError`` where there is none. ``key`` and ``answer`` as for ``event``."""
        new = NewEvent("resume", _why(reason, who), key_id=key_id)
        return self._event(Job([new], key, _of_event(answer), halts=False))

    def halted(self) -> Halt | None:
        """The halt that is in force, as it was at most half a second ago."""
        asked, halt = self._halt
        if time.monotonic() - asked >= _HALT_S:
            start = time.monotonic()
            with self.database.connect() as connection:
                text = connection.execute(select(HEAD.c.halted)).scalar_one()
            halt = None if text is None else Halt(**json.loads(text))
            self._halt = (start, halt)
        return halt

    def head(self) -> Seal | None:
        """The seal of the last event; None for a record without events."""
        with self.database.connect() as connection:
            row = connection.execute(select(HEAD.c.sequence, HEAD.c.digest)).one()
        return Seal(row.sequence, row.digest) if row.sequence else None

    def decision(self, id_: str) -> Decision:
        """The decision with this id; ``UnknownDecisionError``."""
        query = select(*_ROW).where(EVENTS.c.id == id_, EVENTS.c.kind == "decision")
        with self.database.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise UnknownDecisionError(f"no decision {id_[:40]!r} is recorded here")
        return Decision.of(row[:-1], row[-1])

    def decisions(
        self,
        *,
        client: int | None = None,
        near: bool | None = None,
        reviewed: bool | None = None,
        key_id: str | None = None,
        before: int | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[Decision]:
        """Decisions in the order of their sequence numbers, those after ``after``.

        With ``before`` the newest ones come first, from there downwards. ``near`` chooses those
        close to the threshold or the others, ``reviewed`` those with a review or without one,
        ``key_id`` those of one caller.
        """
        query = select(*_ROW).where(EVENTS.c.kind == "decision")
        if client is not None:
            query = query.where(EVENTS.c.client == client)
        if near is not None:
            # The number itself: SQLite finds the partial index by it.
            query = query.where(EVENTS.c.near == literal_column("1" if near else "0"))
        if reviewed is not None:
            reviews = select(FIRSTS.c.subject).where(FIRSTS.c.kind == "review")
            among = EVENTS.c.id.in_(reviews)
            query = query.where(among if reviewed else ~among)
        if key_id is not None:
            query = query.where(EVENTS.c.key_id == key_id)
        if before is not None:
            query = query.where(EVENTS.c.sequence < before).order_by(EVENTS.c.sequence.desc())
        else:
            query = query.where(EVENTS.c.sequence > after).order_by(EVENTS.c.sequence)
        with self.database.connect() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return [Decision.of(row[:-1], row[-1]) for row in rows]

    def decisions_of(self, ids: Sequence[str]) -> list[Decision]:
        """The decisions with these ids, in order; one that is not recorded is left out."""
        query = select(*_ROW).where(EVENTS.c.id.in_(ids), EVENTS.c.kind == "decision")
        with self.database.connect() as connection:
            rows = connection.execute(query.order_by(EVENTS.c.sequence)).all()
        return [Decision.of(row[:-1], row[-1]) for row in rows]

    def timeline(self, client: int, *, before: int, limit: int) -> list[Decision | Event]:
        """Decisions on a client and notes about them, the newest first."""
        query = select(*_ROW).where(
            EVENTS.c.client == client,
            EVENTS.c.kind.in_(["decision", "note"]),
            EVENTS.c.sequence < before,
        )
        with self.database.connect() as connection:
            rows = connection.execute(query.order_by(EVENTS.c.sequence.desc()).limit(limit)).all()
        return [
            (Decision if row.kind == "decision" else Event).of(row[:-1], row[-1]) for row in rows
        ]

    def events(
        self, *, subject: str | None = None, subjects: Sequence[str] = (), client: int | None = None,
        kinds: Sequence[Kind] = (), after: int = 0, before: int | None = None, limit: int = 100,
    ) -> list[Event]:  # fmt: skip
        """Events of other kinds than decisions, in order: about a decision, a client, or all.

        ``subjects`` are several decisions, ``kinds`` the kinds to choose. With ``before`` the newest
        ones come first, from there downwards.
        """
        query: Select[Any] = select(*_ROW).where(_OTHER_KINDS)
        if subject is not None:
            query = query.where(EVENTS.c.subject == subject)
        if subjects:
            query = query.where(EVENTS.c.subject.in_(subjects))
        if kinds:
            query = query.where(EVENTS.c.kind.in_(kinds))
        if client is not None:
            query = query.where(EVENTS.c.client == client)
        if before is not None:
            query = query.where(EVENTS.c.sequence < before).order_by(EVENTS.c.sequence.desc())
        else:
            query = query.where(EVENTS.c.sequence > after).order_by(EVENTS.c.sequence)
        with self.database.connect() as connection:
            rows = connection.execute(query.limit(limit)).all()
        return [Event.of(row[:-1], row[-1]) for row in rows]

    def first(self, kind: Kind, subject: str, name: str) -> Event | None:
        """The event that is recorded about a decision once alone under a name; None: none yet."""
        only = [FIRSTS.c.kind == kind, FIRSTS.c.subject == subject, FIRSTS.c.name == name]
        joined = and_(EVENTS.c.sequence == FIRSTS.c.sequence, *only)
        with self.database.connect() as connection:
            row = connection.execute(select(*_ROW).join(FIRSTS, joined)).first()
        return None if row is None else Event.of(row[:-1], row[-1])

    def row(self, decision: Decision) -> bytes | None:
        """The encoded row of a decision; None if it was erased.

        Also where another client, who was not erased, has the very same row.
        """
        with self.database.connect() as connection:
            if connection.execute(erased_later(decision)).first() is not None:
                return None
        return self._content(decision.input)

    def content(self, event: Event) -> bytes | None:
        """The content of an event; None if it has none, or if it was erased."""
        salted = self._content(event.content) if event.content else None
        return None if salted is None else salted[SALT:]

    def texts(self, events: Sequence[Event]) -> dict[int, str]:
        """What people wrote in these events, by sequence number, without what was erased."""
        by_digest = {event.content: event.sequence for event in events if event.content}
        query = select(CONTENTS).where(CONTENTS.c.digest.in_(by_digest))
        with self.database.connect() as connection:
            rows = connection.execute(query).all()
        return {by_digest[row.digest]: bytes(row.content)[SALT:].decode() for row in rows}

    def _content(self, digest: str) -> bytes | None:
        query = select(CONTENTS.c.content).where(CONTENTS.c.digest == digest)
        with self.database.connect() as connection:
            content = connection.execute(query).scalar()
        return None if content is None else bytes(content)

    def _event(self, job: Job) -> Event:
        ((values, digest),) = self._writer.run(job).rows
        if job.halts is not None:
            self._halt = (-_HALT_S, None)
        return Event.of(values, digest)


def open_store(url: str | None, state: Path, trace: Trace = "power") -> DecisionStore:
    """The record at an address, or in a SQLite file of the state folder where ``url`` is None.

    Nothing is connected yet. The first use makes the schema or upgrades it; ``StoreVersionError``
    for one of a later release. ``SettingError`` for an address of another kind.
    """
    return DecisionStore(Database(url, state, trace), Archive(state / "decisions" / "artefacts"))


def once(key_id: str, route: str, value: str, body: Any) -> Once:
    """An Idempotency-Key with the digest of the body's canonical JSON.

    ``SettingError`` for a key that is not 1 to 64 visible ASCII characters.
    """
    _check_key(value)
    return Once(key_id, route, value, hashlib.sha256(canonical_json(body).encode()).hexdigest())


def erased_later(event: Any) -> Select[Any]:
    """The erasures after an event, or after each row of events, that were about it.

    ``event`` has ``sequence``, ``client`` and ``id``.
    """
    erasure = EVENTS.alias("erasure")
    about = erasure.c.subject == event.id
    if event.client is not None:
        about |= erasure.c.client == event.client
    return select(erasure.c.sequence).where(
        erasure.c.kind != literal_column("'decision'"),
        erasure.c.kind == "erasure",
        erasure.c.sequence > event.sequence,
        about,
    )


def _check_key(value: str) -> None:
    if not 1 <= len(value) <= _LONGEST_VALUE or any(ord(c) not in _VALUE for c in value):
        raise SettingError("an Idempotency-Key has 1 to 64 visible ASCII characters")


def _of_event(answer: AnswerOf | None) -> Callable[[list[tuple[Values, str]]], bytes] | None:
    return None if answer is None else lambda rows: answer(Event.of(*rows[0]))


def _why(reason: str, who: str) -> Mapping[str, str]:
    if not reason.strip():
        raise SettingError("say why: the reason is recorded and shown")
    return {"reason": reason.strip(), "who": who}
