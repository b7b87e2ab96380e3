"""A child process reads a model first, because a damaged model can end the process that reads it."""

import os
import subprocess
import sys
from pathlib import Path

from project_tools.errors import ArtefactError
from project_tools.settings import ROOT

#: A model that takes longer than this to read and to score a few rows is not served.
TIMEOUT_S = 120
_AGAIN = "export the model again"


def verify_in_child(directory: Path, digest: str, model: str) -> None:
    """Let a child process read the model in the file of that name, and score the golden rows.

    The child answers with the digest of the manifest that it verified; ``ArtefactError`` unless
    that is ``digest``.
    """
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        done = subprocess.run(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-m", "project_tools.serving.artefact", str(directory)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            # MLflow may bring this package by path alone; the child must import the same one.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired as why:
        raise ArtefactError(
            f"{model} was not read and scored within {TIMEOUT_S} s; {_AGAIN}"
        ) from why
    _judge(done.returncode, (done.stdout.strip().splitlines() or [""])[-1], digest, model)


def _judge(status: int, last_line: str, digest: str, model: str) -> None:
    if status < 0:
        raise ArtefactError(
            f"{model} cannot be read: it ended the process that tried (signal {-status}); {_AGAIN}"
        )
    if status == 1 and last_line:
        raise ArtefactError(last_line)
    if status or last_line != digest:
        raise ArtefactError(f"{model} could not be verified (status {status}); {_AGAIN}")
