"""What holds for all tests."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from project_tools.system.command import keep_usage_private, share_cores

# Before any test's module loads LightGBM or MLflow: spinning threads made the suite wait for itself.
share_cores()
keep_usage_private()
# A shell starts what it puts in the background deaf to Ctrl-C, and so are the children: the tests
# of an interruption, and the processes they start, hear it wherever the suite runs.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tracking store without runs: MLflow takes seconds to make one."""
    from project_tools.runs import store as tracking  # noqa: PLC0415  (most tests need no MLflow)

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    before = os.environ.get("MLFLOW_TRACKING_URI")
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{path}"
    try:
        tracking.connect()
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
