"""The schema of the record, as Alembic makes and upgrades it. A migration only adds."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from project_tools.serving.decisions.errors import StoreVersionError

#: Where the migrations are.
MIGRATIONS = Path(__file__).parent / "migrations"
#: The newest revision there; a store that has it needs no Alembic.
HEAD = "0003"


def revision(connection: Connection) -> str | None:
    """The revision of the store's schema; None for a store without tables.

    ``StoreVersionError`` for one that this release does not know.
    """
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is not None and (not found.isdecimal() or found > HEAD):
        raise StoreVersionError(
            f"the record of decisions has the schema {found}, this release knows {HEAD}: install "
            "the release that wrote it, or a later one"
        )
    return found


def upgrade(connection: Connection) -> None:
    """Make or upgrade the schema in the connection's transaction.

    ``StoreVersionError`` for a schema that this release does not know.
    """
    if revision(connection) == HEAD:
        return
    # Only a store that is new or older pays for Alembic.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
