"""What it costs to keep the protected columns from a model: the same model with and without them.

The other model is trained on the very folds of the first, so that both judge the same clients
without having known them. Each gets a calibration of its own, fitted on the other half of these
clients, and decides at the break-even threshold: a threshold searched for each would add noise.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes none

from project_tools.calibration import PlattCalibration
from project_tools.card import ExclusionFacts
from project_tools.dataset import Dataset, feature_matrix
from project_tools.evaluation import fold_rows
from project_tools.features.catalogue import catalogue, protected
from project_tools.segments import LEAST_OF_CLASS, cost_of_exclusion
from project_tools.thresholds import break_even_probability
from project_tools.training import TrainedModel

Floats = npt.NDArray[np.float64]
#: So many folds are judged that they hold this many clients: one fold of a large file is enough.
LEAST_JUDGED = 5_000


def exclusion_facts(
    model: TrainedModel,
    setting: Mapping[str, Any],
    training: Dataset,
    features: pd.DataFrame,
    *,
    folds: int,
    jobs: int = 1,
) -> ExclusionFacts | None:
    """The cost in AUC and loss, on training clients of the model; none where nothing is protected.

    ``setting``, ``folds`` and the model's seed are those of its training; ``features`` are all
    columns of the training clients, in their order. None too where a class is too small.
    """
    of_file = [*training.X.columns, *training.excluded]
    guarded = protected(catalogue(of_file))
    withheld = not guarded & set(training.X.columns)
    judged = _judged_folds(training, folds, model.seed)
    y = training.y[np.concatenate([held_out for _, held_out in judged])]
    if not guarded or min(np.sum(y == 1), np.sum(y == 0)) < LEAST_OF_CLASS:
        return None
    names = [name for name in features.columns if name in of_file]
    kept = set(training.X.columns) | guarded if withheld else set(training.X.columns) - guarded
    other = feature_matrix(
        features, [name for name in names if name in kept], source=training.path.name
    )
    own = np.concatenate([model.oof[held_out] for _, held_out in judged])
    others = _probabilities(model, setting, replace(training, X=other), judged, jobs)
    threshold = break_even_probability(model.fn_cost)
    pair = [(_calibrated(y, p, model.seed), threshold) for p in (own, others)]
    without, with_them = pair if withheld else reversed(pair)
    cost = cost_of_exclusion(y, without, with_them, fn_cost=model.fn_cost)
    return ExclusionFacts(len(y), withheld, cost)


Fold = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def _judged_folds(training: Dataset, folds: int, seed: int) -> list[Fold]:
    rows = fold_rows(training.y, folds, seed)
    held = np.cumsum([len(held_out) for _, held_out in rows])
    return rows[: int(np.searchsorted(held, LEAST_JUDGED)) + 1]


def _probabilities(
    model: TrainedModel,
    setting: Mapping[str, Any],
    data: Dataset,
    judged: list[Fold],
    jobs: int,
) -> Floats:
    """Before calibration, of the clients held out of each fold, by the model's family and setting."""
    family, parts = model.family, []
    complete = {**family.fixed, **setting}
    with threadpool_limits(jobs):
        for train, held_out in judged:
            estimator = family.make(complete, seed=model.seed, jobs=jobs, X=data.X)
            estimator.fit(data.X.iloc[train], data.y[train])
            parts.append(estimator.predict_proba(data.X.iloc[held_out])[:, 1])
    return np.concatenate(parts).astype(np.float64)


def _calibrated(y: npt.NDArray[Any], p: Floats, seed: int) -> Floats:
    """By Platt's curve, each half by what was fitted on the other."""
    calibrated = np.empty_like(p)
    for fitting, held_out in fold_rows(y, 2, seed):
        curve = PlattCalibration.fit(p[fitting], y[fitting])
        calibrated[held_out] = curve.apply(p[held_out])
    return calibrated
