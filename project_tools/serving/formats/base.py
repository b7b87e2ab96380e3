"""What every format of a served model needs: its bytes, its interface, the check of its names.

The readers of the formats and the table of formats import this module; it imports neither.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.serving.inputs import ServedFeature

#: A model from a file's bytes and the features that it is to take; ``ArtefactError`` for a file
#: that is none, or takes others.
Reader = Callable[[bytes, Sequence[ServedFeature]], Any]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model's bytes and what format they are in."""

    format: str
    content: bytes


def check_names(file: str, found: Sequence[str], features: Sequence[ServedFeature]) -> None:
    """``ArtefactError`` unless a model's own names are those of the features, in the same order."""
    expected = [feature.model_name for feature in features]
    if len(found) != len(expected):
        raise ArtefactError(
            f"{file} takes {len(found)} features, features.json names {len(expected)}"
        )
    for position, (one, other) in enumerate(zip(found, expected, strict=True), start=1):
        if one != other:
            raise ArtefactError(
                f"feature {position} is {one!r} in {file} and {other!r} in features.json"
            )


Floats = NDArray[np.float64]
#: What a score and its contributions are measured in, before calibration.
Scale = Literal["log-odds", "probability"]


class RawModel(Protocol):
    """What each library's model can do with encoded rows; every call takes one thread.

    ``scale`` is that of scores and contributions. ``precision`` is how closely another machine
    repeats a score: 1e-9 for sums in double precision, 1e-6 in single.
    """

    scale: ClassVar[Scale]
    precision: ClassVar[float]

    def raw_scores(self, rows: NDArray[np.float32]) -> Floats:
        """The score before calibration, one for each row."""

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """What each feature adds to the score, shape (rows, features + 1); the base is last."""
