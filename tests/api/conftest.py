"""One server with keys for the tests that attack it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from api.tests.running_server import Server
from api.web.keys import SCOPES, new_key, write_keys


@dataclass(frozen=True)
class Keyed:
    """A running server with a key file, and a key for each scope."""

    server: Server
    keys: dict[str, str]


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    """A server that has answered every attack without a traceback when it is stopped."""
    folder = tmp_path_factory.mktemp("keyed")
    made = [(scope, *new_key(scope, [scope], days=1, per_minute=1_000_000)) for scope in SCOPES]
    write_keys(folder / "keys", [key for _, _, key in made])
    server = Server.start(
        folder / "log", CREDIT_API_KEYS=str(folder / "keys"), CREDIT_STATE=str(folder / "state")
    )
    yield Keyed(server, {scope: text for scope, text, _ in made})
    assert server.stop() == 0
    assert "Traceback" not in server.log.read_text()
