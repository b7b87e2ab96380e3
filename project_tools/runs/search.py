"""One family's search, logged: a parent run, and a nested run for each trial.

A trial is logged whole when it ends, so that a search which is stopped or killed can go on from
there.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from project_tools.errors import TrackingError
from project_tools.evaluation.metrics import Estimate
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family
from project_tools.runs.history import (
    FormerFamily,
    judgement_metrics,
    judgement_tags,
    oof_table,
)
from project_tools.runs.parameters import SearchSettings
from project_tools.runs.provenance import (
    BEST,
    ENVIRONMENT,
    OOF_FILE,
    environment,
    origin,
    preparation_tags,
    provenance,
)
from project_tools.runs.store import LEVEL, OUTCOME, RunLog, adopt, end, nested_run, start_nested
from project_tools.search.forecast import Forecast
from project_tools.search.importance import importance
from project_tools.search.pictures import curves, history, importance_bars
from project_tools.search.search import SearchResult, search
from project_tools.search.trial import GUIDE, Probabilities, Trial
from project_tools.system.progress import in_words, say, working


def search_family(
    project: RunLog,
    settings: SearchSettings,
    family: Family,
    data: Dataset,
    *,
    former: FormerFamily | None = None,
    forecast: Forecast | None = None,
) -> tuple[SearchResult, RunLog]:
    """Search one family under its own parent run, a nested run for each trial.

    With ``former`` the trials that an earlier search finished are moved under the new parent and
    not repeated; where that search made all of them, its parent run itself is moved.
    """
    budget = settings.trials or family.budget(settings.profile).trials
    if former is not None and former.finished and len(former.former.trials) >= budget:
        say(f"  {family.label}: all {len(former.former.trials)} trials are there")
        adopt(project, former.run.info.run_id)
        result = _search(settings, family, data, former)
        return result, RunLog(project.client, former.run.info.run_id, project.experiment_id)
    tags: dict[str, object] = {
        LEVEL: "family", "family": family.name, "profile": settings.profile,
        "settings": json.dumps(comparable(settings, family, data)),
    }  # fmt: skip
    tags |= provenance() | origin(data) | preparation_tags(family)
    if former is not None:
        tags["continues"] = former.run.info.run_id
    with nested_run(project, family.label, tags) as parent:
        log_clients(parent, data, "training")
        if former is not None:
            for run_id in former.trial_runs:
                adopt(parent, run_id)
        trials = TrialLog(parent, family, data, budget, forecast)
        with working(f"searching {family.label}"):
            result = _search(settings, family, data, former, trials)
        log_result(parent, result, family, data, settings.fn_cost)
    return result, parent


def _search(
    settings: SearchSettings,
    family: Family,
    data: Dataset,
    former: FormerFamily | None,
    trials: "TrialLog | None" = None,
) -> SearchResult:
    return search(
        family,
        data,
        metric=settings.metric,
        trials=settings.trials,
        profile=settings.profile,
        folds=settings.folds,
        seed=settings.seed,
        jobs=settings.jobs,
        fn_cost=settings.fn_cost,
        time_limit=settings.time_limit,
        spark=settings.spark,
        prior=None if former is None else former.former,
        on_start=None if trials is None else trials.start,
        on_trial=None if trials is None else trials.end,
    )


def comparable(settings: SearchSettings, family: Family, data: Dataset) -> dict[str, Any]:
    """All that the figures of a family's trials depend on: a search goes on only with the same."""
    fixed = {**family.fixed, **family.budget(settings.profile).fixed}
    space = hashlib.sha256(repr(sorted(family.space.items())).encode()).hexdigest()[:16]
    return {
        "data": data.digest,
        "clients": hashlib.sha256(data.ids.tobytes()).hexdigest()[:16],
        "features": hashlib.sha256("\n".join(data.X.columns).encode()).hexdigest()[:16],
        "preparation": repr(family.plan),
        "fixed": json.dumps(fixed, sort_keys=True),
        "space": space,
        "metric": settings.metric,
        "folds": settings.folds,
        "seed": settings.seed,
        "fn_cost": settings.fn_cost,
        "first trials": json.dumps(family.first_trials(settings.profile, data.X.shape[1])),
        "guide": GUIDE,
        "monotone": family.monotone if family.plan is None else "none",
    }


