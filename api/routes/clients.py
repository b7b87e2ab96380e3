"""The features of a client, and what each feature means."""

from typing import Any

from apiflask import APIBlueprint

from api.answers.clients import Catalogue, ClientFeatures, FeatureText
from api.routes.explanations import spoken
from api.service import Service, current_service
from api.web.inputs import FeaturesQuery, client_id
from api.web.openapi import responses
from project_tools.serving.explanation import display_as
from project_tools.serving.inputs import LARGEST, ServedFeature

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
@blueprint.input(FeaturesQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(422, 503))
def features(query: FeaturesQuery) -> Catalogue:
    """Every feature of the clients, with its label, unit and meaning.

    With ``used=1`` the features that the served model takes, in its order, and what each may be.
    With ``changeable=1`` the columns of the application that ``/what_if`` may change, in the language
    of ``Accept-Language``.
    """
    service = current_service()
    if query.changeable:
        rows = service.simulator().described(spoken())
        used = {feature.name for feature in service.artefact.features}
        return Catalogue.model_validate([r for r in rows if not query.used or r["name"] in used])
    if query.used:
        return Catalogue.model_validate(
            [
                {**_text(service, feature.name), "kind": feature.kind, **_accepted(feature)}
                for feature in service.artefact.features
            ]
        )
    return Catalogue.model_validate(
        [{**_text(service, name), "kind": service.store.kind(name)} for name in service.store.names]
    )


def _accepted(feature: ServedFeature) -> dict[str, Any]:
    number = feature.kind == "number"
    return {
        "dtype": "float32" if number else "string",
        "levels": list(feature.levels),
        "nullable": True,
        "range": [-LARGEST, LARGEST] if number else None,
    }


def _text(service: Service, name: str) -> dict[str, Any]:
    row = service.artefact.describe(name)
    return {key: row[key] for key in _TEXT}
