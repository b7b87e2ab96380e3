"""Which release of the code answers, with which model."""

from project_tools import __version__
from project_tools.serving.artefact import Artefact


def release() -> str:
    """The version of the installed package."""
    return __version__


def model_of(artefact: Artefact) -> dict[str, str]:
    """Name, version and digest of a model."""
    manifest = artefact.manifest
    return {"name": manifest.name, "version": manifest.version, "digest": artefact.digest}
