"""The tables of the record. The migrations make them; a test compares the two."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

METADATA = MetaData()


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


#: One row an event, in the order of ``record.COLUMNS``, and the digest that covers them.
EVENTS = Table(
    "events",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("time", String(32), nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("client", BigInteger),
    Column("subject", String(32)),
    Column("model", String(64)),
    Column("model_name", Text),
    Column("model_version", Text),
    Column("threshold", Double),
    Column("content", String(64)),
    Column("probability", Double),
    Column("raw_score", Double),
    Column("class", String(16)),
    Column("near", SmallInteger),
    Column("facts", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Index("events_id", "id", unique=True),
    Index("events_client", "client", "sequence"),
    # For the summary of each client's last decisions, which reads this alone; ``kind`` only because
    # SQLite would read the row to check it.
    Index(
        "events_last",
        "client",
        "model",
        "sequence",
        "class",
        "near",
        "kind",
        **_where("kind = 'decision'"),
    ),
    # Partial: recording an ordinary decision writes none of these.
    Index("events_near", "sequence", **_where("near = 1")),
    Index("events_kind", "kind", "sequence", **_where("kind <> 'decision'")),
    Index("events_subject", "subject", "sequence", **_where("kind <> 'decision'")),
)
#: The last event, and the halt that is in force as JSON (null: none). It has one row.
HEAD = Table(
    "head",
    METADATA,
    Column("one", SmallInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("halted", Text),
    CheckConstraint("one = 1", name="head_has_one_row"),
)
#: Where a chain starts: the event 0 that never was, and the last event of each removed prefix.
CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("time", String(32), nullable=False),
)
#: What can be erased: encoded rows, and what people wrote, by digest.
CONTENTS = Table(
    "contents",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
#: What may be recorded once alone, by the kind of event, the decision and a name (a language, a number).
FIRSTS = Table(
    "firsts",
    METADATA,
    Column("kind", String(16), primary_key=True),
    Column("subject", String(32), primary_key=True),
    Column("name", String(16), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)
#: The answers by Idempotency-Key, and the events that each of them recorded.
ANSWERS = Table(
    "answers",
    METADATA,
    Column("key_id", String(64), primary_key=True),
    Column("route", String(200), primary_key=True),
    Column("value", String(64), primary_key=True),
    Column("time", String(32), nullable=False),
    Column("body", String(64), nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Index("answers_time", "time"),
)
