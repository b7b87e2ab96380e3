"""A search that is killed, or stopped by Ctrl-C, in a process of its own; and how it goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from project_tools.models.families import get_family
from project_tools.runs.history import judged_families, restored
from project_tools.runs.parameters import SearchSettings
from project_tools.runs.store import children
from project_tools.runs.tuning import load_all, tune
from project_tools.search.search import search
from project_tools.settings import ROOT

TRIALS = 7
WAIT_S = 120


class Started:
    """``tune_families.py`` at work in a store, as MLflow starts it."""

    def __init__(self, texts: dict[str, str], folder: Path) -> None:
        words = [word for name, text in texts.items() for word in (f"--{name}", text)]
        self.errors = folder / "stderr.txt"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "tune_families.py", *words],
                cwd=ROOT / "hyperparameter_tuning", stderr=errors, stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": ".."},
            )  # fmt: skip

    def until(self, there: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not there():
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < end, self.errors.read_text()
            time.sleep(0.1)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], Started]]:
    begun: list[Started] = []

    def begin(texts: dict[str, str]) -> Started:
        begun.append(Started(texts, tmp_path))
        return begun[-1]

    yield begin
    for one in begun:
        one.process.kill()
        one.process.wait()


def ended_trials(client: MlflowClient) -> list[Any]:
    experiment = client.get_experiment_by_name("hyperparameter_tuning")
    if experiment is None:
        return []
    found = client.search_runs([experiment.experiment_id], "tags.level = 'trial'")
    return [run for run in found if restored(run) is not None]


def running(client: MlflowClient) -> list[Any]:
    experiments = [e.experiment_id for e in client.search_experiments()]
    return list(client.search_runs(experiments, "attributes.status = 'RUNNING'"))


@pytest.mark.slow
@pytest.mark.line
@pytest.mark.usefixtures("no_pictures")
def test_a_killed_search_loses_no_trial_and_repeats_none(
    store: MlflowClient, texts: Callable[..., dict[str, str]], start: Callable[..., Started]
) -> None:
    begun = start(texts(trials=TRIALS, folds=3))
    begun.until(lambda: len(ended_trials(store)) >= 2)
    begun.process.send_signal(signal.SIGKILL)
    begun.process.wait()
    kept = {run.info.run_id: run for run in ended_trials(store)}
    assert 2 <= len(kept) < TRIALS, "it was killed in the middle"
    assert len(running(store)) >= 2  # the project's, the family's, and perhaps a trial's

    [family] = [run for run in running(store) if run.data.tags["level"] == "family"]
    tune("hyperparameter_tuning", texts(trials=TRIALS, folds=3, resume=family.info.run_id))

    assert not running(store)
    trials = ended_trials(store)
    assert sorted(int(run.data.tags["number"]) for run in trials) == list(range(TRIALS))
    for run in trials:
        if run.info.run_id in kept:
            before = kept[run.info.run_id].info
            assert (run.info.start_time, run.info.end_time) == (before.start_time, before.end_time)
    [judged] = judged_families(store)
    nested = children(store, judged.run_id, "trial")
    assert {run.info.run_id for run in nested} == {run.info.run_id for run in trials}

    # The same trials and figures as a search that nobody stopped.
    settings = SearchSettings.from_texts(texts(trials=TRIALS, folds=3))
    whole = search(
        get_family("lightgbm"), load_all(settings), profile="demo", trials=TRIALS, folds=3
    )  # fmt: skip
    found = sorted((t for t in map(restored, trials) if t), key=lambda trial: trial.number)
    assert [t.drawn for t in found] == [t.drawn for t in whole.trials]
    assert [t.loss for t in found] == [t.loss for t in whole.trials]
    best = whole.best.judgement
    assert best is not None
    np.testing.assert_array_equal(judged.p, best.calibration.apply(whole.oof))


@pytest.mark.line
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_search_ends_cleanly_and_says_how_to_go_on(
    how: signal.Signals, store: MlflowClient, texts: Callable[..., dict[str, str]],
    start: Callable[..., Started],
) -> None:  # fmt: skip
    begun = start(texts(trials=400, folds=3))
    begun.until(lambda: len(ended_trials(store)) >= 1)
    begun.process.send_signal(how)
    begun.process.send_signal(how)  # one more does not cut the closing short
    assert begun.process.wait(WAIT_S) == 130
    said = begun.errors.read_text()
    assert not running(store)
    [project] = [r for e in store.search_experiments() for r in store.search_runs([e.experiment_id], "tags.level = 'project'")]  # fmt: skip
    assert project.info.status == "KILLED"
    assert "every trial that ended is kept" in said
    assert "LightGBM: " in said
    assert f"-P resume={project.info.run_id}" in said
    assert "Traceback" not in said
