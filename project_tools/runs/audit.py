"""The audit of a final model: segments, cost of exclusion, model card, reference of drift.

It is made in the run of the training, so that the card describes the model that is registered.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from project_tools import __version__
from project_tools.evaluation.judgement import DECIDING
from project_tools.evaluation.metrics import METRICS, Estimate
from project_tools.features.catalogue import catalogue
from project_tools.features.columns import DEMONSTRATION, ID, TARGET
from project_tools.features.files import read_features
from project_tools.governance.card import (
    CalibrationFacts,
    Card,
    Clients,
    DataFacts,
    Driver,
    LineFigures,
    MonotoneFacts,
    Result,
    ThresholdPoint,
)
from project_tools.governance.card_page import card_files
from project_tools.governance.drift.reference import DriftReference
from project_tools.governance.drift.rows import Decisions, Source
from project_tools.governance.exclusion import exclusion_facts
from project_tools.governance.segment_tables import markdown as segment_markdown
from project_tools.governance.segments import Figure, SegmentReport, audit_groups, segment_report
from project_tools.models.dataset import Dataset
from project_tools.models.final_evaluation import FinalEvaluation
from project_tools.models.reference_lines import held_out_lines
from project_tools.models.training import TrainedModel
from project_tools.runs.parameters import FinalSettings
from project_tools.runs.provenance import HELD_OUT, provenance
from project_tools.runs.registry import MODEL_NAME
from project_tools.runs.served_form import BACKGROUND_ROWS, plain_rows, served_form
from project_tools.runs.store import RunLog
from project_tools.search.pictures import decision_figures
from project_tools.serving.folder import CARD_HTML, DRIFT_REFERENCE
from project_tools.serving.formats.base import spread
from project_tools.serving.manifest import UNREGISTERED
from project_tools.serving.model import ServedModel
from project_tools.settings import Settings

#: Features that a card names as drivers; multiples of the threshold for its sensitivity.
SHOWN_DRIVERS, THRESHOLD_FACTORS = 10, (0.5, 0.75, 1.0, 1.25, 1.5)
#: Packages that a card names; the run's environment.json names all.
SHOWN_VERSIONS = ("lightgbm", "numpy", "pandas", "scikit-learn", "xgboost-cpu")


@dataclass(frozen=True, slots=True)
class Audit:
    """Model card, reference of drift, and the test clients' outcomes and probabilities."""

    card: Card
    reference: DriftReference
    held_out: pd.DataFrame

    @property
    def files(self) -> dict[str, bytes]:
        """The files that are put beside the served model, by name."""
        return card_files(self.card) | {DRIFT_REFERENCE: self.reference.to_json().encode()}


def audit_final(
    model: TrainedModel,
    setting: Mapping[str, Any],
    training: Dataset,
    test: Dataset,
    evaluation: FinalEvaluation,
    *,
    settings: FinalSettings,
    run_id: str,
    former: Card | None = None,
    monotone: MonotoneFacts | None = None,
) -> Audit:
    """Audit a final model by groups from its feature file, whether the model uses them or not.

    ``evaluation`` is the model's evaluation on the test clients, ``setting`` that of its training,
    ``former`` the card of the version before, ``monotone`` the cost of the constraint.
    """
    frame = read_features(training.path).frame.set_index(ID)
    trained = frame.loc[training.ids]
    p = model.probabilities(test.X)
    segments = segment_report(
        test.y,
        p,
        audit_groups(frame.loc[test.ids]),
        threshold=model.threshold,
        fn_cost=model.fn_cost,
        labelled=test.labelled,
    )
    exclusion = exclusion_facts(
        model, setting, training, trained, folds=settings.folds, jobs=settings.jobs
    )
    commit = provenance()
    # A metric of probabilities chooses no threshold.
    deciding = model.metric if METRICS[model.metric].of_counts is not None else DECIDING
    card = Card(
        name=MODEL_NAME, version=UNREGISTERED, alias="", run_id=run_id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit["commit"], tree=commit["tree"],
        family=model.family.label, data=_data(model, training, test),
        threshold=model.threshold, fn_cost=model.fn_cost, metric=deciding,
        folds=settings.folds, seed=settings.seed,
        results=_results(model, evaluation),
        calibration=CalibrationFacts(
            **asdict(evaluation.line), method=model.calibration_choice.method, curve=tuple(evaluation.curve)
        ),
        costs=tuple(evaluation.costs),
        granted=float(np.mean(p <= model.threshold)),
        segments=segments, exclusion=exclusion,
        parameters={
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in model.parameters.items()
        },
        versions={"python": commit["python"], "project-tools": __version__}
        | {name: version(name) for name in SHOWN_VERSIONS},
        owner=Settings.load().owner, monotone=monotone,
        threshold_choice=model.threshold_choice,
        drivers=_drivers(model, training),
        lines=_lines(model, training, test),
        sensitivity=_sensitivity(model, test, p),
    )  # fmt: skip
    if former is not None:
        card = replace(card, changes=tuple(_changes(card, former)))
    held_out = pd.DataFrame({ID: test.ids, TARGET: test.y, "probability": p})
    return Audit(card, frozen_reference(model, training, trained), held_out)


