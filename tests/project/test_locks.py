"""What the API needs to run alone is locked: the versions of the whole lock, and nothing of training."""

import re
import tomllib
from importlib.metadata import requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from project_tools.settings import ROOT

LOCKS = {
    "api/requirements.txt": ("serving",),
    "api/requirements-sklearn.txt": ("serving", "serving-sklearn"),
}
#: What only trains, tracks or shows.
TRAINING = {"mlflow", "mlflow-skinny", "hyperopt", "streamlit", "shap", "duckdb", "polars"}


def entries(name: str) -> dict[str, set[str]]:
    """The entries of a lock by package: version, marker and hashes."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    found: dict[str, set[str]] = {}
    for entry in re.split(r"\n(?! )", text.strip()):
        found.setdefault(entry.partition("==")[0], set()).add(entry)
    return found


def needed(groups: tuple[str, ...]) -> set[str]:
    """Every package that the lists of pyproject.toml need here, as the installed packages say."""
    file = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lists = [
        file["project"]["optional-dependencies"]["api"],
        *(file["dependency-groups"][name] for name in groups),
    ]
    waiting = [(Requirement(line), "") for lines in lists for line in lines]
    seen, names = set(), set()
    while waiting:
        one, extra = waiting.pop()
        if one.marker is not None and not one.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(one.name)
        names.add(name)
        for wanted in {"", *one.extras}:
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(Requirement(line), wanted) for line in requires(name) or ()]
    return names


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_of_the_api_is_a_part_of_the_whole_lock(lock):
    whole, part = entries("requirements.txt"), entries(lock)
    assert len(part) > 30
    for package, found in part.items():
        assert found <= whole[package], package
        assert all("--hash=sha256:" in entry for entry in found)


@pytest.mark.parametrize(("lock", "groups"), LOCKS.items())
def test_a_lock_of_the_api_is_current(lock, groups):
    here = {name for name, found in entries(lock).items() if any(map(holds_here, found))}
    assert here == needed(groups), "run `make lock`"


def holds_here(entry: str) -> bool:
    marker = Requirement(re.sub(r"\\\n.*", "", entry, flags=re.DOTALL)).marker
    return marker is None or marker.evaluate()


def test_the_api_needs_nothing_that_trains_tracks_or_shows():
    assert not TRAINING & entries("api/requirements.txt").keys()
    assert not (TRAINING - {"shap"}) & entries("api/requirements-sklearn.txt").keys()


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_registry(lock):
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "index" not in text
