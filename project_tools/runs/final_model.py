"""A final model: trained on all training clients, judged once on the test clients, registered."""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from project_tools.evaluation.reliability import reliability_figure
from project_tools.features.files import state_folder
from project_tools.governance.monotone import monotone_facts
from project_tools.models.dataset import Dataset, load_dataset
from project_tools.models.families import Family
from project_tools.models.final_evaluation import (
    FinalEvaluation,
    cost_figure,
    evaluate_finally,
    final_table,
)
from project_tools.models.training import TrainedModel, train
from project_tools.runs.audit import Audit, audit_final, log_audit, log_card
from project_tools.runs.history import former_card
from project_tools.runs.parameters import FinalSettings
from project_tools.runs.promotion import weigh_first
from project_tools.runs.provenance import (
    ENVIRONMENT,
    SETTING,
    environment,
    environment_lock,
    origin,
    preparation_tags,
    provenance,
)
from project_tools.runs.registry import MODEL_NAME, Registered, aliases_of, register
from project_tools.runs.search import log_clients, log_oof, score_metrics
from project_tools.runs.served_form import (
    artefact_content,
    metrics_of,
    served_form,
    served_format,
)
from project_tools.runs.setting import setting_for
from project_tools.runs.standalone import Standalone, example, requirements
from project_tools.runs.store import LEVEL, RunLog
from project_tools.search.pictures import importance_bars
from project_tools.serving.artefact import write_artefact
from project_tools.serving.formats.table import model_format
from project_tools.serving.overview import OVERVIEW
from project_tools.system.files import replacing
from project_tools.system.progress import say, working

#: Prefix of a model's own parameters among those of its project's run.
MODEL = "model."
#: Features in the picture of their importance.
SHOWN_FEATURES = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """A model, its training clients, its test clients, and its evaluation on these."""

    model: TrainedModel
    training: Dataset
    test: Dataset
    evaluation: FinalEvaluation


@dataclass(frozen=True, slots=True)
class FinalModel(Judged):
    """A judged model with its audit."""

    audit: Audit

    @property
    def table(self) -> str:
        return final_table(self.model, self.evaluation)


def train_final(project: RunLog, settings: FinalSettings, family: Family) -> FinalModel:
    """Train a model on all training clients, judge it once on the test clients, audit and log it."""
    training = training_clients(settings, family)
    project.tags(
        {LEVEL: "final", "family": family.name, "jobs": settings.jobs}
        | {"environment_lock": environment_lock()}
        | origin(training)
        | preparation_tags(family)
    )
    log_clients(project, training, "training")
    setting = setting_for(project, settings, family, training)
    project.json(setting, SETTING)
    judged = judged_final(settings, family, setting, training)
    with working("what the monotone constraint costs"):
        monotone = monotone_facts(
            judged.model, setting, training, folds=settings.folds, jobs=settings.jobs
        )
    if monotone is not None:
        project.json(asdict(monotone), "monotone.json")
        project.metrics(monotone.metrics)
    with working("auditing it by segments, with and without the protected columns; its card"):
        audit = audit_final(
            judged.model, setting, training, judged.test, judged.evaluation,
            settings=settings, run_id=project.run_id, former=former_card(project.client),
            monotone=monotone,
        )  # fmt: skip
    log_clients(project, judged.test, "test")
    final = FinalModel(judged.model, training, judged.test, judged.evaluation, audit)
    log_final(project, final)
    return final


