"""What is issued of a decision: reasons and sheets, recorded once in a language, then given as recorded."""

from dataclasses import replace
from typing import Any

from flask import current_app

from api.answers.explanations import Explanation
from api.record import current_record, refuse_if_halted
from api.service import Service, current_service
from api.web.access import caller
from project_tools.errors import UnknownClientError
from project_tools.serving.decisions.errors import AlreadyRecordedError, ConflictError
from project_tools.serving.decisions.reasons import RecordedReasons, ScoredInput
from project_tools.serving.decisions.record import Decision, NewDecision, NewEvent, new_id
from project_tools.serving.decisions.sheet import page
from project_tools.serving.offers import offers

ERASED = "the data behind this decision were erased, with its reasons and sheets; no new ones can be made"


def decide_explained(
    service: Service, new: NewDecision, language: str
) -> tuple[Decision, Explanation]:
    """Record a decision together with the reasons that are issued with it, both or none."""
    new = replace(new, id=new_id())
    scored = ScoredInput.of(service.artefact, new.row)
    reasons = RecordedReasons.of(scored, language, current_app.config["CURRENCY"])
    decision, _ = current_record().decide_explained(
        new, reasons.event(new.id, new.key_id), service.folder
    )
    return decision, _answer(new.client, reasons, scored)


def explained(service: Service, decision: Decision, language: str) -> Explanation:
    """The reasons for a recorded decision, recorded now if they were never issued in this language.

    ``contributions`` of the single features are there while the model that decided is served.
    ``ConflictError`` (409) where the data were erased, or reasons that were never issued are asked
    of another model.
    """
    store = current_record().store
    row = store.row(decision)
    served = decision.model == service.artefact.digest
    scored = ScoredInput.of(service.artefact, row) if served and row is not None else None
    reasons, event = reasons_for(service, decision, language, scored)
    if event is not None:
        try:
            store.add([event])
        except AlreadyRecordedError:  # by another request, meanwhile
            reasons, _ = reasons_for(service, decision, language, scored)
    return _answer(decision.client, reasons, scored)


def reasons_for(
    service: Service, decision: Decision, language: str, scored: ScoredInput | None = None
) -> tuple[RecordedReasons, NewEvent | None]:
    """The recorded reasons for a decision, or new ones with the event that is to record them."""
    store = current_record().store
    event = store.first("reasons", decision.id, language)
    if event is not None:
        content = store.content(event)
        if content is None:
            raise ConflictError(ERASED)
        return RecordedReasons.model_validate_json(content), None
    refuse_if_halted()
    scored = scored or ScoredInput.of(service.artefact, issuable_input(service, decision))
    reasons = RecordedReasons.of(scored, language, current_app.config["CURRENCY"])
    return reasons, reasons.event(decision.id, caller())


def sheet(decision: Decision, language: str) -> bytes:
    """The printable sheet of a decision, made at its first issue in a language, then as it was stored.

    ``ConflictError`` (409) where the data were erased, another model is served now, or a protected
    concept is a principal reason.
    """
    store = current_record().store
    while True:
        event = store.first("sheet", decision.id, language)
        if event is not None:
            content = store.content(event)
            if content is None:
                raise ConflictError(ERASED)
            return content
        refuse_if_halted()
        service = current_service()
        issuable_input(service, decision)
        reasons, new = reasons_for(service, decision, language)
        if reasons.decision.blocked is not None:
            raise ConflictError(reasons.decision.blocked)
        content = page(decision, reasons, offers=_offers(service, decision, language)).encode()
        issue = NewEvent(
            "sheet", {"language": language}, subject=decision.id, content=content, key_id=caller(),
            first=language,
        )  # fmt: skip
        try:
            store.add([issue] if new is None else [new, issue])
        except AlreadyRecordedError:  # by another request, meanwhile: given as it was stored there
            continue
        return content


def _offers(service: Service, decision: Decision, language: str) -> str | None:
    """What would have been accepted from a refused client whose data are known here."""
    if decision.client is None or decision.label == "no_risk":
        return None
    simulator = service.simulator()
    try:
        client = simulator.client(decision.client)
    except UnknownClientError:  # the store was replaced
        return None
    if client.encoded.tobytes() != current_record().store.row(decision):
        return None  # the data are others than those decided on
    return offers(
        simulator, client, current_app.config["OFFERS"],
        language=language, currency=current_app.config["CURRENCY"],
    ).sentence  # fmt: skip


def issuable_input(service: Service, decision: Decision) -> bytes:
    """The recorded input of a decision whose model is served; ``ConflictError`` (409) where it is not."""
    row = current_record().store.row(decision)
    if row is None:
        raise ConflictError(ERASED)
    if decision.model != service.artefact.digest:
        raise ConflictError(
            "another model is served now than the one that decided; what was not issued before is "
            "not issued any more: decide again"
        )
    return row


def fields(reasons: RecordedReasons, scored: ScoredInput | None) -> dict[str, Any]:
    """An ``Explanation`` without its id; without ``scored`` it holds no contributions of features."""
    found = reasons.decision
    return {
        "language": reasons.language,
        "risk": found.risk,
        "reference": found.reference,
        "reasons": found.reasons,
        "other_side": found.other_side,
        "concepts": found.concepts,
        "blocked": found.blocked,
        "scale": reasons.scale,
        "base": reasons.base,
        "raw_score": reasons.raw_score,
        "groups": () if scored is None else scored.contributions(reasons.language).groups,
    }


def _answer(
    client: int | None, reasons: RecordedReasons, scored: ScoredInput | None
) -> Explanation:
    return Explanation.model_validate({"id": client, **fields(reasons, scored)})
