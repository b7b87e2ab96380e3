"""Records of decisions for tests, in SQLite and in PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest) -> str | None:
    """The address of an empty record; None is the SQLite file of the state folder."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("postgres").database()
    return url


@pytest.fixture
def store(address: str | None, tmp_path: Path) -> Iterator[DecisionStore]:
    with open_store(address, tmp_path) as one:
        yield one


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[DecisionStore]:
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
