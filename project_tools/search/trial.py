"""One trial of a search: the setting, how it is judged, and what became of it."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from project_tools.errors import CreditError
from project_tools.evaluation.judgement import Judgement, judge
from project_tools.evaluation.metrics import Estimate, get_metric, paired_difference
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family
from project_tools.models.folds import FoldCache, out_of_fold

Floats = npt.NDArray[np.float64]
Listener = Callable[["Trial"], None]
EndListener = Callable[["Trial", Floats | None], None]
Status = Literal["running", "finished", "failed", "hopeless", "interrupted"]
#: Standard errors by which a trial must lie behind the best, on the same rows, to be given up.
HOPELESS_AT = 4.0
#: Defaulters that must have been judged before a trial is given up: fewer make no normal error.
HOPELESS_DEFAULTERS = 50
#: Prepared matrices of all folds are kept between trials up to this many bytes.
CACHE_BYTES = 2 << 30
#: Bytes of a float32 matrix from which the bins of its folds may weigh no more than it does.
LARGE_BYTES = 128 << 20
#: Bytes that a binned value takes, with what LightGBM holds beside it (benchmarks/tuning.py).
BINNED_BYTES = 1.2
_LONGEST_REASON = 300


@dataclass(slots=True)
class Trial:
    """One setting of a family, and what became of it.

    ``parameters`` are all that the model was built with, ``drawn`` those that the search chose.
    ``reason`` says in one line why a trial failed or was given up, ``reported_loss`` is the loss
    that was passed to TPE, ``order`` the trial's place in the order in which trials ended.
    """

    number: int
    parameters: dict[str, Any]
    drawn: dict[str, Any]
    status: Status = "running"
    judgement: Judgement | None = None
    seconds: float = 0.0
    reason: str = ""
    reported_loss: float | None = None
    order: int | None = None

    @property
    def loss(self) -> float:
        """What the search minimises; infinity unless the trial finished."""
        return math.inf if self.judgement is None else self.judgement.loss


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended: with a judgement and the probabilities behind it, or with a reason."""

    status: Status
    judgement: Judgement | None = None
    oof: Floats | None = None
    reason: str = ""
    reported_loss: float | None = None
    seconds: float = 0.0


class HopelessTrialError(Exception):
    """A trial lies so far behind the best that the remaining folds would change nothing."""

    def __init__(self, loss: float, behind: Estimate, rows: int) -> None:
        self.loss = loss
        super().__init__(
            f"given up after {rows:,} clients: behind the best by "
            f"{behind.value:.4f} ± {behind.se:.4f} on the same ones"
        )


@dataclass(frozen=True, slots=True)
class Objective:
    """How a setting of a family is judged: out of fold, on the training clients."""

    family: Family
    data: Dataset
    metric: str
    folds: int
    seed: int
    threads: int
    fn_cost: float

    def probabilities(
        self,
        parameters: Mapping[str, Any],
        cache: FoldCache | None = None,
        after_fold: Callable[[Floats], None] | None = None,
    ) -> Floats:
        """Out-of-fold probabilities of a setting."""

        def make() -> Any:
            return self.family.make(parameters, seed=self.seed, jobs=self.threads, X=self.data.X)

        return out_of_fold(
            make, self.data, folds=self.folds, seed=self.seed, cache=cache, after_fold=after_fold
        )

    def fold_cache(self) -> FoldCache | None:
        """A cache of the folds' bins or prepared matrices; none for matrices that are too large.

        Of a large file the bins of some folds are kept: as many as, with the fold at work, are no
        larger than its matrix. Of five folds these are three.
        """
        rows, columns = self.data.X.shape
        matrix = rows * columns * 4
        if self.family.plan is not None:
            return FoldCache() if matrix * self.folds <= CACHE_BYTES else None
        if matrix <= LARGE_BYTES:
            return FoldCache()
        binned = rows * (self.folds - 1) / self.folds * columns * BINNED_BYTES
        return FoldCache(most=int(matrix / binned) - 1)

    def judge(self, oof: Floats) -> Judgement:
        return judge(
            self.data.y, oof, metric=self.metric, fn_cost=self.fn_cost, draw=self.data.draw
        )

    def give_up_if_hopeless(self, so_far: Floats, best: Floats, best_loss: float) -> None:
        """Raises ``HopelessTrialError`` where a trial is far behind the best one.

        Both are judged anew on the rows that the trial has probabilities for, each with a
        threshold and a calibration of its own, and compared paired. The loss reported to the
        search is the best one's plus the difference: an estimate on all rows, and not the loss on
        a part of them. A trial as good as the best is hardly ever given up: a difference of four
        standard errors comes once in 30,000 comparisons.
        """
        predicted = np.isfinite(so_far)
        y = self.data.y[predicted]
        if predicted.all() or int(y.sum()) < HOPELESS_DEFAULTERS:
            return
        decisions = []
        for p in (so_far[predicted], best[predicted]):
            judgement = judge(y, p, metric=self.metric, fn_cost=self.fn_cost)
            decisions.append((judgement.calibration.apply(p), judgement.threshold.value))
        difference = paired_difference(self.metric, y, *decisions, fn_cost=self.fn_cost)
        behind = Estimate(get_metric(self.metric).loss(difference.value), difference.se)
        if behind.value > HOPELESS_AT * behind.se > 0:
            raise HopelessTrialError(best_loss + behind.value, behind, len(y))


