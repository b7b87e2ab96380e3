"""Retention removes the beginning and leaves a checkpoint; an erasure leaves the chain as it is."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project_tools.errors import CreditError, SettingError
from project_tools.serving.decisions import record, retention
from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.record import NewDecision, NewEvent, Seal
from project_tools.serving.decisions.retention import erase, prune
from project_tools.serving.decisions.store import DecisionStore, once, open_store

Make = Callable[..., NewDecision]


def record_days_ago(
    store: DecisionStore, monkeypatch: pytest.MonkeyPatch, days: float, *decisions: NewDecision
) -> None:
    """Record as if the clock stood so many days earlier."""
    time = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
    with monkeypatch.context() as patch:
        patch.setattr(record, "now", lambda: time)
        store.record(decisions)


def test_the_clock_set_back_changes_nothing(
    store: DecisionStore, decided: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.record([decided(1)])
    record_days_ago(store, monkeypatch, 30, decided(2))
    store.record([decided(3)])
    decisions = store.decisions()
    assert [d.client for d in decisions] == [1, 2, 3]
    assert [d.sequence for d in decisions] == [1, 2, 3]
    assert decisions[1].time < decisions[0].time
    assert verify(store.database, Seal.parse(decisions[0].seal)).problems == []


def test_old_decisions_are_removed_and_the_rest_still_holds(
    store: DecisionStore, decided: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_days_ago(store, monkeypatch, 400, *(decided(i) for i in range(5)))
    record_days_ago(store, monkeypatch, 10, *(decided(i) for i in range(3, 8)))
    kept = store.decisions(after=5)
    monkeypatch.setattr(retention, "_SLICE", 2)  # three transactions
    pruned = prune(store, 200, "Dana")
    assert (pruned.events, pruned.until) == (5, 5)
    assert store.decisions() == kept
    found = verify(store.database, Seal.parse(kept[2].seal))
    assert (found.problems, found.start, found.decisions, found.contents) == ([], 5, 5, 5)
    deletions = store.events()
    assert [e.facts["until"] for e in deletions] == [2, 4, 5]
    assert {e.facts["who"] for e in deletions} == {"Dana"}
    assert prune(store, 200, "Dana").events == 0
    store.record([decided(9)])
    assert verify(store.database).problems == []


def test_a_seal_of_a_removed_decision_says_so(
    store: DecisionStore, decided: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_days_ago(store, monkeypatch, 400, decided(1), decided(2))
    first, last = (Seal.parse(d.seal) for d in store.decisions())
    prune(store, 200, "Dana")
    assert verify(store.database, last).problems == []  # the checkpoint is this very event
    (problem,) = verify(store.database, first).problems
    assert (
        problem
        == "event 1 was removed by retention (up to event 2), so this seal cannot be checked"
    )


def test_everything_can_be_removed_and_the_chain_goes_on(
    sqlite_store: DecisionStore, decided: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_days_ago(sqlite_store, monkeypatch, 400, *(decided(i) for i in range(5)))
    assert prune(sqlite_store, 200, "Dana").events == 5
    assert sqlite_store.record([decided(1)])[0].sequence == 7
    assert verify(sqlite_store.database).problems == []
    assert prune(sqlite_store, 0.0, "Dana", force=True).events == 2
    assert verify(sqlite_store.database).problems == []


def test_an_event_of_a_wrong_clock_keeps_all_after_it(
    sqlite_store: DecisionStore, decided: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_days_ago(sqlite_store, monkeypatch, 400, decided(1))
    record_days_ago(sqlite_store, monkeypatch, 1, decided(2))
    record_days_ago(sqlite_store, monkeypatch, 400, decided(3))  # the clock was set back
    assert prune(sqlite_store, 200, "Dana").events == 1
    assert [d.client for d in sqlite_store.decisions()] == [2, 3]


@pytest.mark.parametrize("days", [0, 1, 183])
def test_less_than_six_months_is_refused(
    sqlite_store: DecisionStore, decided: Make, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    record_days_ago(sqlite_store, monkeypatch, 183.5, decided(1))
    with pytest.raises(SettingError, match=r"kept for 184 days at least .* add --force"):
        prune(sqlite_store, days, "Dana")
    assert len(sqlite_store.decisions()) == 1
    assert prune(sqlite_store, days, "Dana", force=True).events == 1


def test_a_model_goes_with_its_last_decision(
    sqlite_store: DecisionStore, decided: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    archive = sqlite_store.archive
    for name in ("old", "new", "served"):
        (archive.path(name)).mkdir(parents=True)
        (archive.path(name) / "manifest.json").write_text("{}")
    pointers = tmp_path / "serving"
    pointers.mkdir()
    (pointers / "p.json").write_text('[{"model": "served", "clients": "c", "matrix": "m"}]')
    record_days_ago(
        sqlite_store, monkeypatch, 400, decided(1, model="old"), decided(1, model="new")
    )
    record_days_ago(sqlite_store, monkeypatch, 1, decided(1, model="new"))
    assert prune(sqlite_store, 200, "Dana").models == 1
    assert archive.digests() == {"new", "served"}


def answer(decisions: list[Any]) -> bytes:
    return b"Hidden-Word " + decisions[0].seal.encode()


def test_an_erasure_removes_a_persons_data_and_says_so(store: DecisionStore, decided: Make) -> None:
    key, other = once("k", "/p", "v1", 1), once("k", "/p", "v2", 1)
    store.idempotent(key, lambda: [decided(7, row=b"Hidden-Word row")], answer)
    store.idempotent(other, lambda: [decided(8)], lambda _: b"stays")
    (mine,) = store.decisions(client=7)
    store.event(NewEvent("note", {}, subject=mine.id, content=b"Hidden-Word note"))
    kept = store.event(NewEvent("note", {}, client=8, content=b"another's"))
    seal = store.head()
    assert erase(store, "Dana", client=7) == 2
    assert store.row(mine) is None
    assert [store.content(e) for e in store.events(client=7) if e.kind == "note"] == [None]
    assert store.answered(key) is None
    assert store.answered(other) == b"stays"
    assert store.content(kept) == b"another's"
    found = verify(store.database, seal)
    assert (found.problems, found.erased) == ([], 2)
    assert store.events(client=7)[-1].kind == "erasure"
    (again,) = store.record([decided(7)])  # the client comes back
    assert store.row(again) == b"row of 7"
    assert verify(store.database).problems == []


def test_what_is_erased_is_in_no_byte_of_the_file(tmp_path: Path, decided: Make) -> None:
    with open_store(None, tmp_path) as store:
        store.record([decided(i, row=f"Hidden-Word {i} ".encode() * 300) for i in range(20)])
        erase(store, "Dana", client=7)
        files = list((tmp_path / "decisions").iterdir())
        content = b"".join(path.read_bytes() for path in files)
    assert content.count(b"Hidden-Word 7 ") == 0
    assert content.count(b"Hidden-Word 8 ") >= 290


def test_a_row_that_another_client_shares_stays(store: DecisionStore, decided: Make) -> None:
    mine, theirs, applicant, another = store.record([
        decided(7, row=b"same"), decided(8, row=b"same"), decided(None, row=b"alone"),
        decided(None, row=b"another"),
    ])  # fmt: skip
    assert erase(store, "Dana", client=7) == 0
    assert (store.row(mine), store.row(theirs)) == (None, b"same")
    assert erase(store, "Dana", client=8) == 1  # nobody is left who has it
    assert store.row(theirs) is None
    assert erase(store, "Dana", decision=applicant.id) == 1
    assert (store.row(applicant), store.row(another)) == (None, b"another")
    found = verify(store.database)
    assert (found.problems, found.erased) == ([], 3)


def test_a_client_without_events_cannot_be_erased(sqlite_store: DecisionStore) -> None:
    with pytest.raises(SettingError, match="the record holds no event of client 5"):
        erase(sqlite_store, "Dana", client=5)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), st.integers(0, 3)),
        st.tuples(st.just("note"), st.integers(0, 3)),
        st.tuples(st.just("erase"), st.integers(0, 3)),
        st.tuples(st.just("days"), st.integers(-40, 200)),  # the clock goes on, or is set back
        st.tuples(st.just("prune"), st.integers(1, 300)),
        st.tuples(st.sampled_from(["halt", "resume"]), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=int(os.environ.get("EXAMPLES", "1")) * 15, deadline=None)
@given(steps=STEPS)
def test_whatever_is_done_the_chain_holds_and_every_seal_is_its_own_or_was_removed(
    steps: list[tuple[str, int]],
) -> None:
    day, seals = 0, []
    with tempfile.TemporaryDirectory() as folder, open_store(None, Path(folder)) as store:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(record, "now", lambda: (NOW + timedelta(days=day)).isoformat())  # noqa: PLW0108  (the day changes)
            for what, number in steps:
                with suppress(CreditError):
                    if what == "days":
                        day += number
                    elif what == "decide":
                        row = f"row {number % 3}".encode()  # two clients have the same row
                        new = NewDecision(number, "m", "m", "1", 0.2, row, 0.1, 0, "no_risk", False)
                        seals += [Seal.parse(d.seal) for d in store.record([new])]
                    elif what == "note":
                        store.event(NewEvent("note", {}, client=number, content=b"called"))
                    elif what == "erase":
                        erase(store, "Dana", client=number)
                    elif what == "prune":
                        prune(store, (datetime.now(UTC) - NOW).days - day + number, "Dana", force=True)  # fmt: skip
                    else:
                        getattr(store, what)("why", "Dana")
        found = verify(store.database)
        assert found.problems == []
        for seal in seals[-3:] + seals[:3]:
            problems = verify(store.database, seal).problems
            assert problems == [] or "removed by retention" in problems[0]
            assert bool(problems) == (seal.sequence < found.start)


#: The first day of the steps: long ago, so that all days are days of the past.
NOW = datetime(2020, 1, 1, tzinfo=UTC)
