"""Run by Alembic for each upgrade, on the connection that ``upgrade`` gives it."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
