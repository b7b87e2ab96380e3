"""Runs a notebook as a person does: in its folder, in a kernel of this environment."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from project_tools.settings import ROOT

RunNotebook = Callable[..., str]


@pytest.fixture(scope="session")
def run_notebook() -> RunNotebook:
    """``run_notebook("name.ipynb", FEATURES=path)``: what it printed.

    The values replace those of the cell tagged "parameters", as papermill has it.
    """

    def run(name: str, **parameters: object) -> str:
        notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
        given = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
        places = [
            place
            for place, cell in enumerate(notebook.cells)
            if "parameters" in cell.metadata.get("tags", [])
        ]
        assert len(places) == 1, f"{name} needs one cell tagged parameters"
        notebook.cells.insert(places[0] + 1, nbformat.v4.new_code_cell(given))
        folder = {"metadata": {"path": str(ROOT / "notebooks")}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=folder).execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        return "\n".join(
            output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
        )

    return run


@pytest.fixture(scope="session")
def notebooks() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))
