"""A registered version carries what it needs: code, pinned packages, an example, a description."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from project_tools.errors import ArtefactError, FeatureError
from project_tools.features.files import read_features
from project_tools.runs.standalone import copy_code, example, requirements, serving_modules
from project_tools.serving import pyfunc
from project_tools.settings import ROOT
from project_tools.system import command
from project_tools.system.files import sha256
from project_tools.system.ports import refuse_busy
from tests.helpers.small_final import HINTS, Trained, feature_file, train_finally

pytestmark = pytest.mark.filterwarnings(*HINTS)
ANSWER = ["proba_risk_class", "class", "raw_score"]


@pytest.fixture(scope="module")
def final(new_store, tmp_path_factory) -> Iterator[Trained]:
    folder = tmp_path_factory.mktemp("standalone")
    data = feature_file(folder, 900)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", new_store(folder))
        patch.delenv("MLFLOW_RUN_ID", raising=False)
        patch.chdir(folder)
        command.quiet_libraries()
        yield train_finally("lightgbm", data)


@pytest.fixture(scope="module")
def model(final: Trained, tmp_path_factory) -> Path:
    """The version's files, as MLflow hands them to somebody else."""
    folder = tmp_path_factory.mktemp("elsewhere")
    uri = f"models:/credit_scoring/{final.version.version}"
    return Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))


@pytest.fixture(scope="module")
def frame(final: Trained) -> pd.DataFrame:
    """Held-out clients as the feature file holds them, with its pandas categories."""
    frame = read_features(final.data).frame
    return frame[frame["SPLIT"] == "test"].head(40)


def packages_of(model: Path) -> list[str]:
    return (model / "requirements.txt").read_text().splitlines()


def test_its_code_is_what_serves_and_nothing_else(model: Path) -> None:
    held = {path.relative_to(model / "code") for path in (model / "code").rglob("*.py")}
    assert held == {path.relative_to(ROOT) for path in serving_modules().values()}
    packages = {path.parts[1] for path in held if len(path.parts) > 2}
    assert packages == {"evaluation", "features", "models", "serving", "system"}
    assert [p.name for p in held if p.parts[1] == "models"] in (
        ["__init__.py", "preparation.py"], ["preparation.py", "__init__.py"],
    )  # fmt: skip


@pytest.mark.slow
def test_its_code_is_enough_to_predict_where_the_clone_is_not(
    model: Path, frame: pd.DataFrame, tmp_path: Path
) -> None:
    frame.to_parquet(tmp_path / "new.parquet")
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import pandas, project_tools\n"
        "from project_tools.serving.pyfunc import _load_pyfunc\n"
        "assert project_tools.__file__.startswith(sys.argv[1]), project_tools.__file__\n"
        "answer = _load_pyfunc(sys.argv[2]).predict(pandas.read_parquet('new.parquet'))\n"
        "ours = [name for name in sys.modules if name.startswith('project_tools')]\n"
        "answer.to_parquet('answer.parquet'); print(*sorted(ours), sep='\\n')"
    )
    # -S: without the packages' .pth files, by one of which the clone is installed.
    site = [path for path in sys.path if path.endswith("site-packages")]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(site)}
    words = [
        sys.executable,
        "-S",
        "-c",
        program,
        str(model / "code"),
        str(model / "data" / "artefact"),
    ]
    done = subprocess.run(
        words, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) <= serving_modules().keys()
    here = mlflow.pyfunc.load_model(str(model)).predict(frame)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "answer.parquet"), here)


def test_its_packages_are_those_of_the_lock(model: Path) -> None:
    lines, lock = packages_of(model), (ROOT / "requirements.txt").read_text()
    assert all(f"{line.split(';')[0].strip()} " in lock and "==" in line for line in lines)
    names = {line.split("==")[0] for line in lines}
    assert {"mlflow", "lightgbm", "numpy", "pandas", "pyarrow", "pydantic", "scipy"} <= names
    assert not names & {
        "xgboost-cpu",
        "shap",
        "hyperopt",
        "duckdb",
        "fairlearn",
        "streamlit",
    }
    assert {line.split("==")[0] for line in requirements(["skops", "shap"])} >= {"skops", "numba"}


def test_the_feature_file_s_own_categories_are_taken(model: Path, frame: pd.DataFrame) -> None:
    loaded = mlflow.pyfunc.load_model(str(model))
    assert not frame.select_dtypes("category").empty
    answer = loaded.predict(frame)
    assert list(answer.columns) == ANSWER
    texts = dict.fromkeys(frame.select_dtypes("category").columns, object)
    pd.testing.assert_frame_equal(loaded.predict(frame.astype(texts)), answer)


def test_a_text_that_is_no_level_is_one_line(model: Path, frame: pd.DataFrame) -> None:
    loaded = mlflow.pyfunc.load_model(str(model))
    wrong = frame.assign(NAME_EDUCATION_TYPE="Lower primary")
    says = r"feature 'NAME_EDUCATION_TYPE' holds a text that is none of its levels; it takes '.*', or null$"
    with pytest.raises(FeatureError, match=says) as refused:
        loaded.predict(wrong)
    assert "\n" not in str(refused.value)
    assert "Lower primary" not in str(refused.value)
    with pytest.raises(FeatureError, match="feature 'EXT_SOURCE_2' is missing"):
        loaded.predict(frame.drop(columns="EXT_SOURCE_2"))


