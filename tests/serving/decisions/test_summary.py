"""The summary by model: equal to a count in Python, in SQLite and in PostgreSQL."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from project_tools.serving.decisions.record import NewDecision, NewEvent
from project_tools.serving.decisions.store import DecisionStore
from project_tools.serving.decisions.summary import Decided, Overrides, decided

Make = Callable[..., NewDecision]
MODELS = ("ab" * 32, "cd" * 32, "ef" * 32)


@pytest.fixture
def decided_by(request: pytest.FixtureRequest) -> Make:
    """The fixture ``decided``, which bears the name of the function under test."""
    make: Make = request.getfixturevalue("decided")
    return make


def filled(store: DecisionStore, make: Make) -> None:
    """Four hundred decisions on sixty clients and on applicants without an id."""
    chance = random.Random(3)  # noqa: S311  (the same decisions at each run)
    store.record([
        make(
            chance.choice([None, *range(1, 60)]),
            model=chance.choice(MODELS),
            model_version=str(chance.randrange(3)),
            label=chance.choice(["risk", "no_risk"]),
            near=chance.choice([None, True, False]),
        )
        for _ in range(400)
    ])  # fmt: skip


def counted(store: DecisionStore, clients: Any = None) -> dict[str, dict[str, Any]]:
    """The same counts from the decisions themselves."""
    last: dict[Any, Any] = {}
    for one in store.decisions(limit=1000):
        if clients is None or one.client in clients:
            last[one.model, one.client or one.id] = one
    by_model: dict[str, list[Any]] = {}
    for (model, _), one in last.items():
        by_model.setdefault(model, []).append(one)
    return {
        model: {
            "model_version": max(ones, key=lambda o: o.sequence).model_version,
            "clients": len(ones),
            "granted": sum(o.label == "no_risk" for o in ones),
            "near": sum(o.near is True for o in ones),
            "near_unknown": sum(o.near is None for o in ones),
            "first": min(o.time for o in ones),
            "last": max(o.time for o in ones),
        }
        for model, ones in by_model.items()
    }


def shown(summary: list[Decided], names: Any) -> dict[str, dict[str, Any]]:
    return {one.model: {name: getattr(one, name) for name in names} for one in summary}


@pytest.mark.parametrize("clients", [None, range(1, 60), [7, 8, 9, 1_000], []])
def test_a_client_counts_once_with_each_model(
    store: DecisionStore, decided_by: Make, clients: Any
) -> None:
    filled(store, decided_by)
    expected = counted(store, clients)
    summary = decided(store, clients)
    names = ("model_version", "clients", "granted", "near", "near_unknown", "first", "last")
    assert shown(summary, names) == expected
    assert [one.last for one in summary] == sorted((one.last for one in summary), reverse=True)
    assert clients == [] or sum(one.clients for one in summary) < 400


def test_an_empty_record_has_no_models(store: DecisionStore) -> None:
    assert decided(store) == []


def test_a_decisions_last_review_counts(store: DecisionStore, decided_by: Make) -> None:
    ones = store.record([decided_by(client) for client in range(1, 7)])

    def note(kind: Any, at: int, outcome: str, by: str = "A") -> None:
        facts = {"outcome": outcome, "by": by, "number": 1}
        store.event(NewEvent(kind, facts, subject=ones[at].id, content=b"why"))

    note("review", 0, "agree", by='"outcome":"override"')
    note("review", 1, "override")
    note("review", 2, "override")
    note("confirmation", 2, "confirm")
    note("review", 3, "override")
    note("confirmation", 3, "reject")
    note("review", 4, "override")
    note("confirmation", 4, "reject")
    note("review", 4, "agree")
    note("review", 5, "override")
    note("confirmation", 5, "reject")
    note("review", 5, "override")  # waits again
    (summary,) = decided(store)
    assert (summary.clients, summary.reviewed) == (6, 6)
    assert summary.overrides == Overrides(pending=2, confirmed=1, rejected=1)
    (part,) = decided(store, [2, 6])
    assert (part.clients, part.reviewed, part.overrides.pending) == (2, 2, 2)
    store.record([decided_by(2)])  # what was overridden is not this client's last decision any more
    (later,) = decided(store)
    assert (later.clients, later.reviewed, later.overrides.pending) == (6, 5, 1)


def test_the_summary_reads_its_index_alone(sqlite_store: DecisionStore, decided_by: Make) -> None:
    """At 100,000 decisions the rows themselves would take three times as long."""
    filled(sqlite_store, decided_by)
    statements: list[str] = []
    with sqlite_store.database.reading() as connection:
        connection.connection.driver_connection.set_trace_callback(statements.append)
    decided(sqlite_store)
    (query,) = (s for s in statements if "GROUP BY" in s and "review" not in s)
    with sqlite_store.database.reading() as connection:
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    assert "SCAN events USING COVERING INDEX events_last" in plan
    assert any(step.startswith("SEARCH later USING INDEX events_last") for step in plan)
