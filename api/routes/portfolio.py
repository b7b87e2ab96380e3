"""All decisions together: what they accept and cost, and whether the clients drift."""

from apiflask import APIBlueprint
from flask import current_app

from api.answers.model import ModelName
from api.answers.portfolio import Curves, Drift, ModelDecisions, Overrides, Portfolio
from api.record import current_record
from api.release import model_name
from api.service import Service, current_service
from api.web.inputs import current_portfolio
from api.web.journal import request_id
from api.web.openapi import responses
from project_tools.errors import CreditError
from project_tools.serving.decisions.summary import Decided, decided
from project_tools.serving.drift_result import DriftResult

blueprint = APIBlueprint("portfolio", __name__, tag="Decisions")

_NO_CURVES = (
    "This model has no curves of acceptance and cost: an older release exported it. Train and export "
    "it again."
)
_NO_DRIFT = (
    "No drift of the recorded decisions was computed yet; the operator runs `credit drift REFERENCE "
    "decisions`."
)
_DAMAGED_DRIFT = "The last result of the drift cannot be read; the server's log says why."
_OTHERS_DRIFT = "The drift is that of all clients; a key with a portfolio does not see it."


@blueprint.get("/portfolio")
@blueprint.doc(responses=responses(503))
def portfolio() -> Portfolio:
    """Acceptance and cost by threshold and cost ratio, the recorded decisions, and their last drift.

    Of the decisions, each client's last one with each model counts. A key with a portfolio sees those on
    its clients.
    """
    service, clients, notes = current_service(), current_portfolio(), []
    curves, drift = _curves(service), None
    if curves is None:
        notes.append(_NO_CURVES)
    if clients is None:
        drift = _drift(notes)
    else:
        notes.append(_OTHERS_DRIFT)
    summary = decided(current_record().store, None if clients is None else clients.ids.tolist())
    return Portfolio(
        model=model_name(service.artefact),
        threshold=service.artefact.threshold,
        fn_cost=service.artefact.manifest.fn_cost,
        curves=curves,
        decisions=[_of_model(one) for one in summary],
        drift=drift,
        notes=notes,
    )


def _curves(service: Service) -> Curves | None:
    reference = service.artefact.reference
    if reference is None or reference.curves is None:
        return None
    return Curves.model_validate(reference.curves)


def _of_model(one: Decided) -> ModelDecisions:
    return ModelDecisions(
        model=ModelName(name=one.model_name, version=one.model_version, digest=one.model),
        clients=one.clients,
        granted=one.granted,
        acceptance=one.granted / one.clients,
        near=one.near,
        near_unknown=one.near_unknown,
        reviewed=one.reviewed,
        overrides=Overrides.model_validate(one.overrides),
        first=one.first,
        last=one.last,
    )


def _drift(notes: list[str]) -> Drift | None:
    """The last result; where there is none, ``notes`` gets the sentence that says why."""
    try:
        result = DriftResult.read(current_app.config["STATE"])
    except CreditError as why:
        current_app.logger.error(
            "drift unreadable", extra={"request_id": request_id(), "reason": str(why)}
        )
        notes.append(_DAMAGED_DRIFT)
        return None
    if result is None:
        notes.append(_NO_DRIFT)
        return None
    return Drift(drift=bool(result.alarms), **result.model_dump())
