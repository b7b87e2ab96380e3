"""The routes, one blueprint per subject."""

from api.routes import (
    admin,
    clients,
    data,
    decisions,
    explanations,
    health,
    history,
    index,
    metrics,
    model_info,
    peers,
    portfolio,
    predictions,
    reviews,
    sheets,
    simulations,
)

BLUEPRINTS = (
    index.blueprint,
    predictions.blueprint,
    simulations.blueprint,
    decisions.blueprint,
    reviews.blueprint,
    sheets.blueprint,
    portfolio.blueprint,
    explanations.blueprint,
    clients.blueprint,
    history.blueprint,
    peers.blueprint,
    model_info.blueprint,
    data.blueprint,
    health.blueprint,
    metrics.blueprint,
    admin.blueprint,
)
