"""The migrations of the record's schema; Alembic reads these files, and ``schema`` starts it."""
