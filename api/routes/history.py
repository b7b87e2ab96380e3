"""A client's past, and the notes that people write about a client."""

from typing import Annotated

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from api.answers import history as answers
from api.answers.base import json_text
from api.answers.model import ModelName
from api.answers.reviews import Note
from api.record import current_record
from api.routes.decisions import recorded
from api.service import current_service
from api.web.access import current_person
from api.web.bodies import Body, checked_body, read_json, takes
from api.web.idempotency import current_once, idempotent, replayed
from api.web.inputs import HistoryQuery, client_id
from api.web.methods import records
from api.web.openapi import responses
from project_tools.errors import UnknownClientError
from project_tools.serving.decisions.history import Changes
from project_tools.serving.decisions.history import history as client_history
from project_tools.serving.decisions.record import Decision, Event, NewEvent
from project_tools.serving.decisions.reviews import reviews_of

blueprint = APIBlueprint("history", __name__, url_prefix="/clients", tag="Clients")


class NewNote(Body):
    """What a person notes about a client."""

    text: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")]


@blueprint.get("/<client>/history")
@blueprint.input(HistoryQuery, location="query", arg_name="query")
@blueprint.doc(responses=responses(400, 404, 422, 503))
def history(client: str, query: HistoryQuery) -> answers.History:
    """A client's recorded decisions, each with what differs from the one before, reviews and notes."""
    store, number = current_record().store, _recorded_or_known(client)
    page = client_history(store, number, before=query.before, size=query.size)
    ids = [entry.id for entry in page.entries if isinstance(entry, Decision)]
    reviews = reviews_of(store, ids)
    texts = store.texts([entry for entry in page.entries if isinstance(entry, Event)])
    entries: list[answers.PastDecision | answers.PastNote] = [
        answers.PastDecision(
            kind="decision",
            decision=recorded(entry, reviews.get(entry.id, [])),
            changes=_changes(entry, page.changes.get(entry.id)),
        )
        if isinstance(entry, Decision)
        else answers.PastNote(kind="note", note=_note(entry, texts.get(entry.sequence)))
        for entry in page.entries
    ]
    return answers.History(id=number, entries=entries, next=page.next)


@blueprint.post("/<client>/notes")
@records
@idempotent
@takes(NewNote)
@blueprint.doc(responses=responses(400, 404, 409, 415, 422, 503))
def note(client: str) -> Response | Note:
    """Write a note about a client into the record; the client's erasure removes its text."""
    store, number, body = current_record().store, _recorded_or_known(client), read_json()
    text, once = checked_body(NewNote, body).text.strip(), current_once(body)
    kept = store.answered(once) if once is not None else None
    if kept is not None:
        return replayed(kept)
    person = current_person()
    new = NewEvent(
        "note", {"by": person.holder}, client=number, content=text.encode(), key_id=person.key_id
    )
    return _note(store.event(new, once, lambda event: json_text(_note(event, text)).encode()), text)


def _recorded_or_known(client: str) -> int:
    """The id of a client whom the store or the record knows; ``UnknownClientError`` (404)."""
    number = client_id(client)
    try:
        current_service().store.position(number)
    except UnknownClientError:
        # A client whom the clients of now lack may have a past.
        if not current_record().store.timeline(number, before=1 << 62, limit=1):
            raise
    return number


def _note(event: Event, text: str | None) -> Note:
    return Note(
        id=int(event.client or 0), sequence=event.sequence, by=event.facts["by"], text=text,
        time=event.time, seal=event.seal,
    )  # fmt: skip


def _changes(decision: Decision, found: Changes | None) -> answers.DecisionChanges | None:
    if found is None:
        return None
    former = found.before
    pairs = {
        "model": (former.model, decision.model),
        "proba_risk_class": (former.probability, decision.probability),
        "class": (former.label, decision.label),
        "threshold": (former.threshold, decision.threshold),
    }
    return answers.DecisionChanges.model_validate(
        {
            "former": answers.Former(
                decision=former.id,
                proba_risk_class=former.probability,
                label=former.label,
                model=ModelName(
                    name=former.model_name, version=former.model_version, digest=former.model
                ),
            ),
            "changed": [name for name, (before, after) in pairs.items() if before != after],
            "features": None if found.features is None else list(found.features),
            "more": found.more,
        }
    )
