"""The model: its figures in short, and its card."""

from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from api.service import service
from api.web.problems import problem
from project_tools.serving.folder import CARD_HTML, CARD_MARKDOWN

blueprint = APIBlueprint("model_info", __name__, tag="Model")

#: The card's page holds its own style and two pictures, runs nothing and asks no other host.
_CARD_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"
)
_FORMS = {"text/html": CARD_HTML, "text/markdown": CARD_MARKDOWN}


@blueprint.get("/model_info")
def model_info() -> dict[str, Any]:
    """Which model decides, by which threshold, how well, and by which features most."""
    known = service()
    manifest = known.artefact.manifest
    ranked = sorted(known.importance.items(), key=lambda pair: -pair[1])
    return {
        "name": manifest.name,
        "alias": manifest.alias,
        "version": manifest.version,
        "type": manifest.family,
        "decision_threshold": manifest.threshold,
        "fn_cost": manifest.fn_cost,
        "trained": manifest.created,
        "data_digest": manifest.data_digest,
        "digest": known.artefact.digest,
        "metrics": dict(manifest.metrics),
        "sorted_features_by_importance": [
            {"name": name, "label": known.artefact.describe(name)["label"], "importance": share}
            for name, share in ranked
        ],
    }


@blueprint.get("/model_card")
def model_card() -> Response | dict[str, str]:
    """The model card: as JSON, or its page or Markdown by ``Accept``."""
    card = service().artefact.card
    if not card:
        return problem(
            HTTPStatus.NOT_FOUND,
            "This model has no card: an older release trained it. Train and export it again.",
        )
    best = request.accept_mimetypes.best_match(["application/json", *_FORMS])
    if best in _FORMS:
        answer = Response(card[_FORMS[best]], mimetype=best)
        answer.headers["Content-Security-Policy"] = _CARD_POLICY
        return answer
    return {"markdown": card[CARD_MARKDOWN].decode(), "html": card[CARD_HTML].decode()}
