"""What an earlier search left in the tracking store: read back to go on, or to compare."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from project_tools.errors import SettingError, TrackingError
from project_tools.evaluation.calibration import calibration_from_dict
from project_tools.evaluation.comparison import Judged
from project_tools.evaluation.judgement import Judgement
from project_tools.evaluation.metrics import METRICS, Estimate
from project_tools.evaluation.threshold import Threshold
from project_tools.features.columns import ID, TARGET
from project_tools.models.dataset import Dataset
from project_tools.runs.provenance import HELD_OUT, OOF_FILE
from project_tools.runs.store import (
    OUTCOME,
    PARENT_RUN,
    Client,
    TrackedRun,
    artifact,
    children,
    finished_searches,
    get_run,
    successors,
)
from project_tools.search.trial import Floats, Former, Status, Trial

#: Projects whose runs hold searches.
SEARCHING = ("hyperparameter_tuning", "lightgbm")


@dataclass(frozen=True, slots=True)
class FormerFamily:
    """An earlier search of one family: its parent run, whether that finished, its trials and their runs."""

    run: TrackedRun
    finished: bool
    former: Former
    trial_runs: tuple[str, ...] = ()


def resumed_project(client: Client, run_id: str) -> TrackedRun:
    """The project's run that an id leads to: its own, or that of a family or trial within it.

    Raises ``TrackingError`` for a run that is no search of ours.
    """
    run = get_run(client, run_id)
    while run.data.tags.get("level") in {"trial", "family"} and PARENT_RUN in run.data.tags:
        run = get_run(client, run.data.tags[PARENT_RUN])
    if run.data.tags.get("project") not in SEARCHING:
        raise TrackingError(
            f"run {run_id} is no search; resume takes the run of a search, which it prints "
            "when it is stopped (mlflow ui lists the runs)"
        )
    return run


def former_family(
    client: Client, project: TrackedRun, family: str, settings: Mapping[str, Any]
) -> FormerFamily | None:
    """What a project's run holds of a family, or one that went on with it; none if neither came to it.

    Raises ``SettingError`` where it was searched on other data or in another way.
    """
    runs = [
        run
        for holder in (*successors(client, project), project)
        for run in children(client, holder.info.run_id, "family")
        if run.data.tags.get("family") == family
    ]
    if not runs:
        return None
    # The newest holds or continues all of the others.
    run = max(runs, key=lambda run: run.info.start_time)
    _check_same(run, settings)
    trials = _trials(client, run)
    best = min((t for t in trials.values() if t[0].judgement), key=_worth, default=None)
    table = None if best is None else oof_of(client, best[1])
    oof = None if table is None else table["probability"].to_numpy()
    former = Former(tuple(trial for trial, _ in trials.values()), oof)
    nested = tuple(nested.info.run_id for _, nested in trials.values())
    return FormerFamily(run, run.info.status == "FINISHED", former, nested)


def _check_same(run: TrackedRun, settings: Mapping[str, Any]) -> None:
    held = json.loads(run.data.tags.get("settings", "{}"))
    other = [name for name in settings if held.get(name) != settings[name]]
    if other:
        raise SettingError(
            f"resume: {run.data.tags.get('family')} was searched with another "
            f"{', '.join(other)} in run {run.info.run_id}; give the same, or start anew without resume"
        )


def _worth(found: tuple[Trial, TrackedRun]) -> tuple[float, int]:
    return found[0].loss, found[0].number


def _trials(client: Client, run: TrackedRun) -> dict[int, tuple[Trial, TrackedRun]]:
    """Trials that came to an end, by number: nested in the run, and in those that it continues."""
    found: dict[int, tuple[Trial, TrackedRun]] = {}
    if "continues" in run.data.tags:
        found |= _trials(client, get_run(client, run.data.tags["continues"]))
    for nested in children(client, run.info.run_id, "trial"):
        trial = restored(nested)
        if trial is not None:
            found[trial.number] = (trial, nested)
    return found


def restored(run: TrackedRun) -> Trial | None:
    """The trial that a run logged; none where it was stopped before its end."""
    tags, metrics = run.data.tags, run.data.metrics
    if OUTCOME not in tags or run.info.status not in {"FINISHED", "FAILED"}:
        return None
    setting = json.loads(tags["setting"])
    return Trial(
        number=int(tags["number"]),
        parameters=setting["parameters"],
        drawn=setting["drawn"],
        status=cast("Status", tags[OUTCOME]),
        judgement=judgement_of(run) if tags[OUTCOME] == "finished" else None,
        seconds=metrics.get("seconds", 0.0),
        reason=tags.get("reason", ""),
        told=metrics.get("told_loss"),
        order=int(tags["order"]),
    )


def judgement_of(run: TrackedRun) -> Judgement:
    """What a trial's or a family's run says its setting is worth."""
    metrics = run.data.metrics
    scores = {
        name: Estimate(metrics[f"out_of_fold.{name}"], metrics[f"out_of_fold.{name}.se"])
        for name in METRICS
    }
    return Judgement(
        metric=run.data.tags["metric"],
        calibration=calibration_from_dict(json.loads(run.data.tags["calibration"])),
        threshold=Threshold(metrics["threshold"], metrics["threshold.score"]),
        scores=scores,
    )


def judgement_metrics(judgement: Judgement) -> dict[str, float]:
    """What ``judgement_of`` reads: all scores with standard errors, and the threshold."""
    values = {f"out_of_fold.{name}": score.value for name, score in judgement.scores.items()}
    errors = {f"out_of_fold.{name}.se": score.se for name, score in judgement.scores.items()}
    return values | errors | {
        "threshold": judgement.threshold.value,
        "threshold.score": judgement.threshold.score,
    }  # fmt: skip


def judgement_tags(judgement: Judgement) -> dict[str, str]:
    """What ``judgement_of`` reads besides."""
    return {"metric": judgement.metric, "calibration": json.dumps(judgement.calibration.to_dict())}


def oof_table(data: Dataset, oof: Floats) -> pd.DataFrame:
    """Each training client's outcome and probability before calibration, out of fold."""
    return pd.DataFrame({ID: data.ids, TARGET: data.y, "probability": oof})


