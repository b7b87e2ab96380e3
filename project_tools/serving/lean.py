"""A process that only scores imports no pandas and no scikit-learn.

LightGBM, XGBoost and Arrow import pandas or scikit-learn where they are installed: seconds and
100 MB that no score needs. A process that trains must have them, so each process chooses.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

#: Installed for training and for pictures; hidden from a process that only scores.
HIDDEN = frozenset({"dask", "hyperopt", "matplotlib", "mlflow", "pandas", "shap", "sklearn"})


class _Hides(MetaPathFinder):
    """Says of the hidden packages that they are not installed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        package = fullname.partition(".")[0]
        if package in HIDDEN:
            raise ModuleNotFoundError(
                f"{package} is hidden: this process only scores", name=package
            )
        return None


def hide_training_libraries() -> None:
    """Let no later import of this process find the libraries of training and of pictures."""
    if not any(isinstance(finder, _Hides) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Hides())


def show_training_libraries() -> None:
    """Undo ``hide_training_libraries``: forests and linear models need scikit-learn to be read."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Hides)]
