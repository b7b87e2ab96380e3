"""The cost of the constraint that a better external score never raises the risk.

Fitted like the cost of withholding the protected columns (``exclusion``): the same setting with and
without the constraint, on the same folds, paired.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from project_tools.evaluation.metrics import Draw, Estimate, paired_difference
from project_tools.evaluation.threshold import break_even_probability
from project_tools.governance.card import MonotoneFacts
from project_tools.governance.exclusion import Refit, calibrated_by_halves
from project_tools.governance.segments import LEAST_OF_CLASS
from project_tools.models.dataset import Dataset
from project_tools.models.monotone import falling_features, withheld_features
from project_tools.models.sampled_folds import SampledFolds
from project_tools.models.training import TrainedModel


def monotone_facts(
    model: TrainedModel,
    setting: Mapping[str, Any],
    training: Dataset,
    *,
    folds: int,
    jobs: int = 1,
) -> MonotoneFacts | None:
    """The cost in AUC, loss and log loss, on training clients of the model.

    ``setting``, ``folds`` and the model's seed are those of its training. None where no feature is
    constrained, or too few clients of one outcome are judged.
    """
    if model.family.plan is not None:
        return None
    constrained = falling_features(model.feature_names, model.family.monotone)
    tried = SampledFolds.of(training, folds, model.seed)
    y = training.y[tried.held_out]
    if not constrained or min(np.sum(y == 1), np.sum(y == 0)) < LEAST_OF_CLASS:
        return None
    free = replace(model, family=model.family.with_choices(monotone="none"))
    without = Refit(free, setting, jobs).probabilities(training, tried)
    own = Refit(model, setting, jobs).own(training, tried)
    threshold = break_even_probability(model.fn_cost)
    bound, loose = ((calibrated_by_halves(y, p, model.seed), threshold) for p in (own, without))

    def difference(metric: str, one: Any, other: Any) -> Estimate:
        return paired_difference(
            metric, y, one, other, fn_cost=model.fn_cost, draw=Draw.of(y, training.labelled)
        )

    return MonotoneFacts(
        features=constrained,
        clients=len(y),
        trained=tried.trained,
        auc_lost=difference("AUC", loose, bound),
        loss_added=difference("loss_of_income", bound, loose),
        log_loss_added=difference("log_loss", bound, loose),
        withheld=withheld_features(model.feature_names, model.family.monotone),
    )