def judged_final(
    settings: FinalSettings,
    family: Family,
    setting: Mapping[str, Any],
    training: Dataset | None = None,
    *,
    quiet: bool = False,
) -> Judged:
    """Train a setting on all training clients and judge it once on the test clients."""
    training = training or training_clients(settings, family, quiet=quiet)

    def on_fold(done: int) -> None:
        if not quiet:
            say(f"  {family.label}: fold {done} of {settings.folds} done")

    with working(
        f"training {family.label} on {len(training):,} clients, {settings.folds} folds and the final fit",
        quiet=quiet,
    ):
        model = train(
            family, setting, training,
            folds=settings.folds, seed=settings.seed, jobs=settings.jobs,
            fn_cost=settings.fn_cost, metric=settings.metric,
            on_fold=on_fold,
        )  # fmt: skip
    with working("judging it on the test clients, once", quiet=quiet):
        test = load_dataset(
            settings.data, split="test", exclude=settings.exclude, seed=settings.seed, folds=1
        )
        evaluation = evaluate_finally(model, training, test)
    return Judged(model, training, test, evaluation)


def training_clients(settings: FinalSettings, family: Family, *, quiet: bool = False) -> Dataset:
    """All training clients, or the sample asked for; no budget limits a final model."""
    with working(f"reading {settings.data.name} for {family.label}", quiet=quiet):
        return load_dataset(
            settings.data,
            exclude=settings.exclude,
            sample=settings.sample,
            seed=settings.seed,
            folds=settings.folds,
        )


def log_final(run: RunLog, final: FinalModel) -> None:
    """Log parameters, figures with their intervals, the choice of the calibration, pictures, audit."""
    model, evaluation = final.model, final.evaluation
    run.params({f"{MODEL}{name}": value for name, value in effective(model.parameters).items()})
    run.json(model.parameters, "parameters.json")
    run.metrics(final_figures(model, evaluation))
    if model.rounds is not None:
        run.metrics(model.rounds.metrics)
    run.json(evaluation.to_dict(), "evaluation.json")
    chosen = model.calibration_choice
    calibration = {
        "chosen": chosen.method, "curve": model.calibration.to_dict(), "log_loss": dict(chosen.loss),
        "gain": chosen.gain, "gain_se": chosen.gain_se,
    }  # fmt: skip
    run.json(calibration, "calibration.json")
    if model.threshold_choice is not None:
        run.json(model.threshold_choice.to_dict(), "threshold.json")
    run.json(environment(), ENVIRONMENT)
    curves = {"calibrated": evaluation.curve, "before calibration": evaluation.raw_curve}
    run.figure(reliability_figure(curves), "reliability.png")
    run.figure(cost_figure(evaluation.costs, model.fn_cost), "costs.png")
    run.text(final.table, "final.txt")
    log_oof(run, final.training, model.oof)
    run.tags({"model_digest": model_digest(model, final.training.X)})
    log_audit(run, final.audit, evaluation.scores)