def log_audit(run: RunLog, audit: Audit, scores: Mapping[str, Estimate]) -> None:
    """Log segments, card, reference of drift, held-out probabilities and pictures with the run.

    ``scores`` are those of the held-out clients.
    """
    card, y = audit.card, audit.held_out[TARGET].to_numpy()
    pictures = decision_figures(
        y, audit.held_out["probability"].to_numpy(), card.threshold, card.fn_cost, scores
    )
    for name, picture in pictures.items():
        run.figure(picture, f"figures/{name}.png")
    segments = audit.card.segments
    run.json(segments.to_dict(), "segments.json")
    run.text(segment_markdown(segments), "segments.md")
    run.metrics(_segment_metrics(segments))
    if audit.card.exclusion is not None:
        cost = audit.card.exclusion.cost
        run.json(asdict(audit.card.exclusion), "exclusion.json")
        run.metrics(
            {"exclusion.auc_lost": cost.auc_lost.value, "exclusion.loss_added": cost.loss_added.value}
            | {"exclusion.auc_lost.se": cost.auc_lost.se, "exclusion.loss_added.se": cost.loss_added.se}
        )  # fmt: skip
    log_card(run, audit.card)
    run.table(audit.held_out, HELD_OUT)
    run.text(audit.reference.to_json(), DRIFT_REFERENCE)


def log_card(run: RunLog, card: Card) -> None:
    """Log the card in its three forms; the card of a registered version replaces the earlier one."""
    for name, content in card_files(card).items():
        run.text(content.decode(), name)
    run.tags({"card": CARD_HTML})


def frozen_reference(
    model: TrainedModel, training: Dataset, features: pd.DataFrame
) -> DriftReference:
    """Bins of the training clients' features, and the decisions on them.

    The decisions use out-of-fold probabilities. A model's probabilities for the clients that it was
    fitted on are more extreme than those for new clients, which would look like drift.
    """
    source = replace(
        Source.of_frame(features.reset_index(), training.path.name), digest=training.digest
    )
    p = model.calibration.apply(model.oof)
    return DriftReference.of(source, Decisions(p, p <= model.threshold), model.fn_cost)


def _data(model: TrainedModel, training: Dataset, test: Dataset) -> DataFacts:
    meta = training.meta
    return DataFacts(
        source=training.path.name,
        digest=training.digest,
        raw_digest=str(meta.get("raw_digest", "")),
        split_digest=str(meta.get("split_digest", "")),
        state_digest=str(meta.get("state_digest", "")),
        training=_clients(training),
        test=_clients(test),
        features=len(model.feature_names),
        excluded=training.excluded,
        labelled=test.labelled,
        invented=bool(meta.get(DEMONSTRATION)),
    )


