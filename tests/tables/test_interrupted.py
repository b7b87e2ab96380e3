"""A build that is stopped in the middle leaves the former file, and nothing half-written."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from project_tools.features.build import build
from project_tools.settings import ROOT
from tests.helpers.engines import QUICK


@pytest.fixture(scope="module")
def former(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a feature file, its doubles and its state."""
    folder = tmp_path_factory.mktemp("former")
    build(sound, [folder / "features.parquet"], engine=QUICK, quiet=True)
    return folder


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (signal.SIGKILL, -9),
        pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
    ],
)
def test_the_former_file_stands(
    sound: Path, former: Path, tmp_path: Path, stop: signal.Signals, status: int
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    shutil.copytree(former, tmp_path, dirs_exist_ok=True)
    out = tmp_path / "features.parquet"
    command = [sys.executable, "-m", "project_tools", "features", str(sound), str(out)]
    environ = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:  # until the features are under way
            if "loans elsewhere" in line:
                break
        process.send_signal(stop)
        said = process.stderr.read()
        process.wait(timeout=30)
    assert process.returncode == status
    assert "Traceback" not in said
    assert files(tmp_path) == files(former)
    assert stop == signal.SIGKILL or not list(temporary.iterdir())


def files(folder: Path) -> dict[str, bytes]:
    """The files of a folder, and what they hold."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_first_sign_of_life_comes_at_once(sound: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "project_tools", "features", str(sound), str(tmp_path / "f.parquet")]  # fmt: skip
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().strip()
        waited = time.perf_counter() - start
        process.kill()
    assert waited < 20  # two seconds are the aim; a loaded machine may take its time
