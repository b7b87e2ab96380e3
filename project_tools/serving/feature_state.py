"""Where a fitted feature state lies: beside a feature file, or in a served model's folder."""

from pathlib import Path

from project_tools.errors import FeatureError, SettingError
from project_tools.features.files import ENDINGS, state_folder
from project_tools.serving.manifest import MANIFEST


def state_source(given: Path) -> Path:
    """The folder of the state that is meant; every file of a model's folder is verified.

    Raises a ``CreditError`` for a folder that is not there, a feature file, a damaged model.
    """
    if given.name.endswith(ENDINGS):
        raise SettingError(
            f"--state is the feature file {given}; its state is the folder {state_folder(given)}"
        )
    if not given.is_dir():
        raise FeatureError(
            f"there is no feature state {given}; give the .state folder beside a feature file, or "
            "a model folder"
        )
    if (given / MANIFEST).is_file():
        return _of_model(given)
    if (given.parent / MANIFEST).is_file():
        return _of_model(given.parent)
    return given


def _of_model(folder: Path) -> Path:
    # Imported here: what is learnt and transformed needs no model, and no wait for its libraries.
    from project_tools.serving.folder import STATE, read_parts  # noqa: PLC0415

    read_parts(folder)
    return folder / STATE
