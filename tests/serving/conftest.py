"""What the tests of serving share: a small served model, made once for each module."""

import pytest

from api.tests.served import make_served
from project_tools.serving.artefact import load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.simulation import Client, Simulator
from tests.helpers.known_clients import Known


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return make_served(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def artefact(served):
    return load_artefact(served.model, child=False)


@pytest.fixture(scope="session")
def simulator(known: Known) -> Simulator:
    """Of the model that takes every feature."""
    whole = load_artefact(known.model, child=False)
    return Simulator.load(known.model, whole, ClientStore.open(known.clients, whole))


@pytest.fixture(scope="session")
def clients(simulator: Simulator) -> list[Client]:
    """Its clients, by id."""
    return [simulator.client(i) for i in simulator.store.ids(size=1000).ids]
