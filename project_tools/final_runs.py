"""The final models and the comparisons before them, with each step logged as it ends."""

import json
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pandas as pd

from project_tools.artefact import write_artefact
from project_tools.comparison import Compared, Comparison, comparison_table
from project_tools.dataset import Dataset, load_dataset, stratified_sample
from project_tools.errors import SettingError, TrackingError, nearest
from project_tools.experiments import (
    load,
    log_scores,
    origin,
    packages,
    preparation_of,
    say,
)
from project_tools.families import Family
from project_tools.features.store import state_folder
from project_tools.files import replacing
from project_tools.final_evaluation import (
    FinalEvaluation,
    cost_figure,
    evaluate_finally,
    final_table,
)
from project_tools.model_setting import complete_setting, start_setting
from project_tools.progress import working
from project_tools.reliability import reliability_figure
from project_tools.resampling import LARGEST_RESAMPLED, Variant
from project_tools.served_export import artefact_content, check_explained, metrics_of
from project_tools.tracking import (
    MODEL_NAME,
    Registered,
    RunLog,
    aliases_of,
    family_runs,
    finished_families,
    get_run,
    nested_run,
    provenance,
    read_json,
    register,
)
from project_tools.training import TrainedModel, train


@dataclass(frozen=True, slots=True)
class FinalModel:
    """A model, the clients that it was trained on and those that it was judged on, once."""

    model: TrainedModel
    training: Dataset
    test: Dataset
    found: FinalEvaluation

    @property
    def table(self) -> str:
        return final_table(self.model, self.found)


def train_final(project: RunLog, given: Namespace, rows: Family) -> FinalModel:
    """Train a setting on all training clients, judge it once on the test clients, log both."""
    training = _training_clients(given, rows)
    project.tags({"level": "final", "family": rows.name} | origin(training) | preparation_of(rows))
    setting = setting_for(project, given, rows, training)
    with working(
        f"training {rows.label} on {len(training):,} clients, {given.folds} folds and the final fit"
    ):
        model = train(
            rows, setting, training,
            folds=given.folds, seed=given.seed, jobs=given.jobs,
            fn_cost=given.fn_cost, metric=given.metric,
        )  # fmt: skip
    with working("judging it on the test clients, once"):
        test = load_dataset(
            given.data, split="test", exclude=given.exclude, seed=given.seed, folds=1
        )
        found = evaluate_finally(model, training, test, seed=given.seed)
        final = FinalModel(model, training, test, found)
        log_final(project, final)
    return final


def _training_clients(given: Namespace, rows: Family) -> Dataset:
    """All of them, unless a sample is asked for: a search is limited, a final model is not."""
    with working(f"reading {given.data.name} for {rows.label}"):
        return load_dataset(
            given.data,
            exclude=given.exclude,
            sample=given.sample,
            seed=given.seed,
            folds=given.folds,
        )


def log_final(run: RunLog, final: FinalModel) -> None:
    """Figures, their intervals, what the model was settled by, pictures, and the table."""
    model, found = final.model, final.found
    run.params(model.parameters)
    run.json(model.parameters, "parameters.json")
    log_scores(run, model.scores, "out_of_fold")
    log_scores(run, found.scores, "test")
    run.metrics({f"test.{name}.low": low for name, (low, _) in found.intervals.items()})
    run.metrics({f"test.{name}.high": high for name, (_, high) in found.intervals.items()})
    run.metrics({f"test.calibration_{name}": value for name, value in asdict(found.line).items()})
    run.metrics({"threshold": model.threshold})
    run.json(found.to_dict(), "evaluation.json")
    run.json(_calibration(model), "calibration.json")
    run.json(packages(), "environment.json")
    curves = {"test clients": found.curve, "before calibration": found.raw_curve}
    run.figure(reliability_figure(curves), "reliability.png")
    run.figure(cost_figure(found.costs, model.fn_cost), "costs.png")
    run.text(final.table, "final.txt")
    log_probabilities(run, final.training, {"probability": model.oof})


def _calibration(model: TrainedModel) -> dict[str, Any]:
    chosen = model.calibrating
    return {
        "chosen": chosen.method,
        "curve": model.calibration.to_dict(),
        "log_loss": dict(chosen.loss),
        "gain": chosen.gain,
        "gain_se": chosen.gain_se,
    }


def log_probabilities(run: RunLog, data: Dataset, columns: Mapping[str, npt.NDArray[Any]]) -> None:
    """Out-of-fold probabilities, before calibration, beside the clients' ids and outcomes."""
    rows = pd.DataFrame({"SK_ID_CURR": data.ids, "TARGET": data.y, **columns})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out_of_fold.parquet"
        rows.to_parquet(path)
        run.file(path)


def setting_for(project: RunLog, given: Namespace, rows: Family, data: Dataset) -> dict[str, Any]:
    """The parameters to train: those given, or the best of a search, or else the family's start.

    The search is the ``run`` asked for, or the newest finished one on this very data.
    """
    if given.parameters is not None:
        if given.run is not None:
            raise SettingError("run and parameters both name a setting; give one of them")
        project.tags({"setting": "given"})
        return complete_setting(rows, given.profile, given.parameters)
    run = _search(project, given, rows, data)
    if run is None:
        say(f"  no finished search of {rows.name} on this data: its starting setting is trained")
        project.tags({"setting": "start"})
        return start_setting(rows, given.profile)
    best = read_json(project.client, run, "best.json")
    project.tags({"setting": "search", "setting_of_run": run.info.run_id})
    _say_differences(run.data.tags, preparation_of(rows) | origin(data))
    return dict(best["parameters"])


