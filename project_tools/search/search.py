"""The search of one family: hyperopt's TPE over its table of dimensions. It knows no MLflow.

A trial is judged by its out-of-fold probabilities: by their log loss for TPE, and by the metric,
at the exact threshold, for the choice of the best (``choice``). Trials run in threads
of this process, so that all of them share one copy of the data: one at a time where a fit uses all
cores itself, as many as there are cores where it cannot. All listeners are called in the thread
that called ``search``, which stays free to be interrupted.
"""

import contextlib
import math
import queue
import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes none

from project_tools.errors import SettingError, TrainingError
from project_tools.evaluation.judgement import DECIDING
from project_tools.evaluation.metrics import FN_COST, get_metric
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family
from project_tools.search.choice import Choice, choose
from project_tools.search.proposer import Proposer
from project_tools.search.trial import (
    EndListener,
    Listener,
    Objective,
    Outcome,
    PriorTrials,
    Probabilities,
    SearchRun,
    Trial,
    examine,
)

Floats = npt.NDArray[np.float64]
#: Seconds of one wait for a trial's end; an interruption is noticed between two waits.
POLL_S = 0.5


@dataclass(slots=True)
class SearchResult:
    """All trials in their order, the choice among them, its probabilities before calibration."""

    family: str
    metric: str
    choice: Choice
    trials: list[Trial]
    oof: Probabilities
    rows: int

    @property
    def best(self) -> Trial:
        """The trial that was chosen."""
        return self.choice.trial


def search(
    family: Family,
    data: Dataset,
    *,
    metric: str = DECIDING,
    trials: int | None = None,
    profile: str = "full",
    folds: int = 5,
    seed: int = 1,
    jobs: int = 1,
    fn_cost: float = FN_COST,
    time_limit: float | None = None,
    prior: PriorTrials | None = None,
    spark: bool = False,
    on_start: Listener | None = None,
    on_trial: EndListener | None = None,
) -> SearchResult:
    """Search a family's space on the training clients, guided by log loss, for the best ``metric``.

    ``trials`` and fixed parameters default to the profile's budget. ``jobs`` are the threads in
    use, within a fit or across trials, whichever the family can; with ``spark``, that many trials
    at a time run on Spark. No trial but the first begins after ``time_limit`` seconds.
    ``on_start`` gets each trial that begins, ``on_trial`` each that ended, with its probabilities
    where it finished; an error of theirs ends the search. The ``prior`` trials, of a
    search with the same arguments, count and are not repeated. A trial that fails is kept with
    its reason and the search goes on. Raises ``TrainingError`` if none finishes.
    """
    budget = family.budget(profile)
    total = budget.trials if trials is None else trials
    if total < 1:
        raise SettingError(f"trials is {total}; it takes 1 or more")
    if time_limit is not None and not time_limit > 0:
        raise SettingError(f"time_limit is {time_limit}; it takes seconds above 0")
    threads = jobs if family.threads and not spark else 1
    run = SearchRun(
        objective=Objective(family, data, get_metric(metric).name, folds, seed, threads, fn_cost),
        fixed={**family.fixed, **budget.fixed},
        first=family.first_trials(profile, data.X.shape[1]),
        total=total,
        width=1 if threads > 1 else jobs,
        on_start=on_start,
        on_trial=on_trial,
        deadline=math.inf if time_limit is None else time.monotonic() + time_limit,
    )
    run.take_over(prior or PriorTrials())
    if spark:
        from project_tools.search.spark import run_on_spark  # noqa: PLC0415  (needs the extra spark)

        run_on_spark(run, seed)
    else:
        with threadpool_limits(threads):
            _run_in_threads(run, Proposer(family.space, seed, run.first))
    made = [run.trials[number] for number in sorted(run.trials)]
    if not run.probabilities:
        why = made[-1].reason if made else "none was begun"
        raise TrainingError(f"all {len(made)} trials of {family.name} failed; the last: {why}")
    name = run.objective.metric
    choice = choose(data.y, made, run.probabilities, metric=name, fn_cost=fn_cost)
    oof = run.probabilities[choice.trial.number]
    return SearchResult(family.name, name, choice, made, oof, len(data))


def _run_in_threads(run: SearchRun, proposer: Proposer) -> None:
    """Run trials, ``width`` at a time, until all have ended or the time is over."""
    numbers = deque(run.missing())
    for trial in run.trials.values():
        proposer.tell(trial.number, trial.drawn, trial.reported_loss)
    threads = _TrialThreads(run.objective)
    try:
        while run.running or (numbers and not run.late()):
            while numbers and len(run.running) < run.width and not run.late():
                number = numbers.popleft()
                leader = run.leader
                best = None if leader is None else (run.probabilities[leader.number], leader.guide)
                threads.start(run.begin(number, proposer.ask(number)), best)
            with contextlib.suppress(queue.Empty):  # in short waits, so that Ctrl-C is noticed
                trial, outcome = threads.ended.get(timeout=POLL_S)
                run.end(trial, outcome)
                proposer.tell(trial.number, trial.drawn, trial.reported_loss)
    except BaseException as error:
        threads.stop.set()
        run.abandon(error)
        raise


class _TrialThreads:
    """Running trials, one thread each, on the same data and the same prepared folds."""

    def __init__(self, objective: Objective) -> None:
        self._objective, self._cache = objective, objective.fold_cache()
        self.ended: queue.Queue[tuple[Trial, Outcome]] = queue.Queue()
        self.stop = threading.Event()

    def start(self, trial: Trial, best: tuple[Probabilities, float] | None) -> None:
        """Run a trial, which is given up where it is hopelessly behind ``best``.

        These are the probabilities and the log loss of the best trial so far.
        """
        # A daemon: a fit that cannot be interrupted must not hold up the end of the process.
        threading.Thread(target=self._work, args=(trial, best), daemon=True).start()

    def _work(self, trial: Trial, best: tuple[Probabilities, float] | None) -> None:
        def after_fold(so_far: Floats) -> None:
            if self.stop.is_set():
                raise TrainingError("the search was stopped")
            if best is not None:
                self._objective.give_up_if_hopeless(so_far, *best)

        outcome = examine(self._objective, trial.parameters, self._cache, after_fold)
        self.ended.put((trial, outcome))
