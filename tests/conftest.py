"""What holds for all tests."""

import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from project_tools.system.command import keep_usage_private, share_cores

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from tests.helpers.known_clients import Known

# Before any test's module loads LightGBM or MLflow: spinning threads made the suite wait for itself.
share_cores()
keep_usage_private()
# A shell starts what it puts in the background deaf to Ctrl-C, and so are the children: the tests
# of an interruption, and the processes they start, hear it wherever the suite runs.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking store without runs: MLflow takes seconds to make one."""
    from project_tools.runs.store import connect  # noqa: PLC0415  (most tests need no MLflow)

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{path}"
    try:
        connect()
    finally:
        del os.environ["MLFLOW_TRACKING_URI"]
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before
    return path


@pytest.fixture(scope="session")
def new_store(empty_store: Path) -> Callable[[Path], str]:
    """Puts an empty tracking store into a folder; gives its address."""

    def copy(folder: Path) -> str:
        return f"sqlite:///{shutil.copy(empty_store, folder / 'mlflow.db')}"

    return copy


@pytest.fixture
def store(
    new_store: Callable[[Path], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> "MlflowClient":
    """A client of an empty tracking store, in a working directory of its own."""
    from project_tools.runs.store import connect  # noqa: PLC0415  (most tests need no MLflow)
    from project_tools.settings import Settings  # noqa: PLC0415

    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_store(tmp_path))
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    return connect(Settings.load({}))


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search draws no pictures, which are half of its time where it takes a second."""
    from project_tools.runs.store import RunLog  # noqa: PLC0415  (most tests need no MLflow)

    monkeypatch.setattr(RunLog, "figure", lambda *_: None)


@pytest.fixture(scope="session")
def clients() -> Callable[..., object]:
    """Makes a small data set of made-up clients."""
    from tests.helpers.searches import made_up  # noqa: PLC0415  (most tests need no training)

    return made_up


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feature file of 700 invented clients; not to be changed."""
    from project_tools.demo import generate  # noqa: PLC0415  (most tests need no tables)
    from project_tools.features.build import build  # noqa: PLC0415
    from tests.helpers.engines import QUICK  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("features")
    generate(folder / "raw", 700, 3, force=True, quiet=True)
    build(folder / "raw", [folder / "features.parquet"], engine=QUICK, quiet=True)
    return folder / "features.parquet"


@pytest.fixture(scope="session")
def known(features: Path, tmp_path_factory: pytest.TempPathFactory) -> "Known":
    """A served model of those clients that takes every feature; not to be changed."""
    from tests.helpers.known_clients import make_known  # noqa: PLC0415  (most tests need no model)

    return make_known(features, tmp_path_factory.mktemp("known"))


@pytest.fixture
def texts(features: Path) -> Callable[..., dict[str, str]]:
    """Makes the parameters of a search of seconds, with others in their place."""
    from tests.helpers.searches import small_search  # noqa: PLC0415  (most tests need no training)

    return partial(small_search, features)
