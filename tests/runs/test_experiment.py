"""Each project's runs are in the experiment of its name, as `mlflow run` is typed."""

import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking.default_experiment.registry import get_experiment_id

from project_tools.runs.experiment import ProjectExperiment, project_of
from project_tools.settings import ROOT


@pytest.mark.parametrize(
    ("words", "project"),
    [
        (["mlflow", "run", "lightgbm", "-e", "log_model"], "lightgbm"),
        (["/x/scripts/mlflow_command.py", "run", "-P", "folds=2", "./random_forest"], "random_forest"),
        (["/x/mlflow/__main__.py", "run", "hyperparameter_tuning"], "hyperparameter_tuning"),
        (["mlflow", "ui", "lightgbm"], None),
        (["mlflow", "run", "https://host/project"], None),
        (["pytest", "run", "lightgbm"], None),
        (["mlflow"], None),
    ],
)  # fmt: skip
def test_the_project_of_a_command_line(
    monkeypatch: pytest.MonkeyPatch, words: list[str], project: str | None
) -> None:
    monkeypatch.chdir(ROOT)
    assert project_of(words) == project


def test_mlflow_asks_for_the_experiment_of_the_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, new_store: Callable[[Path], str]
) -> None:
    (row,) = entry_points(group="mlflow.default_experiment_provider", name="credit")
    assert row.load() is ProjectExperiment
    monkeypatch.chdir(ROOT)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(new_store(tmp_path))
    try:
        assert get_experiment_id() == "0"  # Default, where no project is run
        monkeypatch.setattr(sys, "argv", ["mlflow", "run", "lightgbm"])
        experiment = mlflow.get_experiment(get_experiment_id())
        assert experiment.name == "lightgbm"
        assert get_experiment_id() == experiment.experiment_id
        assert experiment.artifact_location.startswith(tmp_path.as_uri())
    finally:
        mlflow.set_tracking_uri(before)
