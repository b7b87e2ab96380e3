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
from api.record import refuse_if_halted
from api.service import Service, current_pictures, current_service
from api.web.bodies import read_json, takes
from api.web.inputs import client_id
from api.web.negotiation import accepted
from api.web.openapi import responses
from project_tools.serving.explanation import (
    decision_reasons,
    explain,
    explanation_of,
    scored_parts,
)
from project_tools.serving.inputs import Value
from project_tools.serving.pictures import (
    Described,
    beeswarm,
    beeswarm_key,
    waterfall,
    waterfall_key,
)
from project_tools.serving.reasons.languages import LANGUAGES

blueprint = APIBlueprint("explanations", __name__, tag="Explanations")

_PNG = "image/png"
DEFAULT_LANGUAGE = "en"
#: Besides JSON; the bare data URI is what a client gets that names no form, as the first one did.
_FORMS = ("text/plain", _PNG)


@blueprint.get("/explanation/<client>")
@blueprint.doc(responses=responses(400, 404, 503))
def explanation(client: str) -> answers.Explanation:
    """The reasons for the decision in sentences, their points of risk, and the contributions behind.

    The client is compared with the clients just on the other side of the threshold. The sentences
    are in the language of ``Accept-Language``, ``en`` or ``fr``; ``Content-Language`` names it.
    """
    refuse_if_halted()
    service, number = current_service(), client_id(client)
    row, encoded = service.store.row(number), service.store.encoded(number)
    fields = _explained(service, row, encoded)
    return answers.Explanation.model_validate({"id": number, **fields})


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
    fields = _explained(service, subject.values(), subject.encoded)
    found = {} if subject.findings is None else {"findings": subject.findings}
    return answers.ApplicantExplanation.model_validate(
        {"id": None, **fields, **found}, strict=False
    )


def _explained(
    service: Service, row: Mapping[str, Value], encoded: NDArray[np.float32]
) -> dict[str, Any]:
    """The fields of an ``Explanation`` without its id, in the language that the answer names."""
    language = _language()
    raw_scores, parts = scored_parts(service.artefact, row, encoded)
    reasons = decision_reasons(
        service.artefact, row, raw_scores, parts,
        language=language, currency=current_app.config["CURRENCY"],
    )  # fmt: skip
    contributions = explanation_of(service.artefact, row, raw_scores, parts)
    after_this_request(partial(_speaks, language))
    return {
        "language": language,
        "risk": reasons.risk,
        "reference": reasons.reference,
        "reasons": reasons.reasons,
        "other_side": reasons.other_side,
        "concepts": reasons.concepts,
        "blocked": reasons.blocked,
        "scale": contributions.scale,
        "base": contributions.base,
        "raw_score": contributions.raw_score,
        "groups": contributions.groups,
    }


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
