"""Records of decisions for tests, in SQLite and in PostgreSQL."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from project_tools.serving.decisions.record import NewDecision
from project_tools.serving.decisions.store import DecisionStore, open_store
from tests.helpers.postgres import Postgres, end_postgres, start_postgres

MODEL = "ab" * 32


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = start_postgres()
    yield server
    end_postgres(server)


@pytest.fixture(scope="session")
def made_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite record: Alembic takes longer to make one than a test."""
    folder = tmp_path_factory.mktemp("made")
    with open_store(None, folder) as store:
        assert store.head() is None
    return folder / "decisions"


@pytest.fixture(scope="session")
def made_database(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An empty record in PostgreSQL."""
    url = postgres.database()
    with open_store(url, tmp_path_factory.mktemp("made")) as store:
        assert store.head() is None
    return url


def emptied(url: str) -> str:
    """The database as it was made, without the connections of an earlier test."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("TRUNCATE events, contents, answers, checkpoints, firsts")
        digest = secrets.token_hex(32)
        connection.execute("INSERT INTO checkpoints VALUES (0, %s, '2026')", [digest])
        connection.execute("UPDATE head SET sequence = 0, digest = %s, halted = NULL", [digest])
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """The address of an empty record; None is the SQLite file of the state folder."""
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("made_file"), tmp_path / "decisions")
        return None
    return emptied(request.getfixturevalue("made_database"))


@pytest.fixture
def store(address: str | None, tmp_path: Path) -> Iterator[DecisionStore]:
    with open_store(address, tmp_path) as one:
        yield one


@pytest.fixture
def sqlite_store(made_file: Path, tmp_path: Path) -> Iterator[DecisionStore]:
    shutil.copytree(made_file, tmp_path / "decisions")
    with open_store(None, tmp_path) as one:
        yield one


@pytest.fixture
def decided() -> Callable[..., NewDecision]:
    """Makes a decision on a client."""

    def make(client: int | None = 1, **changes: Any) -> NewDecision:
        fields = {
            "model": MODEL, "model_name": "scores", "model_version": "3", "threshold": 0.25,
            "row": f"row of {client}".encode(), "probability": 0.125, "raw_score": -1.5,
            "label": "no_risk", "near": False, "key_id": "key",
        }  # fmt: skip
        return NewDecision(client, **{**fields, **changes})

    return make
