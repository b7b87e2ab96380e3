"""A LightGBM model as it is served: log-odds, and the contributions of TreeSHAP, both its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

import lightgbm
import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.serving.formats.base import Floats, Scale, check_names
from project_tools.serving.inputs import ServedFeature

if TYPE_CHECKING:  # a process that only scores imports no pandas
    import pandas as pd

_FILE = "model.txt"


class Trees(Protocol):
    """A fitted estimator that gives its kept trees in LightGBM's text."""

    def model_text(self) -> str:
        """The text of the trees that count, without those that early stopping left behind."""


@dataclass(frozen=True, slots=True)
class LightGBMModel:
    """LightGBM's trees.

    Every prediction takes one thread: LightGBM's pool costs more than a row, and hangs for ever
    in a process that was forked after its parent had used it.
    """

    booster: lightgbm.Booster
    scale: ClassVar[Scale] = "log-odds"
    precision: ClassVar[float] = 1e-9

    def raw_scores(self, rows: NDArray[np.float32]) -> Floats:
        """Log-odds before calibration, one for each encoded row."""
        return np.asarray(self.booster.predict(rows, raw_score=True, num_threads=1), np.float64)

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """What each feature adds to the log-odds, shape (rows, features + 1); the base is last."""
        return np.asarray(self.booster.predict(rows, pred_contrib=True, num_threads=1), np.float64)


def write(estimator: Trees, training: "pd.DataFrame") -> bytes:
    """The estimator's kept trees in LightGBM's own text; training rows are not needed."""
    del training
    return estimator.model_text().encode()


def read(content: bytes, features: Sequence[ServedFeature]) -> LightGBMModel:
    """The model in LightGBM's own text; ``ArtefactError`` if it takes other features."""
    booster = _booster(content.decode("utf-8", "replace"))
    check_names(_FILE, booster.feature_name(), features)
    levels = [list(f.levels) for f in features if f.kind == "category"]
    # In another order the same levels would stand for other codes.
    if booster.pandas_categorical not in (None, [], levels):
        raise ArtefactError(f"{_FILE} was trained on other levels than features.json names")
    return LightGBMModel(booster)


def _booster(text: str) -> lightgbm.Booster:
    try:
        booster = lightgbm.Booster(model_str=text)
        objective = booster.dump_model(num_iteration=1)["objective"]
    except (lightgbm.basic.LightGBMError, ValueError, TypeError, KeyError) as why:
        raise ArtefactError(f"{_FILE} is no LightGBM model; export the model again") from why
    if objective != "binary sigmoid:1":
        raise ArtefactError(f"{_FILE} predicts {objective}; only two classes can be served")
    return booster
