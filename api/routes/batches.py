"""Decisions on many clients and applicants at once: one call of the model, one transaction of the record."""

from typing import Annotated, Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from api.answers.predictions import Predictions
from api.applicants import Item, Subject, read_items
from api.record import refuse_if_halted
from api.routes.predictions import answered, decided, recorded_once
from api.service import current_service
from api.web.bodies import BODY, Body, read_json, takes
from api.web.idempotency import idempotent
from api.web.methods import records
from api.web.openapi import responses
from api.web.problems import FieldsError
from project_tools.serving.decisions.record import Decision, NewDecision

blueprint = APIBlueprint("batches", __name__, tag="Decisions")

#: Items of a batch at most.
MOST_ITEMS = 500


class Batch(Body):
    """Up to 500 known clients and applicants, in any mixture."""

    items: Annotated[list[Item], Field(min_length=1, max_length=MOST_ITEMS)]


@blueprint.post("/predictions")
@records
@idempotent
@takes(Batch)
@blueprint.doc(responses=responses(400, 409, 415, 422, 503))
def batch() -> Response | Predictions:
    """The same for up to 500 known clients and applicants, mixed; the answers are in the batch's order.

    All decisions are recorded in one transaction. If an item is refused, none is made.
    """
    service, body = current_service(), read_json()
    subjects: list[Subject] = []

    def decide() -> list[NewDecision]:
        refuse_if_halted()  # before the work of a batch
        subjects.extend(read_items(service, _items_of(body)))
        return decided(service, subjects)

    def answer(recorded: list[Decision]) -> dict[str, Any]:
        pairs = zip(recorded, subjects, strict=True)
        return {"predictions": [answered(decision, subject) for decision, subject in pairs]}

    return recorded_once(service, body, decide, answer)


def _items_of(body: Any) -> list[Any]:
    items = body.get("items") if isinstance(body, dict) and len(body) == 1 else None
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ITEMS:
        text = f"It takes a list of 1 to {MOST_ITEMS} clients and applicants, and no other field."
        raise FieldsError({BODY: {"items": [text]}})
    return items
