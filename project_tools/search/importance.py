"""Which hyperparameters mattered in a search: by a forest over its trials."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from project_tools.models.families import Dimension, Space
from project_tools.search.trial import Trial

#: Fewer trials say nothing about seven or more hyperparameters.
LEAST_TRIALS = 10


def importance(space: Space, trials: Sequence[Trial], seed: int = 0) -> dict[str, float]:
    """Share of each hyperparameter in how far the trials' losses differ; empty for too few trials.

    A forest learns the loss from the settings (in the scale they were drawn in); a hyperparameter
    counts as much as its shuffling spoils the forest's fit. Shares add up to 1. It says what
    mattered among these trials, not what would elsewhere.
    """
    told = [trial for trial in trials if trial.told is not None]
    if len(told) < LEAST_TRIALS:
        return {}
    matrix = np.array([[_place(row, t.drawn, name) for name, row in space.items()] for t in told])
    losses = np.array([trial.told for trial in told], dtype=np.float64)
    forest = RandomForestRegressor(200, min_samples_leaf=2, random_state=seed).fit(matrix, losses)
    found = permutation_importance(forest, matrix, losses, n_repeats=20, random_state=seed)
    return _shares(list(space), np.maximum(found.importances_mean, 0))


def _shares(names: Sequence[str], weights: npt.NDArray[np.float64]) -> dict[str, float]:
    total = float(weights.sum())
    if total <= 0:
        return {}
    shares = {name: float(weight / total) for name, weight in zip(names, weights, strict=True)}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _place(row: Dimension, drawn: Mapping[str, object], name: str) -> float:
    """Where in its range a value lies; below all where it was not drawn."""
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
