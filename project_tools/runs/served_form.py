"""From a trained model of any family to the content of the served folder.

This is the one place that imports both the estimators of training and the formats of serving.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from project_tools.errors import TrainingError
from project_tools.evaluation.calibration_fit import near_band
from project_tools.evaluation.metrics import Draw, Estimate
from project_tools.evaluation.sensitivity import sensitivity
from project_tools.features.catalogue import catalogue, to_json
from project_tools.models.training import TrainedModel
from project_tools.serving.artefact import ArtefactContent
from project_tools.serving.formats.base import ModelFile, spread
from project_tools.serving.formats.table import model_format
from project_tools.serving.inputs import ServedFeature, Value, served_features
from project_tools.serving.manifest import UNREGISTERED
from project_tools.serving.model import ServedModel
from project_tools.serving.reference import MOST_CLIENTS, ReferenceClients

#: Held-out clients whose model inputs and scores are the artefact's golden rows.
GOLDEN_ROWS = 16
#: Training clients over whom the overview is computed. A forest takes 40 ms for each.
BACKGROUND_ROWS = 300
#: A served model is the trained one up to the rounding of single precision.
_SAME = 1e-5


def artefact_content(
    model: TrainedModel,
    *,
    name: str,
    run_id: str,
    commit: str,
    metrics: Mapping[str, Mapping[str, Any]],
    training: pd.DataFrame,
    held_out: pd.DataFrame,
    state: Path,
    files: Mapping[str, bytes] | None = None,
    defaulted: npt.NDArray[np.bool_] | None = None,
    outcomes: npt.NDArray[np.bool_] | None = None,
    draw: Draw | None = None,
) -> ArtefactContent:
    """What is served of a model: ``training`` and ``held_out`` are frames with its features,
    ``files`` lie beside it. With the training clients' outcomes, ``defaulted``, it has a reference,
    and with the ``outcomes`` of those held out, drawn as ``draw`` says, this has their curves.

    Raises ``TrainingError`` for a family that is not served, and for a model whose served form
    gives held-out clients other probabilities than the trained one.
    """
    names = list(model.feature_names)
    training, held_out = training[names], held_out[names]
    few = held_out.head(GOLDEN_ROWS)
    file, features = served_form(model, training)
    served, golden = ServedModel.read(file, features, model.calibration), plain_rows(few)
    probabilities = served.probabilities(served.raw_scores(served.encoder.encode_rows(golden)))
    trained = model.probabilities(few)
    if not np.allclose(probabilities, trained, rtol=_SAME, atol=_SAME):
        raise TrainingError(
            f"{model.family.label} as it would be served gives held-out clients other probabilities "
            f"than the trained model, by up to {np.abs(probabilities - trained).max():.1e}"
        )
    reference = None
    if defaulted is not None:
        at = np.unique(np.linspace(0, len(training) - 1, MOST_CLIENTS).astype(int))
        encoded = served.encoder.encode_frame(held_out)
        curves = None
        if outcomes is not None:
            p = served.probabilities(served.raw_scores(encoded))
            curves = sensitivity(outcomes, p, model.threshold, model.fn_cost, draw)
        reference = ReferenceClients(
            training=served.encoder.encode_frame(training.iloc[at]),
            defaulted=defaulted[at],
            held_out=encoded,
            band=near_band(model.calibration, model.oof, model.threshold),
            curves=curves,
        )
    return ArtefactContent(
        name=name,
        version=UNREGISTERED,
        run_id=run_id,
        family=model.family.name,
        model=file,
        features=features,
        catalogue=to_json(catalogue(model.feature_names)),
        threshold=model.threshold,
        fn_cost=model.fn_cost,
        metric=model.metric,
        calibration=model.calibration,
        metrics=metrics,
        data_digest=model.data_digest,
        feature_meta=model.meta,
        golden=golden,
        background=plain_rows(spread(training, BACKGROUND_ROWS)),
        reference=reference,
        state=state,
        files=files or {},
        commit=commit,
    )


def metrics_of(scores: Mapping[str, Estimate], on: str) -> dict[str, dict[str, Any]]:
    """Scores as the manifest holds them, measured on the clients that ``on`` names."""
    return {
        name: {"value": score.value, "se": score.se, "on": on} for name, score in scores.items()
    }


def served_format(model: TrainedModel) -> str:
    """The format of a model's family; ``TrainingError`` for a family that has none.

    Such a family can be scored but not served, because nothing explains it exactly.
    """
    if model.family.format is None:
        raise TrainingError(
            f"{model.family.label} has no exact explanation, so it is compared with the others but "
            "never served or promoted; export a boosted, forest or logistic model"
        )
    return model.family.format


def served_form(
    model: TrainedModel, training: pd.DataFrame
) -> tuple[ModelFile, list[ServedFeature]]:
    """A model's file and its inputs, in the order of the training frame."""
    name, estimator = served_format(model), model.estimator
    features = served_features(training, [str(feature) for feature in estimator.feature_names_in_])
    return ModelFile(name, model_format(name).load().write(estimator, training)), features


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Value]]:
    """Model inputs by name, without ids."""
    plain = frame.astype(object)
    records = plain.where(plain.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in records]
