"""Where everything is."""

from typing import Any

from apiflask import APIBlueprint

from api.release import release

blueprint = APIBlueprint("index", __name__, tag="Operations")

_LINKS = {
    "clients": "/prediction/",
    "prediction": "/prediction/{id}",
    "client": "/clients/{id}",
    "explanation": "/explanation/{id}",
    "local_shap": "/local_shap/{id}",
    "global_shap": "/global_shap",
    "peers": "/peers/{id}",
    "features": "/features",
    "model_info": "/model_info",
    "model_card": "/model_card",
    "live": "/health/live",
    "ready": "/health/ready",
    "version": "/version",
    "openapi": "/openapi.json",
}


@blueprint.get("/")
def index() -> dict[str, Any]:
    """Name, release and the addresses that there are."""
    return {"name": "Credit scoring API", "release": release(), "links": _LINKS}
