"""The client ids, and the decision on a client or an applicant."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from apiflask import APIBlueprint
from flask import Response

from api.answers.predictions import ApplicantPrediction, ClientIds, Prediction
from api.applicants import Applicant, Subject, known_client, read_applicant
from api.issued import decide_explained
from api.record import current_record
from api.routes.decisions import near_threshold, shown
from api.routes.explanations import spoken
from api.service import Service, current_service
from api.web.access import caller
from api.web.bodies import read_json, takes
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
from project_tools.serving.decisions.record import Decision, NewDecision

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
@records
@takes_query(blueprint, PredictionQuery)
@blueprint.doc(responses=responses(400, 404, 503))
def prediction(client: str, query: PredictionQuery) -> Prediction:
    """A client's probability of default, and the decision that follows from the threshold.

    The decision is in the record before it is answered; 503 where it cannot be recorded. With
    ``explain=1`` the explanation is there too, and its reasons are recorded with the decision.
    """
    service, number = current_service(), client_id(client)
    (new,) = decided(service, [known_client(service, number)])
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
    """The same for an applicant who is not known, by a row of features or by raw records.

    ``GET /features?used=1`` says which features the model takes; null is a missing value. A row may hold
    the other features that ``GET /features`` lists too; they have no influence. Raw records are one
    application and lists of records of the other raw tables, of one client.
    """
    service, body = current_service(), read_json()
    subjects: list[Subject] = []

    # An answer that is kept is given again, whether or not the body fits the model of now.
    def decide() -> list[NewDecision]:
        subjects.append(read_applicant(service, body))
        return decided(service, subjects)

    return recorded_once(service, body, decide, lambda recorded: answered(recorded[0], subjects[0]))


def answered(decision: Decision, subject: Subject) -> dict[str, Any]:
    """The JSON of a ``Prediction`` or an ``ApplicantPrediction``."""
    found = {} if subject.findings is None else {"findings": subject.findings}
    return {"id": subject.client, **shown(decision), **found}


def recorded_once(
    service: Service,
    body: Any,
    decide: Callable[[], list[NewDecision]],
    answer: Callable[[list[Decision]], dict[str, Any]],
) -> Response:
    """The answer to decisions, after they are recorded; under an Idempotency-Key the one that was kept."""
    record, once = current_record(), current_once(body)

    def text(recorded: list[Decision]) -> bytes:
        return json.dumps(answer(recorded), allow_nan=False, separators=(",", ":")).encode()

    if once is None:
        content = text(record.decide_all(decide(), service.folder))
        return Response(content, mimetype="application/json")
    made = record.decide_once(once, decide, service.folder, text)
    if made.replayed:
        return replayed(made.content)
    return Response(made.content, mimetype="application/json")


def decided(service: Service, subjects: Sequence[Subject]) -> list[NewDecision]:
    """The decisions on one or more, by one call of the model."""
    artefact, manifest, key = service.artefact, service.artefact.manifest, caller()
    scores = service.scorer.score_rows(np.concatenate([subject.encoded for subject in subjects]))
    return [
        NewDecision(
            client=subject.client,
            model=artefact.digest,
            model_name=manifest.name,
            model_version=manifest.version,
            threshold=score.decision.threshold,
            row=subject.encoded.tobytes(),
            probability=score.decision.probability,
            raw_score=score.raw_score,
            label=score.decision.label,
            near=near_threshold(artefact, score.decision.probability),
            key_id=key,
        )
        for subject, score in zip(subjects, scores, strict=True)
    ]
