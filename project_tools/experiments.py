"""A search or a training, with each of its steps logged as it ends.

What the three MLflow Projects do is here, so that their entry scripts only read their parameters.
"""

import json
import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from project_tools.artefact import write_artefact
from project_tools.dataset import Dataset, load_dataset, stratified_sample
from project_tools.errors import TrackingError
from project_tools.families import Family, family
from project_tools.features.store import state_folder
from project_tools.progress import working
from project_tools.reliability import calibration_line, reliability_curve, reliability_figure
from project_tools.scorers import Score
from project_tools.search import SearchResult, Trial, search
from project_tools.served_export import artefact_content, check_explained, metrics_of
from project_tools.tracking import (
    MODEL_NAME,
    Registered,
    RunLog,
    end,
    finished_families,
    get_run,
    nested_run,
    provenance,
    register,
    start_nested,
)
from project_tools.training import TrainedModel, evaluate_on_test, train


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
    tags = {"level": "family", "family": rows.name, "profile": given.profile} | _origin(data)
    with nested_run(project, rows.label, tags | _preparation(rows)) as parent:
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


def _origin(data: Dataset) -> dict[str, object]:
    """What the figures were measured on."""
    digests = {key: data.meta[key] for key in ("raw_digest", "split_digest", "state_digest")}
    return {"data_digest": data.digest, "rows": len(data), "excluded": len(data.excluded)} | digests


def _preparation(rows: Family) -> dict[str, str]:
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
    parent.json(_packages(), "environment.json")
    rows = pd.DataFrame({"SK_ID_CURR": data.ids, "TARGET": data.y, "probability": result.oof})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out_of_fold.parquet"
        rows.to_parquet(path)
        parent.file(path)


def _packages() -> dict[str, str]:
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


def best_setting(project: RunLog, given: Namespace, rows: Family, data: Dataset) -> dict[str, Any]:
    """The best setting of the run asked for, or of the newest finished search on this very data.

    Without any, the family's own start, which is said.
    """
    if given.run is not None:
        run = get_run(project.client, given.run)
        if run.data.tags.get("family") != rows.name or run.data.tags.get("level") != "family":
            raise TrackingError(
                f"run {given.run} is no search of {rows.name}; give a family's parent run"
            )
    else:
        found = finished_families(project.client, rows.name, data.digest)
        if not found:
            say(
                f"  no finished search of {rows.name} on this data: its starting setting is trained"
            )
            starts = {name: row.start for name, row in rows.space.items() if row.when is None}
            return {**rows.fixed, **rows.budget(given.profile).fixed, **starts}
        run = found[0]
    project.tags({"setting_of_run": run.info.run_id})
    best = _json_of(project, run.info.run_id)
    return dict(best["parameters"])


def _json_of(project: RunLog, run_id: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = project.client.download_artifacts(run_id, "best.json", folder)
        return json.loads(Path(path).read_text(encoding="utf-8"))


def train_and_judge(
    project: RunLog, given: Namespace, rows: Family
) -> tuple[TrainedModel, Dataset]:
    """Train the best setting on the training clients, judge it once on the test clients, log both."""
    data = load(given, rows)
    project.tags({"level": "final", "family": rows.name} | _origin(data) | _preparation(rows))
    setting = best_setting(project, given, rows, data)
    with working(
        f"training {rows.label} on {len(data):,} clients, {given.folds} folds and the final fit"
    ):
        model = train(
            rows, setting, data,
            folds=given.folds, seed=given.seed, jobs=given.jobs,
            fn_cost=given.fn_cost, metric=given.metric,
        )  # fmt: skip
    with working("judging it on the test clients"):
        test = load_dataset(
            given.data, split="test", exclude=given.exclude, seed=given.seed, folds=1
        )
        on_test = evaluate_on_test(model, test)
    project.json(model.parameters, "parameters.json")
    log_scores(project, model.scores, "out_of_fold")
    log_scores(project, on_test, "test")
    project.metrics({"threshold": model.threshold})
    log_reliability(project, model, test)
    project.json(_packages(), "environment.json")
    say(_final_lines(model, on_test))
    return model, test


def log_reliability(run: RunLog, model: TrainedModel, test: Dataset) -> None:
    """How true the probabilities are on held-out clients: the line's figures, and the curve drawn."""
    p, chosen = model.probabilities(test.X), model.calibrating
    line, curve = calibration_line(test.y, p), reliability_curve(test.y, p)
    run.metrics({f"test.calibration_{name}": value for name, value in asdict(line).items()})
    run.json(
        {"chosen": chosen.method, "log_loss": dict(chosen.loss), "gain": chosen.gain,
         "gain_se": chosen.gain_se, "test": [asdict(group) for group in curve]},
        "calibration.json",
    )  # fmt: skip
    run.figure(reliability_figure({"test clients": curve}), "reliability.png")


def _final_lines(model: TrainedModel, on_test: Mapping[str, Score]) -> str:
    rows = [f"  {'score':<28} {'out of fold':>20} {'test':>20}"]
    for name, score in model.scores.items():
        test = on_test[name]
        rows.append(
            f"  {name:<28} {score.value:>11.4f} ± {score.se:.4f} {test.value:>11.4f} ± {test.se:.4f}"
        )
    return "\n".join([*rows, f"  threshold {model.threshold:.4f} (from out-of-fold probabilities)"])


def register_model(
    project: RunLog, given: Namespace, model: TrainedModel, test: Dataset
) -> Registered:
    """Write the served folder of a model of any family and register it as the challenger.

    Raises ``TrainingError`` for a family that has no exact explanation.
    """
    check_explained(model)
    training = load(given, model.family).X
    with working("explaining it over a sample of clients"), tempfile.TemporaryDirectory() as folder:
        artefact = Path(folder) / "artefact"
        content = artefact_content(
            model,
            name=MODEL_NAME,
            run_id=project.run_id,
            commit=provenance()["commit"],
            metrics=metrics_of(model.scores, "out of fold")
            | {
                f"test.{k}": v for k, v in metrics_of(evaluate_on_test(model, test), "test").items()
            },
            training=training,
            held_out=test.X,
            state=state_folder(given.data),
        )
        digest = write_artefact(artefact, content)
        return register(
            project,
            artefact,
            [(feature.name, feature.kind) for feature in content.features],
            {
                "artefact_digest": digest,
                "data_digest": model.data_digest,
                "family": model.family.name,
            },
        )


def family_of(given: Namespace, name: str) -> Family:
    """A family with the preparation that was asked for in place of its own."""
    return family(name).with_choices(
        scaling=given.scaling, imputation=given.imputation, clip=given.clip, one_hot=given.one_hot
    )
