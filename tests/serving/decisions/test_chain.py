"""Whatever is changed in a record shows; what a chain alone cannot see, a kept seal does."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.record import COLUMNS, NewDecision, NewEvent, Seal
from project_tools.serving.decisions.retention import prune
from project_tools.serving.decisions.store import DecisionStore, open_store
from project_tools.serving.decisions.tables import CHECKPOINTS, CONTENTS, EVENTS, HEAD

Make = Callable[..., NewDecision]


@pytest.fixture
def filled(store: DecisionStore, decided: Make) -> DecisionStore:
    """Ten decisions and a note."""
    store.record([decided(i, near=i % 2 == 0) for i in range(10)])
    store.event(NewEvent("note", {"by": "Dana"}, client=3, content=b"called"))
    return store


def change(store: DecisionStore, *statements: Any) -> list[str]:
    """The problems after these statements, which went past the record."""
    with store.database.writing() as connection:
        for statement in statements:
            connection.execute(statement)
    return verify(store.database).problems


def test_an_untouched_record_holds(filled: DecisionStore) -> None:
    found = verify(filled.database, filled.head())
    assert found.problems == []
    assert (found.events, found.decisions, found.contents, found.erased) == (11, 10, 11, 0)
    assert found.head == filled.head()


def test_an_empty_record_holds(store: DecisionStore) -> None:
    found = verify(store.database)
    assert (found.problems, found.events, found.head) == ([], 0, None)


def test_two_stores_have_no_digest_in_common(tmp_path: Path, decided: Make) -> None:
    seals = set()
    for name in "ab":
        with open_store(None, tmp_path / name) as store:
            seals.add(store.record([decided(1)])[0].digest)
    assert len(seals) == 2


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("id", "0" * 32), ("kind", "note"), ("time", "2020-01-01T00:00:00.000000+00:00"),
        ("key_id", "other"), ("client", 99), ("client", None), ("subject", "x"), ("model", "cd" * 32),
        ("model_name", "x"), ("model_version", "4"), ("threshold", 0.26), ("content", "ef" * 32),
        ("probability", 0.12500000000000003), ("raw_score", -1.4), ("class", "risk"), ("near", 0),
        ("facts", "{}"), ("digest", "00" * 32),
    ],
)  # fmt: skip
def test_a_changed_column_is_found(
    sqlite_store: DecisionStore, decided: Make, column: str, value: Any
) -> None:
    sqlite_store.record([decided(i, near=i % 2 == 0) for i in range(10)])
    problems = change(
        sqlite_store, update(EVENTS).where(EVENTS.c.sequence == 5).values({column: value})
    )
    assert any("event 5 " in p or "event 6 " in p for p in problems)
    assert all("event" in p for p in problems)


def test_what_the_record_never_wrote_stops_no_verification(
    sqlite_store: DecisionStore, decided: Make
) -> None:
    sqlite_store.record([decided(i) for i in range(5)])
    prune(sqlite_store, 0, "Dana", force=True)
    sqlite_store.record([decided(i) for i in range(5)])
    with sqlite_store.database.writing() as connection:
        run = connection.exec_driver_sql
        run("UPDATE events SET facts = 'no JSON' WHERE kind = 'deletion'")
        run("UPDATE events SET probability = 9e999 WHERE sequence = 8")
        run("UPDATE events SET model = x'00ff' WHERE sequence = 10")
        run("UPDATE contents SET content = 'a text' WHERE rowid = 1")
    problems = verify(sqlite_store.database).problems
    assert [p.split(" does")[0] for p in problems[:3]] == ["event 6", "event 8", "event 10"]
    assert problems[3].startswith("the checkpoint at event 5 is not the one")
    assert problems[4].endswith("is not what its digest says: it was changed")


def test_every_column_is_covered() -> None:
    """The table above leaves none out."""
    assert {*COLUMNS, "digest"} == set(EVENTS.c.keys())
    marked = test_a_changed_column_is_found.pytestmark[0].args[1]
    assert {name for name, _ in marked} | {"sequence"} == {*COLUMNS, "digest"}


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        (5, 5, "event 5 is missing"),
        (4, 6, "events 4 to 6 are missing"),
        (1, 1, "event 1 is missing"),
    ],
)
def test_a_deleted_event_is_found(filled: DecisionStore, first: int, last: int, says: str) -> None:
    assert change(filled, delete(EVENTS).where(EVENTS.c.sequence.between(first, last))) == [says]


def test_a_moved_event_is_found(filled: DecisionStore) -> None:
    def move(one: int, other: int) -> Any:
        return update(EVENTS).where(EVENTS.c.sequence == one).values(sequence=other)

    problems = change(filled, move(4, 100), move(7, 4), move(100, 7))
    assert [p.split(" does")[0] for p in problems] == ["event 4", "event 5", "event 7", "event 8"]


def test_an_inserted_event_is_found(filled: DecisionStore) -> None:
    with filled.database.connect() as connection:
        row = dict(connection.execute(select(EVENTS).where(EVENTS.c.sequence == 11)).mappings().one())  # fmt: skip
    problems = change(filled, insert(EVENTS).values({**row, "sequence": 12, "id": "n" * 32}))
    assert "event 12 does not follow" in problems[0]
    assert "the head is event 11, the last event is 12" in problems[1]


def test_a_tail_that_was_cut_is_found_by_the_head(filled: DecisionStore) -> None:
    (problem,) = change(filled, delete(EVENTS).where(EVENTS.c.sequence > 8))
    assert problem.startswith("the head is event 11, the last event is 8")


def cut(store: DecisionStore, last: int) -> None:
    """Cut the tail as somebody does who knows the head."""
    with store.database.writing() as connection:
        digest = connection.execute(select(EVENTS.c.digest).where(EVENTS.c.sequence == last)).scalar_one()  # fmt: skip
        connection.execute(delete(EVENTS).where(EVENTS.c.sequence > last))
        connection.execute(update(HEAD).values(sequence=last, digest=digest))


def test_a_tail_cut_with_the_head_is_found_by_a_seal_alone(filled: DecisionStore) -> None:
    seal = filled.head()
    cut(filled, 8)
    assert verify(filled.database).problems == []
    (problem,) = verify(filled.database, seal).problems
    assert problem == (
        "the seal is of event 11, the last event is 8: the end of the chain was cut off"
    )


def rewrite(store: DecisionStore, decided: Make) -> None:
    """Write the whole chain anew from the same start, with another probability."""
    with store.database.writing() as connection:
        start = connection.execute(select(CHECKPOINTS.c.digest)).scalar_one()
        connection.execute(delete(EVENTS))
        connection.execute(update(HEAD).values(sequence=0, digest=start))
    store.record([decided(i, probability=0.01) for i in range(11)])


def test_a_chain_written_anew_is_found_by_a_seal_alone(
    filled: DecisionStore, decided: Make
) -> None:
    seals = [Seal.parse(d.seal) for d in filled.decisions()]
    rewrite(filled, decided)
    assert verify(filled.database).problems == []
    for seal in seals:
        (problem,) = verify(filled.database, seal).problems
        assert problem == (
            f"event {seal.sequence} is not the one of the seal: the chain was written anew"
        )


def test_a_record_of_another_store_is_found_by_a_seal(filled: DecisionStore, tmp_path: Path, decided: Make) -> None:  # fmt: skip
    with open_store(None, tmp_path / "other") as other:
        other.record([decided(i, near=i % 2 == 0) for i in range(11)])
        (problem,) = verify(other.database, filled.head()).problems
    assert "is not the one of the seal" in problem


def test_a_changed_content_is_found(filled: DecisionStore) -> None:
    digest = filled.decisions()[0].input
    (problem,) = change(filled, update(CONTENTS).where(CONTENTS.c.digest == digest).values(content=b"x"))  # fmt: skip
    assert problem == f"the content {digest[:12]}… is not what its digest says: it was changed"


def test_a_content_removed_without_a_record_is_found(filled: DecisionStore) -> None:
    digest = filled.decisions()[4].input
    (problem,) = change(filled, delete(CONTENTS).where(CONTENTS.c.digest == digest))
    assert problem == "the content of event 5 is missing, and no erasure tells why"


def test_a_halt_that_was_lifted_without_a_record_is_found(filled: DecisionStore) -> None:
    filled.halt("stop", "Dana")
    (problem,) = change(filled, update(HEAD).values(halted=None))
    assert problem == "the head and event 12 tell otherwise of a halt"


def test_a_removed_beginning_with_a_forged_checkpoint_is_found(filled: DecisionStore) -> None:
    with filled.database.connect() as connection:
        digest = connection.execute(select(EVENTS.c.digest).where(EVENTS.c.sequence == 4)).scalar_one()  # fmt: skip
    problems = change(
        filled,
        delete(EVENTS).where(EVENTS.c.sequence <= 4),
        insert(CHECKPOINTS).values(sequence=4, digest=digest, time="2026"),
    )
    assert problems == [
        "the checkpoint at event 4 is not the one that the last deletion recorded: it was changed, "
        "or events were removed without a record"
    ]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[Any, ...]]]:
    """A file of thirty events, closed, and its rows."""
    folder = tmp_path_factory.mktemp("chain")
    with open_store(None, folder) as store:
        store.record([
            NewDecision(i % 4, "ab" * 32, "m", "1", 0.2, b"row", i / 40, -i / 7, "no_risk", i % 3 == 0)
            for i in range(30)
        ])  # fmt: skip
        with store.database.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            rows = [tuple(row) for row in connection.execute(select(EVENTS).order_by(EVENTS.c.sequence))]  # fmt: skip
    return folder, rows


INSERT = f"INSERT INTO events VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"  # noqa: S608  (placeholders)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_any_other_order_or_number_of_events_is_found(
    recorded: tuple[Path, list[tuple[Any, ...]]], tmp_path: Path, data: st.DataObject
) -> None:
    """The rows of events rearranged, doubled or left out under new numbers: never the same record."""
    folder, rows = recorded
    chosen = data.draw(st.lists(st.sampled_from(range(30)), min_size=1, max_size=34))
    shutil.rmtree(tmp_path / "decisions", ignore_errors=True)
    shutil.copytree(folder / "decisions", tmp_path / "decisions")
    connection = sqlite3.connect(tmp_path / "decisions" / "decisions.sqlite")
    connection.execute("DELETE FROM events")
    for number, index in enumerate(chosen, start=1):
        row = (number, f"{number:032d}", *rows[index][2:]) if number - 1 != index else rows[index]
        connection.execute(INSERT, row)
    connection.commit()
    connection.close()
    with open_store(None, tmp_path) as store:
        problems = verify(store.database).problems
    assert bool(problems) == (chosen != list(range(30)))


def test_the_chain_can_be_checked_by_the_document_alone(filled: DecisionStore) -> None:
    """docs/decisions.md says what a digest covers; this is that text and nothing of ours."""
    with filled.database.connect() as connection:
        previous = connection.exec_driver_sql("SELECT digest FROM checkpoints").scalar_one()
        rows = connection.exec_driver_sql("SELECT * FROM events ORDER BY sequence").all()
    for *columns, digest in rows:
        text = json.dumps([previous, *columns], separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == digest
        previous = digest
