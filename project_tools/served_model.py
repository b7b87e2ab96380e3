"""A LightGBM model as it is served: rows in, log-odds, contributions and probabilities out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from project_tools.calibration import PlattCalibration
from project_tools.errors import ArtefactError
from project_tools.served_features import Encoder, ServedFeature


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The trees, their inputs in order, and the calibration of their probability.

    Every prediction takes one thread: LightGBM's pool costs more than a row, and hangs for ever
    in a process that was forked after its parent had used it.
    """

    booster: lightgbm.Booster
    features: tuple[ServedFeature, ...]
    calibration: PlattCalibration
    encoder: Encoder

    @classmethod
    def read(
        cls, text: str, features: Sequence[ServedFeature], calibration: PlattCalibration
    ) -> Self:
        """The model in LightGBM's own text; ``ArtefactError`` if it takes other features.

        A damaged text can end the process: compare its digest before it is read.
        """
        booster = _booster(text)
        _check_features(booster, features)
        return cls(booster, tuple(features), calibration, Encoder(features))

    def raw_scores(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds before calibration, one for each encoded row."""
        return np.asarray(self.booster.predict(rows, raw_score=True, num_threads=1), np.float64)

    def contributions(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """What each feature adds to the log-odds, shape (rows, features + 1); the base is last."""
        return np.asarray(self.booster.predict(rows, pred_contrib=True, num_threads=1), np.float64)

    def probabilities(self, raw_scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The calibrated probabilities of default that belong to log-odds."""
        return np.asarray(self.calibration.apply(expit(raw_scores)), np.float64)

    def importance(self) -> dict[str, float]:
        """Each feature's share of the gain of all splits, by name; the shares add up to 1."""
        gain = np.asarray(self.booster.feature_importance("gain"), np.float64)
        shares = gain / (gain.sum() or 1.0)
        return {f.name: float(s) for f, s in zip(self.features, shares, strict=True)}


def _booster(text: str) -> lightgbm.Booster:
    try:
        booster = lightgbm.Booster(model_str=text)
        objective = booster.dump_model(num_iteration=1)["objective"]
    except (lightgbm.basic.LightGBMError, ValueError, TypeError, KeyError) as why:
        raise ArtefactError("model.txt is no LightGBM model; export the model again") from why
    if objective != "binary sigmoid:1":
        raise ArtefactError(f"model.txt predicts {objective}; only two classes can be served")
    return booster


def _check_features(booster: lightgbm.Booster, features: Sequence[ServedFeature]) -> None:
    """Refuse names in another order, and levels that the training did not know in this order."""
    found, expected = booster.feature_name(), [f.model_name for f in features]
    if len(found) != len(expected):
        raise ArtefactError(
            f"model.txt takes {len(found)} features, features.json names {len(expected)}"
        )
    for position, (one, other) in enumerate(zip(found, expected, strict=True), start=1):
        if one != other:
            raise ArtefactError(
                f"feature {position} is {one!r} in model.txt and {other!r} in features.json"
            )
    levels = [list(f.levels) for f in features if f.kind == "category"]
    if booster.pandas_categorical not in (None, [], levels):
        raise ArtefactError("model.txt was trained on other levels than features.json names")
