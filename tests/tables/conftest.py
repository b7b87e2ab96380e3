"""Small demonstration tables, and a copy of them to spoil."""

import shutil
from pathlib import Path

import pytest

from project_tools.demo import generate
from project_tools.tables.check import check
from project_tools.tables.report import Finding


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    generate(folder, 120, 5, force=True, quiet=True)
    return folder


@pytest.fixture(scope="session")
def known(sound: Path) -> frozenset[Finding]:
    """What is odd in the tables before they are spoilt."""
    return frozenset(check(sound).findings)


@pytest.fixture
def own(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "raw"))
