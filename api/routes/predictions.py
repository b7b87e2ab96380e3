"""The client ids, and the decision on a client."""

from typing import Annotated, Any

import numpy as np
from apiflask import APIBlueprint
from flask import Response
from numpy.typing import NDArray
from pydantic import WithJsonSchema

from api.answers.base import json_text
from api.answers.predictions import ApplicantPrediction, ClientIds, Prediction
from api.issued import decide_explained
from api.record import current_record
from api.routes.decisions import near_threshold, shown
from api.routes.explanations import spoken
from api.service import Service, current_service
from api.web.access import caller
from api.web.bodies import BODY, Body, checked_body, read_json, takes
from api.web.idempotency import current_once, idempotent, replayed
from api.web.inputs import (
    ClientsQuery,
    PredictionQuery,
    client_id,
    current_portfolio,
    takes_query,
)
from api.web.methods import records
from api.web.openapi import responses
from api.web.problems import FieldsError
from project_tools.serving.decisions.record import Decision, NewDecision
from project_tools.serving.rows import RowError, encode_strictly

blueprint = APIBlueprint("predictions", __name__, url_prefix="/prediction", tag="Decisions")

#: Checked by the served model's inputs, which name the feature at fault.
_VALUE = WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]})


class Applicant(Body):
    """An applicant who is not known: the value of each feature that the model takes, by name."""

    features: dict[str, Annotated[Any, _VALUE]]


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
@records
@takes_query(blueprint, PredictionQuery)
@blueprint.doc(responses=responses(400, 404, 503))
def prediction(client: str, query: PredictionQuery) -> Prediction:
    """A client's probability of default, and the decision that follows from the threshold.

    The decision is in the record before it is answered; 503 where it cannot be recorded. With
    ``explain=1`` the explanation is there too, and its reasons are recorded with the decision.
    """
    service, number = current_service(), client_id(client)
    new = _decided(service, number, service.store.encoded(number))
    if query.explain:
        recorded, explanation = decide_explained(service, new, spoken())
        return Prediction(id=number, explanation=explanation, **shown(recorded))
    recorded = current_record().decide(new, service.folder)
    return Prediction(id=number, **shown(recorded))


@blueprint.post("")
@records
@idempotent
@takes(Applicant)
@blueprint.doc(responses=responses(400, 409, 415, 422, 503))
def applicant() -> Response | ApplicantPrediction:
    """The same for an applicant who is not known, by a row of features; null is a missing value.

    ``GET /features?used=1`` says which features the model takes. The row may hold the other features
    that ``GET /features`` lists too; they have no influence.
    """
    service, record, body = current_service(), current_record(), read_json()
    once = current_once(body)

    # An answer that is kept is given again, whether or not the row fits the model of now.
    def decide() -> NewDecision:
        return _decided(service, None, _encoded(service, body))

    def answer(recorded: Decision) -> ApplicantPrediction:
        return ApplicantPrediction(id=None, **shown(recorded))

    if once is None:
        return answer(record.decide(decide(), service.folder))
    made = record.decide_once(
        once, decide, service.folder, lambda recorded: json_text(answer(recorded)).encode()
    )
    if made.replayed:
        return replayed(made.content)
    return Response(made.content, mimetype="application/json")


def _encoded(service: Service, body: Any) -> NDArray[np.float32]:
    """The model's input of an applicant; ``FieldsError`` names the features at fault."""
    row = checked_body(Applicant, body).features
    try:
        return encode_strictly(service.artefact.model.encoder, row, service.store.names)
    except RowError as why:
        errors = {f"features.{n}" if n else "features": [t] for n, t in why.errors.items()}
    raise FieldsError({BODY: errors})


def _decided(service: Service, number: int | None, encoded: NDArray[np.float32]) -> NewDecision:
    score, manifest = service.scorer.score_encoded(encoded), service.artefact.manifest
    return NewDecision(
        client=number,
        model=service.artefact.digest,
        model_name=manifest.name,
        model_version=manifest.version,
        threshold=score.decision.threshold,
        row=encoded.tobytes(),
        probability=score.decision.probability,
        raw_score=score.raw_score,
        label=score.decision.label,
        near=near_threshold(service.artefact, score.decision.probability),
        key_id=caller(),
    )
