"""A child process reads a model first: a damaged one can end the process that reads it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from project_tools.errors import ArtefactError
from project_tools.settings import ROOT

#: A model that takes longer than this to read and to score a few rows is not served.
TIMEOUT_S = 120
_AGAIN = "export the model again"


def verify_in_child(directory: Path, digest: str, model: str) -> None:
    """Let another process read the model, the file of that name, and score the golden rows.

    It answers with the digest of the manifest that it verified; ``ArtefactError`` unless that is
    ``digest``.
    """
    answer = answer_of_child("artefact", [directory], model, TIMEOUT_S)
    if answer != digest:
        raise ArtefactError(f"{model} could not be verified (status 0); {_AGAIN}")


def answer_of_child(module: str, paths: Sequence[Path], model: str, timeout_s: float) -> str:
    """The last line that a module of this package prints, run with these paths in a process of its own.

    ``ArtefactError`` if the process ends by a signal, with a status other than 0, or too late:
    with its last line, where its status is 1.
    """
    try:
        done = subprocess.run(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-m", f"project_tools.serving.{module}", *map(str, paths)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            env=_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as why:
        raise ArtefactError(
            f"{model} was not read and scored within {timeout_s} s; {_AGAIN}"
        ) from why
    last_line = (done.stdout.strip().splitlines() or [""])[-1]
    if done.returncode < 0:
        raise ArtefactError(
            f"{model} cannot be read: it ended the process that tried "
            f"(signal {-done.returncode}); {_AGAIN}"
        )
    if done.returncode == 1 and last_line:
        raise ArtefactError(last_line)
    if done.returncode:
        raise ArtefactError(f"{model} could not be verified (status {done.returncode}); {_AGAIN}")
    return last_line


def _environment() -> dict[str, str]:
    # MLflow may bring this package by path alone; the child must find the same one.
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
