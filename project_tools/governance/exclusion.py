"""The cost of withholding the protected columns: the same model with and without them.

Both are fitted on the folds of the final model, so that both score the same held-out clients. On a
large file they are fitted on a sample of each fold, so that the audit takes half a minute whatever
the size. Each is calibrated by halves of the scored clients and decides at the break-even
threshold, because a threshold searched for each would add noise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes none

from project_tools.evaluation.calibration_fit import fit_platt
from project_tools.evaluation.metrics import Draw
from project_tools.evaluation.threshold import break_even_probability
from project_tools.features.catalogue import catalogue, protected
from project_tools.governance.card import ExclusionFacts
from project_tools.governance.segments import LEAST_OF_CLASS, cost_of_exclusion
from project_tools.models.dataset import Dataset, feature_matrix
from project_tools.models.folds import fold_rows
from project_tools.models.sampled_folds import SampledFolds
from project_tools.models.training import TrainedModel

Floats = npt.NDArray[np.float64]


def exclusion_facts(
    model: TrainedModel,
    setting: Mapping[str, Any],
    training: Dataset,
    features: pd.DataFrame,
    *,
    folds: int,
    jobs: int = 1,
) -> ExclusionFacts | None:
    """The cost in AUC and loss, on training clients of the model.

    ``setting``, ``folds`` and the model's seed are those of its training; ``features`` are all
    columns of the training clients, in their order. None if the data has no protected column, or
    too few clients of one outcome.
    """
    of_file = [*training.X.columns, *training.excluded]
    guarded = protected(catalogue(of_file))
    withheld = not guarded & set(training.X.columns)
    tried = SampledFolds.of(training, folds, model.seed)
    y = training.y[tried.held_out]
    if not guarded or min(np.sum(y == 1), np.sum(y == 0)) < LEAST_OF_CLASS:
        return None
    names = [name for name in features.columns if name in of_file]
    kept = set(training.X.columns) | guarded if withheld else set(training.X.columns) - guarded
    X = feature_matrix(
        features, [name for name in names if name in kept], source=training.path.name
    )
    fit = Refit(model, setting, jobs)
    others = fit.probabilities(replace(training, X=X), tried)
    own = fit.own(training, tried)
    threshold = break_even_probability(model.fn_cost)
    pair = [(calibrated_by_halves(y, p, model.seed), threshold) for p in (own, others)]
    without, with_them = pair if withheld else reversed(pair)
    cost = cost_of_exclusion(
        y, without, with_them, fn_cost=model.fn_cost, draw=Draw.of(y, training.labelled)
    )
    return ExclusionFacts(len(y), tried.trained, withheld, cost)


@dataclass(frozen=True, slots=True)
class Refit:
    """Fits a model's family and setting on other columns or clients."""

    model: TrainedModel
    setting: Mapping[str, Any]
    jobs: int

    def probabilities(self, data: Dataset, tried: SampledFolds) -> Floats:
        """Uncalibrated probabilities of the clients held out of each fold."""
        family, seed, parts = self.model.family, self.model.seed, []
        complete = {**family.fixed, **self.setting}
        with threadpool_limits(self.jobs):
            for train, held_out in tried.rows:
                estimator = family.make(complete, seed=seed, jobs=self.jobs, X=data.X)
                estimator.fit(data.X.iloc[train], data.y[train])
                parts.append(estimator.predict_proba(data.X.iloc[held_out])[:, 1])
        return np.concatenate(parts).astype(np.float64)

    def own(self, data: Dataset, tried: SampledFolds) -> Floats:
        """Those of the model's own setting and columns, which the training may have fitted already."""
        rounds = self.model.rounds
        if not tried.sampled:
            return self.model.oof[tried.held_out]
        if rounds is not None and rounds.sampled is not None:
            return rounds.sampled
        return self.probabilities(data, tried)


def calibrated_by_halves(y: npt.NDArray[Any], p: Floats, seed: int) -> Floats:
    """Probabilities by Platt's curve; each half by the curve fitted on the other half."""
    calibrated = np.empty_like(p)
    for fitting, held_out in fold_rows(y, 2, seed):
        curve = fit_platt(p[fitting], y[fitting])
        calibrated[held_out] = curve.apply(p[held_out])
    return calibrated
