"""Why a decision is what it is: contributions, reasons in words, and pictures."""

import base64
from collections.abc import Callable
from functools import cache

from apiflask import APIBlueprint
from flask import Response

from api.answers import explanations as answers
from api.record import refuse_if_halted
from api.service import current_pictures, current_service
from api.web.inputs import client_id
from api.web.negotiation import accepted
from api.web.openapi import responses
from project_tools.serving.explanation import explain, reasons
from project_tools.serving.pictures import (
    Described,
    beeswarm,
    beeswarm_key,
    waterfall,
    waterfall_key,
)

blueprint = APIBlueprint("explanations", __name__, tag="Explanations")

_PNG = "image/png"
#: Besides JSON; the bare data URI is what a client gets that names no form, as the first one did.
_FORMS = ("text/plain", _PNG)


@blueprint.get("/explanation/<client>")
@blueprint.doc(responses=responses(400, 404, 503))
def explanation(client: str) -> answers.Explanation:
    """Contributions that add up to the score before calibration, and at most four reasons.

    All are on ``scale``: ``log-odds``, or ``probability`` where the model is a forest.
    """
    refuse_if_halted()
    service, number = current_service(), client_id(client)
    row, encoded = service.store.row(number), service.store.encoded(number)
    decision = service.scorer.score_encoded(encoded).decision
    parts = explain(service.artefact, row, encoded)
    return answers.Explanation.model_validate(
        {
            "id": number,
            "scale": parts.scale,
            "base": parts.base,
            "raw_score": parts.raw_score,
            "groups": parts.groups,
            "reasons": tuple(reasons(parts, granted=decision.granted)),
        }
    )


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
