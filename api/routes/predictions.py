"""The client ids, and the decision on a client."""

from typing import Annotated, Any

import numpy as np
from apiflask import APIBlueprint
from numpy.typing import NDArray
from pydantic import WithJsonSchema

from api.answers.predictions import ApplicantPrediction, ClientIds, Prediction
from api.release import model_name
from api.service import Service, current_service
from api.web.bodies import BODY, Body, read_body, takes
from api.web.inputs import ClientsQuery, client_id, current_portfolio
from api.web.openapi import responses
from api.web.problems import FieldsError
from project_tools.serving.rows import RowError, encode_strictly

#: Checked by the served model's inputs, which name the feature at fault.
_VALUE = WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]})


class Applicant(Body):
    """An applicant who is not known: the value of each feature that the model takes, by name."""

    features: dict[str, Annotated[Any, _VALUE]]


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
    return Prediction(id=number, **_decide(service, service.store.encoded(number)))


@blueprint.post("")
@blueprint.doc(responses=responses(400, 415, 422, 503))
@takes(Applicant)
def applicant() -> ApplicantPrediction:
    """The same for an applicant who is not known, by a row of features; null is a missing value.

    ``GET /features?used=1`` says which features the model takes. The row may hold the other features
    that ``GET /features`` lists too; they have no influence.
    """
    service, body = current_service(), read_body(Applicant)
    encoder, shown = service.artefact.model.encoder, service.store.names
    try:
        encoded = encode_strictly(encoder, body.features, shown)
    except RowError as why:
        errors = {f"features.{n}" if n else "features": [t] for n, t in why.errors.items()}
    else:
        return ApplicantPrediction(id=None, **_decide(service, encoded))
    raise FieldsError({BODY: errors})


def _decide(service: Service, encoded: NDArray[np.float32]) -> dict[str, Any]:
    """The fields of a ``Decided``."""
    score = service.scorer.score_encoded(encoded)
    return {
        "proba_risk_class": score.decision.probability,
        "label": score.decision.label,
        "threshold": score.decision.threshold,
        "margin": score.decision.margin,
        "near": None,
        "model": model_name(service.artefact),
        "raw_score": score.raw_score,
    }