def examine(
    objective: Objective,
    parameters: Mapping[str, Any],
    cache: FoldCache | None = None,
    after_fold: Callable[[Floats], None] | None = None,
) -> Outcome:
    """Try a setting; any error becomes the reason of a failed trial."""
    start = time.perf_counter()
    try:
        oof = objective.probabilities(parameters, cache, after_fold)
        outcome = Outcome("finished", objective.judge(oof), oof)
    except HopelessTrialError as hopeless:
        outcome = Outcome("hopeless", reason=str(hopeless), reported_loss=hopeless.loss)
    except Exception as error:  # noqa: BLE001  (whatever a setting breaks, others may work)
        outcome = Outcome("failed", reason=one_line(error))
    return replace(outcome, seconds=time.perf_counter() - start)


def one_line(error: BaseException) -> str:
    """An error as a reason: its kind and its text, cut to a line."""
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"[:_LONGEST_REASON]


@dataclass(frozen=True, slots=True)
class PriorTrials:
    """Trials of an earlier, stopped search, with the best one's probabilities where they were kept."""

    trials: tuple[Trial, ...] = ()
    oof: Floats | None = None


@dataclass(slots=True)
class SearchRun:
    """A search under way: ``running`` trials, and ``trials`` that ended, both by number.

    ``total`` is the number of trials to make, ``width`` how many run at a time.
    """

    objective: Objective
    fixed: dict[str, object]
    total: int
    width: int
    on_start: Listener | None
    on_trial: EndListener | None
    deadline: float
    trials: dict[int, Trial] = field(default_factory=dict)
    running: dict[int, Trial] = field(default_factory=dict)
    best: Trial | None = None
    best_oof: Floats | None = None

    def take_over(self, prior: PriorTrials) -> None:
        """Count the trials of an earlier search, in the order in which they ended."""
        for trial in sorted(prior.trials, key=lambda t: (t.order is None, t.order, t.number)):
            self.trials[trial.number] = trial
            self._keep_best(trial, prior.oof)
        if self.best is not None and self.best_oof is None:
            self.best_oof = self.objective.probabilities(self.best.parameters)

    def missing(self) -> list[int]:
        """Numbers of the trials that are still to be made."""
        return [number for number in range(self.total) if number not in self.trials]

    def late(self) -> bool:
        """Whether the time is over; never before the first trial, so that each search makes one."""
        return bool(self.trials or self.running) and time.monotonic() > self.deadline

    def begin(self, number: int, drawn: dict[str, object]) -> Trial:
        """Begin a trial and call ``on_start``."""
        trial = Trial(number, {**self.fixed, **drawn}, drawn)
        self.running[number] = trial
        if self.on_start is not None:
            self.on_start(trial)
        return trial

    def end(self, trial: Trial, outcome: Outcome) -> None:
        """End a trial and call ``on_trial``, with the probabilities if they are the best so far."""
        trial.status, trial.reason = outcome.status, outcome.reason
        trial.seconds, trial.judgement = outcome.seconds, outcome.judgement
        trial.reported_loss = outcome.reported_loss if trial.judgement is None else trial.loss
        trial.order = len(self.trials)
        self.trials[trial.number] = trial
        del self.running[trial.number]
        best = self._keep_best(trial, outcome.oof)
        if self.on_trial is not None:
            self.on_trial(trial, outcome.oof if best else None)

    def abandon(self, error: BaseException) -> None:
        """End the running trials because of an error, which the caller raises afterwards."""
        for trial in list(self.running.values()):
            trial.status, trial.reason = "interrupted", "the search was stopped"
            del self.running[trial.number]
            try:
                if self.on_trial is not None:
                    self.on_trial(trial, None)
            except CreditError as second:
                error.add_note(f"and trial {trial.number} could not be closed: {second}")

    def _keep_best(self, trial: Trial, oof: Floats | None) -> bool:
        """Whether the trial is the best so far; then it is kept with its probabilities."""
        if trial.status != "finished":
            return False
        if self.best is not None and (self.best.loss, self.best.number) < (
            trial.loss,
            trial.number,
        ):
            return False
        self.best, self.best_oof = trial, oof
        return True
