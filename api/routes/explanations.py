"""Why: contributions and reasons in words, and the pictures of them."""

import base64
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request

from api.service import service
from api.web.inputs import client_id
from project_tools.serving.explanation import ConceptContribution, explain, reasons
from project_tools.serving.pictures import Picture

blueprint = APIBlueprint("explanations", __name__, tag="Explanations")


@blueprint.get("/explanation/<client>")
def explanation(client: str) -> dict[str, Any]:
    """Contributions that add up to the score before calibration, and at most four reasons.

    All are on ``scale``: ``log-odds``, or ``probability`` where the model is a forest.
    """
    known, number = service(), client_id(client)
    row = known.store.row(number)
    decision = known.scorer.score(row).decision
    found = explain(known.artefact, row)
    return {
        "id": number,
        "scale": found.scale,
        "base": found.base,
        "raw_score": found.raw_score,
        "groups": [_group(group) for group in found.groups],
        "reasons": [
            {"text": r.text, "concept": r.concept, "contribution": r.contribution}
            for r in reasons(found, granted=decision.granted)
        ],
    }


@blueprint.get("/local_shap/<client>")
def local_shap(client: str) -> Response | dict[str, str]:
    """The waterfall of a client: as JSON, or the PNG itself by ``Accept: image/png``."""
    known = service()
    return _shown(known.pictures.waterfall(known.artefact, known.store.row(client_id(client))))


@blueprint.get("/global_shap")
def global_shap() -> Response | dict[str, str]:
    """The beeswarm over a sample of the training clients, in either form."""
    known = service()
    return _shown(known.pictures.beeswarm(known.artefact))


def _group(group: ConceptContribution) -> dict[str, Any]:
    features = [
        {
            "name": feature.name,
            "label": feature.label,
            "value": feature.value,
            "unit": feature.unit,
            "contribution": feature.contribution,
        }
        for feature in group.features
    ]
    return {"concept": group.concept, "contribution": group.contribution, "features": features}


def _shown(picture: Picture) -> Response | dict[str, str]:
    best = request.accept_mimetypes.best_match(["application/json", "image/png"])
    if best == "image/png":
        return Response(picture.png, mimetype="image/png")
    encoded = base64.b64encode(picture.png).decode()
    return {"image": f"data:image/png;base64,{encoded}", "alt": picture.alt}
