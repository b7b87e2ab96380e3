"""Earlier searches and final models read back from the tracking store."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from project_tools.errors import ArtefactError, SettingError, TrackingError
from project_tools.evaluation.calibration import calibration_from_dict
from project_tools.evaluation.comparison import JudgedFamily
from project_tools.evaluation.judgement import Judgement
from project_tools.evaluation.metrics import METRICS, Estimate
from project_tools.evaluation.threshold import Threshold
from project_tools.features.columns import ID, TARGET
from project_tools.governance.card import Card
from project_tools.models.dataset import Dataset
from project_tools.runs.provenance import HELD_OUT, OOF_FILE
from project_tools.runs.registry import MODEL_NAME
from project_tools.runs.store import (
    LEVEL,
    OUTCOME,
    PARENT_RUN,
    Client,
    TrackedRun,
    artifact,
    children,
    finished_searches,
    get_run,
    run_or_none,
    successors,
)
from project_tools.search.trial import PriorTrials, Status, Trial
from project_tools.serving.folder import CARD_JSON

#: Projects whose runs hold searches.
SEARCHING = ("hyperparameter_tuning", "lightgbm")


@dataclass(frozen=True, slots=True)
class FormerFamily:
    """An earlier search of one family: its parent run, its trials and their runs' ids."""

    run: TrackedRun
    finished: bool
    former: PriorTrials
    trial_runs: tuple[str, ...] = ()


def resumed_project(client: Client, run_id: str) -> TrackedRun:
    """The project's run of an id: that run itself, or the one around a family's or a trial's run.

    Raises ``TrackingError`` for a run of no search.
    """
    run = get_run(client, run_id)
    while run.data.tags.get(LEVEL) in {"trial", "family"} and PARENT_RUN in run.data.tags:
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
    """The search of a family in a project's run or in one that resumed it; ``None`` if there is none.

    Raises ``SettingError`` if that search differs in ``settings`` (what ``comparable`` returns).
    """
    runs = [
        run
        for holder in (*successors(client, project), project)
        for run in children(client, holder.info.run_id, "family")
        if run.data.tags.get("family") == family
    ]
    if not runs:
        return None
    # The newest contains or continues all of the others.
    run = max(runs, key=lambda run: run.info.start_time)
    held = json.loads(run.data.tags.get("settings", "{}"))
    other = [name for name in settings if held.get(name) != settings[name]]
    if other:
        raise SettingError(
            f"resume: {family} was searched with another {', '.join(other)} in run "
            f"{run.info.run_id}; give the same, or start anew without resume"
        )
    trials = _trials(client, run)
    tables = {t.number: oof_of(client, nested) for t, nested in trials.values() if t.judgement}
    kept = {
        number: table["probability"].to_numpy(dtype=np.float32)
        for number, table in tables.items()
        if table is not None
    }
    former = PriorTrials(tuple(trial for trial, _ in trials.values()), kept)
    nested = tuple(nested.info.run_id for _, nested in trials.values())
    return FormerFamily(run, run.info.status == "FINISHED", former, nested)


def _trials(client: Client, run: TrackedRun) -> dict[int, tuple[Trial, TrackedRun]]:
    """Trials that ended, with their runs, by number: of the run and of those that it continues."""
    trials: dict[int, tuple[Trial, TrackedRun]] = {}
    if "continues" in run.data.tags:
        trials |= _trials(client, get_run(client, run.data.tags["continues"]))
    for nested in children(client, run.info.run_id, "trial"):
        trial = restored(nested)
        if trial is not None:
            trials[trial.number] = (trial, nested)
    return trials


def restored(run: TrackedRun) -> Trial | None:
    """The trial that a run logged; ``None`` if it was stopped before its end."""
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
        reported_loss=metrics.get("told_loss"),
        order=int(tags["order"]),
    )


def judgement_of(run: TrackedRun) -> Judgement:
    """The judgement that a trial's or a family's run holds."""
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
    """Scores with standard errors and the threshold, as ``judgement_of`` reads them."""
    values = {f"out_of_fold.{name}": score.value for name, score in judgement.scores.items()}
    errors = {f"out_of_fold.{name}.se": score.se for name, score in judgement.scores.items()}
    return values | errors | {
        "threshold": judgement.threshold.value,
        "threshold.score": judgement.threshold.score,
    }  # fmt: skip


