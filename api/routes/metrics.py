"""The service's own figures, for Prometheus."""

from apiflask import APIBlueprint
from flask import Response

from api.metrics import CONTENT_TYPE, exposition
from api.web.openapi import responses

blueprint = APIBlueprint("metrics", __name__, tag="Operations")


@blueprint.get("/metrics")
@blueprint.doc(responses=responses(forms=("text/plain",), json=False))
def metrics() -> Response:
    """Requests, seconds, refusals, model and pictures, added up over all workers."""
    return Response(exposition(), content_type=CONTENT_TYPE)
