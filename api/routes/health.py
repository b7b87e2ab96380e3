"""Routes for operators: whether the service is alive and ready, and what it serves."""

from apiflask import APIBlueprint

from api.answers.health import Live, Ready, Version
from api.release import model_name, release
from api.service import current_service, loaded_service
from api.web.access import is_open
from api.web.openapi import responses

blueprint = APIBlueprint("health", __name__, tag="Operations")


@blueprint.get("/health/live")
@blueprint.doc(responses=responses())
def live() -> Live:
    """The process answers."""
    return Live(status="live")


@blueprint.get("/health/ready")
@blueprint.doc(responses=responses(503))
def ready() -> Ready:
    """The model is loaded; else 503."""
    return Ready(status="ready", model=current_service().artefact.digest)


@blueprint.get("/version")
@blueprint.doc(responses=responses())
def version() -> Version:
    """The release of the code, and the model where one is loaded."""
    service = loaded_service()
    model = model_name(service.artefact) if service else None
    return Version(release=release(), open=is_open(), model=model)
