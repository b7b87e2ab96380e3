"""The search of one family: hyperopt's TPE over its table of dimensions. Knows no MLflow.

A trial is judged by its out-of-fold probabilities at their exact threshold. The trial's number
and the seed alone decide what is proposed from the trials before it, so that with one thread of
trials the same seed gives the same search, and a search goes on where it was stopped.
"""

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from hyperopt import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK, Trials, fmin, hp, tpe
from hyperopt.exceptions import AllTrialsFailed
from hyperopt.fmin import generate_trial
from hyperopt.pyll import scope
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes none

from project_tools.dataset import Dataset
from project_tools.errors import SettingError, TrainingError
from project_tools.evaluation import DECIDING, FoldCache, Judgement, judge, out_of_fold
from project_tools.families import Dimension, Family
from project_tools.scorers import FN_COST, scorer

Floats = npt.NDArray[np.float64]
Status = Literal["running", "finished", "failed", "interrupted"]
Listener = Callable[["Trial"], None]
_LONGEST_REASON = 300


@dataclass(slots=True)
class Trial:
    """One setting of a family: ``parameters`` are all it was built with, ``drawn`` those that
    the search chose. ``reason`` says in one line why a failed trial failed.
    """

    number: int
    parameters: dict[str, Any]
    drawn: dict[str, Any]
    status: Status = "running"
    judgement: Judgement | None = None
    seconds: float = 0.0
    reason: str = ""

    @property
    def loss(self) -> float:
        """What the search minimises; infinity unless the trial finished."""
        return math.inf if self.judgement is None else self.judgement.loss


@dataclass(slots=True)
class SearchResult:
    """All trials in their order, the best, and the best one's probabilities before calibration."""

    family: str
    metric: str
    best: Trial
    trials: list[Trial]
    oof: Floats
    rows: int


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
    finished: Sequence[Trial] = (),
    on_start: Listener | None = None,
    on_trial: Listener | None = None,
) -> SearchResult:
    """Search a family's space on the training clients for the least loss of ``metric``.

    ``trials`` and fixed parameters default to the profile's budget, ``jobs`` are the threads of
    one fit. No trial begins after ``time_limit`` seconds. ``on_start`` is told a trial that
    begins, ``on_trial`` one that ended, as finished, failed or interrupted; an error of theirs
    ends the search. ``finished`` are trials of an earlier call with the same arguments, which
    are counted and not repeated. A trial that fails is kept with its reason and the search goes
    on; ``TrainingError`` if none finishes.
    """
    budget = family.budget(profile)
    wanted = _checked(trials if trials is not None else budget.trials, time_limit)
    run = _Run(
        family=family,
        data=data,
        fixed={**family.fixed, **budget.fixed},
        metric=scorer(metric).name,
        folds=folds,
        seed=seed,
        jobs=jobs,
        fn_cost=fn_cost,
        on_start=on_start,
        on_trial=on_trial,
        trials=list(finished),
    )
    _minimise(run, wanted, time_limit)
    return run.result()


def _checked(trials: int, time_limit: float | None) -> int:
    if trials < 1:
        raise SettingError(f"trials is {trials}; it takes 1 or more")
    if time_limit is not None and not time_limit > 0:
        raise SettingError(f"time_limit is {time_limit}; it takes seconds above 0")
    return trials


