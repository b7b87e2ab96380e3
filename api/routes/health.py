"""Routes for operators: whether the service is alive and ready, and what it serves."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response

from api.answers.health import Live, Ready, Version
from api.record import current_record
from api.release import model_name, release
from api.service import current_service, loaded_service
from api.web.access import is_open
from api.web.openapi import responses
from api.web.problems import NOT_RECORDED, problem

blueprint = APIBlueprint("health", __name__, tag="Operations")


@blueprint.get("/health/live")
@blueprint.doc(responses=responses())
def live() -> Live:
    """The process answers."""
    return Live(status="live")


@blueprint.get("/health/ready")
@blueprint.doc(responses=responses(503))
def ready() -> Response | Ready:
    """The model is loaded and decisions can be recorded; else 503.

    It stays 200 while a person has halted the decisions: then ``halted`` is true.
    """
    service, record = current_service(), current_record()
    if not record.ready():
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, NOT_RECORDED, reason="record")
    halted = record.store.halted() is not None
    return Ready(status="ready", model=service.artefact.digest, halted=halted)


@blueprint.get("/version")
@blueprint.doc(responses=responses())
def version() -> Version:
    """The release of the code, and the model where one is loaded."""
    service = loaded_service()
    model = model_name(service.artefact) if service else None
    return Version(release=release(), open=is_open(), model=model)
