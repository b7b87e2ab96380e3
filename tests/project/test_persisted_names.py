"""Dotted paths that are written into files, registries and other programs' settings.

Who renames one of these breaks what was stored before. Such a change needs a refusal in one line
that says what to do, and a line in CHANGELOG.md.
"""

import importlib
import io
import json
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import pytest

from project_tools.errors import ArtefactError
from project_tools.models import preparation
from project_tools.serving import pyfunc, scoring, verification
from project_tools.serving.artefact import load_artefact, write_artefact
from project_tools.serving.formats import skops_file
from project_tools.serving.formats.skops_file import read_skops_file
from project_tools.serving.reasons.concepts import BY_CODE
from project_tools.settings import ROOT
from tests.helpers.every_family import content_of
from tests.serving.test_artefact import seal

#: Inside the skops files of registered forests and logistic regressions.
IN_SKOPS_FILES = {
    "project_tools.models.preparation.LevelCodes",
    "project_tools.models.preparation.LevelIndicators",
    "project_tools.models.preparation.NearestRowsImputer",
    "project_tools.models.preparation.NormalScorer",
    "project_tools.models.preparation.PercentileClipper",
    "project_tools.models.preparation.PowerScaler",
    "project_tools.models.preparation.infinities_to_null",
}

#: In answers, records and artefacts: the codes of the concepts under which decisions are explained.
CONCEPT_CODES = {
    "age", "amounts_paid", "burden", "car", "credit_cards", "dates_elsewhere", "debt_elsewhere",
    "documents", "earlier_applications", "earlier_decisions", "earlier_loans", "education",
    "employment", "enquiries", "external_scores", "home", "income", "kinds_of_earlier_loans",
    "late_payments", "loan", "loans_elsewhere", "overdue_elsewhere", "papers_and_phone", "protected",
    "running_loans", "social_circle", "time_of_application",
}  # fmt: skip


def skops_model(content) -> str:
    """The name of the skops file among an artefact's files."""
    (name,) = [path.name for path in content.iterdir() if path.suffix == ".skops"]
    return name


def rewritten(content: bytes, change: Callable[[str], str]) -> bytes:
    """A skops file whose schema, as text, is changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            held = old.read(entry)
            if entry.filename == "schema.json":
                held = change(held.decode()).encode()
            new.writestr(entry, held)
    return out.getvalue()


@pytest.fixture(params=["random_forest", "logistic_l2", "logistic_l1", "forest of codes"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An artefact of each family whose file is one of skops."""
    write_artefact(tmp_path / "artefact", content_of(request.param, tmp_path / "state"))
    return tmp_path / "artefact"


@pytest.mark.parametrize("path", sorted(IN_SKOPS_FILES))
def test_what_skops_files_name_is_where_they_look(path: str) -> None:
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    assert (found.__module__, found.__qualname__) == (module, name)
    assert module == preparation.__name__


def test_the_list_of_trusted_types_names_these_and_no_other_of_ours() -> None:
    trusted = frozenset().union(*skops_file._TRUSTED.values())
    assert {name for name in trusted if name.startswith("project_tools")} == IN_SKOPS_FILES


def test_a_written_model_names_none_but_these(folder: Path) -> None:
    content = (folder / skops_model(folder)).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        nodes = skops_file._nodes(json.loads(archive.read("schema.json")))
        named = {f"{node.get('__module__')}.{node.get('__class__')}" for node in nodes}
    ours = {name for name in named if name.startswith("project_tools")}
    assert ours
    assert ours <= IN_SKOPS_FILES


#: A line that says what it found, and to train again.
REFUSED = r"was written by an earlier release \(project_tools\.preparation\.\w+\).* train the model again$"


def of_before(content: bytes) -> bytes:
    """The same skops file as the release before the packages wrote it."""
    return rewritten(
        content,
        lambda text: text.replace("project_tools.models.preparation", "project_tools.preparation"),
    )


def test_a_model_file_of_before_is_refused_in_one_line(folder: Path) -> None:
    path = folder / skops_model(folder)
    with pytest.raises(ArtefactError, match=REFUSED) as refused:
        read_skops_file(path.name, of_before(path.read_bytes()))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("folder", ["logistic_l2"], indirect=True)
def test_a_registered_model_of_before_is_refused_in_one_line(folder: Path) -> None:
    path = folder / skops_model(folder)
    path.write_bytes(of_before(path.read_bytes()))
    seal(folder)
    with pytest.raises(ArtefactError, match=REFUSED) as refused:
        load_artefact(folder)
    assert "\n" not in str(refused.value)


def test_the_rewriting_alone_breaks_no_file(folder: Path) -> None:
    path = folder / skops_model(folder)
    same = rewritten(path.read_bytes(), lambda text: text)
    assert isinstance(read_skops_file(path.name, same), dict)


def test_the_codes_of_the_concepts_are_those_of_before() -> None:
    assert set(BY_CODE) == CONCEPT_CODES


def test_mlflow_finds_the_loader_that_registered_versions_name() -> None:
    assert pyfunc.__name__ == "project_tools.serving.pyfunc"
    registry = (ROOT / "project_tools" / "runs" / "registry.py").read_text()
    assert f'loader_module="{pyfunc.__name__}"' in registry
    # Versions of before that module was there name another one.
    assert scoring.__name__ == "project_tools.serving.scoring"
    assert scoring._load_pyfunc is pyfunc._load_pyfunc


def test_the_child_process_runs_the_module_of_the_artefact(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    called = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        called.append(command)
        return subprocess.CompletedProcess(command, 0, "d" * 64 + "\n", "")

    monkeypatch.setattr(verification.subprocess, "run", run)
    verification.verify_in_child(tmp_path, "d" * 64, "model.txt")
    assert called == [[sys.executable, "-m", "project_tools.serving.artefact", str(tmp_path)]]


def test_the_module_of_the_child_answers_with_the_digest_of_the_committed_model() -> None:
    command = [sys.executable, "-m", "project_tools.serving.artefact", str(ROOT / "api" / "model")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, len(done.stdout.strip())) == (0, 64), done.stdout + done.stderr


def test_package_data_is_beside_its_modules_and_installed_with_them() -> None:
    figures = {path.name for path in (files("project_tools.demo") / "figures").iterdir()}
    assert {name for name in figures if name.endswith(".json")}
    assert (files("project_tools.features.engines") / "spark_log.properties").is_file()
    assert (files("project_tools") / "py.typed").is_file()
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = table["package-data"]["project_tools"]
    package = ROOT / "project_tools"
    held = {path for pattern in patterns for path in package.glob(pattern)}
    data = {
        path for path in package.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert data == held


def test_the_console_script_is_installed() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert declared == {"credit": "project_tools.cli.main:main"}
    (script,) = entry_points(group="console_scripts", name="credit")
    assert script.value == declared["credit"]
    assert callable(script.load())
