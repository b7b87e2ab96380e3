"""The model: its figures in short, and its card."""

import hashlib
from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response, request

from api.answers.base import json_text
from api.answers.model import ModelCard, ModelInfo
from api.service import Service, current_service
from api.web.inputs import ModelInfoQuery
from api.web.negotiation import accepted
from api.web.openapi import Responses, responses
from api.web.problems import problem
from project_tools.serving.folder import CARD_HTML, CARD_MARKDOWN

blueprint = APIBlueprint("model_info", __name__, tag="Model")

#: The card's page has its own style and two pictures; it runs no script and loads nothing.
_CARD_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"
)
_NOT_MODIFIED: Responses = {304: {"description": "Not modified.", "content": {}}}
_FORMS = {"text/html": CARD_HTML, "text/markdown": CARD_MARKDOWN}


@blueprint.get("/model_info")
@blueprint.input(ModelInfoQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(422, 503) | _NOT_MODIFIED)
def model_info(query: ModelInfoQuery) -> Response | ModelInfo:
    """Which model decides, by which threshold, how well, and by which features most.

    ``features`` limits the list ``importance``. ``If-None-Match`` with the answer's ETag gives 304.
    """
    service = current_service()
    if query.features is None:
        text = service.text("model_info", lambda: json_text(_model_info(service, None)))
    else:  # not kept: a caller could fill the memory with an answer for each number
        text = json_text(_model_info(service, query.features)).encode()
    response = Response(text, mimetype="application/json")
    response.set_etag(hashlib.sha256(text).hexdigest())
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def _model_info(service: Service, most: int | None) -> ModelInfo:
    manifest = service.artefact.manifest
    ranked = sorted(service.importance.items(), key=lambda pair: -pair[1])
    return ModelInfo.model_validate(
        {
            "name": manifest.name,
            "alias": manifest.alias,
            "stage": manifest.alias,
            "version": manifest.version,
            "type": manifest.family,
            "decision_threshold": manifest.threshold,
            "fn_cost": manifest.fn_cost,
            "trained": manifest.created,
            "data_digest": manifest.data_digest,
            "digest": service.artefact.digest,
            "metrics": dict(manifest.metrics),
            "sorted_features_by_importance": [name for name, _ in ranked],
            "importance": [
                {
                    "name": name,
                    "label": service.artefact.describe(name)["label"],
                    "importance": share,
                }
                for name, share in ranked[:most]
            ],
        }
    )


@blueprint.get("/model_card")
@blueprint.doc(responses=responses(404, 503, forms=_FORMS))
def model_card() -> Response | ModelCard:
    """The model card: as JSON, or its page or Markdown by ``Accept``."""
    card = current_service().artefact.card
    if not card:
        return problem(
            HTTPStatus.NOT_FOUND,
            "This model has no card: an older release trained it. Train and export it again.",
        )
    form = accepted(["application/json", *_FORMS])
    if form in _FORMS:
        response = Response(card[_FORMS[form]], mimetype=form)
        response.headers["Content-Security-Policy"] = _CARD_POLICY
        return response
    return ModelCard(markdown=card[CARD_MARKDOWN].decode(), html=card[CARD_HTML].decode())