def test_the_example_is_nobody(model: Path) -> None:
    loaded = mlflow.pyfunc.load_model(str(model))
    given = loaded.input_example
    assert list(given.columns) == loaded.metadata.get_input_schema().input_names()
    answer = loaded.predict(given)
    assert 0 < answer["proba_risk_class"][0] < 1
    invented = pd.DataFrame({"n": [1.0, 2.0, 9.0, None], "c": pd.Categorical(["b", "a", "b", None]), "none": [None] * 4})  # fmt: skip
    row = example(invented.astype({"none": "float32"})).iloc[0]
    assert (row["n"], row["c"]) == (2.0, "b")
    assert pd.isna(row["none"])


def test_the_version_says_what_it_is(final: Trained) -> None:
    version = final.version
    assert sha256(final.data) in version.description
    assert f"card.html of run {final.run_id}" in version.description
    assert final.client.get_registered_model("credit_scoring").description
    held = mlflow.get_logged_model(version.source.rpartition("/")[2])
    run = final.client.get_run(final.run_id)
    figures = {metric.key: metric.value for metric in held.metrics}
    assert figures["test.AUC"] == run.data.metrics["test.AUC"]
    assert len(final.client.get_metric_history(final.run_id, "test.AUC")) == 1
    assert held.params["n_estimators"] == run.data.params["model.n_estimators"]
    assert "early_stopping_rounds" not in held.params


def test_the_run_holds_its_data_its_parameters_and_its_pictures(final: Trained) -> None:
    run = final.client.get_run(final.run_id)
    inputs = {i.tags[0].value: i for i in run.inputs.dataset_inputs if i.tags[0].key == "mlflow.data.context"}  # fmt: skip
    assert set(inputs) == {"training", "test"}
    for given in inputs.values():
        assert sha256(final.data).startswith(given.dataset.digest)
        assert json.loads(given.dataset.profile)["sha256"] == sha256(final.data)
    names = set(run.data.params)
    assert {"model.n_estimators", "model.num_leaves", "folds", "data"} <= names
    assert not names & {"num_leaves", "model.early_stopping_rounds", "model.watched_share"}
    pictures = {Path(a.path).stem for a in final.client.list_artifacts(final.run_id, "figures")}
    assert pictures == {
        "roc", "precision_recall", "reliability", "loss_by_threshold", "gain", "lift", "confusion", "importance",
    }  # fmt: skip


def test_a_missing_package_is_one_line(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("project_tools.serving.")]:
        if name != pyfunc.__name__:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(ArtefactError, match=r"the package pydantic.* is not installed here; install the requ"):  # fmt: skip
        pyfunc._load_pyfunc(str(model / "data" / "artefact"))


@pytest.mark.slow  # it installs some ninety packages, twice
def test_it_predicts_and_serves_in_an_empty_environment_from_another_folder(
    model: Path, frame: pd.DataFrame, tmp_path: Path
) -> None:
    python = tmp_path / "empty" / "bin" / "python"
    uv = Path(sys.executable).parent / "uv"
    subprocess.run(
        [uv, "venv", "--quiet", "--python", sys.executable, python.parents[1]], check=True
    )
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", python, "-r", model / "requirements.txt"],
        check=True,
    )
    frame.to_parquet(tmp_path / "new.parquet")
    program = (
        "import mlflow, pandas, sys\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1])\n"
        "model.predict(pandas.read_parquet('new.parquet')).to_parquet('answer.parquet')\n"
        "import project_tools; print(project_tools.__file__)"
    )
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PYTHONPATH"))}
    environ |= {"PATH": f"{python.parent}:{uv.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [python, "-c", program, model], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith(str(model / "code"))
    expected = mlflow.pyfunc.load_model(str(model)).predict(frame)
    answer = pd.read_parquet(tmp_path / "answer.parquet")
    np.testing.assert_allclose(answer["proba_risk_class"], expected["proba_risk_class"])
    for manager in ("local", "uv"):
        environ["MLFLOW_ENV_ROOT"] = str(tmp_path / "envs")
        served = _served(python, model, manager, environ=environ, frame=frame, folder=tmp_path)
        np.testing.assert_allclose(served, expected["proba_risk_class"])


def _served(
    python: Path, model: Path, manager: str, *,
    environ: dict[str, str], frame: pd.DataFrame, folder: Path,
) -> list[float]:  # fmt: skip
    port = 5391 if manager == "local" else 5392
    refuse_busy("127.0.0.1", port, "another port in this test")
    names = mlflow.pyfunc.load_model(str(model)).metadata.get_input_schema().input_names()
    body = json.dumps({"dataframe_split": json.loads(frame[names].to_json(orient="split"))})
    words = [python, "-m", "mlflow", "models", "serve", "-m", model, "-p", str(port), "--env-manager", manager]  # fmt: skip
    with (folder / "served.log").open("w") as log:
        process = subprocess.Popen(
            words, cwd=folder, env=environ, stdout=log, stderr=log, start_new_session=True
        )
        try:
            asked = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations", body.encode(), {"Content-Type": "application/json"}
            )  # fmt: skip
            end = time.monotonic() + 300
            while True:
                try:
                    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
                        rows = json.loads(answer.read())["predictions"]
                    return [row["proba_risk_class"] for row in rows]
                except OSError:
                    assert time.monotonic() < end, (folder / "served.log").read_text()
                    assert process.poll() is None, (folder / "served.log").read_text()
                    time.sleep(1)
        finally:
            os.killpg(process.pid, 15)
            process.wait(timeout=30)


def test_the_copied_code_has_no_file_of_the_clone_s_own(tmp_path: Path) -> None:
    package = copy_code(tmp_path)
    assert package == tmp_path / "project_tools"
    assert {path.suffix for path in package.rglob("*") if path.is_file()} == {".py"}
