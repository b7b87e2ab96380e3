"""What a registered version needs to be loaded where this project is not: code, packages, an example."""

import ast
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import pandas as pd
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from project_tools.serving.formats.base import spread
from project_tools.settings import ROOT

PACKAGE = "project_tools"
#: The module that MLflow loads, and the one that a child process runs to verify the model.
ROOTS = (f"{PACKAGE}.serving.pyfunc", f"{PACKAGE}.serving.artefact")
#: What the code of ``ROOTS`` imports whatever the model's format; mlflow loads and serves it.
ALWAYS = ("mlflow", "numpy", "pandas", "pyarrow", "pydantic", "scipy")
#: Training clients over whom the example's usual values are taken.
EXAMPLE_ROWS = 3_000


@dataclass(frozen=True, slots=True)
class Standalone:
    """What a version carries beside the served folder and the code that serves it.

    ``requirements`` are lines for pip, ``example`` an invented client, ``parameters`` those of the
    model, ``metrics`` its figures.
    """

    requirements: Sequence[str] = field(default_factory=lambda: requirements(()))
    example: pd.DataFrame | None = None
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


def serving_modules(package: Path = ROOT / PACKAGE) -> dict[str, Path]:
    """The files of ``ROOTS`` and of all of ours that they import, by dotted name.

    The import statements are read, not run; those inside functions count too.
    """
    files = {_dotted(path, package): path for path in sorted(package.rglob("*.py"))}
    carried: dict[str, Path] = {}
    left = list(ROOTS)
    while left:
        name = left.pop()
        if name not in carried:
            carried[name] = files[name]
            left += _imported(files[name]) & files.keys()
            left += [name.rpartition(".")[0]] if "." in name else []
    return carried


def _dotted(path: Path, package: Path) -> str:
    return ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported may itself be a module.
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def copy_code(folder: Path) -> Path:
    """Copy the modules that serve a model below ``folder``; the copied package."""
    for path in serving_modules().values():
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return folder / PACKAGE


def requirements(packages: Sequence[str], lock: Path = ROOT / "requirements.txt") -> list[str]:
    """The lines of the lock for what serves a model: ``ALWAYS``, ``packages``, all that they need.

    Which package needs which is read from those installed here. Lines keep their markers.
    """
    locked: dict[str, list[str]] = {}
    for line in re.findall(r"^([A-Za-z0-9][^\\\n#]*==[^\\\n#]*)", lock.read_text(), re.MULTILINE):
        locked.setdefault(canonicalize_name(Requirement(line).name), []).append(line.strip())
    wanted: set[str] = set()
    left = [canonicalize_name(name) for name in (*ALWAYS, *packages)]
    while left:
        name = left.pop()
        if name in locked and name not in wanted:
            wanted.add(name)
            left += [canonicalize_name(need) for need in _needs(name)]
    return [line for name in sorted(wanted) for line in locked[name]]


def _needs(name: str) -> list[str]:
    """The packages that an installed one needs, without its extras."""
    try:
        rows = [Requirement(row) for row in requires(name) or []]
    except PackageNotFoundError:  # locked for another system
        return []
    return [row.name for row in rows if row.marker is None or row.marker.evaluate({"extra": ""})]


def example(training: pd.DataFrame) -> pd.DataFrame:
    """One invented client with the usual values: the median of numbers, the commonest level.

    A client's own row would leave the lender with every copy of the model.
    """
    sample = spread(training, EXAMPLE_ROWS)
    usual = {
        name: None if (counts := column.value_counts()).empty else str(counts.index[0])
        if isinstance(column.dtype, pd.CategoricalDtype)
        else float(column.median())
        for name, column in sample.items()
    }  # fmt: skip
    return pd.DataFrame([usual])
