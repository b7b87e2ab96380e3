"""The client ids, and the decision on a client."""

from apiflask import APIBlueprint

from api.answers.predictions import ClientIds, Prediction
from api.release import model_name
from api.service import current_service
from api.web.inputs import ClientsQuery, client_id, current_portfolio
from api.web.openapi import responses

blueprint = APIBlueprint("predictions", __name__, url_prefix="/prediction", tag="Decisions")


@blueprint.get("/")
@blueprint.input(ClientsQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(422, 503))
def clients(query: ClientsQuery) -> ClientIds:
    """A page of the client ids that begin with the digits in ``query``."""
    store, portfolio = current_service().store, current_portfolio()
    among = None if portfolio is None else portfolio.known(store)
    page = store.ids(query.query, query.page, query.size, among)
    return ClientIds(
        ids=page.ids, total=page.total, page=page.page, pages=page.pages, size=query.size
    )


@blueprint.get("/<client>")
@blueprint.doc(responses=responses(400, 404, 503))
def prediction(client: str) -> Prediction:
    """A client's probability of default, and the decision that follows from the threshold."""
    service, number = current_service(), client_id(client)
    score = service.scorer.score_encoded(service.store.encoded(number))
    return Prediction(
        id=number,
        proba_risk_class=score.decision.probability,
        label=score.decision.label,
        threshold=score.decision.threshold,
        margin=score.decision.margin,
        model=model_name(service.artefact),
        raw_score=score.raw_score,
    )
