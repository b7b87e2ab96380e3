"""Which hyperparameters mattered in a search: by a forest over its trials."""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from project_tools.models.families import Dimension, Space
from project_tools.search.trial import Trial

#: With fewer trials the shares of seven or more hyperparameters would be chance.
LEAST_TRIALS = 10


def importance(space: Space, trials: Sequence[Trial], seed: int = 0) -> dict[str, float]:
    """Share of each hyperparameter in how far the trials' losses differ; empty for too few trials.

    A forest learns the loss from the settings (in the scale they were drawn in); a hyperparameter
    counts as much as its shuffling spoils the forest's fit. Shares add up to 1. They hold for
    these trials and their ranges, not for others.
    """
    judged = [trial for trial in trials if trial.reported_loss is not None]
    if len(judged) < LEAST_TRIALS:
        return {}
    matrix = np.array([[_place(row, t.drawn, name) for name, row in space.items()] for t in judged])
    losses = np.array([trial.reported_loss for trial in judged], dtype=np.float64)
    forest = RandomForestRegressor(200, min_samples_leaf=2, random_state=seed).fit(matrix, losses)
    shuffled = permutation_importance(forest, matrix, losses, n_repeats=20, random_state=seed)
    weights = np.maximum(shuffled.importances_mean, 0)
    total = float(weights.sum())
    if total <= 0:
        return {}
    shares = {name: float(weight / total) for name, weight in zip(space, weights, strict=True)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _place(row: Dimension, drawn: Mapping[str, object], name: str) -> float:
    """Where in its range a value lies; -1, below all, for a parameter that was not drawn."""
    if name not in drawn:
        return -1.0
    value = drawn[name]
    if row.scale == "choice":
        return float(row.options.index(value))
    number = float(value)  # type: ignore[arg-type]  # dimensions other than choices are numbers
    return (
        float(np.log(number / row.low) / np.log(row.high / row.low))
        if "log" in row.scale
        else number
    )
