"""Reasons that are issued for a recorded decision: recorded once in a language, then given as recorded."""

from dataclasses import replace

from flask import current_app

from api.answers.explanations import Explanation
from api.record import current_record, refuse_if_halted
from api.service import Service
from api.web.access import caller
from project_tools.serving.decisions.errors import AlreadyRecordedError, ConflictError
from project_tools.serving.decisions.reasons import RecordedReasons, ScoredInput
from project_tools.serving.decisions.record import Decision, NewDecision, NewEvent, new_id

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
    return decision, answer(new.client, reasons, scored)


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
    return answer(decision.client, reasons, scored)


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
    scored = scored or scored_input(service, decision)
    reasons = RecordedReasons.of(scored, language, current_app.config["CURRENCY"])
    return reasons, reasons.event(decision.id, caller())


def scored_input(service: Service, decision: Decision) -> ScoredInput:
    """The input of a decision, scored by the model that decided; ``ConflictError`` (409) without one."""
    row = current_record().store.row(decision)
    if row is None:
        raise ConflictError(ERASED)
    if decision.model != service.artefact.digest:
        raise ConflictError(
            "another model is served now than the one that decided; what was not issued before is "
            "not issued any more: decide again"
        )
    return ScoredInput.of(service.artefact, row)


def answer(client: int | None, reasons: RecordedReasons, scored: ScoredInput | None) -> Explanation:
    """The explanation as it is answered; without ``scored`` it holds no contributions of features."""
    found = reasons.decision
    return Explanation.model_validate(
        {
            "id": client,
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
            "groups": () if scored is None else scored.contributions().groups,
        }
    )
