"""The record of decisions: what was answered, when, to whom and by which model."""

from collections.abc import Sequence
from typing import Any

from apiflask import APIBlueprint

from api.answers import reviews as answers
from api.answers.predictions import RecordedDecision, RecordedDecisions
from api.record import current_record
from api.web.access import caller, may
from api.web.inputs import DecisionsQuery, client_id, current_portfolio, decision_id
from api.web.openapi import responses
from project_tools.serving.artefact import Artefact
from project_tools.serving.decisions.errors import UnknownDecisionError
from project_tools.serving.decisions.record import Decision
from project_tools.serving.decisions.reviews import Review, reviews_of

blueprint = APIBlueprint("decisions", __name__, url_prefix="/decisions", tag="Decisions")

#: Decisions that are read at most for a page of a key with a portfolio, of which most are not shown.
_MOST_READ = 5_000


@blueprint.get("")
@blueprint.input(DecisionsQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(404, 422, 503))
def decisions(query: DecisionsQuery) -> RecordedDecisions:
    """A page of recorded decisions: those after the sequence number ``after``, in the chain's order.

    ``client``, ``near`` and ``reviewed`` choose among them.
    """
    client = None if query.client is None else client_id(query.client)
    near = None if query.near is None else bool(query.near)
    reviewed = None if query.reviewed is None else bool(query.reviewed)
    store, after, read = current_record().store, query.after, 0
    page: list[Decision] = []
    more = True
    while more and len(page) < query.size and read < _MOST_READ:
        asked = query.size - len(page) + 1
        found = store.decisions(
            client=client, near=near, reviewed=reviewed, after=after, limit=asked
        )
        more, found = len(found) == asked, found[: asked - 1]
        page += [decision for decision in found if _is_visible(decision)]
        after = found[-1].sequence if found else after
        read += len(found)
    reviews = reviews_of(store, [decision.id for decision in page])
    return RecordedDecisions(
        decisions=[recorded(decision, reviews.get(decision.id, [])) for decision in page],
        next=after if more else None,
    )


@blueprint.get("/<decision>")
@blueprint.doc(responses=responses(404, 503))
def decision(decision: str) -> RecordedDecision:
    """A recorded decision. A key without the scope ``review`` gets those recorded under itself alone."""
    found = readable(decision)
    return recorded(found, reviews_of(current_record().store, [found.id]).get(found.id, []))


def readable(decision: str) -> Decision:
    """The decision with this id, if the caller may read it; ``UnknownDecisionError`` (404).

    A key without the scope ``review`` may read those that were recorded under itself alone.
    """
    found = current_record().store.decision(decision_id(decision))
    if not _is_visible(found) or not (may("review") or found.key_id == caller()):
        raise UnknownDecisionError(f"no decision {decision!r} is recorded here")
    return found


def near_threshold(artefact: Artefact, probability: float) -> bool | None:
    """Whether a probability lies within the error of the calibration around the threshold.

    None where the artefact does not say how wide that is: those of format 2 do not.
    """
    reference = getattr(artefact, "reference", None)
    return None if reference is None or reference.band is None else reference.near(probability)


def shown(decision: Decision) -> dict[str, Any]:
    """The fields of a ``Decided`` as they are recorded, as plain JSON."""
    return {
        "proba_risk_class": decision.probability,
        "class": decision.label,
        "threshold": decision.threshold,
        "margin": decision.probability - decision.threshold,
        "near": decision.near,
        "model": {
            "name": decision.model_name,
            "version": decision.model_version,
            "digest": decision.model,
        },
        "raw_score": decision.raw_score,
        "decision": {
            "id": decision.id,
            "sequence": decision.sequence,
            "time": decision.time,
            "seal": decision.seal,
        },
    }


def _is_visible(decision: Decision) -> bool:
    """Whether the caller's portfolio holds the client; of an unknown one, what the key itself recorded."""
    portfolio = current_portfolio()
    if portfolio is None:
        return True
    if decision.client is None:
        return decision.key_id == caller()
    return portfolio.holds(decision.client)


def recorded(decision: Decision, reviews: Sequence[Review]) -> RecordedDecision:
    """A decision as it was recorded, with its reviews."""
    return RecordedDecision(
        client=decision.client,
        key=decision.key_id,
        input=decision.input,
        review_wanted=bool(decision.near) and not reviews,
        reviews=[answers.Review.model_validate(review) for review in reviews],
        **shown(decision),
    )
