"""For those who operate the service: alive, ready, and what is served."""

from typing import Any

from apiflask import APIBlueprint

from api.release import model_of, release
from api.service import loaded, service

blueprint = APIBlueprint("health", __name__, tag="Operations")


@blueprint.get("/health/live")
def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@blueprint.get("/health/ready")
def ready() -> dict[str, str]:
    """The model is loaded; else 503."""
    return {"status": "ready", "model": service().artefact.digest}


@blueprint.get("/version")
def version() -> dict[str, Any]:
    """The release of the code, and the model where one is loaded."""
    found = loaded()
    return {"release": release(), "model": model_of(found.artefact) if found else None}
