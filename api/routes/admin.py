"""Operations that change what the service answers."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from apiflask import APIBlueprint
from flask import Response, current_app, g, request
from pydantic import Field

from api.answers.base import json_text
from api.answers.health import Halted, Ready
from api.record import current_record
from api.reload import count_reload, reload_all_workers
from api.service import keeper_of
from api.web.access import caller
from api.web.bodies import Body, checked_body, read_json, takes
from api.web.idempotency import current_once, idempotent, replayed
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
@idempotent
@takes(Order)
@blueprint.doc(responses=responses(400, 409, 415, 422, 503))
def halt() -> Response | Halted:
    """Halt the decisions: predictions and new explanations are 503 until ``/admin/resume``.

    It holds in every worker within a second, and after a restart. What is recorded can still be read.
    """
    return _ordered(current_record().store.halt, halted=True)


@blueprint.post("/admin/resume")
@records
@idempotent
@takes(Order)
@blueprint.doc(responses=responses(400, 409, 415, 422, 503))
def resume() -> Response | Halted:
    """End a halt of the decisions; 409 where there is none."""
    return _ordered(current_record().store.resume, halted=False)


def _ordered(order: Callable[..., Event], *, halted: bool) -> Response | Halted:
    """Give an order to the record with the reason in the body, at most once under a key."""
    body = read_json()
    reason, once = checked_body(Order, body).reason, current_once(body)
    kept = current_record().store.answered(once) if once is not None else None
    if kept is not None:
        return replayed(kept)

    def answer(event: Event) -> Halted:
        reason = str(event.facts["reason"])
        return Halted(halted=halted, reason=reason, time=event.time, seal=event.seal)

    event = order(
        reason, g.key.holder, caller(),
        key=once, answer=lambda event: json_text(answer(event)).encode(),
    )  # fmt: skip
    current_app.logger.warning(event.kind, extra={"request_id": request_id(), "seal": event.seal})
    return answer(event)


@blueprint.post("/admin/reload")
@idempotent
@blueprint.doc(responses=responses(409, 415, 503))
def reload_model() -> Response | Ready:
    """Verify the model at its path and answer from it; 409 if it is refused and the former one stays.

    The body is empty or ``{}``. Under a key, a reload that was answered is not done again.
    """
    if b"".join(request.get_data().split()) not in (b"", b"{}"):
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "this address takes no body but {}")
    record, once = current_record(), current_once({})
    kept = record.store.answered(once) if once is not None else None
    if kept is not None:
        return replayed(kept)
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
    answer = Ready(status="ready", model=digest, halted=record.store.halted() is not None)
    if once is not None:
        record.note_reload("answered", digest, caller(), once, json_text(answer).encode())
    return answer