def _search(project: RunLog, given: Namespace, rows: Family, data: Dataset) -> Any:
    if given.run is None:
        return next(iter(finished_families(project.client, rows.name, data.digest)), None)
    known = [run.info.run_id for run in family_runs(project.client, rows.name)]
    try:
        run = get_run(project.client, given.run)
    except TrackingError as error:
        raise TrackingError(f"{error}{nearest(given.run, known)}") from error
    if run.data.tags.get("family") != rows.name or run.data.tags.get("level") != "family":
        newest = f"; the newest is {known[0]}" if known else ""
        raise TrackingError(
            f"run {given.run} is no search of {rows.name}; give a family's parent run{newest}"
        )
    return run


def _say_differences(found: Mapping[str, str], now: Mapping[str, object]) -> None:
    """Say where the setting was searched otherwise than it is trained now."""
    watched = [name for name in now if name.startswith("preparation")]
    for name in [*watched, "excluded", "data_digest"]:
        if name in found and found[name] != str(now[name]):
            say(f"  the setting was searched with {name} {found[name]}, now it is {now[name]}")


def register_final(project: RunLog, given: Namespace, final: FinalModel) -> Registered:
    """Write the served folder of a model of any family and register it as the challenger.

    Raises ``TrainingError`` for a family that has no exact explanation.
    """
    model = final.model
    check_explained(model)
    commit = provenance()["commit"]
    with working("explaining, writing and registering it"), tempfile.TemporaryDirectory() as folder:
        artefact = Path(folder) / "artefact"
        on_test = metrics_of(final.found.scores, "test")
        content = artefact_content(
            model,
            name=MODEL_NAME,
            run_id=project.run_id,
            commit=commit,
            metrics=metrics_of(model.scores, "out of fold")
            | {f"test.{name}": row for name, row in on_test.items()},
            training=final.training.X,
            held_out=final.test.X,
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
                "commit": commit,
                "threshold": model.threshold,
            },
        )


def registered_line(project: RunLog, registered: Registered) -> str:
    """Which version it became, for the terminal."""
    aliases = ", ".join(aliases_of(project.client, registered))
    return f"registered: {registered.name} version {registered.version} ({aliases})"


def write_receipt(path: Path | None, project: RunLog, registered: Registered) -> None:
    """Name the registered version in a file, where one is asked for."""
    if path is None:
        return
    receipt = {
        "name": registered.name,
        "version": str(registered.version),
        "run_id": project.run_id,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(receipt))


def compare_variants(
    project: RunLog, given: Namespace, rows: Family, variants: Sequence[Variant], what: str
) -> str:
    """Judge variants of a setting side by side: one parent run, a nested run a variant; the table."""
    data = _compared_clients(given, rows, variants)
    tags = {"level": "comparison", "family": rows.name, "profile": given.profile} | origin(data)
    with nested_run(project, f"{rows.label}: {what}", tags | preparation_of(rows)) as parent:
        setting = setting_for(parent, given, rows, data)
        parent.params(setting)
        comparison = Comparison(
            rows, setting, data,
            folds=given.folds, seed=given.seed, jobs=given.jobs,
            fn_cost=given.fn_cost, metric=given.metric,
        )  # fmt: skip
        comparison.check(variants)
        found: list[Compared] = []
        for number, variant in enumerate(variants, start=1):
            found.append(_judged(parent, comparison, variant, found, f"{number}/{len(variants)}"))
        table = comparison_table(found, len(data))
        parent.text(table, "variants.txt")
        parent.json(packages(), "environment.json")
        log_probabilities(parent, data, {row.variant.name: row.raw for row in found})
    return table


def _judged(
    parent: RunLog, comparison: Comparison, variant: Variant, before: Sequence[Compared], part: str
) -> Compared:
    tags = {"level": "variant", "family": comparison.rows.name, "variant": variant.name}
    tags |= preparation_of(comparison.rows.with_choices(**variant.choices))
    plain = {
        "resampling": ", ".join(variant.resampling) or "none",
        "class_weight": variant.class_weight or "none",
    }
    with (
        nested_run(parent, variant.name, tags) as run,
        working(f"{comparison.rows.label} {part}: {variant.name}"),
    ):
        run.params(plain)
        row = comparison.judged(variant, next(iter(before), None))
        log_scores(run, row.judgement.scores, "out_of_fold")
        if before:
            log_scores(run, row.differences, "difference")
        run.tags({"calibration": row.calibrating.method})
        run.metrics({"threshold": row.judgement.threshold.value, "seconds": row.seconds})
    return row


def _compared_clients(given: Namespace, rows: Family, variants: Sequence[Variant]) -> Dataset:
    data = load(given, rows)
    synthesised = any(variant.synthesises for variant in variants)
    if not synthesised or given.sample is not None or len(data) <= LARGEST_RESAMPLED:
        return data
    say(f"  a sample of {LARGEST_RESAMPLED:,} of {len(data):,} clients: SMOTENC needs the memory")
    return stratified_sample(data, LARGEST_RESAMPLED, seed=given.seed, folds=given.folds)
