"""The list of all addresses."""

from apiflask import APIBlueprint
from flask import current_app, request

from api.answers.index import Index
from api.release import release
from api.web.openapi import responses

blueprint = APIBlueprint("index", __name__, tag="Operations")

#: APIFlask's own view; every other link has the name of its function.
_NAMES = {"openapi.spec": "openapi"}


@blueprint.get("/")
@blueprint.doc(responses=responses())
def index() -> Index:
    """The name, the release and all other addresses of the API that can be read."""
    links = {
        _NAMES.get(rule.endpoint, rule.endpoint.rpartition(".")[2]): (
            rule.rule.replace("<client>", "{id}").replace("<decision>", "{decision}")
        )
        for rule in current_app.url_map.iter_rules()
        if rule.endpoint != request.endpoint and "GET" in (rule.methods or ())
    }
    return Index(name="Credit scoring API", release=release(), links=links)
