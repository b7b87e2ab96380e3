"""One trial of a search: the setting, how it is judged, and what became of it."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from project_tools.errors import CreditError
from project_tools.evaluation.calibration_fit import fit_platt
from project_tools.evaluation.judgement import Judgement, judge
from project_tools.evaluation.metrics import METRICS, Estimate, paired_difference
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family
from project_tools.models.folds import FoldCache, fold_rows, out_of_fold

Floats = npt.NDArray[np.float64]
#: Out-of-fold probabilities before calibration. Every trial's are kept, so in single precision; a
#: trial is judged by the very numbers that are kept.
Probabilities = npt.NDArray[np.float32]
Listener = Callable[["Trial"], None]
EndListener = Callable[["Trial", Probabilities | None], None]
#: Metric that guides TPE, whatever decides in the end: the least noisy one.
GUIDE = "log_loss"
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
    ``reason`` says in one line why a trial failed or was given up, ``reported_loss`` is the log
    loss that was passed to TPE, ``order`` the trial's place in the order in which trials ended.
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
        """The metric, turned so that less is better; infinity unless the trial finished."""
        return math.inf if self.judgement is None else self.judgement.loss

    @property
    def guide(self) -> float:
        """The log loss that guides the search; infinity unless the trial finished."""
        if self.judgement is None or self.reported_loss is None:
            return math.inf
        return self.reported_loss


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended: with a judgement and the probabilities behind it, or with a reason."""

    status: Status
    judgement: Judgement | None = None
    oof: Probabilities | None = None
    reason: str = ""
    reported_loss: float | None = None
    seconds: float = 0.0


class HopelessTrialError(Exception):
    """A trial lies so far behind the best that the remaining folds would change nothing."""

    def __init__(self, loss: float, behind: Estimate, rows: int) -> None:
        self.loss = loss
        super().__init__(
            f"given up after {rows:,} clients: log loss above the least by "
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
    ) -> Probabilities:
        """Out-of-fold probabilities of a setting."""

        def make() -> Any:
            return self.family.make(parameters, seed=self.seed, jobs=self.threads, X=self.data.X)

        oof = out_of_fold(
            make, self.data, folds=self.folds, seed=self.seed, cache=cache, after_fold=after_fold
        )
        return oof.astype(np.float32)

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

    def judge(self, oof: Probabilities) -> Judgement:
        return judge(
            self.data.y,
            oof.astype(np.float64),
            metric=self.metric,
            fn_cost=self.fn_cost,
            draw=self.data.draw,
        )

    def guide(self, oof: Probabilities) -> float:
        """Log loss of the probabilities, those of each fold calibrated on the other folds."""
        y, p = self.data.y, oof.astype(np.float64)
        calibrated = np.empty_like(p)
        for others, held_out in fold_rows(y, self.folds, self.seed):
            calibrated[held_out] = fit_platt(p[others], y[others]).apply(p[held_out])
        return METRICS[GUIDE].score(y, calibrated, threshold=0.5, fn_cost=self.fn_cost).value

    def give_up_if_hopeless(
        self, so_far: Floats, best: npt.NDArray[Any], best_guide: float
    ) -> None:
        """Raises ``HopelessTrialError`` where a trial is far behind the one of least log loss.

        Both are calibrated on the rows that the trial has probabilities for, and compared by log
        loss, paired. The loss reported to the search is the best one's plus the difference: an
        estimate on all rows, and not the loss on a part of them. A trial as good as the best is
        hardly ever given up: a difference of four standard errors comes once in 30,000 comparisons.
        """
        predicted = np.isfinite(so_far)
        y = self.data.y[predicted]
        if predicted.all() or int(y.sum()) < HOPELESS_DEFAULTERS:
            return
        one, other = (
            (fit_platt(p, y).apply(p), 0.5)
            for p in (so_far[predicted], best[predicted].astype(np.float64))
        )
        behind = paired_difference(GUIDE, y, one, other, fn_cost=self.fn_cost)
        if behind.value > HOPELESS_AT * behind.se > 0:
            raise HopelessTrialError(best_guide + behind.value, behind, len(y))


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
        outcome = Outcome("finished", objective.judge(oof), oof, "", objective.guide(oof))
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
    """Trials of an earlier, stopped search, with the probabilities of those that finished by number."""

    trials: tuple[Trial, ...] = ()
    probabilities: Mapping[int, Probabilities] = field(default_factory=dict)


@dataclass(slots=True)
class SearchRun:
    """A search under way: ``running`` trials, and ``trials`` that ended, both by number.

    ``first`` are the settings of the first trials, ``total`` is the number of trials to make,
    ``width`` how many run at a time, ``probabilities`` are those of each finished trial, ``leader``
    is the one of least log loss.
    """

    objective: Objective
    fixed: dict[str, object]
    first: Sequence[Mapping[str, Any]]
    total: int
    width: int
    on_start: Listener | None
    on_trial: EndListener | None
    deadline: float
    trials: dict[int, Trial] = field(default_factory=dict)
    running: dict[int, Trial] = field(default_factory=dict)
    probabilities: dict[int, Probabilities] = field(default_factory=dict)
    leader: Trial | None = None

    def take_over(self, prior: PriorTrials) -> None:
        """Count the trials of an earlier search, in the order in which they ended.

        Probabilities that were not kept are made anew.
        """
        for trial in sorted(prior.trials, key=lambda t: (t.order is None, t.order, t.number)):
            self.trials[trial.number] = trial
            if trial.status == "finished":
                oof = prior.probabilities.get(trial.number)
                self._keep(
                    trial, self.objective.probabilities(trial.parameters) if oof is None else oof
                )

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
        """End a trial and call ``on_trial``, with the probabilities if it finished."""
        trial.status, trial.reason = outcome.status, outcome.reason
        trial.seconds, trial.judgement = outcome.seconds, outcome.judgement
        trial.reported_loss = outcome.reported_loss
        trial.order = len(self.trials)
        self.trials[trial.number] = trial
        del self.running[trial.number]
        if outcome.oof is not None:
            self._keep(trial, outcome.oof)
        if self.on_trial is not None:
            self.on_trial(trial, outcome.oof)

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

    def _keep(self, trial: Trial, oof: Probabilities) -> None:
        """Keep a finished trial's probabilities, and the trial itself if its log loss is the least."""
        self.probabilities[trial.number] = oof
        if self.leader is None or (trial.guide, trial.number) < (
            self.leader.guide,
            self.leader.number,
        ):
            self.leader = trial
