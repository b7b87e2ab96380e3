"""Reasons are recorded once, from the recorded input alone, and a replay computes them again."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from api.tests.served import features_of_model, make_served
from project_tools.serving.artefact import Artefact, load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.errors import (
    AlreadyRecordedError,
    HaltedError,
    UnknownDecisionError,
)
from project_tools.serving.decisions.reasons import RecordedReasons, ScoredInput
from project_tools.serving.decisions.record import Decision, NewDecision, NewEvent, new_id
from project_tools.serving.decisions.replay import Replay, replay
from project_tools.serving.decisions.retention import prune
from project_tools.serving.decisions.store import DecisionStore, open_store
from project_tools.serving.decisions.tables import EVENTS, FIRSTS
from project_tools.serving.decisions.writer import Job
from project_tools.serving.explanation import decision_reasons, scored_parts
from project_tools.serving.inputs import Encoder
from project_tools.serving.scoring import Scorer

Make = Callable[..., NewDecision]


@dataclass(frozen=True)
class Model:
    """A small model, its clients, and a state folder in which it is archived."""

    artefact: Artefact
    clients: ClientStore
    folder: Path

    def decision(self, client: int, **changes: Any) -> NewDecision:
        row = self.clients.encoded(client)
        score = Scorer(self.artefact).score_encoded(row)
        return NewDecision(
            client, self.artefact.digest, "scores", "3", self.artefact.threshold, row.tobytes(),
            score.decision.probability, score.raw_score, score.decision.label, near=False, **changes,
        )  # fmt: skip

    def reasons(self, new: NewDecision, language: str = "en") -> RecordedReasons:
        return RecordedReasons.of(ScoredInput.of(self.artefact, new.row), language, "EUR")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("served")
    made = make_served(folder)
    artefact = load_artefact(made.model, child=False)
    return Model(artefact, ClientStore.open(made.clients, artefact), made.model)


@pytest.fixture
def recorded(model: Model, tmp_path: Path) -> Iterator[tuple[DecisionStore, list[Decision]]]:
    """Twelve decisions with reasons in English, every third in French too."""
    with open_store(None, tmp_path / "state") as store:
        store.archive.keep(model.artefact.digest, model.folder)
        decisions = []
        made = [model.decision(client, id=new_id()) for client in model.clients.ids(size=60).ids]
        granted = [new for new in made if new.label == "no_risk"]
        for number, new in enumerate([*granted[:2], *made[:10]]):
            decision, _ = store.record_explained(new, model.reasons(new).event(new.id, "key"))
            if number % 3 == 0:
                store.event(model.reasons(new, "fr").event(decision.id, "key"))
            decisions.append(decision)
        yield store, decisions


def test_decision_and_reasons_are_recorded_together(
    recorded: tuple[DecisionStore, list[Decision]], model: Model
) -> None:
    store, decisions = recorded
    granted = set()
    for decision in decisions:
        event = store.first("reasons", decision.id, "en")
        assert event is not None
        assert (event.client, event.subject, event.facts) == (
            decision.client, decision.id, {"language": "en"},
        )  # fmt: skip
        assert event.sequence == decision.sequence + 1
        found = RecordedReasons.model_validate_json(store.content(event) or b"")
        assert decision.client is not None
        row, encoded = model.clients.row(decision.client), model.clients.encoded(decision.client)
        parts = scored_parts(model.artefact, row, encoded)
        # The store's own row gives the same reasons as the recorded input, facts and texts included.
        said = decision_reasons(model.artefact, row, *parts, language="en", currency="EUR")
        assert found.decision == said
        assert found.raw_score + 0.0 == decision.raw_score
        granted.add(found.decision.granted)
    assert granted == {True, False}
    assert verify(store.database).problems == []


def test_reasons_are_replayed_to_the_bit(recorded: tuple[DecisionStore, list[Decision]]) -> None:
    store, decisions = recorded
    replays = list(replay(store, [decision.id for decision in decisions]))
    assert [sorted(r.reasons) for r in replays] == [["en", "fr"], ["en"], ["en"]] * 4
    assert {r.outcome_of(language) for r in replays for language in r.reasons} == {"equal"}
    assert not any(r.different for r in replays)
    facts = [
        reason["fact"]
        for r in replays
        for reason in r.reasons["en"][1]["decision"]["reasons"]
        if reason["fact"]
    ]
    assert any(fact["usual"] is not None for fact in facts)  # facts are compared, not only texts


@pytest.mark.parametrize(
    ("change", "differences", "outcome"),
    [
        ({}, (), "equal"),
        ({"raw_score": 1e-13}, ("numpy 1 then, 2 now",), "close"),
        ({"raw_score": 1e-13}, (), "different"),  # nothing explains it
        ({"raw_score": 1e-9}, ("numpy 1 then, 2 now",), "different"),
        ({"text": "Another sentence."}, ("numpy 1 then, 2 now",), "different"),
        ({"code": "home"}, (), "different"),
        ({"points": 0.1}, ("numpy 1 then, 2 now",), "different"),
        ({"dropped": True}, ("numpy 1 then, 2 now",), "different"),
    ],
)
def test_reasons_that_come_out_otherwise_show(
    recorded: tuple[DecisionStore, list[Decision]], model: Model, change: dict[str, Any],
    differences: tuple[str, ...], outcome: str,
) -> None:  # fmt: skip
    decision = recorded[1][0]
    assert decision.client is not None
    then = model.reasons(model.decision(decision.client)).model_dump(mode="json")
    here = json.loads(json.dumps(then))
    first = here["decision"]["reasons"][0]
    for name, value in change.items():
        if name == "dropped":
            here["decision"]["reasons"].pop()
        elif name == "raw_score":
            here["raw_score"] += value
        elif name == "points":
            first["points"] += value
        else:
            first[name] = value
    probability, raw_score, label = decision.probability, decision.raw_score, decision.label
    found = Replay(decision, probability, raw_score, label, differences, {"en": (then, here)})
    assert (found.outcome, found.outcome_of("en")) == ("equal", outcome)
    assert found.different is (outcome == "different")


def test_a_recorded_sentence_that_the_model_does_not_say_shows(
    recorded: tuple[DecisionStore, list[Decision]], model: Model
) -> None:
    store, decisions = recorded
    assert decisions[1].client is not None
    reasons = model.reasons(model.decision(decisions[1].client), "fr")
    first, *rest = reasons.decision.reasons
    false = (replace(first, text="Vous avez toujours payé en retard."), *rest)
    reasons = reasons.model_copy(update={"decision": replace(reasons.decision, reasons=false)})
    store.event(reasons.event(decisions[1].id, "key"))
    (found,) = replay(store, [decisions[1].id])
    assert (found.outcome, found.outcome_of("en"), found.outcome_of("fr")) == (
        "equal", "equal", "different",
    )  # fmt: skip
    assert found.different


def test_what_may_be_recorded_once_alone_is(store: DecisionStore, decided: Make) -> None:
    decision, other = store.record([decided(1), decided(2)])

    def issue(subject: str, name: str) -> NewEvent:
        return NewEvent("sheet", {}, subject=subject, content=b"page", first=name)

    first = store.event(issue(decision.id, "en"))
    with pytest.raises(AlreadyRecordedError, match="another request has recorded this meanwhile"):
        store.event(issue(decision.id, "en"))
    for new in (issue(decision.id, "fr"), issue(other.id, "en")):
        store.event(new)
    # All or none: the second of the two was recorded already.
    with pytest.raises(AlreadyRecordedError):
        store.add(
            [NewEvent("reasons", {}, subject=decision.id, first="en"), issue(decision.id, "en")]
        )
    assert store.first("reasons", decision.id, "en") is None
    assert store.first("sheet", decision.id, "en") == first
    assert store.content(first) == b"page"
    assert [event.kind for event in store.events()] == ["sheet"] * 3
    assert verify(store.database).problems == []


def test_of_requests_at_once_one_is_the_first(store: DecisionStore, decided: Make) -> None:
    """Some of them share a group of the writer, some a transaction of another process."""
    (decision,) = store.record([decided(1)])
    outcomes: list[str] = []
    with open_store(
        str(store.database.url.render_as_string(hide_password=False)), Path("/nowhere")
    ) as other:

        def issue(one: DecisionStore) -> None:
            try:
                one.event(NewEvent("sheet", {}, subject=decision.id, first="en"))
                outcomes.append("first")
            except AlreadyRecordedError:
                outcomes.append("late")

        threads = [threading.Thread(target=issue, args=(one,)) for one in (store, other) * 8]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["first"] + ["late"] * 15
    assert len(store.events()) == 1


def test_in_one_group_of_the_writer_one_is_the_first(store: DecisionStore, decided: Make) -> None:
    (decision,) = store.record([decided(1)])
    jobs = [Job([NewEvent("sheet", {}, subject=decision.id, first="en")]) for _ in range(2)]
    store._writer._record(jobs)
    store._writer._disconnect()
    jobs[0].wait()
    with pytest.raises(AlreadyRecordedError):
        jobs[1].wait()
    assert len(store.events()) == 1


def test_neither_decision_nor_reasons_while_halted(store: DecisionStore, decided: Make) -> None:
    store.halt("a test", "Dana")
    new = decided(1, id=new_id())
    reasons = NewEvent("reasons", {}, subject=new.id, content=b"{}", first="en")
    with pytest.raises(HaltedError):
        store.record_explained(new, reasons)
    assert (store.decisions(), store.first("reasons", new.id, "en")) == ([], None)
    with pytest.raises(UnknownDecisionError):
        store.event(reasons)


def test_a_removed_decision_leaves_no_first(store: DecisionStore, decided: Make) -> None:
    (decision,) = store.record([decided(1)])
    event = store.event(NewEvent("sheet", {}, subject=decision.id, content=b"x", first="en"))
    assert prune(store, 0.0, "Dana", force=True).events == 2
    assert store.first("sheet", decision.id, "en") is None
    assert store.content(event) is None
    with store.database.connect() as connection:
        assert connection.execute(select(FIRSTS)).all() == []
    assert verify(store.database).problems == []


def test_a_changed_event_of_reasons_breaks_the_chain(
    recorded: tuple[DecisionStore, list[Decision]],
) -> None:
    store, decisions = recorded
    with store.database.writing() as connection:
        connection.execute(
            update(EVENTS)
            .where(EVENTS.c.subject == decisions[0].id)
            .values(facts='{"language":"de"}')
        )
    assert "does not follow" in verify(store.database).problems[0]


FEATURES = features_of_model()
VALUES = st.fixed_dictionaries(
    {
        feature.name: st.none() | st.sampled_from(feature.levels)
        if feature.levels
        else st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False)
        for feature in FEATURES
    }
)


@given(row=VALUES)
def test_a_row_that_is_decoded_is_encoded_to_the_same_bits(row: dict[str, Any]) -> None:
    encoder = Encoder(FEATURES)
    encoded = encoder.encode(row)
    decoded = encoder.decode(encoded)
    assert encoder.encode(decoded).tobytes() == encoded.tobytes()
    assert {n: None if v is None else v if isinstance(v, str) else np.float32(v) for n, v in decoded.items()} == row  # fmt: skip