def judgement_tags(judgement: Judgement) -> dict[str, str]:
    """Metric and calibration, as ``judgement_of`` reads them."""
    return {"metric": judgement.metric, "calibration": json.dumps(judgement.calibration.to_dict())}


def oof_table(data: Dataset, oof: npt.NDArray[Any]) -> pd.DataFrame:
    """Columns: training client's id, outcome, out-of-fold probability before calibration."""
    return pd.DataFrame({ID: data.ids, TARGET: data.y, "probability": oof})


def oof_of(client: Client, run: TrackedRun) -> pd.DataFrame | None:
    """The frame of ``oof_table`` that a run holds, or ``None``."""
    with artifact(client, run.info.run_id, OOF_FILE) as path:
        return None if path is None else pd.read_parquet(path)


def held_out_of(client: Client, run_id: str) -> pd.DataFrame | None:
    """Held-out clients of a final model's run, sorted by id (id, outcome, probability), or ``None``."""
    with artifact(client, run_id, HELD_OUT) as path:
        return None if path is None else pd.read_parquet(path).sort_values(ID, ignore_index=True)


def former_card(client: Client) -> Card | None:
    """The card of the newest registered version; None if there is none that can be read."""
    versions = client.search_model_versions(f"name = '{MODEL_NAME}'")
    newest = max(versions, key=lambda version: int(version.version), default=None)
    if newest is None or run_or_none(client, newest.run_id or "") is None:
        return None
    with artifact(client, newest.run_id or "", CARD_JSON) as path:
        if path is None:
            return None
        try:
            return Card.from_json(path.read_text(encoding="utf-8"))
        except ArtefactError:  # another release wrote it
            return None


def judged(client: Client, run: TrackedRun) -> JudgedFamily:
    """What ``compare`` needs of a family, from its parent run.

    Raises ``TrackingError`` for a run that is no finished search.
    """
    table = oof_of(client, run)
    if table is None or "settings" not in run.data.tags:
        raise TrackingError(f"run {run.info.run_id} is no finished search of a family")
    judgement, settings = judgement_of(run), json.loads(run.data.tags["settings"])
    return JudgedFamily(
        family=run.data.tags["family"],
        run_id=run.info.run_id,
        metric=judgement.metric,
        data_digest=settings["data"],
        ids=table[ID].to_numpy(),
        y=table[TARGET].to_numpy(),
        p=judgement.calibration.apply(table["probability"].to_numpy()),
        threshold=judgement.threshold.value,
        fn_cost=settings["fn_cost"],
        labelled=int(run.data.tags["labelled"]) if "labelled" in run.data.tags else None,
    )


def judged_families(client: Client, run_id: str | None = None) -> list[JudgedFamily]:
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
    """Finished families of a project's run; if a resuming run has taken all of them over, of that."""
    for run in (project, *successors(client, project)):
        families = children(client, run.info.run_id, "family")
        finished = [family for family in families if family.info.status == "FINISHED"]
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
        line = f"  {run.info.run_name}: {len(trials)} trials ended"
        if best is not None:
            line += f", best {best.metric} {best.score.value:.4f} ± {best.score.se:.4f}"
        lines.append(line)
    return lines or ["  none had ended"]


def family_runs(client: Client, run_id: str | None = None) -> dict[str, TrackedRun]:
    """The parent runs behind ``judged_families``, by family."""
    return {j.family: get_run(client, j.run_id) for j in judged_families(client, run_id)}


def trials_of(client: Client, run: TrackedRun) -> list[Trial]:
    """The trials of a family's run that ended, by number."""
    return [trial for _, (trial, _) in sorted(_trials(client, run).items())]


def trial_table(trials: Sequence[Trial]) -> pd.DataFrame:
    """A row for each trial, by number: outcome, figures, seconds, drawn parameters."""
    rows = []
    for trial in trials:
        row: dict[str, Any] = {"trial": trial.number, "outcome": trial.status}
        if trial.judgement is not None:
            score, auc = trial.judgement.score, trial.judgement.scores["AUC"]
            row |= {trial.judgement.metric: score.value, "± s.e.": score.se, "AUC": auc.value}
        rows.append(row | {"seconds": round(trial.seconds, 1)} | trial.drawn)
    return pd.DataFrame(rows).set_index("trial")
