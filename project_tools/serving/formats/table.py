"""The table of formats: the file's name, the module that reads and writes it, the packages it needs.

The module of a format is imported when a file of it is read or written, not before: serving
LightGBM needs no XGBoost, and the other way round.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from project_tools.errors import ArtefactError, unknown
from project_tools.serving.formats.base import (
    REQUIREMENTS,
    SKLEARN_REQUIREMENTS,
    Format,
    not_installed,
)
from project_tools.serving.lean import show_training_libraries


@dataclass(frozen=True, slots=True)
class ModelFormat:
    """One row of the table: ``load`` imports the module.

    ``repeats`` says whether the same model always gives the same bytes.
    """

    file: str
    load: Callable[[], Format]
    packages: tuple[str, ...]
    repeats: bool = True


def model_format(name: str) -> ModelFormat:
    """The format of that name; ``ArtefactError`` names the choices."""
    if name not in FORMATS:
        raise ArtefactError(unknown("model format", name, FORMATS))
    return FORMATS[name]


@contextmanager
def _installed_by(requirements: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as why:
        raise not_installed((why.name or "").partition(".")[0], requirements) from why


def _lightgbm() -> Format:
    with _installed_by(REQUIREMENTS):
        from project_tools.serving.formats import lightgbm_text  # noqa: PLC0415  (see above)
    return lightgbm_text


def _xgboost() -> Format:
    with _installed_by(REQUIREMENTS):
        from project_tools.serving.formats import xgboost_ubj  # noqa: PLC0415  (see above)
    return xgboost_ubj


def _skops() -> Format:
    show_training_libraries()
    with _installed_by(SKLEARN_REQUIREMENTS):
        from project_tools.serving.formats import sklearn_skops  # noqa: PLC0415  (see above)
    return sklearn_skops


#: Every format by name. A skops file holds the time of its writing and the addresses of objects.
FORMATS: Mapping[str, ModelFormat] = MappingProxyType({
    "lightgbm-text": ModelFormat("model.txt", _lightgbm, ("lightgbm",)),
    "xgboost-ubj": ModelFormat("model.ubj", _xgboost, ("xgboost-cpu",)),
    "skops": ModelFormat("model.skops", _skops, ("scikit-learn", "skops", "shap"), repeats=False),
})  # fmt: skip