class TrialLog:
    """A nested run for each trial: opened when it begins, closed when it ends."""

    def __init__(
        self, parent: RunLog, family: Family, data: Dataset, wanted: int, forecast: Forecast | None
    ) -> None:
        self._parent, self._family, self._data, self._wanted = parent, family, data, wanted
        self._forecast = forecast
        self._open: dict[int, RunLog] = {}
        self._best: Trial | None = None
        self._made, self._began = 0, time.monotonic()

    def start(self, trial: Trial) -> None:
        setting = {"drawn": trial.drawn, "parameters": trial.parameters}
        tags = {
            LEVEL: "trial",
            "family": self._family.name,
            "number": trial.number,
            "setting": json.dumps(setting),
        }
        run = start_nested(self._parent, f"{self._family.label} {trial.number + 1}", tags)
        run.params(trial.parameters)
        self._open[trial.number] = run

    def end(self, trial: Trial, oof: Probabilities | None) -> None:
        """Log a trial that ended; ``oof`` are its probabilities where it finished."""
        run = self._open.pop(trial.number, None)
        if run is None:  # interrupted while its run was being opened: ``close_own_runs`` ends it
            return
        if trial.status == "interrupted":
            run.tags({"reason": trial.reason})
            end(run, "KILLED")
            return
        if oof is not None:
            log_oof(run, self._data, oof)
        if self._best is None or (trial.loss, trial.number) < (self._best.loss, self._best.number):
            self._best = trial
        run.result(_trial_metrics(trial), _trial_tags(trial))
        end(run, "FAILED" if trial.status == "failed" else "FINISHED")
        self._made += 1
        say(f"  {self._family.label} {trial.number + 1}/{self._wanted}: {self._line(trial)}")

    def _line(self, trial: Trial) -> str:
        said = [f"{trial.status}: {trial.reason}"]
        if trial.judgement is not None:
            score = trial.judgement.score
            said = [f"{trial.judgement.metric} {score.value:.4f} ± {score.se:.4f}"]
        if self._best is not None and self._best.judgement is not None:
            said.append(
                f"best {self._best.judgement.score.value:.4f} (trial {self._best.number + 1})"
            )
        said.append(f"{trial.seconds:.0f} s")
        if self._forecast is not None:
            family_s, all_s = self._forecast.after(
                self._family.name, self._made, time.monotonic() - self._began
            )
            said.append(f"about {in_words(family_s)} left" if family_s else "the last one")
            if all_s > family_s:
                said.append(f"{in_words(all_s)} for all families")
        return ", ".join(said)


def _trial_metrics(trial: Trial) -> dict[str, float]:
    metrics = {"seconds": trial.seconds}
    if trial.reported_loss is not None:
        metrics["told_loss"] = trial.reported_loss
    return metrics if trial.judgement is None else metrics | judgement_metrics(trial.judgement)


def _trial_tags(trial: Trial) -> dict[str, object]:
    tags: dict[str, object] = {OUTCOME: trial.status, "order": trial.order}
    if trial.judgement is not None:
        tags |= judgement_tags(trial.judgement)
    return tags | ({"reason": trial.reason} if trial.reason else {})


def score_metrics(scores: Mapping[str, Estimate], on: str) -> dict[str, float]:
    """Each score and its standard error, by the name of its metric in MLflow."""
    values = {f"{on}.{name}": score.value for name, score in scores.items()}
    return values | {f"{on}.{name}.se": score.se for name, score in scores.items()}


def log_result(
    parent: RunLog, result: SearchResult, family: Family, data: Dataset, fn_cost: float
) -> None:
    """The best setting with its figures, probabilities and pictures, on the family's run."""
    best, choice = result.best, result.choice
    if best.judgement is None:
        raise TrackingError("the search ended without a judged trial")
    if choice.leader is not best:
        say(
            f"  {family.label}: trial {best.number + 1} is taken; trial {choice.leader.number + 1} is "
            f"better by {result.metric}, by {choice.behind.value:.4f} ± {choice.behind.se:.4f} on "
            "the same clients, but has the larger log loss"
        )
    parent.params(best.parameters)
    parent.json({"parameters": best.parameters, "trial": best.number}, BEST)
    parent.json(environment(), ENVIRONMENT)
    log_oof(parent, data, result.oof)
    outcomes = [trial.status for trial in result.trials]
    counts = {f"trials.{status}": float(outcomes.count(status)) for status in sorted(set(outcomes))}
    parent.result(
        judgement_metrics(best.judgement)
        | counts
        | {
            "trials": len(outcomes),
            "told_loss": best.guide,
            "behind_leader": choice.behind.value,
            "behind_leader.se": choice.behind.se,
        },
        judgement_tags(best.judgement)
        | {"best_trial": str(best.number), "leader_by_metric": str(choice.leader.number)},
    )
    p = best.judgement.calibration.apply(result.oof)
    pictures = curves(data.y, p, best.judgement.threshold.value, fn_cost, best.judgement.scores)
    pictures["optimisation_history"] = history(result.trials, result.metric)
    shares = importance(family.space, result.trials)
    if shares:
        pictures["importance_of_hyperparameters"] = importance_bars(shares)
        parent.metrics({f"importance.{name}": share for name, share in shares.items()})
    for name, picture in pictures.items():
        parent.figure(picture, f"figures/{name}.png")


def log_clients(run: RunLog, data: Dataset, context: str) -> None:
    """The clients that a run reads, as an input of the run: the feature file by its SHA-256."""
    facts = {"clients": len(data), "features": data.X.shape[1]}
    # MLflow keeps one input of a name and digest.
    run.dataset(f"{data.path.name}, {context}", data.digest, data.path, context, **facts)


def log_oof(run: RunLog, data: Dataset, oof: npt.NDArray[Any]) -> None:
    """Each training client's outcome and probability before calibration, as a file of the run."""
    run.table(oof_table(data, oof), OOF_FILE)
