"""Where a figure came from: code, data, preparation and environment; the files of a run."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import distributions
from typing import Any

from project_tools.models.dataset import Dataset
from project_tools.models.families import Family
from project_tools.settings import ROOT
from project_tools.system.files import sha256

#: Files of a run that are read back. Training clients: id, outcome, probability before calibration.
OOF_FILE = "out_of_fold.parquet"
#: Held-out clients of a final model: id, outcome, calibrated probability.
HELD_OUT = "held_out.parquet"
#: The best trial of a search; the setting that a final model was trained with; ``environment()``.
BEST, SETTING, ENVIRONMENT = "best.json", "setting.json", "environment.json"


def provenance() -> dict[str, str]:
    """Commit of the code, whether its tree was ``clean`` or ``dirty``, and Python's version."""
    commit = _git("rev-parse", "HEAD")
    dirty = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "commit": commit or "unknown",
        "tree": "unknown" if commit is None else "dirty" if dirty else "clean",
        "python": sys.version.split()[0],
    }


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  (fixed words)
            ["git", *words],  # noqa: S607  (git is found by the user's own PATH)
            cwd=ROOT, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def origin(data: Dataset) -> dict[str, object]:
    """Digests and number of the clients that figures are measured on, and of the labelled ones that
    these were drawn from.
    """
    digests = {key: data.meta[key] for key in ("raw_digest", "split_digest", "state_digest")}
    return {
        "data_digest": data.digest,
        "rows": len(data),
        "labelled": data.draw.labelled,
        "excluded": len(data.excluded),
    } | digests


def preparation_tags(family: Family) -> dict[str, str]:
    """The choices of a family's preparation."""
    plan = family.plan
    if plan is None:
        return {"preparation": "none: raw nulls and categories"}
    return {f"preparation.{name}": str(getattr(plan, name)) for name in plan.__slots__}


@cache  # a process keeps its environment, and reading it takes a third of a second
def environment() -> Mapping[str, Any]:
    """Interpreter, machine (without its name) and every installed package with its version."""
    packages = {package.metadata["Name"]: package.version for package in distributions()}
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def environment_lock() -> str:
    """SHA-256 of the lock that the environment is made from."""
    return sha256(ROOT / "requirements.txt")
