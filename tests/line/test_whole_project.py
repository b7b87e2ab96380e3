"""A whole ``mlflow run``, as a person types it, and what MLflow's own server then shows of it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from project_tools.demo import generate
from project_tools.features.build import build
from project_tools.features.files import read_features
from project_tools.models.families import FAMILIES
from project_tools.settings import ROOT
from project_tools.system.files import sha256
from tests.helpers.engines import QUICK

pytestmark = pytest.mark.line

BIN = Path(sys.executable).parent
MLFLOW = str(BIN / "mlflow")
PARENT, TRIALS = "mlflow.parentRunId", 2


@dataclass(frozen=True)
class Searched:
    """What one ``mlflow run hyperparameter_tuning`` was given, said and left."""

    features: Path
    environ: dict[str, str]
    store: str
    output: str


def in_store(store: str) -> dict[str, str]:
    """The environment of a command whose tracking store this is."""
    environ = os.environ | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "MLFLOW_TRACKING_URI": store,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true",
    }  # fmt: skip
    environ.pop("MLFLOW_RUN_ID", None)
    return environ


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = tmp_path_factory.mktemp("whole project")  # the space is meant
    generate(folder / "raw", 500, 3, quiet=True)
    features = folder / "features.parquet"
    build(folder / "raw", [features], engine=QUICK, quiet=True)
    store = f"sqlite:///{folder / 'mlflow.db'}"
    environ = in_store(store)
    given = {"data": features, "profile": "demo", "trials": TRIALS, "sample": 260, "folds": 2}
    words = [word for name, value in given.items() for word in ("-P", f"{name}={value}")]
    done = subprocess.run(
        [MLFLOW, "run", "hyperparameter_tuning", "--env-manager", "local", *words],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Searched(features, environ, store, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def ui(searched: Searched) -> Iterator[str]:
    """The address of an ``mlflow ui`` on that store."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [MLFLOW, "ui", "--backend-store-uri", searched.store, "--port", str(port), "--workers", "1"],
        env=searched.environ, cwd=searched.features.parent, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _await(f"{address}/health", process)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        assert process.poll() is None, "mlflow ui ended"
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  (loopback)
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("mlflow ui did not answer within a minute")


def asked(address: str, path: str, content: dict[str, Any]) -> Any:
    request = urllib.request.Request(  # noqa: S310  (loopback)
        f"{address}/api/2.0/mlflow/{path}", json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  (loopback)
        return json.load(answer)


@pytest.fixture(scope="module")
def runs(ui: str) -> list[dict[str, Any]]:
    """All runs as the server's HTTP API shows them: id, status, tags, metrics, params."""
    experiments = asked(ui, "experiments/search", {"max_results": 100})["experiments"]
    ids = [experiment["experiment_id"] for experiment in experiments]
    found = asked(ui, "runs/search", {"experiment_ids": ids, "max_results": 100})["runs"]
    return [
        {"id": run["info"]["run_id"], "status": run["info"]["status"]}
        | {
            part: {row["key"]: row["value"] for row in run["data"].get(part, [])}
            for part in ("tags", "metrics", "params")
        }
        for run in found
    ]


def of_level(runs: list[dict[str, Any]], level: str) -> list[dict[str, Any]]:
    return [run for run in runs if run["tags"].get("level") == level]


@pytest.mark.slow
def test_the_ui_shows_parents_with_their_trials_below(runs: list[dict[str, Any]]) -> None:
    (project,) = [run for run in runs if run["tags"].get("project") == "hyperparameter_tuning"]
    parents, trials = of_level(runs, "family"), of_level(runs, "trial")
    assert {run["tags"]["family"] for run in parents} == set(FAMILIES)
    assert {run["tags"][PARENT] for run in parents} == {project["id"]}
    for parent in parents:
        assert sum(run["tags"][PARENT] == parent["id"] for run in trials) == TRIALS
    assert len(runs) == 1 + len(FAMILIES) * (1 + TRIALS)
    assert {run["status"] for run in runs} == {"FINISHED"}


@pytest.mark.slow
def test_the_ui_shows_metrics_and_threshold(runs: list[dict[str, Any]]) -> None:
    for run in of_level(runs, "family") + of_level(runs, "trial"):
        assert 0 < run["metrics"]["threshold"] < 1
        assert 0 < run["metrics"]["out_of_fold.AUC"] < 1
        assert run["metrics"]["out_of_fold.loss_of_income.se"] > 0
        assert run["params"]


@pytest.mark.slow
def test_the_ui_shows_which_data_a_figure_is_of(
    searched: Searched, runs: list[dict[str, Any]]
) -> None:
    meta = read_features(searched.features).meta
    for run in of_level(runs, "family"):
        assert run["tags"]["data_digest"] == sha256(searched.features)
        assert run["tags"]["raw_digest"] == meta["raw_digest"]
        assert run["tags"]["split_digest"] == meta["split_digest"]


@pytest.mark.slow
def test_the_project_run_holds_its_parameters_and_the_table_of_the_families(
    ui: str, searched: Searched, runs: list[dict[str, Any]]
) -> None:
    (project,) = [run for run in runs if "project" in run["tags"]]
    assert project["params"]["trials"] == str(TRIALS)
    assert project["params"]["folds"] == "2"
    address = f"{ui}/get-artifact?path=families.txt&run_uuid={project['id']}"
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310  (loopback)
        table = answer.read().decode()
    for name in FAMILIES:
        assert name in table
        assert f"{name} " in searched.output


@pytest.mark.slow
def test_a_project_that_is_refused_fails_with_one_line(
    tmp_path: Path, new_store: Callable[[Path], str]
) -> None:
    """MLflow says so itself; our line names the parameter, and no traceback is shown."""
    done = subprocess.run(
        [MLFLOW, "run", "lightgbm", "-e", "log_model", "--env-manager", "local", "-P", "folds=one"],
        cwd=ROOT, env=in_store(new_store(tmp_path)), capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    said = done.stdout + done.stderr
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert lines == ["error: parameter folds is 'one'; it takes a whole number, 2 or more"]
    assert "Traceback" not in said


SCRIPTS = (
    "hyperparameter_tuning/tune_families.py",
    "lightgbm/tune_boosting.py",
    "lightgbm/log_boosting.py",
    "random_forest/final_forest.py",
    "random_forest/compare_resampling.py",
    "random_forest/compare_preparation.py",
)


#: The parser of the command line imports the module of every command.
COMMAND_LINE = "from project_tools.cli.main import parser; parser()"
STARTS = {
    script: f"import runpy; runpy.run_path({script!r}, run_name='start')" for script in SCRIPTS
}


@pytest.mark.parametrize("start", [*STARTS.values(), COMMAND_LINE], ids=[*STARTS, "command line"])
def test_no_library_with_threads_is_loaded_before_the_environment_is_settled(start: str) -> None:
    program = (
        f"{start}; import sys; "
        "print(sorted({'lightgbm', 'sklearn', 'mlflow', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_threads_that_wait_for_each_other_sleep() -> None:
    """OpenMP reads it when its library is loaded: it says itself what it took."""
    environ = os.environ | {"OMP_DISPLAY_ENV": "true"}
    environ.pop("OMP_WAIT_POLICY", None)
    done = subprocess.run(
        [sys.executable, "lightgbm/log_boosting.py", "--folds", "0"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    policies = [line for line in done.stderr.splitlines() if "OMP_WAIT_POLICY" in line]
    assert policies
    assert all("PASSIVE" in line for line in policies), policies
