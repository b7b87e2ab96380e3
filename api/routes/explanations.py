"""Why a decision is what it is: contributions, reasons in words, and pictures."""

import base64
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
from apiflask import APIBlueprint
from flask import Response, after_this_request, current_app, request
from numpy.typing import NDArray

from api.answers import explanations as answers
from api.applicants import Applicant, read_applicant
from api.issued import explained, fields
from api.record import refuse_if_halted
from api.routes.decisions import readable
from api.service import Service, current_pictures, current_service
from api.web.bodies import read_json, takes
from api.web.inputs import ExplanationQuery, client_id, takes_query
from api.web.negotiation import accepted
from api.web.openapi import responses
from project_tools.serving.decisions.errors import UnknownDecisionError
from project_tools.serving.decisions.reasons import RecordedReasons, ScoredInput
from project_tools.serving.explanation import explain, scored_parts
from project_tools.serving.inputs import Value
from project_tools.serving.pictures import (
    Described,
    beeswarm,
    beeswarm_key,
    waterfall,
    waterfall_key,
)
from project_tools.serving.reasons.languages import DEFAULT_LANGUAGE, LANGUAGES

blueprint = APIBlueprint("explanations", __name__, tag="Explanations")

_PNG = "image/png"
#: Besides JSON; the bare data URI is what a client gets that names no form, as the first one did.
_FORMS = ("text/plain", _PNG)


@blueprint.get("/explanation/<client>")
@takes_query(blueprint, ExplanationQuery)
@blueprint.doc(responses=responses(400, 404, 409, 503))
def explanation(client: str, query: ExplanationQuery) -> answers.Explanation:
    """The reasons for the decision in sentences, their points of risk, and the contributions behind.

    The client is compared with the clients just on the other side of the threshold, whose mean score
    is ``base``. Sentences and labels are in the language of ``Accept-Language``, ``en`` or ``fr``;
    ``Content-Language`` names it.
    With ``decision`` the reasons are those for that recorded decision: they are recorded with it at
    their first issue in a language, and given as they were recorded from then on. ``groups`` is empty
    where another model is served now.
    """
    if query.decision is not None:
        return _explained(client_id(client), query.decision)
    refuse_if_halted()
    service, number = current_service(), client_id(client)
    row, encoded = service.store.row(number), service.store.encoded(number)
    return explained_row(service, number, row, encoded, spoken())


@blueprint.post("/explanation")
@takes(Applicant)
@blueprint.doc(responses=responses(400, 415, 422, 503))
def applicant() -> answers.ApplicantExplanation:
    """The same for an applicant who is not known, by a row of features or by raw records.

    It takes what ``POST /prediction`` takes, and records nothing.
    """
    refuse_if_halted()
    service = current_service()
    subject = read_applicant(service, read_json())
    explanation = _fields(service, subject.values(), subject.encoded, spoken())
    found = {} if subject.findings is None else {"findings": subject.findings}
    return answers.ApplicantExplanation.model_validate(
        {"id": None, **explanation, **found}, strict=False
    )


def explained_row(
    service: Service,
    number: int,
    row: Mapping[str, Value],
    encoded: NDArray[np.float32],
    language: str,
) -> answers.Explanation:
    """The explanation of a row of a client's features, which ``encoded`` is as the model takes it."""
    return answers.Explanation.model_validate(
        {"id": number, **_fields(service, row, encoded, language)}
    )


def _fields(
    service: Service, row: Mapping[str, Value], encoded: NDArray[np.float32], language: str
) -> dict[str, Any]:
    artefact = service.artefact
    scored = ScoredInput(artefact, row, *scored_parts(artefact, row, encoded))
    return fields(RecordedReasons.of(scored, language, current_app.config["CURRENCY"]), scored)


def _explained(number: int, decision: str) -> answers.Explanation:
    recorded = readable(decision)
    if recorded.client != number:
        raise UnknownDecisionError(f"no decision {decision!r} on this client is recorded here")
    return explained(current_service(), recorded, spoken())


def spoken() -> str:
    """The language of the current answer, which its ``Content-Language`` will name."""
    language = _language()
    after_this_request(partial(_speaks, language))
    return language


def _language() -> str:
    """The first language of ``Accept-Language`` that has words, whatever the country; else English."""
    for tag, quality in request.accept_languages:  # by falling quality
        language = tag.partition("-")[0].lower()
        if quality > 0 and language in LANGUAGES:
            return language
    return DEFAULT_LANGUAGE


def _speaks(language: str, response: Response) -> Response:
    """The answer of another language is another answer."""
    response.headers["Content-Language"] = language
    response.vary.add("Accept-Language")
    return response


@blueprint.get("/local_shap/<client>")
@blueprint.doc(responses=responses(400, 404, 503, forms=_FORMS))
def local_shap(client: str) -> Response | answers.Picture:
    """The waterfall of a client: a bare data URI; by ``Accept`` as JSON, or the PNG itself."""
    refuse_if_halted()
    service, number = current_service(), client_id(client)
    row = service.store.row(number)
    return _in_accepted_form(
        waterfall_key(service.artefact, row),
        lambda: waterfall(explain(service.artefact, row, service.store.encoded(number))),
    )


@blueprint.get("/global_shap")
@blueprint.doc(responses=responses(503, forms=_FORMS))
def global_shap() -> Response | answers.Picture:
    """The beeswarm over a sample of the training clients, in the same forms."""
    artefact = current_service().artefact
    return _in_accepted_form(beeswarm_key(artefact), lambda: beeswarm(artefact))


def _in_accepted_form(key: str, describe: Callable[[], Described]) -> Response | answers.Picture:
    """``describe`` takes as long as an explanation: it is called once, and only where it is needed."""
    form, described = accepted(["text/plain", "application/json", _PNG]), cache(describe)
    png = current_pictures().png(key, lambda: described().chart)
    if form == _PNG:
        return Response(png, mimetype=_PNG)
    uri = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    if form == "text/plain":
        return Response(uri, mimetype="text/plain")
    return answers.Picture(image=uri, alt=described().alt)
