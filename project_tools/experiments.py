"""A training, with each of its steps logged as it ends.

What the final MLflow Projects do is here, so that their entry scripts only read their parameters.
"""

import json
import tempfile
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from project_tools.artefact import write_artefact
from project_tools.dataset import Dataset, load_dataset
from project_tools.errors import TrackingError
from project_tools.families import Family
from project_tools.features.store import state_folder
from project_tools.progress import say, working
from project_tools.reliability import calibration_line, reliability_curve, reliability_figure
from project_tools.scorers import Score
from project_tools.search_log import environment, log_scores, origin, preparation_tags
from project_tools.served_export import artefact_content, check_explained, metrics_of
from project_tools.tracking import (
    MODEL_NAME,
    Registered,
    RunLog,
    finished_families,
    get_run,
    provenance,
    register,
)
from project_tools.training import TrainedModel, evaluate_on_test, train
from project_tools.tuning import load


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
            return rows.start(given.profile)
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
    project.tags({"level": "final", "family": rows.name} | origin(data) | preparation_tags(rows))
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
    project.json(environment(), "environment.json")
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
