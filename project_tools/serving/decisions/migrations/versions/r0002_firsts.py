"""What may be recorded once alone: reasons and sheets by language, reviews by their number."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table; a store of the first schema holds nothing that belongs in it."""
    op.create_table(
        "firsts",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("subject", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )
