"""The first schema: events, head, checkpoints, contents, answers.

The chain begins with a random digest, so that no two stores have a chain in common.
"""

import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, and the head of an empty chain."""
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("client", sa.BigInteger),
        sa.Column("subject", sa.String(32)),
        sa.Column("model", sa.String(64)),
        sa.Column("model_name", sa.Text),
        sa.Column("model_version", sa.Text),
        sa.Column("threshold", sa.Double),
        sa.Column("content", sa.String(64)),
        sa.Column("probability", sa.Double),
        sa.Column("raw_score", sa.Double),
        sa.Column("class", sa.String(16)),
        sa.Column("near", sa.SmallInteger),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )
    op.create_index("events_id", "events", ["id"], unique=True)
    op.create_index("events_client", "events", ["client", "sequence"])
    for name, columns, condition in (
        ("events_near", ["sequence"], "near = 1"),
        ("events_kind", ["kind", "sequence"], "kind <> 'decision'"),
        ("events_subject", ["subject", "sequence"], "kind <> 'decision'"),
    ):
        where = sa.text(condition)
        op.create_index(name, "events", columns, sqlite_where=where, postgresql_where=where)
    head = op.create_table(
        "head",
        sa.Column("one", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("halted", sa.Text),
        sa.CheckConstraint("one = 1", name="head_has_one_row"),
    )
    checkpoints = op.create_table(
        "checkpoints",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("time", sa.String(32), nullable=False),
    )
    op.create_table(
        "contents",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("key_id", sa.String(64), primary_key=True),
        sa.Column("route", sa.String(200), primary_key=True),
        sa.Column("value", sa.String(64), primary_key=True),
        sa.Column("time", sa.String(32), nullable=False),
        sa.Column("body", sa.String(64), nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
    )
    op.create_index("answers_time", "answers", ["time"])
    digest, time = secrets.token_hex(32), datetime.now(UTC).isoformat(timespec="microseconds")
    op.bulk_insert(checkpoints, [{"sequence": 0, "digest": digest, "time": time}])
    op.bulk_insert(head, [{"one": 1, "sequence": 0, "digest": digest, "halted": None}])
