"""What an artefact is, told without loading its model."""

import json
import shutil
import subprocess
import sys

import pytest

from project_tools.errors import ArtefactError
from project_tools.serving.artefact import load_artefact, write_artefact
from project_tools.serving.inspection import inspect
from project_tools.settings import ROOT
from tests.helpers.every_family import content_of

FAMILIES = {"lightgbm": "lightgbm-text", "xgboost": "xgboost-ubj", "random_forest": "skops"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    for name in FAMILIES:
        write_artefact(folder / name, content_of(name, folder / f"{name}.state"))
    return folder


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_it_says_what_loading_would_find(made, name):
    found, artefact = inspect(made / name), load_artefact(made / name, child=False)
    assert found.digest == artefact.digest
    assert found.manifest == artefact.manifest
    assert found.manifest.model_format == FAMILIES[name]
    assert found.features == {
        kind: sum(f.kind == kind for f in artefact.features) for kind in ("number", "category")
    }
    assert sum(found.concepts.values()) == len(artefact.features)
    assert found.importance == artefact.overview.shares()
    assert found.golden_rows == 16
    sizes = {file: (made / name / file).stat().st_size for file in artefact.manifest.files}
    assert found.sizes == sizes


def test_the_command_prints_it_for_people_and_for_machines(made):
    folder = str(made / "random_forest")
    text, plain = (
        run("-m", "project_tools", "inspect", folder, *more) for more in ((), ("--json",))
    )
    assert (text.returncode, plain.returncode) == (0, 0)
    known = json.loads(plain.stdout)
    assert known == json.loads(json.dumps(inspect(made / "random_forest").as_dict()))
    for words in (
        "random_forest, stored as skops",
        "contributions in probability, before calibration",
        f"threshold       {known['manifest']['threshold']:.4f} (probability of default",
        "AUC                                     0.7000 ± 0.0300   test",
        "External scores (2)",
        "model.skops",
        known["digest"],
    ):
        assert words in text.stdout


@pytest.mark.parametrize("name", FAMILIES)
def test_no_library_of_models_is_imported_for_it(made, name):
    code = (
        "import sys; from project_tools.__main__ import main; main(['inspect', sys.argv[1]]);"
        "print(sorted({'lightgbm', 'xgboost', 'scipy', 'sklearn', 'skops', 'shap', 'mlflow'} & {*sys.modules}))"
    )
    done = run("-c", code, str(made / name))
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_a_model_that_would_end_its_reader_is_inspected_all_the_same(made, tmp_path):
    # Nothing of the model is read: whether it scores right is for the verification to say.
    folder = shutil.copytree(made / "lightgbm", tmp_path / "a")
    assert inspect(folder).sizes["model.txt"] > 0
    (folder / "model.txt").write_text("tree\n")
    with pytest.raises(ArtefactError, match=r"^model.txt is damaged"):
        inspect(folder)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / "model.skops").write_bytes(b""), "error: model.skops is damaged"),
        (lambda f: (f / "golden.json").unlink(), "golden.json is missing"),
        (shutil.rmtree, "error: there is no model folder"),
    ],
)
def test_a_damaged_folder_is_one_line_and_status_1(made, tmp_path, damage, says):
    folder = shutil.copytree(made / "random_forest", tmp_path / "a")
    damage(folder)
    done = run("-m", "project_tools", "inspect", str(folder))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert says in done.stderr
