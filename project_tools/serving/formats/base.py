"""What all formats share: the bytes of a model, what a served model can do, the check of its names.

The modules of the formats and their table import this module; it imports none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.serving.inputs import ServedFeature

if TYPE_CHECKING:  # a process that only scores imports no pandas, and needs no trees
    import pandas as pd

    from project_tools.serving.formats.trees import Trees

Floats = NDArray[np.float64]
#: What a process that serves boosted trees needs, and what forests and linear models need.
REQUIREMENTS, SKLEARN_REQUIREMENTS = "api/requirements.txt", "api/requirements-sklearn.txt"
#: Contributions may miss the sum of their sizes by so many times the precision of the scores.
_ROUNDING = 100
#: The unit of a score and its contributions, before calibration.
Scale = Literal["log-odds", "probability"]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model's bytes and the name of their format."""

    format: str
    content: bytes


def check_names(file: str, names: Sequence[str], features: Sequence[ServedFeature]) -> None:
    """``ArtefactError`` unless a model's own names are those of the features, in the same order."""
    expected = [feature.model_name for feature in features]
    if len(names) != len(expected):
        raise ArtefactError(
            f"{file} takes {len(names)} features, features.json names {len(expected)}"
        )
    for position, (one, other) in enumerate(zip(names, expected, strict=True), start=1):
        if one != other:
            raise ArtefactError(
                f"feature {position} is {one!r} in {file} and {other!r} in features.json"
            )


def not_installed(package: str, requirements: str) -> ArtefactError:
    """The error of a model that needs a package which another file of requirements installs."""
    return ArtefactError(
        f"the model needs the package {package}, which is not installed; install {requirements}"
    )


class RawModel(Protocol):
    """A model that scores and explains encoded rows; every call takes one thread.

    ``scale`` is the unit of scores and contributions. ``precision`` is how closely another machine
    repeats a score: 1e-9 for sums in double precision, 1e-6 in single.
    """

    scale: ClassVar[Scale]
    precision: ClassVar[float]

    def raw_scores(self, rows: NDArray[np.float32]) -> Floats:
        """The score before calibration, one for each row."""

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """What each feature adds to the score, shape (rows, features + 1); the base is last."""

    def trees(self) -> "Trees | None":
        """The trees of a boosted model, by which exact values are computed; None for any other."""


def spread_rounding(parts: Floats, lost: Floats, precision: float) -> Floats:
    """Contributions, shape (rows, parts), with what rounding lost spread in proportion to their size.

    ``lost`` is what they miss in each row. More than ``_ROUNDING`` of the model's precision is no
    rounding: it stays, and the check of the sum refuses it.
    """
    sizes = np.abs(parts)
    total = sizes.sum(axis=1)
    small = np.abs(lost) <= _ROUNDING * precision * total
    share = np.where(small, lost / np.where(total > 0, total, 1), 0)
    return np.asarray(parts + sizes * share[:, None])


class Format(Protocol):
    """The module of a format."""

    def write(self, estimator: Any, training: "pd.DataFrame") -> bytes:
        """The bytes of a fitted estimator; ``training`` are rows that it was fitted on.

        Each module names the estimator that it takes. ``TrainingError`` for one that has no exact
        explanation in this format.
        """

    def read(self, content: bytes, features: Sequence[ServedFeature]) -> RawModel:
        """The model of a file; ``ArtefactError`` for a damaged file or one of other features."""


def spread(frame: "pd.DataFrame", most: int) -> "pd.DataFrame":
    """At most so many rows, evenly spaced: the file is ordered by client id."""
    return frame.iloc[np.unique(np.linspace(0, len(frame) - 1, most).astype(int))]
