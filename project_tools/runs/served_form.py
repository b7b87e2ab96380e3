"""From a trained model of any family to what the served folder holds.

The one place that knows both the estimators of training and the formats of serving.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from project_tools.errors import TrainingError
from project_tools.evaluation.metrics import Estimate
from project_tools.features.catalogue import catalogue, to_json
from project_tools.models.training import TrainedModel
from project_tools.serving.artefact import ArtefactContent
from project_tools.serving.formats.base import ModelFile
from project_tools.serving.inputs import ServedFeature, Value, served_features
from project_tools.serving.model import ServedModel

#: Held-out clients whose model inputs and scores travel with the artefact as its golden rows.
GOLDEN_ROWS = 16
#: Training clients over whom the model is explained in general. A forest takes 40 ms for each.
BACKGROUND_ROWS = 300
#: Training clients whose mean is what a linear model's contributions are measured from.
MEAN_ROWS = 20_000
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
) -> ArtefactContent:
    """What to serve of a model: ``training`` and ``held_out`` are frames with its features,
    ``files`` lie beside it.

    Raises ``TrainingError`` for a family that has no exact explanation, and for a model whose
    served form scores held-out clients otherwise than itself.
    """
    names = list(model.feature_names)
    training, held_out = training[names], held_out[names].head(GOLDEN_ROWS)
    file, features = served_form(model, training)
    _check_same(model, ServedModel.read(file, features, model.calibration), held_out)
    return ArtefactContent(
        name=name,
        version="unregistered",
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
        golden=_rows(held_out),
        background=_rows(_spread(training, BACKGROUND_ROWS)),
        state=state,
        files=files or {},
        commit=commit,
    )


def metrics_of(scores: Mapping[str, Estimate], on: str) -> dict[str, dict[str, Any]]:
    """Scores as the manifest holds them; ``on`` says which clients they were measured on."""
    return {
        name: {"value": score.value, "se": score.se, "on": on} for name, score in scores.items()
    }


def check_explained(model: TrainedModel) -> None:
    """``TrainingError`` for a model that can be scored but not served, because nothing explains it."""
    estimator = _last(model.estimator)
    if _booster(estimator) is None and type(estimator) not in (
        RandomForestClassifier,
        LogisticRegression,
    ):
        raise TrainingError(
            f"{model.family.label} has no exact explanation, so it is compared with the others but "
            "never served or promoted; export a boosted, forest or logistic model"
        )


def served_form(
    model: TrainedModel, training: pd.DataFrame
) -> tuple[ModelFile, list[ServedFeature]]:
    """A model's file and its inputs, in the order of the training frame."""
    check_explained(model)
    estimator = model.estimator
    if hasattr(estimator, "model_text"):
        names = [str(name) for name in estimator.feature_names_in_]
        text = estimator.model_text().encode()
        return ModelFile("lightgbm-text", text), served_features(training, names)
    booster = _booster(estimator)
    if booster is not None:
        features = served_features(training, booster.feature_names or list(training.columns))
        return ModelFile("xgboost-ubj", bytes(booster.save_raw("ubj"))), features
    return _skops_form(model, training)


def _skops_form(
    model: TrainedModel, training: pd.DataFrame
) -> tuple[ModelFile, list[ServedFeature]]:
    # Imported here: skops takes a second, and most models need none.
    from project_tools.serving.formats.sklearn_skops import skops_model  # noqa: PLC0415

    steps = [step for _, step in model.estimator.steps if not hasattr(step, "fit_resample")]
    if len(steps) != 2 or not isinstance(steps[0], ColumnTransformer):  # noqa: PLR2004  (see below)
        raise TrainingError(
            f"{model.family.label} is not served: its steps are "
            f"{', '.join(type(step).__name__ for step in steps)}, and a preparation and a model are expected"
        )
    preparation, estimator = steps
    linear = isinstance(estimator, LogisticRegression)
    prepared = preparation.transform(_spread(training, MEAN_ROWS)) if linear else None
    features = served_features(training, list(training.columns))
    return skops_model(preparation, estimator, prepared), features


def _last(estimator: Any) -> Any:
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator


def _booster(estimator: Any) -> Any:
    """The booster of LightGBM or XGBoost that an estimator holds, of the rounds that count."""
    booster = getattr(estimator, "booster_", None)
    if booster is None and hasattr(estimator, "get_booster"):
        booster = estimator.get_booster()
    if booster is None or not type(booster).__module__.startswith("xgboost"):
        return booster
    kept = getattr(estimator, "rounds_", None) or booster.num_boosted_rounds()
    return booster if kept == booster.num_boosted_rounds() else booster[:kept]


def _spread(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, evenly spaced: the file is ordered by client, and so by age of the file."""
    return frame.iloc[np.unique(np.linspace(0, len(frame) - 1, most).astype(int))]


def _rows(frame: pd.DataFrame) -> list[dict[str, Value]]:
    """Model inputs by name, without ids."""
    plain = frame.astype(object)
    records = plain.where(plain.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in records]


def _check_same(model: TrainedModel, served: ServedModel, frame: pd.DataFrame) -> None:
    encoded = served.encoder.encode_rows(_rows(frame))
    found = served.probabilities(served.raw_scores(encoded))
    trained: npt.NDArray[np.float64] = model.probabilities(frame)
    if not np.allclose(found, trained, rtol=_SAME, atol=_SAME):
        raise TrainingError(
            f"{model.family.label} as it would be served gives held-out clients other probabilities "
            f"than the trained model, by up to {np.abs(found - trained).max():.1e}"
        )
