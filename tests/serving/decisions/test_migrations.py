"""The schema: made and upgraded by Alembic, refused where it is of a later release."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from project_tools.serving import manifest
from project_tools.serving.decisions import archive, schema
from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.errors import RecordUnavailableError, StoreVersionError
from project_tools.serving.decisions.record import NewDecision, NewEvent, Seal
from project_tools.serving.decisions.store import DecisionStore, open_store
from project_tools.serving.decisions.tables import METADATA
from project_tools.settings import ROOT

Make = Callable[..., NewDecision]


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest) -> str | None:
    """Where no schema has been made yet."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("postgres").database()
    return url


def test_the_migrations_make_the_tables_of_the_code(store: DecisionStore) -> None:
    with store.database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert schema.revision(connection) == schema.HEAD


def test_the_newest_migration_is_the_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_a_store_of_a_later_release_is_refused_in_one_line(
    address: str | None, tmp_path: Path, decided: Make
) -> None:
    with open_store(address, tmp_path) as store:
        store.record([decided(1)])
        with store.database.connect() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    says = rf"^the record of decisions has the schema 0099, this release knows {schema.HEAD}: install the"
    with open_store(address, tmp_path) as store:
        for use in (store.halted, store.decisions, lambda: store.record([decided(1)])):
            with pytest.raises(StoreVersionError, match=says) as refused:
                use()
            assert isinstance(refused.value, RecordUnavailableError)
            assert "\n" not in str(refused.value)


def test_a_store_of_an_earlier_release_is_upgraded_once(
    address: str | None, tmp_path: Path, decided: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further revision, as a later release would add it: the chain before it stays."""
    with open_store(address, tmp_path) as store:
        (before,) = store.record([decided(1)])
    folder = tmp_path / "migrations"
    source = schema.MIGRATIONS
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text((source / "env.py").read_text())
    for file in (source / "versions").glob("*.py"):
        (folder / "versions" / file.name).write_text(file.read_text())
    (folder / "versions" / "r0099_more.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision, down_revision = '0099', '{schema.HEAD}'\n"
        "def upgrade():\n    op.add_column('head', sa.Column('more', sa.Text))\n"
    )
    monkeypatch.setattr(schema, "HEAD", "0099")
    monkeypatch.setattr(schema, "MIGRATIONS", folder)
    for _ in range(2):
        with open_store(address, tmp_path) as store:
            assert store.decision(before.id) == before
            with store.database.connect() as connection:
                assert schema.revision(connection) == "0099"
                assert connection.execute(text("SELECT more FROM head")).all() == [(None,)]


def test_a_store_of_the_first_schema_keeps_its_chain_and_takes_reviews(
    address: str | None, tmp_path: Path, decided: Make
) -> None:
    with open_store(address, tmp_path) as store:
        (before,) = store.record([decided(1)])
        with store.database.connect() as connection:
            connection.execute(text("DROP TABLE firsts"))
            connection.execute(text("DROP INDEX events_last"))
            connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with open_store(address, tmp_path) as store:
        assert store.decision(before.id) == before
        store.event(NewEvent("review", {}, subject=before.id, first="1"))
        assert store.first("review", before.id, "1") is not None
        assert verify(store.database, Seal.parse(before.seal)).problems == []
        with store.database.connect() as connection:
            assert schema.revision(connection) == schema.HEAD


def test_processes_that_start_at_once_make_one_store(address: str | None, tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from project_tools.serving.decisions.store import open_store\n"
        "with open_store(sys.argv[1] or None, pathlib.Path(sys.argv[2])) as store:\n"
        "    store.halt('stop', 'Dana')\n"
    )
    command = [sys.executable, "-c", program, address or "", str(tmp_path)]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(p.communicate(timeout=60)[1], p.returncode) for p in running] == [("", 0)] * 3
    with open_store(address, tmp_path) as store:
        assert len(store.events()) == 3


def test_the_migrations_are_in_the_wheel() -> None:
    """The packages of setuptools hold them, without the clone."""
    import tomllib  # noqa: PLC0415

    from setuptools import find_packages  # noqa: PLC0415

    root = ROOT
    include = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = find_packages(str(root), include=include["packages"]["find"]["include"])
    name = "project_tools.serving.decisions.migrations"
    assert {name, f"{name}.versions"} <= set(found)


def test_opening_a_store_of_this_release_imports_no_alembic(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from project_tools.serving.decisions.store import open_store\n"
        "with open_store(None, pathlib.Path(sys.argv[1])) as store:\n"
        "    store.head()\n"
        "print('alembic' in sys.modules, 'psycopg' in sys.modules, 'pyarrow' in sys.modules)\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True, text=True, check=True, env=os.environ,
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert outputs[0][0] == "True"  # it made the schema
    assert outputs[1] == ["False", "False", "False"]


def test_the_archive_knows_the_manifest_by_its_name() -> None:
    assert archive.MANIFEST == manifest.MANIFEST
