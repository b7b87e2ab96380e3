"""An index for the summary of each client's last decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the index."""
    where = sa.text("kind = 'decision'")
    op.create_index(
        "events_last", "events", ["client", "model", "sequence", "class", "near", "kind"],
        sqlite_where=where, postgresql_where=where,
    )  # fmt: skip
