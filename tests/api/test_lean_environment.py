"""The API and its tests in an environment that holds ``api/requirements.txt`` and nothing else."""

import os
import subprocess
from pathlib import Path

import pytest

from project_tools.settings import ROOT

UV = ROOT / ".venv" / "bin" / "uv"


def environment(folder: Path, lock: str) -> Path:
    """A new environment of a lock; its Python."""
    python = folder / "bin" / "python"
    for arguments in (
        ["venv", "--quiet", str(folder)],
        [
            "pip",
            "sync",
            "--quiet",
            "--compile-bytecode",
            "--require-hashes",
            "--python",
            str(python),
            lock,
        ],
    ):
        subprocess.run([UV, *arguments], cwd=ROOT, check=True)
    return python


def run(python: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [python, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_tests_of_the_api_need_its_requirements_alone(tmp_path: Path) -> None:
    python = environment(tmp_path / "lean", "api/requirements.txt")
    absent = run(python, "-c", "import pandas")
    assert absent.returncode == 1
    assert "No module named" in absent.stderr
    done = run(python, "-W", "error", "-m", "unittest", "discover", "api")
    assert done.returncode == 0, done.stderr[-5000:]
    assert "skipped" not in done.stderr