def effective(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that had an effect on the final fit.

    Its number of rounds is fixed: no row is left that early stopping could watch.

    >>> effective({"n_estimators": 90, "early_stopping_rounds": 0, "watched_share": 0.1})
    {'n_estimators': 90}
    """
    fixed = parameters.get("early_stopping_rounds") == 0
    dead = {"early_stopping_rounds", "watched_share"} if fixed else set()
    return {name: value for name, value in parameters.items() if name not in dead}


def final_figures(model: TrainedModel, evaluation: FinalEvaluation) -> dict[str, float]:
    """Scores with errors and intervals, calibration line and threshold, by metric name."""
    figures, choice = {"threshold": model.threshold}, model.threshold_choice
    if choice is not None:
        figures |= {"threshold.break_even": choice.break_even, "threshold.exact": choice.exact}
        figures |= {"threshold.gain": choice.gain.value, "threshold.gain.se": choice.gain.se}
    for on, scores in (("out_of_fold", model.scores), ("test", evaluation.scores)):
        figures |= score_metrics(scores, on)
    for name, interval in evaluation.intervals.items():
        if interval is not None:
            figures |= {f"test.{name}.low": interval[0], f"test.{name}.high": interval[1]}
    return figures | {f"test.calibration_{name}": v for name, v in asdict(evaluation.line).items()}


def model_digest(model: TrainedModel, training: pd.DataFrame) -> str:
    """SHA-256 of the model's file; empty where the format does not repeat its bytes, or is none."""
    name = model.family.format
    if name is None or not model_format(name).repeats:
        return ""
    file, _ = served_form(model, training)
    return hashlib.sha256(file.content).hexdigest()


def register_final(project: RunLog, final: FinalModel) -> Registered:
    """Write the served folder of a model of any family and register it as the challenger.

    The first version of the name is weighed: it becomes the champion if it may. Raises ``TrainingError`` for a family that has no exact explanation.
    """
    model = final.model
    served_format(model)
    commit = provenance()["commit"]
    with working("explaining, writing and registering it"), tempfile.TemporaryDirectory() as folder:
        artefact = Path(folder) / "artefact"
        on_test = metrics_of(final.evaluation.scores, "test")
        content = artefact_content(
            model,
            name=MODEL_NAME,
            run_id=project.run_id,
            commit=commit,
            metrics=metrics_of(model.scores, "out of fold")
            | {f"test.{name}": row for name, row in on_test.items()},
            training=final.training.X,
            held_out=final.test.X,
            state=state_folder(final.training.path),
            files=final.audit.files,
            defaulted=final.training.y == 1,
            outcomes=final.test.y == 1,
            draw=final.test.draw,
        )
        digest = write_artefact(artefact, content)
        registered = register(
            project,
            artefact,
            [(feature.name, feature.kind) for feature in content.features],
            {
                "artefact_digest": digest,
                "data_digest": model.data_digest,
                "family": model.family.name,
                "commit": commit,
                "threshold": model.threshold,
            },
            standalone=_standalone(project, final),
        )
        project.figure(importance_figure(artefact, content.catalogue), "figures/importance.png")
        log_card(project, final.audit.card.of_version(registered.name, str(registered.version)))
        weigh_first(project, registered)
        return registered


def _standalone(project: RunLog, final: FinalModel) -> Standalone:
    """What the registered version carries so that it can be loaded without this project."""
    model, evaluation = final.model, final.evaluation
    auc, loss = evaluation.scores["AUC"], evaluation.scores["loss_of_income"]
    return Standalone(
        requirements=requirements(model_format(served_format(model)).packages),
        example=example(final.training.X),
        description=(
            f"{model.family.label} of {len(final.training):,} training clients of "
            f"{final.training.path.name} (SHA-256 {model.data_digest}); threshold "
            f"{model.threshold:.4f}. On {evaluation.clients:,} test clients: AUC {auc.value:.4f} ± "
            f"{auc.se:.4f}, loss of income {loss.value:.4f} ± {loss.se:.4f}. Its card is card.html "
            f"of run {project.run_id}."
        ),
        parameters=effective(model.parameters),
        metrics=final_figures(model, evaluation),
    )


def importance_figure(artefact: Path, catalogue: Sequence[Mapping[str, Any]]) -> Any:
    """Bars of the weightiest features of a served folder, in words."""
    labels = {row["name"]: row["label"] for row in catalogue}
    held = json.loads((artefact / OVERVIEW).read_text(encoding="utf-8"))["importance"]
    largest = sorted(held, key=held.__getitem__, reverse=True)[:SHOWN_FEATURES]
    return importance_bars(
        {labels[name]: held[name] for name in largest}, "mean absolute contribution to the score"
    )


def registered_line(project: RunLog, registered: Registered) -> str:
    """The registered version and its aliases, for the terminal; a first one that is no champion, why."""
    aliases = ", ".join(aliases_of(project.client, registered))
    line = f"registered: {registered.name} version {registered.version} ({aliases})"
    tags = project.client.get_model_version(registered.name, registered.version).tags
    why = tags.get("promotion_why", "")
    return f"{line}\nit stays the challenger: {why}" if why else line


def write_receipt(path: Path | None, project: RunLog, registered: Registered) -> None:
    """Write name, version and run of the registered version to a file, if one is asked for."""
    if path is None:
        return
    receipt = {
        "name": registered.name,
        "version": str(registered.version),
        "run_id": project.run_id,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(receipt))
