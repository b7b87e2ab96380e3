"""Names of files and folders that would hide a library, or change what a library does."""

import importlib.util
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from project_tools.settings import ROOT

#: `python -m unittest discover api` and `streamlit run dashboard/app.py` put these folders first
#: among the places of imports, and MLflow runs a project's scripts in theirs.
FIRST_ON_THE_PATH = (
    "api", "dashboard", "hyperparameter_tuning", "random_forest", "lightgbm", "scripts",
    "benchmarks",
)  # fmt: skip
#: Folders of scripts; what has an __init__.py is imported in a library's place.
SCRIPT_FOLDERS = tuple(name for name in FIRST_ON_THE_PATH if name != "api")


def names_in(folder: Path) -> set[str]:
    """Names that an import would find in a folder: modules, and folders of modules."""
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    return modules | {path.name for path in folder.iterdir() if any(path.glob("*.py"))}


@pytest.mark.parametrize("folder", FIRST_ON_THE_PATH)
def test_no_module_hides_one_of_the_standard_library(folder: str) -> None:
    found = names_in(ROOT / folder)
    assert found, "an empty folder would pass whatever its rule is"
    assert not found & sys.stdlib_module_names


@pytest.mark.parametrize("folder", FIRST_ON_THE_PATH)
def test_no_module_hides_an_installed_library(folder: str) -> None:
    # An editable installation and `tests` of other distributions are no libraries of ours.
    libraries = packages_distributions().keys() - {"project_tools", "api", "tests"}
    assert {"lightgbm", "numpy", "flask", "streamlit"} <= libraries
    assert not names_in(ROOT / folder) & libraries


@pytest.mark.parametrize("folder", SCRIPT_FOLDERS)
def test_a_folder_of_scripts_is_no_package(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert not (ROOT / folder / "__init__.py").exists()


def test_the_library_is_found_and_not_the_folder_of_its_name() -> None:
    spec = importlib.util.find_spec("lightgbm")
    assert spec is not None
    assert spec.origin is not None
    assert not Path(spec.origin).is_relative_to(ROOT / "lightgbm")


def test_no_two_script_folders_share_the_name_of_a_module() -> None:
    found = [name for folder in SCRIPT_FOLDERS for name in names_in(ROOT / folder)]
    assert sorted(found) == sorted(set(found))


def test_no_folder_of_the_dashboard_starts_the_old_automatic_pages() -> None:
    folders = {path.name for path in (ROOT / "dashboard").rglob("*") if path.is_dir()}
    assert "app_pages" in folders
    assert "pages" not in folders


def test_what_is_installed_is_named_one_by_one() -> None:
    """By itself, setuptools would install our folder lightgbm/ into the library's place."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert table["find"]["include"] == ["project_tools*", "api*"]
    assert table["find"]["namespaces"] is False


def test_no_package_of_project_tools_imports_at_its_top() -> None:
    """``--help``, one applicant and a child process must not pay for a package's libraries."""
    # `from project_tools.demo import generate` is what the demonstration offers; only it pays.
    offers_itself = ROOT / "project_tools" / "demo" / "__init__.py"
    packages = sorted({*(ROOT / "project_tools").rglob("__init__.py")} - {offers_itself})
    assert len(packages) > 10
    importing = [
        str(path.relative_to(ROOT))
        for path in packages
        if re.search(r"^(import|from) ", path.read_text(), re.MULTILINE)
    ]
    assert importing == []
