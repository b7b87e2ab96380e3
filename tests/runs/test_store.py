"""Runs and registry against a real sqlite store."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from project_tools.errors import TrackingError
from project_tools.runs import registry
from project_tools.runs.store import (
    PARENT_RUN,
    RunLog,
    connect,
    finished_searches,
    get_run,
    nested_run,
    project_run,
    start_nested,
)
from project_tools.settings import Settings


@pytest.fixture
def client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_store: Callable[[Path], str]
) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_store(tmp_path))
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    return connect(Settings.load({}))


def test_runs_nest_and_end_as_what_became_of_them(client: MlflowClient) -> None:
    with project_run("search") as project:
        with nested_run(project, "LightGBM", {"level": "family"}) as parent:
            parent.metrics({"AUC": 0.75})
        with (
            pytest.raises(ZeroDivisionError, match="zero"),
            nested_run(project, "broken") as broken,
        ):
            raise ZeroDivisionError("by zero")
        with pytest.raises(KeyboardInterrupt), nested_run(project, "stopped") as stopped:
            raise KeyboardInterrupt
    status = {
        log: client.get_run(log.run_id).info.status for log in (project, parent, broken, stopped)
    }
    assert list(status.values()) == ["FINISHED", "FINISHED", "FAILED", "KILLED"]
    held = client.get_run(parent.run_id).data
    assert held.metrics == {"AUC": 0.75}
    assert held.tags[PARENT_RUN] == project.run_id


def test_a_run_of_mlflow_is_not_ended_by_us(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = client.create_run(client.create_experiment("given"))
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    with project_run("search") as project:
        assert project.run_id == run.info.run_id
    assert client.get_run(run.info.run_id).info.status == "RUNNING"


def test_parameters_that_mlflow_logged_stay(client: MlflowClient) -> None:
    run = client.create_run(client.create_experiment("given"))
    log = RunLog(client, run.info.run_id, run.info.experiment_id)
    log.params({"trials": 3})
    log.params({"trials": 5, "folds": 2})
    assert client.get_run(run.info.run_id).data.params == {"trials": "3", "folds": "2"}


def test_only_finished_searches_of_the_very_data_are_found(client: MlflowClient) -> None:
    tags = {"level": "family", "family": "lightgbm", "data_digest": "a"}
    with project_run("search") as project:
        with nested_run(project, "ours", tags) as ours:
            pass
        with nested_run(project, "other data", tags | {"data_digest": "b"}):
            pass
        start_nested(project, "unfinished", tags)
    found = finished_searches(client, "lightgbm", "a")
    assert [run.info.run_id for run in found] == [ours.run_id]


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("nothing", "no registered model and no run .* 'nothing'; registered are: credit_scoring"),
        ("credit_scorin", "did you mean 'credit_scoring'"),
        (
            "credit_scoring@champio",
            "no alias 'champio'; set are: champion; did you mean 'champion'",
        ),
        ("credit_scoring/7", "no version '7'; there are 1"),
        ("other/1", "no model 'other' is registered"),
    ],
)
def test_a_model_that_is_not_there(client: MlflowClient, model: str, says: str) -> None:
    client.create_registered_model("credit_scoring")
    version = client.create_model_version("credit_scoring", source="file:///nowhere")
    client.set_registered_model_alias("credit_scoring", "champion", version.version)
    assert registry.find_version(client, "credit_scoring").version == version.version
    assert registry.find_version(client, "credit_scoring/1").version == version.version
    with pytest.raises(TrackingError, match=says):
        registry.find_version(client, model)


def test_a_run_that_is_not_there(client: MlflowClient) -> None:
    with pytest.raises(TrackingError, match="no run 'abc'"):
        get_run(client, "abc")


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:9 does not answer"):
        connect(Settings.load({}))


def test_files_of_a_run_lie_beside_the_store(
    client: MlflowClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the project's script runs: MLflow's own default is the working directory."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    with project_run("search") as project:
        project.text("a line", "table.txt")
    [path] = tmp_path.rglob("table.txt")
    assert path.is_relative_to(tmp_path / "mlruns")
    assert client.list_artifacts(project.run_id)
