"""Reviews of recorded decisions by people, and their confirmation by others."""

from collections.abc import Callable
from typing import Annotated

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from api.answers import reviews as answers
from api.answers.base import json_text
from api.record import current_record
from api.routes.decisions import readable
from api.web.access import current_person, holder_of
from api.web.bodies import Body, checked_body, read_json, takes
from api.web.idempotency import current_once, idempotent, replayed
from api.web.methods import records
from api.web.openapi import responses
from project_tools.serving.decisions import reviews
from project_tools.serving.decisions.reviews import Outcome, Verdict

blueprint = APIBlueprint("reviews", __name__, url_prefix="/decisions", tag="Decisions")

Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


class ReviewOrder(Body):
    """Whether a person agrees with a decision or overrides it, and why."""

    outcome: Outcome
    reason: Reason


class ConfirmationOrder(Body):
    """Whether a second person confirms or rejects an override, and why."""

    outcome: Verdict
    reason: Reason


@blueprint.post("/<decision>/review")
@records
@idempotent
@takes(ReviewOrder)
@blueprint.doc(responses=responses(400, 404, 409, 415, 422, 503))
def review(decision: str) -> Response | answers.Review:
    """Agree with a decision, or override it; an override is pending until another person confirms it.

    The reviewer is the holder of the key, who is not the one whose key recorded the decision.
    """
    return _said(decision, ReviewOrder, reviews.review)


@blueprint.post("/<decision>/review/confirm")
@records
@idempotent
@takes(ConfirmationOrder)
@blueprint.doc(responses=responses(400, 404, 409, 415, 422, 503))
def confirm(decision: str) -> Response | answers.Review:
    """Confirm or reject the override that is pending, by a person who neither decided nor overrode."""
    return _said(decision, ConfirmationOrder, reviews.confirm)


def _said(
    decision: str,
    kind: type[ReviewOrder] | type[ConfirmationOrder],
    record: Callable[..., reviews.Review],
) -> Response | answers.Review:
    """Record what a person says of a decision that they may read, at most once under a key."""
    store, found, body = current_record().store, readable(decision), read_json()
    order, once = checked_body(kind, body), current_once(body)
    kept = store.answered(once) if once is not None else None
    if kept is not None:
        return replayed(kept)

    def answer(review: reviews.Review) -> bytes:
        return json_text(answers.Review.model_validate(review)).encode()

    made = record(
        store, found, order.outcome, order.reason.strip(),
        person=current_person(), decided_by=holder_of(found.key_id), key=once, answer=answer,
    )  # fmt: skip
    return answers.Review.model_validate(made)
