"""A search, with each of its steps logged as it ends, and what its runs share with final ones.

What the MLflow Projects do is here and in ``final_runs``, so that their entry scripts only read
their parameters.
"""

import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from project_tools.dataset import Dataset, load_dataset, stratified_sample
from project_tools.errors import TrackingError
from project_tools.families import Family, family
from project_tools.progress import working
from project_tools.scorers import Score
from project_tools.search import SearchResult, Trial, search
from project_tools.tracking import RunLog, end, nested_run, start_nested


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def load(given: Namespace, rows: Family) -> Dataset:
    """The training clients that a family is judged on: the sample asked for, or its budget's."""
    with working(f"reading {given.data.name} for {rows.label}"):
        data = load_dataset(
            given.data,
            exclude=given.exclude,
            sample=given.sample,
            seed=given.seed,
            folds=given.folds,
        )
    if given.sample is None and len(data) > (most := rows.budget(given.profile).largest_sample):
        say(
            f"  {rows.label}: a sample of {most:,} of {len(data):,} clients (profile {given.profile})"
        )
        data = stratified_sample(data, most, seed=given.seed, folds=given.folds)
    return data


def search_family(project: RunLog, given: Namespace, rows: Family) -> tuple[SearchResult, RunLog]:
    """Search one family under its own parent run, a nested run for each trial."""
    data = load(given, rows)
    tags = {"level": "family", "family": rows.name, "profile": given.profile} | origin(data)
    with nested_run(project, rows.label, tags | preparation_of(rows)) as parent:
        trials = _TrialLog(parent, rows, given)
        with working(f"searching {rows.label}"):
            result = search(
                rows,
                data,
                metric=given.metric,
                trials=given.trials,
                profile=given.profile,
                folds=given.folds,
                seed=given.seed,
                jobs=given.jobs,
                fn_cost=given.fn_cost,
                time_limit=given.time_limit,
                on_start=trials.start,
                on_trial=trials.end,
            )
        _log_result(parent, result, data)
    return result, parent


class _TrialLog:
    """Opens a nested run with each trial and closes it as what became of it."""

    def __init__(self, parent: RunLog, rows: Family, given: Namespace) -> None:
        self._parent, self._rows = parent, rows
        self._wanted = given.trials or rows.budget(given.profile).trials
        self._open: dict[int, RunLog] = {}
        self._best: Trial | None = None

    def start(self, trial: Trial) -> None:
        tags = {"level": "trial", "family": self._rows.name}
        run = start_nested(self._parent, f"{self._rows.label} {trial.number}", tags)
        run.params(trial.parameters)
        self._open[trial.number] = run

    def end(self, trial: Trial) -> None:
        run = self._open.pop(trial.number)
        if trial.judgement is None:
            run.tags({"reason": trial.reason})
            end(run, "FAILED" if trial.status == "failed" else "KILLED")
            say(f"  {self._rows.label} {trial.number + 1}/{self._wanted}: {trial.reason}")
            return
        log_scores(run, trial.judgement.scores, "out_of_fold")
        run.metrics({"threshold": trial.judgement.threshold.value, "seconds": trial.seconds})
        end(run)
        if self._best is None or trial.loss < self._best.loss:
            self._best = trial
        say(self._line(trial))

    def _line(self, trial: Trial) -> str:
        judgement, best = trial.judgement, self._best
        if judgement is None or best is None or best.judgement is None:
            return ""
        return (
            f"  {self._rows.label} {trial.number + 1}/{self._wanted}: {judgement.metric} "
            f"{judgement.score.value:.4f} ± {judgement.score.se:.4f}, best "
            f"{best.judgement.score.value:.4f}, {trial.seconds:.0f} s"
        )


def origin(data: Dataset) -> dict[str, object]:
    """What the figures were measured on."""
    digests = {key: data.meta[key] for key in ("raw_digest", "split_digest", "state_digest")}
    return {"data_digest": data.digest, "rows": len(data), "excluded": len(data.excluded)} | digests


def preparation_of(rows: Family) -> dict[str, str]:
    plan = rows.plan
    if plan is None:
        return {"preparation": "none: raw nulls and categories"}
    return {f"preparation.{name}": str(getattr(plan, name)) for name in plan.__slots__}


def log_scores(run: RunLog, scores: Mapping[str, Score], on: str) -> None:
    """Each score and, beside it, its standard error."""
    run.metrics({f"{on}.{name}": score.value for name, score in scores.items()})
    run.metrics({f"{on}.{name}.se": score.se for name, score in scores.items()})


def _log_result(parent: RunLog, result: SearchResult, data: Dataset) -> None:
    best = result.best
    if best.judgement is None:
        raise TrackingError("the search ended without a judged trial")
    parent.params(best.parameters)
    parent.json({"parameters": best.parameters, "trial": best.number}, "best.json")
    log_scores(parent, best.judgement.scores, "out_of_fold")
    parent.metrics({"threshold": best.judgement.threshold.value, "trials": len(result.trials)})
    parent.json(packages(), "environment.json")
    rows = pd.DataFrame({"SK_ID_CURR": data.ids, "TARGET": data.y, "probability": result.oof})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out_of_fold.parquet"
        rows.to_parquet(path)
        parent.file(path)


def packages() -> dict[str, str]:
    names = (
        "numpy",
        "pandas",
        "scikit-learn",
        "lightgbm",
        "hyperopt",
        "imbalanced-learn",
        "mlflow",
    )
    return {name: version(name) for name in names}


def table_of(results: Sequence[SearchResult]) -> str:
    """The families side by side, by name; a figure on another sample is not ranked by it."""
    lines = [
        f"{'family':<16} {'metric':<16} {'value':>8} {'± s.e.':>8} {'threshold':>10} {'clients':>9}"
    ]
    for result in results:
        judgement = result.best.judgement
        if judgement is not None:
            lines.append(
                f"{result.family:<16} {result.metric:<16} {judgement.score.value:>8.4f} "
                f"{judgement.score.se:>8.4f} {judgement.threshold.value:>10.4f} {result.rows:>9,}"
            )
    if len({result.rows for result in results}) > 1:
        lines.append("The families were judged on different samples: not a ranking.")
    return "\n".join(lines)


def family_of(given: Namespace, name: str) -> Family:
    """A family with the preparation that was asked for in place of its own."""
    return family(name).with_choices(
        scaling=given.scaling, imputation=given.imputation, clip=given.clip, one_hot=given.one_hot
    )
