"""The features of a client, and what each feature means."""

from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import Any, get_args

from apiflask import APIBlueprint
from flask import Response

from api.answers.clients import Catalogue, ClientFeatures, ClientField, FeatureText
from api.routes.explanations import spoken
from api.service import Service, current_service
from api.web.access import may
from api.web.inputs import ClientQuery, FeaturesQuery, client_id
from api.web.openapi import responses
from api.web.problems import problem
from project_tools.errors import FeatureError
from project_tools.serving.clients import unknown_feature
from project_tools.serving.feature_words import FeatureWords
from project_tools.serving.inputs import LARGEST, ServedFeature, Value
from project_tools.serving.protected import shown_names

blueprint = APIBlueprint("clients", __name__, tag="Clients")

_TEXT = tuple(FeatureText.model_fields)
#: The fields of the catalogue that a client's feature may have, and those that it has by default.
_WORDS = {"label", "sentence", "unit", "concept"}
_FIELDS = {*get_args(ClientField)} - {"sentence"}


@blueprint.get("/clients/<client>")
@blueprint.input(ClientQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(400, 404, 422, 503))
def client(client: str, query: ClientQuery) -> Response | ClientFeatures:
    """A client's features, the most important first; a missing value is null.

    ``fields`` and ``names``, each up to as often as there are some, choose among them; sentences come
    only where they are asked for. Protected features, and what is computed from them, come with
    ``protected=1`` and the scope ``data`` alone. The words are in the language of ``Accept-Language``.
    """
    service, number = current_service(), client_id(client)
    artefact, store, protected = service.artefact, service.store, bool(query.protected)
    if protected and not may("data"):
        return problem(
            HTTPStatus.FORBIDDEN,
            "protected features take a key with the scope data",
            reason="scope",
        )
    shown = shown_names(artefact, store, protected=protected)
    for name in query.names:
        if name not in shown:
            raise FeatureError(_unknown(name, shown, store.names))
    names = list(dict.fromkeys(query.names)) or shown
    row = store.values(number, names) if query.names else store.row(number)
    words, fields = FeatureWords(artefact, spoken()), {*(query.fields or _FIELDS)}
    # One validation of plain data: a model for each of the hundreds of features takes longer.
    features = [
        {"name": name, **_fields(service, words, name, row[name], fields)}
        for name in sorted(names, key=lambda name: -service.importance.get(name, 0.0))
    ]
    return ClientFeatures.model_validate({"id": number, "features": features})


def _fields(
    service: Service, words: FeatureWords, name: str, value: Value, fields: set[str]
) -> dict[str, Any]:
    about = words.describe(name)
    made: dict[str, Any] = {field: about[field] for field in fields & _WORDS}
    if "value" in fields:
        made["value"] = value
    if "displayed" in fields:
        made["displayed"] = words.display(value, about)
    if "importance" in fields:
        made["importance"] = service.importance.get(name, 0.0)
    return made


def _unknown(name: str, shown: Sequence[str], every: Collection[str]) -> str:
    if name in every:
        return f"{name!r} is protected or computed from what is; it takes protected=1"
    return unknown_feature(name, shown)


@blueprint.get("/features")
@blueprint.input(FeaturesQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(422, 503))
def features(query: FeaturesQuery) -> Catalogue:
    """Every feature of the clients, with its label, unit and meaning.

    With ``used=1`` the features that the served model takes, in its order, and what each may be.
    With ``changeable=1`` the columns of the application that ``/what_if`` may change. The words are
    in the language of ``Accept-Language``.
    """
    service, language = current_service(), spoken()
    if query.changeable:
        rows = service.simulator().described(language)
        used = {feature.name for feature in service.artefact.features}
        return Catalogue.model_validate([r for r in rows if not query.used or r["name"] in used])
    words = FeatureWords(service.artefact, language)
    if query.used:
        return Catalogue.model_validate(
            [
                {**_text(words, feature.name), "kind": feature.kind, **_accepted(feature)}
                for feature in service.artefact.features
            ]
        )
    return Catalogue.model_validate(
        [{**_text(words, name), "kind": service.store.kind(name)} for name in service.store.names]
    )


def _accepted(feature: ServedFeature) -> dict[str, Any]:
    number = feature.kind == "number"
    return {
        "dtype": "float32" if number else "string",
        "levels": list(feature.levels),
        "nullable": True,
        "range": [-LARGEST, LARGEST] if number else None,
    }


def _text(words: FeatureWords, name: str) -> dict[str, Any]:
    row = words.describe(name)
    return {key: row[key] for key in _TEXT}
