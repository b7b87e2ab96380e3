"""Trials on Spark, through hyperopt's SparkTrials: each is one task, on whichever worker is free.

The data travels once, as a broadcast, and is unpacked once in each worker process. Listeners are
called in the calling thread, which looks at the trials twice a second. No trial is given up before
its last fold: a worker does not know the best of the others.
"""

import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import cloudpickle
import numpy as np
from hyperopt import STATUS_FAIL, STATUS_OK, SparkTrials, fmin, space_eval, tpe
from hyperopt.base import JOB_STATE_NEW, JOB_STATE_RUNNING, spec_from_misc
from hyperopt.exceptions import AllTrialsFailed

from project_tools.errors import TrainingError
from project_tools.features.engines.on_spark import spark_session
from project_tools.models.families import Space
from project_tools.models.folds import FoldCache
from project_tools.search.proposer import document, expressions, plain
from project_tools.search.trial import Objective, Outcome, SearchRun, examine, one_line

POLL_S = 0.5
#: Seconds that an interrupted search gives Spark to cancel its tasks.
CANCEL_S = 15


def run_on_spark(run: SearchRun, seed: int) -> None:
    """Run ``run.width`` trials at a time on Spark until all have ended or the time is over.

    Raises ``SettingError`` where Spark does not start, ``TrainingError`` where it fails.
    """
    if not run.missing():
        return
    # No pandas frame passes through Spark here, and SparkTrials gives its jobs no tags.
    for message in ("PySpark does not yet fully support pandas", "Spark session is not provided"):
        warnings.filterwarnings("ignore", message=message)
    # Where Spark runs is a matter of its own configuration; without one it is this machine.
    with spark_session(None, None) as spark:
        _run_in_session(run, seed, spark)


def _run_in_session(run: SearchRun, seed: int, spark: Any) -> None:
    shared = spark.sparkContext.broadcast(cloudpickle.dumps((run.objective, run.fixed)))
    trials, space = _trials_so_far(run, spark), run.objective.family.space
    failure: list[Exception] = []

    def minimise() -> None:
        try:
            fmin(
                _examined_on_worker(shared), expressions(space),
                algo=_first_then_tpe(space, run.first), max_evals=run.total, trials=trials,
                rstate=np.random.default_rng(seed),
                verbose=False, show_progressbar=False, return_argmin=False,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001  (raised again in the calling thread)
            failure.append(error)

    thread = threading.Thread(target=minimise, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            _report(run, trials)
            time.sleep(POLL_S)
        _report(run, trials)
    except BaseException as error:
        trials.timeout = 0.001  # SparkTrials checks it once a second, and cancels what runs
        run.abandon(error)
        thread.join(CANCEL_S)
        raise
    # That all trials failed is for the search to say, in its own words.
    if failure and not isinstance(failure[0], AllTrialsFailed):
        raise TrainingError(f"Spark could not run the trials: {one_line(failure[0])}")


def _trials_so_far(run: SearchRun, spark: Any) -> SparkTrials:
    """Hyperopt's record, with the trials of an earlier search in it."""
    left = None if run.deadline == float("inf") else max(1, round(run.deadline - time.monotonic()))
    trials = SparkTrials(parallelism=run.width, spark_session=spark, timeout=left)
    space = run.objective.family.space
    trials.insert_trial_docs(
        [document(space, t.number, t.drawn, t.reported_loss) for t in run.trials.values()]
    )
    trials.refresh()
    return trials


def _first_then_tpe(space: Space, first: Sequence[Mapping[str, Any]]) -> Callable[..., Any]:
    """TPE, but with the known good settings as its first trials."""

    def suggest(new_ids: list[int], domain: Any, trials: Any, seed: int) -> Any:
        if new_ids[0] >= len(first):
            return tpe.suggest(new_ids, domain, trials, seed)
        trial = document(space, new_ids[0], first[new_ids[0]], None)
        trial.update(state=JOB_STATE_NEW, result=domain.new_result())
        return [trial]

    return suggest


def _examined_on_worker(shared: Any) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def examined(point: Mapping[str, Any]) -> dict[str, Any]:
        objective, fixed, cache = _unpacked(shared.value)
        outcome = examine(objective, {**fixed, **plain(point)}, cache)
        if outcome.judgement is None:
            return {"status": STATUS_FAIL, "outcome": outcome}
        return {"status": STATUS_OK, "loss": outcome.reported_loss, "outcome": outcome}

    return examined


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> tuple[Objective, dict[str, Any], FoldCache | None]:
    """The objective, its fixed parameters and its cache, made once in each worker process.

    Our own driver packed these bytes in this session, and Spark carries them. Whoever can put
    other bytes into Spark's broadcasts can run code on its workers anyway.
    """
    objective, fixed = cloudpickle.loads(packed)
    return objective, fixed, objective.fold_cache()


def _report(run: SearchRun, trials: SparkTrials) -> None:
    """Begin and end the trials that began or ended since the last look."""
    space = run.objective.family.space
    for stored in list(trials.trials):
        number = stored["tid"]
        if number in run.trials or stored["state"] == JOB_STATE_NEW:
            continue
        if number not in run.running:
            point = spec_from_misc(stored["misc"])
            run.begin(number, plain(space_eval(expressions(space), point)))
        if stored["state"] != JOB_STATE_RUNNING:
            run.end(run.running[number], _outcome(stored))


def _outcome(stored: Mapping[str, Any]) -> Outcome:
    if isinstance(stored["result"].get("outcome"), Outcome):
        return stored["result"]["outcome"]  # type: ignore[no-any-return]
    kind, text = stored["misc"].get("error", ("", "the task was cancelled"))
    last = str(text).strip().splitlines()[-1:] or [kind]
    return Outcome("failed", reason=f"on Spark: {last[0]}"[:300])
