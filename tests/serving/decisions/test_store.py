"""The store: what is recorded comes back, in SQLite and in PostgreSQL."""

import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from project_tools.errors import SettingError
from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.errors import (
    HaltedError,
    KeyInUseError,
    KeyReusedError,
    NotHaltedError,
    RecordUnavailableError,
    UnknownDecisionError,
)
from project_tools.serving.decisions.record import NewDecision, NewEvent
from project_tools.serving.decisions.store import DecisionStore, once, open_store
from project_tools.serving.decisions.tables import ANSWERS

Make = Callable[..., NewDecision]


def test_a_recorded_decision_is_read_as_it_was_answered(
    store: DecisionStore, decided: Make
) -> None:
    probability = 0.1 + 0.2  # 0.30000000000000004
    recorded = store.record([
        decided(7, probability=probability, threshold=0.0, raw_score=1.0, near=True),
        decided(None, key_id=""),
        decided(2**62, model_name="Zürich \"1\"", label="risk"),
    ])  # fmt: skip
    assert [d.sequence for d in recorded] == [1, 2, 3]
    assert [store.decision(d.id) for d in recorded] == recorded
    first = recorded[0]
    assert (first.client, first.probability, first.threshold, first.near) == (7, probability, 0.0, True)  # fmt: skip
    assert first.input == hashlib.sha256(b"row of 7").hexdigest()
    assert store.row(first) == b"row of 7"
    assert str(store.head()) == recorded[-1].seal
    assert verify(store.database).problems == []


def test_an_input_is_stored_once(store: DecisionStore, decided: Make) -> None:
    for _ in range(3):
        store.record([decided(1), decided(1), decided(2)])
    assert verify(store.database).contents == 2


def test_decisions_are_found_by_client_and_by_nearness(store: DecisionStore, decided: Make) -> None:
    store.record([decided(i % 3, near=i % 2 == 0, key_id=f"k{i % 2}") for i in range(12)])
    assert [d.sequence for d in store.decisions(client=1)] == [2, 5, 8, 11]
    assert [d.sequence for d in store.decisions(near=True, limit=2)] == [1, 3]
    assert [d.sequence for d in store.decisions(near=False, key_id="k1", after=9)] == [10, 12]
    assert [d.sequence for d in store.decisions(before=5)] == [4, 3, 2, 1]
    assert store.decisions(client=99) == []


def test_an_unknown_decision_is_named_shortly(store: DecisionStore) -> None:
    with pytest.raises(UnknownDecisionError, match=r"^no decision 'x{40}' is recorded here$"):
        store.decision("x" * 500)


def test_threads_record_side_by_side_and_nothing_twice(store: DecisionStore, decided: Make) -> None:
    with ThreadPoolExecutor(8) as threads:
        recorded = [d for part in threads.map(lambda i: store.record([decided(i)]), range(200)) for d in part]  # fmt: skip
    assert sorted(d.sequence for d in recorded) == list(range(1, 201))
    assert len({d.id for d in recorded}) == 200
    found = verify(store.database)
    assert (found.problems, found.decisions) == ([], 200)


def test_one_bad_request_does_not_fail_those_beside_it(store: DecisionStore, decided: Make) -> None:
    store.record([decided(0)])

    def one(client: int) -> str:
        try:
            store.record([decided(client)])
        except RecordUnavailableError as why:
            return str(why)
        return "recorded"

    def group() -> list[str]:
        # While another connection holds the lock, all requests wait and become one group.
        with ThreadPoolExecutor(8) as threads:
            with store.database.writing():
                clients = [1, 2**70, 2, 3]  # the second is beyond every column
                running = [threads.submit(one, client) for client in clients]
                time.sleep(0.3)
            return [future.result() for future in running]

    outcomes = group()
    assert [o == "recorded" for o in outcomes] == [True, False, True, True]
    assert verify(store.database).problems == []


def test_a_halt_stops_every_process_at_once(
    store: DecisionStore, decided: Make, address: str | None, tmp_path: Path
) -> None:
    with open_store(address, tmp_path) as other:
        other.record([decided(1)])
        assert other.halted() is None
        event = store.halt("the data are late", "Dana")
        with pytest.raises(HaltedError, match="decided by people until further notice"):
            other.record([decided(1)])
        start = time.monotonic()
        while other.halted() is None:
            assert time.monotonic() - start < 1
            time.sleep(0.01)
        halt = other.halted()
        assert halt is not None
        assert (halt.reason, halt.who, halt.since) == ("the data are late", "Dana", event.time)
        other.event(NewEvent("note", {}, content=b"reviewed"))  # people go on
        other.resume("they came", "Dana")
        assert other.halted() is None
        other.record([decided(1)])
        with pytest.raises(NotHaltedError, match="there is nothing to resume"):
            store.resume("again", "Dana")
    assert verify(store.database).problems == []


def test_a_halt_outlives_its_process(address: str | None, tmp_path: Path, decided: Make) -> None:
    with open_store(address, tmp_path) as store:
        store.halt("stop", "Dana")
    with open_store(address, tmp_path) as store:
        assert store.halted() is not None
        with pytest.raises(HaltedError):
            store.record([decided(1)])


def test_a_halt_without_a_reason_is_refused(sqlite_store: DecisionStore) -> None:
    with pytest.raises(SettingError, match="say why"):
        sqlite_store.halt("  ", "Dana")


