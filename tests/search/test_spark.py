"""Trials on a local Spark: the same settings judged alike, failures kept, a search that goes on."""

import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from project_tools.errors import TrainingError
from project_tools.models.dataset import Dataset
from project_tools.models.families import get_family
from project_tools.runs.history import restored
from project_tools.runs.store import PARENT_RUN
from project_tools.runs.tuning import tune
from project_tools.search.choice import choose
from project_tools.search.search import search
from project_tools.search.trial import PriorTrials, Trial

Clients = Callable[..., Dataset]
pytestmark = [
    pytest.mark.spark,
    # PySpark leaves the sockets of its gateway to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def spark() -> None:
    """PySpark and Java; without them the tests are skipped, by make test-spark they fail."""
    missing = [n for n, there in (("PySpark", find_spec("pyspark")), ("Java", shutil.which("java"))) if not there]  # fmt: skip
    if missing:
        said = f"{' and '.join(missing)} missing: install Java 17 and run make test-spark"
        if os.environ.get("SPARK_IS_HERE"):
            pytest.fail(said)
        pytest.skip(f"THE SPARK TEST DID NOT RUN. {said}")


def test_spark_judges_a_setting_as_this_process_does(clients: Clients) -> None:
    data, rows = clients(300), get_family("logistic_l2")
    started: list[int] = []
    ended: list[tuple[int, str]] = []
    held: dict[int, Any] = {}
    found = search(
        rows, data, trials=4, folds=2, jobs=2, seed=3, spark=True,
        on_start=lambda t: started.append(t.number),
        on_trial=lambda t, oof: ended.append((t.number, t.status)) or held.update({t.number: oof}),
    )  # fmt: skip
    assert sorted(started) == [0, 1, 2, 3]
    assert {oof.dtype.name for oof in held.values()} == {"float32"}
    assert len(held) == 4, "each trial's probabilities came back"
    assert sorted(ended) == [(number, "finished") for number in range(4)]
    assert sorted(t.order for t in found.trials) == [0, 1, 2, 3]
    assert found.trials[0].drawn["C"] == rows.space["C"].start
    for trial in found.trials:
        assert trial.judgement is not None
        assert trial.seconds > 0
    again = search(rows, data, trials=1, folds=2, seed=3)  # the first trial, in this process
    assert again.best.loss == pytest.approx(found.trials[0].loss)
    chosen = choose(data.y, found.trials, held, metric="loss_of_income", fn_cost=5.0)
    assert found.best.number == chosen.trial.number
    assert np.isfinite(found.oof).all()


def test_a_stopped_search_goes_on_on_spark(clients: Clients) -> None:
    data, rows = clients(300), get_family("logistic_l2")
    done = search(rows, data, trials=2, folds=2, seed=3)
    started: list[int] = []
    found = search(
        rows, data, trials=4, folds=2, jobs=2, seed=3, spark=True,
        prior=PriorTrials(tuple(done.trials)), on_start=lambda t: started.append(t.number),
    )  # fmt: skip
    assert sorted(started) == [2, 3]
    assert [t.drawn for t in found.trials[:2]] == [t.drawn for t in done.trials]


def test_a_trial_that_fails_on_spark_is_kept_with_its_reason(clients: Clients) -> None:
    data = clients(300)
    X = data.X.assign(noise=[f"text {row}" for row in range(300)])
    broken = Dataset(X, data.y, data.ids, data.meta, data.digest, data.path)
    with pytest.raises(
        TrainingError, match=r"all 2 trials of logistic_l1 failed; the last: .*Error: "
    ):
        search(get_family("logistic_l1"), broken, trials=2, folds=2, jobs=2, spark=True)


def test_an_interruption_cancels_spark_and_closes_what_is_open(clients: Clients) -> None:
    statuses: list[str] = []

    def interrupt(_trial: Trial) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(
            get_family("svc_rbf"), clients(300), trials=4, folds=2, jobs=2, spark=True,
            on_start=interrupt, on_trial=lambda t, _: statuses.append(t.status),
        )  # fmt: skip
    assert statuses == ["interrupted"]


def test_a_search_on_spark_in_the_store(
    store: MlflowClient, texts: Callable[..., dict[str, str]]
) -> None:
    table = tune("hyperparameter_tuning", texts(trials=2, jobs=2, spark="yes"))
    assert "lightgbm" in table
    [experiment] = [e for e in store.search_experiments() if e.name == "hyperparameter_tuning"]
    runs: list[Any] = list(store.search_runs([experiment.experiment_id], "tags.level = 'trial'"))
    assert {run.info.status for run in runs} == {"FINISHED"}
    trials = [restored(run) for run in runs]
    assert sorted(t.number for t in trials if t) == [0, 1]
    assert all(PARENT_RUN in run.data.tags for run in runs)
