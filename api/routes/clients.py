"""The features of a client, and what each feature means."""

from typing import Any

from apiflask import APIBlueprint

from api.answers.clients import Catalogue, ClientFeatures, FeatureText
from api.service import Service, current_service
from api.web.inputs import client_id
from api.web.openapi import responses
from project_tools.serving.explanation import display_as

blueprint = APIBlueprint("clients", __name__, tag="Clients")

_TEXT = tuple(FeatureText.model_fields)


@blueprint.get("/clients/<client>")
@blueprint.doc(responses=responses(400, 404, 503))
def client(client: str) -> ClientFeatures:
    """A client's features, the most important first; a missing value is null."""
    service, number = current_service(), client_id(client)
    # One validation of plain data: a model for each of the hundreds of features takes longer.
    features = [
        {
            **_text(service, name),
            "value": value,
            "displayed": display_as(value, service.artefact.describe(name)),
            "importance": service.importance.get(name, 0.0),
        }
        for name, value in service.store.row(number).items()
    ]
    features.sort(key=lambda feature: -feature["importance"])
    return ClientFeatures.model_validate({"id": number, "features": features})


@blueprint.get("/features")
@blueprint.doc(responses=responses(503))
def features() -> Catalogue:
    """Every feature of the clients, with its label, unit and meaning."""
    service = current_service()
    return Catalogue.model_validate(
        [{**_text(service, name), "kind": service.store.kind(name)} for name in service.store.names]
    )


def _text(service: Service, name: str) -> dict[str, Any]:
    row = service.artefact.describe(name)
    return {key: row[key] for key in _TEXT}