def _drivers(model: TrainedModel, training: Dataset) -> tuple[Driver, ...]:
    """The features of most importance, as the overview of the served model measures it."""
    if model.family.format is None:
        return ()
    X = training.X[list(model.feature_names)]
    file, features = served_form(model, X)
    served = ServedModel.read(file, features, model.calibration)
    rows = plain_rows(spread(X, BACKGROUND_ROWS))
    parts = served.contributions(served.encoder.encode_rows(rows))[:, :-1]
    sizes = np.abs(parts).mean(axis=0)
    labels = {info.name: info.label for info in catalogue(model.feature_names)}
    total = float(sizes.sum()) or 1.0
    return tuple(
        Driver(
            features[i].name,
            labels.get(features[i].name, features[i].name),
            float(sizes[i]) / total,
        )
        for i in np.argsort(-sizes, kind="stable")[:SHOWN_DRIVERS]
    )


def _lines(model: TrainedModel, training: Dataset, test: Dataset) -> tuple[LineFigures, ...]:
    """The reference lines on the test clients."""
    loss, auc = METRICS["loss_of_income"], METRICS["AUC"]
    rows = []
    for line in held_out_lines(training, test, model.fn_cost):
        cost = loss.score(
            test.y, line.p, threshold=line.threshold, fn_cost=model.fn_cost, draw=test.draw
        )
        rank = auc.score(test.y, line.p, draw=test.draw)
        figures = Figure.of(cost, loss.interval(cost)), Figure.of(rank, auc.interval(rank))
        rows.append(LineFigures(line.name, line.detail, *figures))
    return tuple(rows)


def _sensitivity(model: TrainedModel, test: Dataset, p: Any) -> tuple[ThresholdPoint, ...]:
    """The share granted and the loss at thresholds below and above the model's own."""
    loss, points = METRICS["loss_of_income"], []
    for threshold in (model.threshold * factor for factor in THRESHOLD_FACTORS):
        cost = loss.score(test.y, p, threshold=threshold, fn_cost=model.fn_cost, draw=test.draw)
        granted = float(np.mean(p <= threshold))
        points.append(ThresholdPoint(threshold, granted, Figure.of(cost, loss.interval(cost))))
    return tuple(points)


def _changes(card: Card, former: Card) -> list[str]:
    """What differs from the version before, in a line each."""
    changes = [f"compared with {former.title}, trained {former.created.partition('T')[0]}"]
    for what, one, other in (
        ("family", former.family, card.family),
        ("feature file", former.data.digest[:12], card.data.digest[:12]),
        ("training clients", former.data.training.clients, card.data.training.clients),
        ("features", former.data.features, card.data.features),
        ("cost of a missed defaulter", former.fn_cost, card.fn_cost),
        ("threshold", f"{former.threshold:.4f}", f"{card.threshold:.4f}"),
        ("commit", former.commit[:12], card.commit[:12]),
        *((r.label, f"{former.result(r.name).test:.4f}", f"{r.test:.4f}")
          for r in card.results if r.name in {"loss_of_income", "AUC", "log_loss"}),
    ):  # fmt: skip
        if one != other:
            changes.append(f"{what}: {one} before, {other} now")
    names = sorted({*former.parameters, *card.parameters})
    moved = [n for n in names if former.parameters.get(n) != card.parameters.get(n)]
    if moved:
        changes.append(f"parameters that differ: {', '.join(moved)}")
    return changes


def _clients(data: Dataset) -> Clients:
    return Clients(len(data), int(np.sum(data.y == 1)))


def _results(model: TrainedModel, evaluation: FinalEvaluation) -> tuple[Result, ...]:
    rows = []
    for name, score in evaluation.scores.items():
        oof, (low, high) = model.scores[name], evaluation.intervals[name] or (None, None)
        rows.append(Result(name, METRICS[name].label, oof.value, oof.se, score.value, low, high))
    return tuple(rows)


def _segment_metrics(report: SegmentReport) -> dict[str, float]:
    """The least acceptance ratio and the widest calibration gap of each characteristic."""
    metrics: dict[str, float] = {}
    for name in report.characteristics:
        groups = report.groups(name)
        ratios = [one.acceptance_ratio.value for one in groups if one.acceptance_ratio is not None]
        gaps = [abs(one.gap.value) for one in groups if one.gap is not None]
        key = f"segments.{name.replace(' ', '_')}"
        if ratios:
            metrics[f"{key}.least_acceptance_ratio"] = min(ratios)
        if gaps:
            metrics[f"{key}.widest_gap"] = max(gaps)
    return metrics
