"""What is removed, and how the record says so: old events, and a person's data.

Neither breaks the chain. Retention removes the first events and leaves a checkpoint; an erasure
removes contents, of which the chain holds the digest alone.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, select

from project_tools.errors import SettingError
from project_tools.serving.decisions.record import NewEvent, now
from project_tools.serving.decisions.store import DecisionStore, erased_later
from project_tools.serving.decisions.tables import ANSWERS, CHECKPOINTS, CONTENTS, EVENTS, FIRSTS
from project_tools.serving.last_good import served_models

#: Days for which decisions are kept at least: six months (EU AI Act, article 26, for the logs of a
#: high-risk system).
LEAST_DAYS = 184
#: Events that one transaction removes, so that decisions wait for a moment only.
_SLICE = 10_000


@dataclass(frozen=True, slots=True)
class Pruned:
    """How much retention has removed; ``until`` is the sequence number of the last event."""

    events: int
    until: int
    models: int


def prune(store: DecisionStore, days: float, who: str, *, force: bool = False) -> Pruned:
    """Remove the events up to the last one of the first unbroken stretch older than ``days``.

    The order is that of the sequence numbers: an event that is younger keeps all after it, whatever
    their clock said. ``SettingError`` under 184 days, unless it is forced.
    """
    if days < LEAST_DAYS and not force:
        raise SettingError(
            f"decisions are kept for {LEAST_DAYS} days at least (six months); to remove younger "
            "ones, which a law may forbid, add --force"
        )
    limit = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
    with store.database.connect() as connection:
        first, last = connection.execute(
            select(func.min(EVENTS.c.sequence), func.max(EVENTS.c.sequence))
        ).one()
        young = connection.execute(
            select(func.min(EVENTS.c.sequence)).where(EVENTS.c.time >= limit)
        ).scalar()
    until = (last if young is None else young - 1) if first is not None else 0
    if first is None or until < first:
        return Pruned(0, 0, 0)
    for start in range(first, until + 1, _SLICE):
        _remove(store, start, min(start + _SLICE - 1, until), who, last=start + _SLICE > until)
        time.sleep(0.05)  # the processes that wait for the lock go first
    _overwrite(store)
    return Pruned(until - first + 1, until, _remove_models(store))


def _remove(store: DecisionStore, first: int, until: int, who: str, *, last: bool) -> None:
    """Remove a slice of events; with the last one the contents that no event refers to any more."""
    query = select(EVENTS.c.digest).where(EVENTS.c.sequence == until)
    with store.database.connect() as connection:
        digest = connection.execute(query).scalar_one()

    def also(connection: Connection) -> None:
        if not store.database.sqlite:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.execute(delete(CHECKPOINTS))
        connection.execute(insert(CHECKPOINTS).values(sequence=until, digest=digest, time=now()))
        connection.execute(delete(EVENTS).where(EVENTS.c.sequence <= until))
        connection.execute(delete(FIRSTS).where(FIRSTS.c.sequence <= until))
        if last:
            unused = (
                select(CONTENTS.c.digest)
                .outerjoin(EVENTS, EVENTS.c.content == CONTENTS.c.digest)
                .where(EVENTS.c.sequence.is_(None))
            )
            connection.execute(delete(CONTENTS).where(CONTENTS.c.digest.in_(unused)))

    facts = {"first": first, "until": until, "digest": digest, "who": who}
    store.change(NewEvent("deletion", facts), also)


def _remove_models(store: DecisionStore) -> int:
    """Remove the archived models that no decision refers to, and that the API does not serve."""
    with store.database.connect() as connection:
        used = set(connection.execute(select(EVENTS.c.model).distinct()).scalars())
    unused = store.archive.digests() - used - served_models(store.archive.folder.parents[1])
    for digest in unused:
        store.archive.remove(digest)
    return len(unused)


def erase(store: DecisionStore, who: str, *, client: int | None = None, decision: str = "") -> int:
    """Remove inputs, reasons, sheets, notes and kept answers of a client, or of one decision.

    An applicant who was not known has no id: the id of their decision is given. The events stay,
    with the client's id, the probability and the class. Returns how many contents were removed.
    """
    subject = store.decision(decision).id if client is None else None
    about = (
        EVENTS.c.client == client
        if client is not None
        else (EVENTS.c.id == subject) | (EVENTS.c.subject == subject)
    )
    with store.database.connect() as connection:
        if connection.execute(select(EVENTS.c.sequence).where(about).limit(1)).first() is None:
            raise SettingError(f"the record holds no event of client {client}")
    removed = 0

    def also(connection: Connection) -> None:
        nonlocal removed
        digests = connection.execute(
            select(EVENTS.c.content).where(about, EVENTS.c.content.is_not(None)).distinct()
        ).scalars().all()  # fmt: skip
        # The same row of features may be another client's too; then it stays, until theirs is erased.
        others = func.coalesce(about, False).is_(False)
        shared = select(EVENTS.c.content).where(
            EVENTS.c.content.in_(digests), others, ~erased_later(EVENTS.c).exists()
        )
        unshared = set(digests) - set(connection.execute(shared).scalars())
        done = connection.execute(delete(CONTENTS).where(CONTENTS.c.digest.in_(unshared)))
        removed = done.rowcount
        answered = select(EVENTS.c.sequence).where(
            about, EVENTS.c.sequence.between(ANSWERS.c.first, ANSWERS.c.last)
        )
        connection.execute(delete(ANSWERS).where(answered.exists()))

    store.change(NewEvent("erasure", {"who": who}, client=client, subject=subject), also)
    _overwrite(store)
    return removed


def _overwrite(store: DecisionStore) -> None:
    """Let the database forget the bytes of what it has removed."""
    with store.database.connect() as connection:
        connection.exec_driver_sql(
            "PRAGMA wal_checkpoint(TRUNCATE)"
            if store.database.sqlite
            else "VACUUM contents, answers, events"
        )
