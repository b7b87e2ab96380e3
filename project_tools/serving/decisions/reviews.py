"""Reviews of decisions: a person agrees or overrides, and another person confirms each override.

Nobody reviews what their own key decided, and nobody confirms what they decided or overrode.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from project_tools.serving.decisions.errors import AlreadyRecordedError, ConflictError
from project_tools.serving.decisions.record import Decision, Event, NewEvent
from project_tools.serving.decisions.store import DecisionStore
from project_tools.serving.decisions.writer import Once

Outcome = Literal["agree", "override"]
Verdict = Literal["confirm", "reject"]
Status = Literal["agreed", "pending", "confirmed", "rejected"]
_VERDICTS: dict[Verdict, Status] = {"confirm": "confirmed", "reject": "rejected"}
#: Above the number of events about the decisions of one page.
_ALL = 1 << 20
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Person:
    """Who reviews or confirms: the holder of a key, and its id; both are empty for the open caller."""

    holder: str
    key_id: str

    def is_holder(self, name: str | None) -> bool:
        """Whether the person has this name; None and the open caller's empty name are nobody's."""
        return bool(name) and self.holder.casefold() == str(name).casefold()


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a second person said of an override; ``reason`` is None where it was erased."""

    outcome: Verdict
    by: str
    reason: str | None
    time: str
    seal: str


@dataclass(frozen=True, slots=True)
class Review:
    """What a person said of a decision; ``reason`` is None where it was erased."""

    decision: str
    outcome: Outcome
    by: str
    reason: str | None
    time: str
    seal: str
    confirmation: Confirmation | None = None

    @property
    def status(self) -> Status:
        """Agreed, or an override that is pending, confirmed or rejected."""
        if self.outcome == "agree":
            return "agreed"
        return "pending" if self.confirmation is None else _VERDICTS[self.confirmation.outcome]


def reviews_of(store: DecisionStore, ids: Sequence[str]) -> dict[str, list[Review]]:
    """The reviews of these decisions by id, in order; a decision without one is left out."""
    if not ids:
        return {}
    events = store.events(subjects=ids, kinds=["review", "confirmation"], limit=_ALL)
    texts = store.texts(events)
    reviews: dict[str, list[Review]] = defaultdict(list)
    # Each override but the last one is settled: a confirmation is of the override before it.
    settled = {
        (event.subject, event.facts["number"]): confirmation_of(event, texts.get(event.sequence))
        for event in events
        if event.kind == "confirmation"
    }
    for event in events:
        if event.kind == "review":
            key = (event.subject, event.facts["number"])
            review = review_of(event, texts.get(event.sequence), settled.get(key))
            reviews[str(event.subject)].append(review)
    return dict(reviews)


def review_of(event: Event, reason: str | None, confirmation: Confirmation | None = None) -> Review:
    """The review that an event records."""
    return Review(
        str(event.subject), event.facts["outcome"], event.facts["by"], reason, event.time, event.seal,
        confirmation,
    )  # fmt: skip


def confirmation_of(event: Event, reason: str | None) -> Confirmation:
    """The confirmation that an event records."""
    return Confirmation(event.facts["outcome"], event.facts["by"], reason, event.time, event.seal)


def review(
    store: DecisionStore,
    decision: Decision,
    outcome: Outcome,
    reason: str,
    *,
    person: Person,
    decided_by: str | None,
    key: Once | None,
    answer: Callable[[Review], bytes],
) -> Review:
    """Record a review; ``ConflictError`` where there is one already, or by the person who decided.

    A decision whose override was rejected can be reviewed again. ``decided_by`` is the holder of the
    key that recorded the decision, None where they are not known any more. ``key`` and ``answer`` as
    for ``DecisionStore.event``.
    """
    _refuse_erased(store, decision)
    if person.is_holder(decided_by):
        raise ConflictError("a decision is reviewed by another person than the one who made it")
    former = reviews_of(store, [decision.id]).get(decision.id, [])
    if former and former[-1].status == "pending":
        raise ConflictError("an override of this decision waits for its confirmation already")
    if former and former[-1].status != "rejected":
        raise ConflictError("this decision was reviewed already")
    number = len(former) + 1
    facts = {"outcome": outcome, "by": person.holder, "number": number}
    new = NewEvent(
        "review", facts, subject=decision.id, content=reason.encode(), key_id=person.key_id,
        first=str(number),
    )  # fmt: skip
    try:
        event = store.event(new, key, lambda event: answer(review_of(event, reason)))
    except AlreadyRecordedError as why:
        raise ConflictError("this decision was reviewed already, by another request") from why
    return review_of(event, reason)


def confirm(
    store: DecisionStore,
    decision: Decision,
    outcome: Verdict,
    reason: str,
    *,
    person: Person,
    decided_by: str | None,
    key: Once | None,
    answer: Callable[[Review], bytes],
) -> Review:
    """Confirm or reject the override that waits; ``ConflictError`` where none does.

    Also for the open caller, whom nobody can tell from the one who overrode, and for the person who
    decided or overrode. Arguments as for ``review``.
    """
    _refuse_erased(store, decision)
    former = reviews_of(store, [decision.id]).get(decision.id, [])
    if not former or former[-1].status != "pending":
        raise ConflictError("no override of this decision waits for a confirmation")
    pending = former[-1]
    if not person.holder:
        raise ConflictError(
            "without keys two people cannot be told apart, so no override can be confirmed; name a "
            "key file in CREDIT_API_KEYS"
        )
    if person.is_holder(pending.by):
        raise ConflictError("an override is confirmed by another person than the one who made it")
    if person.is_holder(decided_by):
        raise ConflictError("an override is confirmed by another person than the one who decided")
    facts = {"outcome": outcome, "by": person.holder, "number": len(former)}
    new = NewEvent(
        "confirmation", facts, subject=decision.id, content=reason.encode(), key_id=person.key_id,
        first=str(len(former)),
    )  # fmt: skip

    def confirmed(event: Event) -> Review:
        return review_with(pending, confirmation_of(event, reason))

    try:
        return confirmed(store.event(new, key, lambda event: answer(confirmed(event))))
    except AlreadyRecordedError as why:
        raise ConflictError("the override was confirmed or rejected by another request") from why


def review_with(pending: Review, confirmation: Confirmation) -> Review:
    """An override with what a second person said of it."""
    return Review(
        pending.decision, pending.outcome, pending.by, pending.reason, pending.time, pending.seal,
        confirmation,
    )  # fmt: skip


def overrides(store: DecisionStore) -> Iterator[tuple[Decision, Review]]:
    """Every override with its decision, in the order of their recording.

    One whose decision was removed by retention is left out.
    """
    after = 0
    while events := store.events(kinds=["review"], after=after, limit=_PAGE):
        after = events[-1].sequence
        ids = list(dict.fromkeys(str(event.subject) for event in events))
        decisions = {found.id: found for found in store.decisions_of(ids)}
        by_seal = {one.seal: one for many in reviews_of(store, ids).values() for one in many}
        for event in events:
            one, decision = by_seal[event.seal], decisions.get(str(event.subject))
            if one.outcome == "override" and decision is not None:
                yield decision, one


def _refuse_erased(store: DecisionStore, decision: Decision) -> None:
    if store.row(decision) is None:
        raise ConflictError("the data behind this decision were erased, so it cannot be reviewed")
