"""What is known of a client, and what each feature means."""

from typing import Any

from apiflask import APIBlueprint

from api.service import Service, service
from api.web.inputs import client_id

blueprint = APIBlueprint("clients", __name__, tag="Clients")


@blueprint.get("/clients/<client>")
def features_of(client: str) -> dict[str, Any]:
    """A client's features, the model's weightiest first; null where nothing is known."""
    known, number = service(), client_id(client)
    row = known.store.row(number)
    features = [
        {**_about(known, name), "value": value, "importance": known.importance.get(name, 0.0)}
        for name, value in row.items()
    ]
    return {"id": number, "features": sorted(features, key=lambda f: -f["importance"])}


@blueprint.get("/features")
def catalogue() -> list[dict[str, Any]]:
    """Every feature of the clients, with its label, unit and meaning."""
    known = service()
    return [
        {**_about(known, name), "kind": known.artefact.describe(name)["kind"]}
        for name in known.store.names
    ]


def _about(known: Service, name: str) -> dict[str, Any]:
    row = known.artefact.describe(name)
    return {key: row[key] for key in ("name", "label", "sentence", "unit", "concept")}
