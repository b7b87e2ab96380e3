"""Reviews: who may say what of a decision, in which order, and what is reported of overrides."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.errors import ConflictError, UnknownDecisionError
from project_tools.serving.decisions.record import Decision, NewDecision
from project_tools.serving.decisions.retention import erase, prune
from project_tools.serving.decisions.reviews import (
    Person,
    Review,
    confirm,
    overrides,
    review,
    reviews_of,
)
from project_tools.serving.decisions.store import DecisionStore, open_store

Make = Callable[..., NewDecision]
OFFICER, DANA, EVE, FRED = (Person(n, n.lower()[:3]) for n in ("Olga", "Dana", "Eve", "Fred"))
OPEN = Person("", "")


def said(
    store: DecisionStore, decision: Decision, outcome: Any, person: Person, *,
    reason: str = "the income was proven", decided_by: str | None = "Olga",
) -> Review:  # fmt: skip
    """A review, or the confirmation of one."""
    record: Any = confirm if outcome in ("confirm", "reject") else review
    made: Review = record(
        store, decision, outcome, reason, person=person, decided_by=decided_by, key=None,
        answer=lambda _: b"",
    )  # fmt: skip
    return made


@pytest.fixture
def decision(store: DecisionStore, decided: Make) -> Decision:
    (one,) = store.record([decided(7, near=True)])
    return one


def test_an_agreement_settles_a_decision(store: DecisionStore, decision: Decision) -> None:
    made = said(store, decision, "agree", DANA)
    assert (made.status, made.by, made.reason) == ("agreed", "Dana", "the income was proven")
    assert reviews_of(store, [decision.id]) == {decision.id: [made]}
    with pytest.raises(ConflictError, match="this decision was reviewed already"):
        said(store, decision, "override", EVE)
    with pytest.raises(ConflictError, match="no override of this decision waits"):
        said(store, decision, "confirm", EVE)


@pytest.mark.parametrize(("outcome", "status"), [("confirm", "confirmed"), ("reject", "rejected")])
def test_an_override_is_pending_until_another_person_speaks(
    store: DecisionStore, decision: Decision, outcome: str, status: str
) -> None:
    assert said(store, decision, "override", DANA).status == "pending"
    with pytest.raises(ConflictError, match="waits for its confirmation already"):
        said(store, decision, "agree", EVE)
    made = said(store, decision, outcome, EVE, reason="I saw the papers")
    assert made.confirmation is not None
    assert (made.status, made.by) == (status, "Dana")
    assert (made.confirmation.by, made.confirmation.reason) == ("Eve", "I saw the papers")
    assert reviews_of(store, [decision.id]) == {decision.id: [made]}
    with pytest.raises(ConflictError, match="no override of this decision waits"):
        said(store, decision, "confirm", FRED)
    assert [event.kind for event in store.events()] == ["review", "confirmation"]
    assert {event.client for event in store.events()} == {7}
    assert verify(store.database).problems == []


def test_after_a_rejected_override_a_decision_can_be_reviewed_again(
    store: DecisionStore, decision: Decision
) -> None:
    said(store, decision, "override", DANA)
    said(store, decision, "reject", EVE)
    said(store, decision, "override", DANA, reason="new papers came")
    said(store, decision, "confirm", EVE)
    first, second = reviews_of(store, [decision.id])[decision.id]
    assert (first.status, second.status) == ("rejected", "confirmed")
    assert (first.reason, second.reason) == ("the income was proven", "new papers came")


@pytest.mark.parametrize(
    ("outcome", "person", "says"),
    [
        ("confirm", DANA, "by another person than the one who made it"),
        ("confirm", Person("DANA", "a second key"), "by another person than the one who made it"),
        ("reject", OFFICER, "by another person than the one who decided"),
        ("confirm", OPEN, "without keys two people cannot be told apart"),
    ],
)
def test_who_decided_or_overrode_does_not_confirm(
    store: DecisionStore, decision: Decision, outcome: str, person: Person, says: str
) -> None:
    said(store, decision, "override", DANA)
    with pytest.raises(ConflictError, match=says):
        said(store, decision, outcome, person)
    assert said(store, decision, outcome, EVE).confirmation is not None


def test_who_decided_does_not_review(store: DecisionStore, decision: Decision) -> None:
    for outcome in ("agree", "override"):
        with pytest.raises(ConflictError, match="by another person than the one who made it"):
            said(store, decision, outcome, OFFICER)
    # Whose key is gone from the key file cannot be named: nobody is refused for it.
    assert said(store, decision, "agree", OFFICER, decided_by=None).by == "Olga"


def test_the_open_caller_reviews_and_does_not_confirm(
    store: DecisionStore, decision: Decision
) -> None:
    assert said(store, decision, "override", OPEN, decided_by=None).by == ""
    with pytest.raises(ConflictError, match="name a key file in CREDIT_API_KEYS"):
        said(store, decision, "confirm", OPEN, decided_by=None)
    # With keys, later, a person confirms what the open caller overrode.
    assert said(store, decision, "confirm", EVE, decided_by=None).status == "confirmed"


def test_of_reviews_at_once_one_is_recorded(store: DecisionStore, decision: Decision) -> None:
    outcomes: list[str] = []
    url = store.database.url.render_as_string(hide_password=False)
    with open_store(url, Path("/nowhere")) as other:

        def speak(one: DecisionStore, number: int) -> None:
            try:
                said(one, decision, "override", Person(f"person {number}", "k"))
                outcomes.append("recorded")
            except ConflictError as why:
                outcomes.append(str(why))

        threads = [
            threading.Thread(target=speak, args=(one, n))
            for n, one in enumerate((store, other) * 5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert outcomes.count("recorded") == 1
    assert len(reviews_of(store, [decision.id])[decision.id]) == 1


def test_a_review_of_an_erased_or_unknown_decision_is_refused(
    store: DecisionStore, decision: Decision
) -> None:
    said(store, decision, "override", DANA)
    erase(store, "Dana", client=7)
    with pytest.raises(ConflictError, match="were erased, so it cannot be reviewed"):
        said(store, decision, "confirm", EVE)
    (found,) = reviews_of(store, [decision.id])[decision.id]
    assert (found.reason, found.status) == (None, "pending")
    assert verify(store.database).problems == []
    with pytest.raises(UnknownDecisionError, match="no decision 'x' is recorded here"):
        store.decision("x")


def test_decisions_are_found_by_their_review(store: DecisionStore, decided: Make) -> None:
    near, other, reviewed = store.record([decided(1, near=True), decided(2), decided(3, near=True)])
    said(store, reviewed, "agree", DANA)
    assert store.decisions(reviewed=True) == [reviewed]
    assert store.decisions(reviewed=False) == [near, other]
    assert store.decisions(near=True, reviewed=False) == [near]
    assert store.decisions(reviewed=False, before=1 << 62) == [other, near]


def test_overrides_are_reported_in_order(
    store: DecisionStore, decided: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("project_tools.serving.decisions.reviews._PAGE", 2)
    decisions = store.record([decided(n) for n in range(1, 6)])
    for one in decisions:
        said(store, one, "agree" if one.client == 3 else "override", DANA)
    said(store, decisions[0], "reject", EVE)
    said(store, decisions[1], "confirm", FRED)
    said(store, decisions[0], "override", FRED)
    found = [(d.client, r.by, r.status) for d, r in overrides(store)]
    assert found == [
        (1, "Dana", "rejected"), (2, "Dana", "confirmed"), (4, "Dana", "pending"),
        (5, "Dana", "pending"), (1, "Fred", "pending"),
    ]  # fmt: skip
    prune(store, 0.0, "Dana", force=True)
    assert list(overrides(store)) == []
