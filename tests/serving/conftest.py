"""What the tests of serving share: a small served model, made once for each module."""

import pytest

from api.tests.served import make_served
from project_tools.serving.artefact import load_artefact


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return make_served(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def artefact(served):
    return load_artefact(served.model, child=False)
