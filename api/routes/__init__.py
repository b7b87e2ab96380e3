"""The routes, one blueprint per subject."""

from api.routes import (
    admin,
    clients,
    data,
    decisions,
    explanations,
    health,
    index,
    metrics,
    model_info,
    peers,
    portfolio,
    predictions,
)

BLUEPRINTS = (
    index.blueprint,
    predictions.blueprint,
    decisions.blueprint,
    portfolio.blueprint,
    explanations.blueprint,
    clients.blueprint,
    peers.blueprint,
    model_info.blueprint,
    data.blueprint,
    health.blueprint,
    metrics.blueprint,
    admin.blueprint,
)
