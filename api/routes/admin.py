"""Operations that change what the service answers."""

from http import HTTPStatus
from typing import Annotated

from apiflask import APIBlueprint
from flask import Response, current_app, g, request
from pydantic import Field

from api.answers.health import Halted, Ready
from api.record import current_record
from api.reload import count_reload, reload_all_workers
from api.service import keeper_of
from api.web.access import caller
from api.web.bodies import Body, checked_body, read_json, takes
from api.web.journal import request_id
from api.web.methods import records
from api.web.openapi import responses
from api.web.problems import problem
from project_tools.errors import CreditError
from project_tools.serving.decisions.record import Event

blueprint = APIBlueprint("admin", __name__, tag="Operations")


class Order(Body):
    """Why an order is given; it is recorded for good, so it names no client."""

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


@blueprint.post("/admin/halt")
@records
@takes(Order)
@blueprint.doc(responses=responses(400, 415, 422, 503))
def halt() -> Halted:
    """Halt the decisions: predictions and new explanations are 503 until ``/admin/resume``.

    It holds in every worker within a second, and after a restart. What is recorded can still be read.
    """
    reason = checked_body(Order, read_json()).reason
    return _ordered(current_record().store.halt(reason, g.key.holder, caller()), halted=True)


@blueprint.post("/admin/resume")
@records
@takes(Order)
@blueprint.doc(responses=responses(400, 409, 415, 422, 503))
def resume() -> Halted:
    """End a halt of the decisions; 409 where there is none."""
    reason = checked_body(Order, read_json()).reason
    return _ordered(current_record().store.resume(reason, g.key.holder, caller()), halted=False)


def _ordered(event: Event, *, halted: bool) -> Halted:
    reason = str(event.facts["reason"])
    current_app.logger.warning(event.kind, extra={"request_id": request_id(), "seal": event.seal})
    return Halted(halted=halted, reason=reason, time=event.time, seal=event.seal)


@blueprint.post("/admin/reload")
@blueprint.doc(responses=responses(409, 415))
def reload_model() -> Response | Ready:
    """Verify the model at its path and answer from it; 409 if it is refused and the former one stays.

    The body is empty or ``{}``.
    """
    if b"".join(request.get_data().split()) not in (b"", b"{}"):
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "this address takes no body but {}")
    record = current_record()
    record.note_reload("asked", key_id=caller())
    try:
        digest = keeper_of(current_app).reload()
    except CreditError as why:
        current_app.logger.error(
            "model refused", extra={"request_id": request_id(), "reason": str(why)}
        )
        count_reload("refused")
        record.note_reload("refused", key_id=caller())
        return problem(HTTPStatus.CONFLICT, "The model was refused; the server's log says why.")
    reload_all_workers()
    return Ready(status="ready", model=digest, halted=record.store.halted() is not None)
