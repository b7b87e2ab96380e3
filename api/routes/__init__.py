"""The routes, one blueprint per subject."""

from api.routes import (
    admin,
    batches,
    clients,
    data,
    decisions,
    explanations,
    health,
    index,
    metrics,
    model_info,
    peers,
    predictions,
)

BLUEPRINTS = (
    index.blueprint,
    predictions.blueprint,
    batches.blueprint,
    decisions.blueprint,
    explanations.blueprint,
    clients.blueprint,
    peers.blueprint,
    model_info.blueprint,
    data.blueprint,
    health.blueprint,
    metrics.blueprint,
    admin.blueprint,
)
