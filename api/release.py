"""Which release of the code answers, with which model."""

from api.answers.model import ModelName
from project_tools import __version__
from project_tools.serving.artefact import Artefact


def release() -> str:
    """The version of the installed package."""
    return __version__


def model_name(artefact: Artefact) -> ModelName:
    """Name, version and digest of a model."""
    manifest = artefact.manifest
    return ModelName(name=manifest.name, version=manifest.version, digest=artefact.digest)
