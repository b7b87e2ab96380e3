"""The notebook on drift runs on a feature file and finds what was shifted, and only that."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from project_tools.demo import generate
from project_tools.features.build import build
from tests.helpers.engines import QUICK


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    generate(folder / "raw", 1_000, 3, quiet=True)
    build(folder / "raw", [folder / "features.parquet"], engine=QUICK, quiet=True)
    return folder / "features.parquet"


def test_it_runs_and_finds_the_shift(
    run_notebook: Callable[..., str], features: Path, tmp_path: Path
) -> None:
    said = run_notebook("data_drift.ipynb", FEATURES=str(features), PAGE=str(tmp_path / "a.html"))
    assert "No drift: nothing changed" in said
    assert "Drift in 2 of" in said, said
    assert "AMT_CREDIT" in said.split("Drift in 2 of")[1]
    assert "false alarms: 0 of 3" in said
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")


def test_notebooks_define_nothing_and_hold_no_outputs(notebooks: list[Path]) -> None:
    assert notebooks
    for path in notebooks:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                assert not cell.outputs, f"{path.name} holds outputs"
                starts = [
                    line for line in cell.source.splitlines() if line.startswith(("def ", "class "))
                ]
                assert not starts, f"{path.name} defines {starts[0]}"
