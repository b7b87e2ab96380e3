"""The known clients, and the decision on one of them."""

from typing import Any

from apiflask import APIBlueprint

from api.release import model_of
from api.service import service
from api.web.inputs import ClientsQuery, client_id

blueprint = APIBlueprint("predictions", __name__, url_prefix="/prediction", tag="Decisions")


@blueprint.get("/")
@blueprint.input(ClientsQuery, location="query", arg_name="asked")
def clients(asked: ClientsQuery) -> dict[str, Any]:
    """The ids of the known clients, in pages, by their first digits."""
    found = service().store.ids(asked.query, asked.page, asked.size)
    return {
        "ids": found.ids,
        "total": found.total,
        "page": found.page,
        "pages": found.pages,
        "size": asked.size,
    }


@blueprint.get("/<client>")
def prediction(client: str) -> dict[str, Any]:
    """The probability of default of a client and the decision that the threshold makes of it."""
    known, number = service(), client_id(client)
    score = known.scorer.score(known.store.row(number))
    return {
        "id": number,
        "proba_risk_class": score.decision.probability,
        "class": score.decision.label,
        "threshold": score.decision.threshold,
        "margin": score.decision.margin,
        "model": model_of(known.artefact),
        "raw_score": score.raw_score,
    }
