"""The model: its figures in short, and its card."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response

from api.answers.model import ModelCard, ModelInfo
from api.service import current_service
from api.web.negotiation import accepted
from api.web.openapi import responses
from api.web.problems import problem
from project_tools.serving.folder import CARD_HTML, CARD_MARKDOWN

blueprint = APIBlueprint("model_info", __name__, tag="Model")

#: The card's page has its own style and two pictures; it runs no script and loads nothing.
_CARD_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"
)
_FORMS = {"text/html": CARD_HTML, "text/markdown": CARD_MARKDOWN}


@blueprint.get("/model_info")
@blueprint.doc(responses=responses(503))
def model_info() -> ModelInfo:
    """Which model decides, by which threshold, how well, and by which features most."""
    service = current_service()
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
                for name, share in ranked
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
