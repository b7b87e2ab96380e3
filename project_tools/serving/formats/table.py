"""The formats that a model is stored in, each with the file's name and its reader.

A reader's library is imported when a file of its format is read, not before: serving LightGBM
needs no XGBoost, and the other way round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from project_tools.errors import ArtefactError, unknown
from project_tools.serving.formats.base import Reader
from project_tools.serving.inputs import ServedFeature


@dataclass(frozen=True, slots=True)
class ModelFormat:
    """One row of the table; ``read`` gives a ``RawModel``, ``packages`` are what it needs."""

    file: str
    read: Reader
    packages: tuple[str, ...]


def model_format(name: str) -> ModelFormat:
    """The format of that name; ``ArtefactError`` names the choices."""
    if name not in FORMATS:
        raise ArtefactError(unknown("model format", name, FORMATS))
    return FORMATS[name]


def _lightgbm(content: bytes, features: Sequence[ServedFeature]) -> Any:
    from project_tools.serving.formats.lightgbm_text import read_lightgbm  # noqa: PLC0415  (see above)

    return read_lightgbm(content, features)


def _xgboost(content: bytes, features: Sequence[ServedFeature]) -> Any:
    from project_tools.serving.formats.xgboost_ubj import read_xgboost  # noqa: PLC0415  (see above)

    return read_xgboost(content, features)


def _skops(content: bytes, features: Sequence[ServedFeature]) -> Any:
    from project_tools.serving.formats.sklearn_skops import read_skops  # noqa: PLC0415  (see above)

    return read_skops(content, features)


#: Every format by name.
FORMATS: Mapping[str, ModelFormat] = MappingProxyType({
    "lightgbm-text": ModelFormat("model.txt", _lightgbm, ("lightgbm",)),
    "xgboost-ubj": ModelFormat("model.ubj", _xgboost, ("xgboost-cpu",)),
    "skops": ModelFormat("model.skops", _skops, ("scikit-learn", "skops", "shap")),
})  # fmt: skip
#: The names that a model's file can have.
MODEL_FILES = tuple(row.file for row in FORMATS.values())
