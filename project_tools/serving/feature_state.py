"""Where a fitted feature state lies: beside a feature file, or in the folder of a served model."""

from pathlib import Path

from project_tools.errors import FeatureError, SettingError
from project_tools.features.files import ENDINGS, state_folder
from project_tools.serving.folder import STATE, read_parts
from project_tools.serving.manifest import MANIFEST


def state_source(path: Path) -> Path:
    """The folder of the state at a path: itself, or the one in a model's folder.

    Every file of a model's folder is verified. Raises a ``CreditError`` for a folder that is not
    there, a feature file and a damaged model.
    """
    if path.name.endswith(ENDINGS):
        raise SettingError(
            f"--state is the feature file {path}; its state is the folder {state_folder(path)}"
        )
    if not path.is_dir():
        raise FeatureError(
            f"there is no feature state {path}; give the .state folder beside a feature file, or "
            "a model folder"
        )
    for model in (path, path.parent):
        if (model / MANIFEST).is_file():
            read_parts(model)
            return model / STATE
    return path


def state_of(path: Path) -> Path | None:
    """The state of a model's folder or a feature file, not verified; None where there is none."""
    folder = path / STATE
    if path.name.endswith(ENDINGS):
        folder = state_folder(path)
    return folder if folder.is_dir() else None
