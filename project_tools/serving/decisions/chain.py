"""The chain: each event holds the digest of the one before it, so that a change shows.

A chain alone sees neither that its end was cut off nor that all of it was written anew. A seal that
somebody has kept does: it names the digest that an event had.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from project_tools.serving.decisions.database import Database
from project_tools.serving.decisions.record import COLUMNS, Seal, event_digest
from project_tools.serving.decisions.tables import CHECKPOINTS, CONTENTS, EVENTS, HEAD

#: Rows that one statement reads.
_CHUNK, _CONTENTS = 10_000, 1_000
#: Problems that are named one by one.
_NAMED = 20
_KIND, _CLIENT, _CONTENT, _FACTS = (
    COLUMNS.index(name) for name in ("kind", "client", "content", "facts")
)


@dataclass(slots=True)
class Verification:
    """What was checked, and what does not hold; ``head`` is the seal of the last event.

    ``start`` is the sequence number of the checkpoint, after which the chain begins.
    """

    start: int = 0
    events: int = 0
    decisions: int = 0
    contents: int = 0
    erased: int = 0
    head: Seal | None = None
    problems: list[str] = field(default_factory=list)

    def add(self, problem: str) -> None:
        """Note what does not hold; only the first ones are named."""
        if len(self.problems) < _NAMED:
            self.problems.append(problem)


def verify(database: Database, seal: Seal | None = None) -> Verification:
    """Check every event, the head, the checkpoint, the contents and, where given, a kept seal.

    All is read as it was at one moment; decisions that are recorded meanwhile do not matter.
    """
    found = Verification()
    with database.reading() as connection:
        head = connection.execute(select(HEAD)).one()
        checkpoint = connection.execute(
            select(CHECKPOINTS).order_by(CHECKPOINTS.c.sequence.desc()).limit(1)
        ).one()
        found.start = checkpoint.sequence
        walk = _Walk(found, Seal(checkpoint.sequence, checkpoint.digest), seal)
        for row in _events(connection, database):
            walk.step(row)
        walk.end(head)
        _check_contents(connection, database, found, walk.erased)
    return found


class _Walk:
    """The way along the chain: what the next event must hold, and what was seen on the way."""

    def __init__(self, found: Verification, start: Seal, seal: Seal | None) -> None:
        self._found, self._start, self._seal = found, start, seal
        self._sequence, self._digest = start.sequence, start.digest
        self._deletion: tuple[int, str] | None = None
        self._halt: tuple[str, Any] | None = None
        #: By client, the last erasure of their contents.
        self.erased: dict[int | str, int] = {}

    def step(self, row: tuple[Any, ...]) -> None:
        """Check one row of ``COLUMNS`` and its digest against the row before."""
        sequence, digest = row[0], row[-1]
        if sequence != self._sequence + 1:
            self._gap(sequence)
        elif not _follows(self._digest, row):
            self._found.add(
                f"event {sequence} does not follow from the one before it: one of the two was "
                "changed, moved or inserted"
            )
        self._sequence, self._digest = sequence, digest
        self._found.events += 1
        if row[_KIND] == "decision":
            self._found.decisions += 1
        else:
            self._note(row)
        if self._seal is not None and self._seal.sequence == sequence:
            self._compare(digest)

    def end(self, head: Any) -> None:
        """Check the head, the halt, the checkpoint and the seal."""
        if (head.sequence, head.digest) != (self._sequence, self._digest):
            self._found.add(
                f"the head is event {head.sequence}, the last event is {self._sequence}: the end of "
                "the chain was cut off or changed"
            )
        if self._found.events:
            self._found.head = Seal(self._sequence, self._digest)
        if self._halt is not None and (self._halt[0] == "halt") != (head.halted is not None):
            self._found.add(f"the head and event {self._halt[1]} tell otherwise of a halt")
        start = (self._start.sequence, self._start.digest)
        if self._start.sequence and self._deletion != start:
            self._found.add(
                f"the checkpoint at event {start[0]} is not the one that the last deletion recorded: "
                "it was changed, or events were removed without a record"
            )
        self._check_seal()

    def _gap(self, sequence: int) -> None:
        if sequence <= self._sequence:
            self._found.add(f"event {sequence} lies before the checkpoint, where none is left")
        else:
            missing = f"event {self._sequence + 1} is"
            if sequence > self._sequence + 2:
                missing = f"events {self._sequence + 1} to {sequence - 1} are"
            self._found.add(f"{missing} missing")

    def _note(self, row: tuple[Any, ...]) -> None:
        kind = row[_KIND]
        if kind in ("halt", "resume"):
            self._halt = (kind, row[0])
        elif kind == "deletion":
            with suppress(ValueError, KeyError, TypeError):  # then its digest is wrong too
                facts = json.loads(row[_FACTS])
                self._deletion = (facts["until"], facts["digest"])
        elif kind == "erasure":
            self.erased[row[_CLIENT] if row[_CLIENT] is not None else row[6]] = row[0]

    def _compare(self, digest: str) -> None:
        if self._seal is not None and self._seal.digest != digest:
            self._found.add(
                f"event {self._seal.sequence} is not the one of the seal: the chain was written anew"
            )

    def _check_seal(self) -> None:
        if self._seal is None or self._start.sequence < self._seal.sequence <= self._sequence:
            return
        if self._seal.sequence > self._sequence:
            self._found.add(
                f"the seal is of event {self._seal.sequence}, the last event is {self._sequence}: "
                "the end of the chain was cut off"
            )
        elif self._seal.sequence == self._start.sequence:
            self._compare(self._start.digest)
        else:
            self._found.add(
                f"event {self._seal.sequence} was removed by retention (up to event "
                f"{self._start.sequence}), so this seal cannot be checked"
            )


def _follows(previous: str, row: tuple[Any, ...]) -> bool:
    """Whether a row has the digest of its columns after the digest before it."""
    try:
        return bool(event_digest(previous, row[:-1]) == row[-1])
    except (TypeError, ValueError):  # bytes, or infinity: nothing that we wrote
        return False


def _events(connection: Connection, database: Database) -> Iterator[tuple[Any, ...]]:
    """All rows of events in order, as the driver gives them."""
    columns = ", ".join(f'"{name}"' for name in (*COLUMNS, "digest"))
    query = (
        f"SELECT {columns} FROM events WHERE sequence > {database.mark} "
        f"ORDER BY sequence LIMIT {_CHUNK}"
    )
    cursor, last = connection.connection.cursor(), -1
    while True:
        cursor.execute(query, (last,))
        rows = cursor.fetchall()
        yield from rows
        if len(rows) < _CHUNK:
            return
        last = rows[-1][0]


def _contents(connection: Connection, database: Database) -> Iterator[tuple[str, bytes]]:
    """All contents, in the order of the file, or of the digests in PostgreSQL."""
    cursor = connection.connection.cursor()
    if database.sqlite:
        cursor.execute("SELECT digest, content FROM contents")
        while rows := cursor.fetchmany(_CONTENTS):
            yield from rows
        return
    rows = [("", b"")]
    query = (
        f"SELECT digest, content FROM contents WHERE digest > %s ORDER BY digest LIMIT {_CONTENTS}"
    )
    while rows:
        cursor.execute(query, (rows[-1][0],))
        rows = cursor.fetchall()
        yield from rows


def _check_contents(
    connection: Connection, database: Database, found: Verification, erased: dict[int | str, int]
) -> None:
    """Check each content against its digest, and that none is missing without an erasure."""
    for digest, content in _contents(connection, database):
        if not isinstance(content, bytes) or hashlib.sha256(content).hexdigest() != digest:
            found.add(f"the content {digest[:12]}… is not what its digest says: it was changed")
        found.contents += 1
    missing = (
        select(EVENTS.c.sequence, EVENTS.c.id, EVENTS.c.client)
        .outerjoin(CONTENTS, CONTENTS.c.digest == EVENTS.c.content)
        .where(EVENTS.c.content.is_not(None), CONTENTS.c.digest.is_(None))
        .order_by(EVENTS.c.sequence)
    )
    for sequence, id_, client in connection.execute(missing):
        if sequence < max(erased.get(client, 0), erased.get(id_, 0)):
            found.erased += 1
        else:
            found.add(f"the content of event {sequence} is missing, and no erasure tells why")
