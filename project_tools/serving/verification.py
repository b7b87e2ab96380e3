"""A child process reads a model first, because a damaged model can end the process that reads it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from project_tools.errors import ArtefactError
from project_tools.settings import ROOT

#: A model that takes longer than this to read and to score a few rows is not served.
TIMEOUT_S = 120
#: A copy of hundreds of thousands of clients is encoded within this.
_ADOPTION_S = 600
_AGAIN = "export the model again"


def verify_in_child(directory: Path, digest: str, model: str) -> None:
    """Let a child process read the model in the file of that name, and score the golden rows.

    The child answers with the digest of the manifest that it verified; ``ArtefactError`` unless
    that is ``digest``.
    """
    status, last_line = _run("artefact", [directory], model, TIMEOUT_S)
    _judge(status, last_line, digest, model)


def adopt_in_child(model: Path, clients: Path, state: Path) -> str:
    """``LastGood.adopt`` in a process of its own; returns the digest of the model.

    This module imports neither the model's library nor Arrow: who starts a server pays for them once.
    """
    return answer_of_child("last_good", [model, clients, state], "the model", _ADOPTION_S)


def answer_of_child(module: str, paths: Sequence[Path], model: str, timeout_s: float) -> str:
    """The last line of a child process that runs a module of this package with these paths.

    ``ArtefactError`` if it ends by a signal or too late, or with status 1: then with its last line.
    """
    status, last_line = _run(module, paths, model, timeout_s)
    _judge(status, last_line, last_line, model)
    return last_line


def _run(module: str, paths: Sequence[Path], model: str, timeout_s: float) -> tuple[int, str]:
    search_path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        done = subprocess.run(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-m", f"project_tools.serving.{module}", *map(str, paths)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            # MLflow may bring this package by path alone; the child must import the same one.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(search_path), "OMP_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired as why:
        raise ArtefactError(
            f"{model} was not read and scored within {timeout_s} s; {_AGAIN}"
        ) from why
    return done.returncode, (done.stdout.strip().splitlines() or [""])[-1]


def _judge(status: int, last_line: str, digest: str, model: str) -> None:
    if status < 0:
        raise ArtefactError(
            f"{model} cannot be read: it ended the process that tried (signal {-status}); {_AGAIN}"
        )
    if status == 1 and last_line:
        raise ArtefactError(last_line)
    if status or last_line != digest:
        raise ArtefactError(f"{model} could not be verified (status {status}); {_AGAIN}")
