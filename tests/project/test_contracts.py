"""Each import contract breaks when it is violated: a planted import in a copy of the code."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from project_tools.settings import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
#: For each contract a module, and an import that it must not have.
PLANTED = {
    "The line runs one way": ("project_tools/tables/schema.py", "import project_tools.features.rows"),
    "No import cycle in any package": (
        "project_tools/serving/formats/base.py", "import project_tools.serving.formats.table",
    ),
    "What is served, and the API, know no search, training or tracking": (
        "project_tools/serving/scoring.py", "import project_tools.models.training",
    ),
    "Of models, what is served takes the preparation alone": (
        "project_tools/serving/scoring.py", "import project_tools.models.dataset",
    ),
    "What travels with a registered model computes no features and trains nothing": (
        "project_tools/serving/inputs.py", "import project_tools.features.pipeline",
    ),
    "The API imports serving, system, settings and errors": (
        "api/release.py", "import project_tools.tables.schema",
    ),
    "Three modules know MLflow": ("project_tools/runs/search.py", "import mlflow"),
    "One applicant is computed without DuckDB, Polars or Spark": (
        "project_tools/features/expressions.py", "import duckdb",
    ),
    "project_tools knows neither API nor dashboard": (
        "project_tools/serving/peers.py", "import flask",
    ),
}  # fmt: skip


def test_each_contract_has_its_violation() -> None:
    assert [contract["name"] for contract in CONTRACTS] == list(PLANTED)


def lint(root: Path) -> str:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=root, env=os.environ | {"PYTHONPATH": str(root), "COLUMNS": "200"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.slow
@pytest.mark.line
def test_every_contract_breaks_when_it_is_violated(tmp_path: Path) -> None:
    for name in ("project_tools", "api"):
        shutil.copytree(
            ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "model")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert f"{len(PLANTED)} kept, 0 broken" in lint(tmp_path)
    for name, (module, line) in PLANTED.items():
        path = tmp_path / module
        before = path.read_text()
        path.write_text(f"{before}\n{line}\n")
        assert f"{name} BROKEN" in lint(tmp_path), f"{line} in {module} breaks no rule"
        path.write_text(before)