def test_an_event_about_a_decision_is_about_its_client(store: DecisionStore, decided: Make) -> None:
    (decision,) = store.record([decided(7)])
    note = store.event(NewEvent("note", {"by": "Dana"}, subject=decision.id, content="é".encode()))
    assert (note.client, note.subject, note.facts) == (7, decision.id, {"by": "Dana"})
    assert store.content(note) == "é".encode()
    assert store.events(subject=decision.id) == store.events(client=7) == [note]
    with pytest.raises(UnknownDecisionError):
        store.event(NewEvent("note", {}, subject="no such id"))


def answer(decisions: list[Any]) -> bytes:
    return "\n".join(d.seal for d in decisions).encode()


def test_a_key_gives_the_same_answer_again(store: DecisionStore, decided: Make) -> None:
    key = once("k", "/prediction", "req-1", {"a": 1, "b": None})
    first = store.idempotent(key, lambda: [decided(1), decided(2)], answer)
    assert not first.replayed
    assert first.content == answer(store.decisions())
    again = once(
        "k", "/prediction", "req-1", {"b": None, "a": 1}
    )  # the order of keys is no other body
    store.halt("stop", "Dana")
    second = store.idempotent(again, lambda: pytest.fail("decided once more"), answer)
    assert (second.content, second.replayed) == (first.content, True)
    assert len(store.decisions()) == 2


@pytest.mark.parametrize("other", [("k2", "/prediction", "v"), ("k", "/predictions", "v"), ("k", "/prediction", "w")])  # fmt: skip
def test_a_key_counts_by_caller_route_and_value(
    sqlite_store: DecisionStore, decided: Make, other: tuple[str, str, str]
) -> None:
    for place in (("k", "/prediction", "v"), other):
        assert not sqlite_store.idempotent(once(*place, 1), lambda: [decided(1)], answer).replayed
    assert len(sqlite_store.decisions()) == 2


def test_a_key_with_another_body_is_refused(store: DecisionStore, decided: Make) -> None:
    store.idempotent(once("k", "/p", "v", {"a": 1}), lambda: [decided(1)], answer)
    for body in ({"a": 2}, {"a": 1.5}, {"a": None}, {}):
        with pytest.raises(KeyReusedError, match="send a new one with a new key"):
            store.idempotent(once("k", "/p", "v", body), lambda: [decided(1)], answer)
    assert len(store.decisions()) == 1


def test_requests_with_one_key_at_once_record_once(store: DecisionStore, decided: Make) -> None:
    key, together = once("k", "/p", "v", 1), threading.Barrier(8)

    def decide() -> list[NewDecision]:
        together.wait(10)  # all have asked before one is recorded
        return [decided(1)]

    def send(_: int) -> str:
        try:
            return store.idempotent(key, decide, answer).content.decode()
        except KeyInUseError:
            return "in use"

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(send, range(8)))
    (decision,) = store.decisions()
    assert sorted(outcomes) == sorted([decision.seal] + ["in use"] * 7)
    assert store.answered(key) == decision.seal.encode()


def test_an_answer_is_kept_for_a_day(store: DecisionStore, decided: Make) -> None:
    key = once("k", "/p", "v", 1)
    store.idempotent(key, lambda: [decided(1)], answer)
    with store.database.writing() as connection:
        connection.execute(update(ANSWERS).values(time="2026-01-01T00:00:00.000000+00:00"))
    assert store.answered(key) is None
    assert not store.idempotent(key, lambda: [decided(1)], answer).replayed
    assert store.idempotent(key, lambda: [decided(1)], answer).replayed
    assert len(store.decisions()) == 2


def test_an_answer_that_cannot_be_made_records_nothing(store: DecisionStore, decided: Make) -> None:
    def fail(_: list[Any]) -> bytes:
        raise LookupError("no such name")

    key = once("k", "/p", "v", 1)
    with pytest.raises(LookupError, match="no such name"):
        store.idempotent(key, lambda: [decided(1)], fail)
    assert store.decisions() == []
    assert not store.idempotent(key, lambda: [decided(1)], answer).replayed


@pytest.mark.parametrize("value", ["", "x" * 65, "two words", "é", "tab\t"])
def test_another_text_is_no_key(value: str) -> None:
    with pytest.raises(SettingError, match="1 to 64 visible ASCII characters"):
        once("k", "/p", value, {})


@pytest.mark.parametrize(
    "url",
    ["mysql://u:Hidden-Word@h/d", "sqlite://", "postgresql//u:Hidden-Word@h", "Hidden-Word"],
)
def test_another_address_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="takes postgresql://") as refused:
        open_store(url, tmp_path)
    assert "Hidden-Word" not in str(refused.value)


def test_a_sqlite_file_may_lie_elsewhere(tmp_path: Path, decided: Make) -> None:
    with open_store(f"sqlite:///{tmp_path}/a b/record.db", tmp_path / "state") as store:
        store.record([decided(1)])
    assert (tmp_path / "a b" / "record.db").is_file()
    assert (tmp_path / "a b" / "record.db").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("trace", "expected"), [("power", 2), ("process", 1)])
def test_the_trace_chooses_what_a_commit_survives(
    trace: Any, expected: int, tmp_path: Path
) -> None:
    with open_store(None, tmp_path, trace) as store, store.database.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == expected
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
