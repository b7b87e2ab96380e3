"""The table of a demonstration's invented clients; an API of real ones has none."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, abort, request

from api.answers.data import Data, Target
from api.service import Service, current_service
from api.web.inputs import DataQuery, TargetQuery, current_portfolio
from api.web.openapi import responses
from api.web.problems import problem
from project_tools.errors import FeatureError
from project_tools.serving import demonstration
from project_tools.serving.clients import unknown_feature
from project_tools.serving.protected import shown_names

blueprint = APIBlueprint("data", __name__, tag="Demonstration")


@blueprint.get("/data")
@blueprint.input(DataQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(404, 422, 503))
def data(query: DataQuery) -> Response | Data:
    """Features of invented clients: without ``columns`` and ``n`` all, as ``{feature: {id: value}}``.

    404 unless the clients are a demonstration's. Protected columns, and what is computed from them,
    are there with ``protected=1`` alone.
    """
    service, protected = _demonstration(), bool(query.protected)
    names = shown_names(service.artefact, service.store, protected=protected)
    if {*request.args} <= {"protected"}:
        text = service.text(
            f"data {protected}", lambda: demonstration.whole_table(service.store, names)
        )
        return Response(text, mimetype="application/json")
    for name in query.columns:
        if name not in names:
            raise FeatureError(unknown_feature(name, names))
    ids = service.store.ids(size=query.n).ids
    rows = [service.store.row(client) for client in ids]
    columns = []
    for name in query.columns:
        about = service.artefact.describe(name)
        described = {key: about[key] for key in ("label", "unit")}
        kind, values = service.store.kind(name), [row[name] for row in rows]
        columns.append({"name": name, **described, "kind": kind, "values": values})
    return Data.model_validate({"ids": ids, "columns": columns})


@blueprint.get("/target")
@blueprint.input(TargetQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(404, 422, 503))
def target(query: TargetQuery) -> Response | Target:
    """Outcomes of invented clients: without ``n`` all that are known, as ``{"TARGET": {id: 0 or 1}}``.

    404 unless the clients are a demonstration's.
    """
    store = _demonstration().store
    if not request.args:
        text = current_service().text("target", lambda: demonstration.whole_targets(store))
        return Response(text, mimetype="application/json")
    ids, values = demonstration.targets(store, query.n)
    return Target.model_validate({"ids": ids, "values": values})


def _demonstration() -> Service:
    if current_portfolio() is not None:
        abort(
            problem(
                HTTPStatus.FORBIDDEN,
                "a key with a portfolio does not see the table of all clients",
                reason="portfolio",
            )
        )
    service = current_service()
    if not service.store.demonstration:
        abort(404)
    return service