def oof_of(client: Client, run: TrackedRun) -> pd.DataFrame | None:
    """The table of ``oof_table`` that a run holds, if it does."""
    with artifact(client, run.info.run_id, OOF_FILE) as path:
        return None if path is None else pd.read_parquet(path)


def held_out_of(client: Client, run_id: str) -> pd.DataFrame | None:
    """The held-out clients of a final model's run, by id, if it holds them."""
    with artifact(client, run_id, HELD_OUT) as path:
        return None if path is None else pd.read_parquet(path).sort_values(ID, ignore_index=True)


def judged(client: Client, run: TrackedRun) -> Judged:
    """A family as its parent run tells of it.

    Raises ``TrackingError`` for a run that is no finished search of ours.
    """
    table = oof_of(client, run)
    if table is None or "settings" not in run.data.tags:
        raise TrackingError(f"run {run.info.run_id} is no finished search of a family")
    judgement, settings = judgement_of(run), json.loads(run.data.tags["settings"])
    return Judged(
        family=run.data.tags["family"],
        run_id=run.info.run_id,
        metric=judgement.metric,
        data_digest=settings["data"],
        ids=table[ID].to_numpy(),
        y=table[TARGET].to_numpy(),
        p=judgement.calibration.apply(table["probability"].to_numpy()),
        threshold=judgement.threshold.value,
        fn_cost=settings["fn_cost"],
    )


def judged_families(client: Client, run_id: str | None = None) -> list[Judged]:
    """The families searched within a project's run; without one, the newest search of each family
    on the data of the newest.

    Raises ``TrackingError`` where there is none.
    """
    if run_id is not None:
        runs = _finished_within(client, resumed_project(client, run_id))
    else:
        runs = _newest(finished_searches(client))
    if not runs:
        raise TrackingError(
            f"{'run ' + run_id if run_id else 'the tracking store'} holds no finished search; "
            "make one with mlflow run hyperparameter_tuning"
        )
    return [judged(client, run) for run in runs]


def _finished_within(client: Client, project: TrackedRun) -> list[TrackedRun]:
    """The families of a project's run; where all were taken over, of the run that went on with it."""
    for run in (project, *successors(client, project)):
        families = children(client, run.info.run_id, "family")
        finished = [found for found in families if found.info.status == "FINISHED"]
        if finished:
            return finished
    return []


def _newest(runs: Sequence[TrackedRun]) -> list[TrackedRun]:
    ours = [run for run in runs if "settings" in run.data.tags]
    same = [r for r in ours if r.data.tags["data_digest"] == ours[0].data.tags["data_digest"]]
    newest = {run.data.tags["family"]: run for run in reversed(same)}
    return list(newest.values())


def progress_of(client: Client, project_id: str) -> list[str]:
    """A line for each family within a project's run: how many trials ended, and the best."""
    lines = []
    for run in reversed(children(client, project_id, "family")):
        trials = [trial for trial, _ in _trials(client, run).values()]
        judged = [trial.judgement for trial in trials if trial.judgement is not None]
        best = min(judged, key=lambda judgement: judgement.loss, default=None)
        told = (
            ""
            if best is None
            else f", best {best.metric} {best.score.value:.4f} ± {best.score.se:.4f}"
        )
        lines.append(f"  {run.info.run_name}: {len(trials)} trials ended{told}")
    return lines or ["  none had ended"]


def family_runs(client: Client, run_id: str | None = None) -> dict[str, TrackedRun]:
    """The parent runs behind ``judged_families``, by family."""
    return {j.family: get_run(client, j.run_id) for j in judged_families(client, run_id)}


def trials_of(client: Client, run: TrackedRun) -> list[Trial]:
    """The trials of a family's run that came to an end, by number."""
    found = _trials(client, run)
    return [found[number][0] for number in sorted(found)]


def trial_table(trials: Sequence[Trial]) -> pd.DataFrame:
    """A row for each trial: what became of it, its figures, its drawn parameters."""
    rows = [
        {
            "trial": trial.number,
            "outcome": trial.status,
            **({} if trial.judgement is None else _figures(trial.judgement)),
            "seconds": round(trial.seconds, 1),
            **trial.drawn,
        }
        for trial in trials
    ]
    return pd.DataFrame(rows).set_index("trial")


def _figures(judgement: Judgement) -> dict[str, float]:
    score, auc = judgement.score, judgement.scores["AUC"]
    return {judgement.metric: score.value, "± s.e.": score.se, "AUC": auc.value}
