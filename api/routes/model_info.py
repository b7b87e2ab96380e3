"""The model card in short."""

from typing import Any

from apiflask import APIBlueprint

from api.service import service

blueprint = APIBlueprint("model_info", __name__, tag="Model")


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
