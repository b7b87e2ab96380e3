"""A served model of any family: encoded rows in, scores, contributions and probabilities out.

No model library is imported here: ``formats.table`` finds the module that reads a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from project_tools.evaluation.calibration import Calibration
from project_tools.evaluation.logistic import Floats
from project_tools.serving.formats.base import ModelFile, RawModel, Scale
from project_tools.serving.formats.table import model_format
from project_tools.serving.inputs import Encoder, ServedFeature


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model, its inputs in order, and the calibration of its probability."""

    raw: RawModel
    format: str
    features: tuple[ServedFeature, ...]
    calibration: Calibration
    encoder: Encoder

    @classmethod
    def read(
        cls, file: ModelFile, features: Sequence[ServedFeature], calibration: Calibration
    ) -> Self:
        """The model in a file; ``ArtefactError`` for a file of another format or other features.

        A damaged file can end the process: compare its digest before it is read.
        """
        raw = model_format(file.format).load().read(file.content, features)
        return cls(raw, file.format, tuple(features), calibration, Encoder(features))

    @property
    def scale(self) -> Scale:
        """What scores and contributions are measured in."""
        return self.raw.scale

    @property
    def file(self) -> str:
        """The name of the model's file in a served folder."""
        return model_format(self.format).file

    def raw_scores(self, rows: NDArray[np.float32]) -> Floats:
        """The score before calibration, one for each encoded row."""
        return self.raw.raw_scores(rows)

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """What each feature adds to the score, shape (rows, features + 1); the base is last."""
        return self.raw.contributions(rows)

    def uncalibrated(self, raw_scores: Floats) -> Floats:
        """The model's own probabilities for scores."""
        return np.asarray(expit(raw_scores) if self.scale == "log-odds" else raw_scores)

    def probabilities(self, raw_scores: Floats) -> Floats:
        """The calibrated probabilities of default for scores."""
        return np.asarray(self.calibration.apply(self.uncalibrated(raw_scores)), np.float64)
