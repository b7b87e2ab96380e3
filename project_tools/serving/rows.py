"""A row of features that a caller sends: checked strictly against the model's inputs, then encoded."""

from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import FeatureError, abbreviated, nearest
from project_tools.serving.inputs import LARGEST, Encoder, ServedFeature


class RowError(FeatureError):
    """A row of features is not what the model takes.

    ``errors`` says what is wrong with each feature, by its name; what is wrong with names that are no
    features lies under an empty text. No text repeats a value or an unknown name.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        names = [name for name in errors if name]
        named = f": {abbreviated(names)}" if names else ""
        super().__init__(f"the row of features is not what the model takes{named}")
        self.errors = dict(errors)


def encode_strictly(
    encoder: Encoder, row: Mapping[str, Any], shown: Collection[str]
) -> NDArray[np.float32]:
    """One row, shape (1, features); ``RowError`` names every feature that is missing or refused.

    ``shown`` are names that the row may hold although the model does not take them: their values
    have no influence. Where ``Encoder.encode`` reads an unknown level or an infinity as missing, this
    refuses it: a caller who sends one means something else.
    """
    errors = {
        feature.name: fault
        for feature in encoder.features
        if (fault := _fault(feature, row.get(feature.name, _MISSING)))
    }
    names = {feature.name for feature in encoder.features}
    surplus = (
        f"Name {number} is no feature of the model{nearest(name, names) or '.'}"
        for number, name in enumerate(row, 1)
        if name not in names and name not in shown
    )
    if unknown := list(islice(surplus, _MOST)):
        errors[""] = " ".join(unknown)
    if errors:
        raise RowError(errors)
    return encoder.encode(row)


#: A value that no JSON holds.
_MISSING = object()
#: Unknown names that an error speaks of: the search for the nearest right name takes milliseconds.
_MOST = 5


def _fault(feature: ServedFeature, value: Any) -> str:
    """What is wrong with a value; empty if the model takes it."""
    if value is _MISSING:
        return "It is missing; give it, or null for it."
    if feature.kind == "category":
        right = value is None or (isinstance(value, str) and value in feature.levels)
        return "" if right else "It takes one of its levels, or null."
    if isinstance(value, bool) or not isinstance(value, float | int | None):
        return "It takes a number, or null."
    if value is None or abs(value) <= LARGEST:
        return ""
    return "It takes a finite number of at most 3.4e38 in size, or null."