@dataclass(slots=True)
class _Run:
    """A search under way."""

    family: Family
    data: Dataset
    fixed: dict[str, Any]
    metric: str
    folds: int
    seed: int
    jobs: int
    fn_cost: float
    on_start: Listener | None
    on_trial: Listener | None
    trials: list[Trial]
    cache: FoldCache = field(default_factory=dict)
    best_oof: tuple[int, Floats] | None = None
    error: Exception | None = None

    def objective(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """One trial, as hyperopt calls it."""
        try:
            trial = self._tried(flattened(point))
        except Exception as error:  # noqa: BLE001  (a listener's: kept, the search stops, raised again)
            self.error = error
            return {"status": STATUS_FAIL}
        return _result(trial)

    def _tried(self, drawn: dict[str, Any]) -> Trial:
        trial = Trial(len(self.trials), {**self.fixed, **drawn}, drawn)
        _tell(self.on_start, trial)
        start = time.perf_counter()
        try:
            self._judge(trial)
        except Exception as error:  # noqa: BLE001  (whatever a setting breaks, others may work)
            trial.status, trial.reason = "failed", _one_line(error)
        except BaseException:
            trial.status, trial.reason = "interrupted", "the search was stopped"
            raise
        finally:
            trial.seconds = time.perf_counter() - start
            self.trials.append(trial)
            _tell(self.on_trial, trial)
        return trial

    def _judge(self, trial: Trial) -> None:
        oof = self.probabilities(trial, self.cache)
        judgement = judge(self.data.y, oof, metric=self.metric, fn_cost=self.fn_cost)
        if judgement.loss < self.least_loss():
            self.best_oof = (trial.number, oof)
        trial.judgement, trial.status = judgement, "finished"

    def probabilities(self, trial: Trial, cache: FoldCache | None = None) -> Floats:
        """Out-of-fold probabilities of a trial's setting."""

        def make() -> Any:
            return self.family.make(trial.parameters, seed=self.seed, jobs=self.jobs, X=self.data.X)

        with threadpool_limits(self.jobs):
            return out_of_fold(make, self.data, folds=self.folds, seed=self.seed, cache=cache)

    def least_loss(self) -> float:
        return min((trial.loss for trial in self.trials), default=math.inf)

    def result(self) -> SearchResult:
        """The outcome; ``TrainingError`` if no trial finished, naming the last reason."""
        done = [trial for trial in self.trials if trial.status == "finished"]
        if not done:
            why = self.trials[-1].reason if self.trials else "none was begun"
            raise TrainingError(
                f"all {len(self.trials)} trials of {self.family.name} failed; the last: {why}"
            )
        best = min(done, key=lambda trial: (trial.loss, trial.number))
        kept = self.best_oof
        # The best may come from an earlier call, which left its figures but no probabilities.
        oof = kept[1] if kept and kept[0] == best.number else self.probabilities(best)
        return SearchResult(self.family.name, self.metric, best, self.trials, oof, len(self.data))


def _minimise(run: _Run, wanted: int, time_limit: float | None) -> None:
    """Let hyperopt try settings until ``wanted`` trials are there or the time is over."""
    remaining = wanted - len(run.trials)
    if remaining < 1:
        return
    random = np.random.default_rng(run.seed)
    for _ in run.trials:  # each trial takes one number: a resumed search goes on in the sequence
        random.integers(2**31 - 1)
    with contextlib.suppress(AllTrialsFailed):  # the result says so in our words
        fmin(
            run.objective,
            expressions(run.family.space),
            algo=_starting_at_the_start(run.family.space),
            max_evals=wanted,
            timeout=time_limit,
            trials=_past(run.family.space, run.trials),
            rstate=random,
            verbose=False,
            show_progressbar=False,
            return_argmin=False,
            early_stop_fn=lambda _trials, *_: (run.error is not None, []),
        )
    if run.error is not None:
        raise run.error


def _starting_at_the_start(space: Mapping[str, Dimension]) -> Callable[..., Any]:
    """TPE, but with the space's start as its first trial.

    Handed to ``fmin`` as trials to calculate, a start would be forgotten where only one trial is
    asked for: hyperopt counts it as done and evaluates nothing.
    """

    def suggest(new_ids: list[int], domain: Any, trials: Trials, seed: int) -> Any:
        if new_ids[0] == 0:
            return [_document(space, 0, start_point(space))]
        return tpe.suggest(new_ids, domain, trials, seed)

    return suggest


def _past(space: Mapping[str, Dimension], trials: Sequence[Trial]) -> Trials:
    """Trials of an earlier call, as hyperopt remembers them."""
    documents = []
    for trial in trials:
        document = _document(space, trial.number, to_point(space, trial.drawn))
        document.update(state=JOB_STATE_DONE, result=_result(trial))
        documents.append(document)
    past = Trials()
    past.insert_trial_docs(documents)
    past.refresh()
    return past


def _document(space: Mapping[str, Dimension], number: int, point: Mapping[str, Any]) -> Any:
    """A trial as hyperopt stores it; TPE looks for every label, drawn or not."""
    document = generate_trial(number, point)
    for name in space.keys() - point.keys():
        document["misc"]["idxs"][name] = document["misc"]["vals"][name] = []
    return document


def _result(trial: Trial) -> dict[str, Any]:
    if trial.status != "finished":
        return {"status": STATUS_FAIL}
    return {"status": STATUS_OK, "loss": trial.loss}


def _tell(listener: Listener | None, trial: Trial) -> None:
    if listener is not None:
        listener(trial)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"[:_LONGEST_REASON]


# From the table of dimensions to hyperopt's expressions and back


def expressions(space: Mapping[str, Dimension]) -> dict[str, Any]:
    """Hyperopt's expression of a space; the label of each parameter is its name.

    Dimensions under a ``when`` are drawn only within the option that they depend on.
    """
    free = {name: row for name, row in space.items() if row.when is None}
    return {name: _expression(name, row, space) for name, row in free.items()}


def _expression(name: str, row: Dimension, space: Mapping[str, Dimension]) -> Any:
    if row.scale == "choice":
        return hp.choice(name, [_option(name, option, space) for option in row.options])
    if row.scale == "log":
        return hp.loguniform(name, math.log(row.low), math.log(row.high))
    if row.scale == "whole":
        return scope.int(hp.quniform(name, row.low, row.high, 1))
    if row.scale == "whole log":
        return scope.int(hp.qloguniform(name, math.log(row.low), math.log(row.high), 1))
    return hp.uniform(name, row.low, row.high)


def _option(name: str, option: Any, space: Mapping[str, Dimension]) -> dict[str, Any]:
    under = {key: row for key, row in space.items() if row.when == (name, option)}
    return {name: option} | {key: _expression(key, row, space) for key, row in under.items()}


def flattened(point: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a point, those within an option beside the option itself.

    >>> flattened({"C": 0.1, "kernel": {"kernel": "rbf", "gamma": 0.5}})
    {'C': 0.1, 'kernel': 'rbf', 'gamma': 0.5}
    """
    flat: dict[str, Any] = {}
    for name, value in point.items():
        flat |= _within(name, value) if isinstance(value, dict) else {name: value}
    return flat


def _within(name: str, option: Mapping[str, Any]) -> dict[str, Any]:
    return {name: option[name]} | flattened({k: v for k, v in option.items() if k != name})


def start_point(space: Mapping[str, Dimension]) -> dict[str, Any]:
    """The first trial, in hyperopt's terms."""
    starts = {name: row.start for name, row in space.items()}
    active = {
        name: value
        for name, value in starts.items()
        if (when := space[name].when) is None or starts[when[0]] == when[1]
    }
    return to_point(space, active)


def to_point(space: Mapping[str, Dimension], drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters in hyperopt's terms: floats, the position of an option, nothing for the rest."""
    return {name: _coordinate(row, drawn[name]) for name, row in space.items() if name in drawn}


def _coordinate(row: Dimension, value: Any) -> float | int:
    return row.options.index(value) if row.scale == "choice" else float(value)
