"""A client's past: what differs from the decision before is named by label, from the recorded inputs."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.tests.served import make_served
from project_tools.serving.artefact import Artefact, copy_artefact, load_artefact
from project_tools.serving.decisions.history import MOST_FEATURES, Page, history
from project_tools.serving.decisions.record import Decision, Event, NewDecision, NewEvent
from project_tools.serving.decisions.retention import erase
from project_tools.serving.decisions.store import DecisionStore, open_store
from project_tools.serving.reasons import concepts

NEWEST = 1 << 62


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model, and the same one under another version."""
    folder = tmp_path_factory.mktemp("served")
    made = make_served(folder)
    copy_artefact(made.model, folder / "second", version="4")
    return made.model, folder / "second"


@pytest.fixture
def artefact(models: tuple[Path, Path]) -> Artefact:
    return load_artefact(models[0], child=False)


@pytest.fixture
def store(models: tuple[Path, Path], tmp_path: Path) -> Iterator[DecisionStore]:
    with open_store(None, tmp_path / "state") as one:
        for folder in models:
            one.archive.keep(load_artefact(folder, child=False).digest, folder)
        yield one


def decision(artefact: Artefact, client: int = 7, **values: object) -> NewDecision:
    """A decision on a row of golden values with some others."""
    row = {f.name: (0.5 if f.kind == "number" else f.levels[0]) for f in artefact.features}
    encoded = artefact.model.encoder.encode({**row, **values})  # type: ignore[dict-item]
    return NewDecision(
        client, artefact.digest, "m", "3", 0.2, encoded.tobytes(), 0.1, -1.0, "no_risk", False
    )


def changed(page: Page) -> list[list[str] | None]:
    """The names of the changed features of each decision that has one before it."""
    found = (page.changes.get(e.id) for e in page.entries if isinstance(e, Decision))
    return [None if c.features is None else [f.name for f in c.features] for c in found if c]


def test_each_decision_says_what_differs_from_the_one_before(
    store: DecisionStore, artefact: Artefact
) -> None:
    store.record([decision(artefact)])
    store.record([decision(artefact)])
    store.record([decision(artefact, client=8, AMT_CREDIT=9.0)])  # another client's
    store.record([decision(artefact, AMT_CREDIT=None, NAME_EDUCATION_TYPE="Incomplete higher")])
    page = history(store, 7, before=NEWEST, size=10)
    newest, _, first = (e for e in page.entries if isinstance(e, Decision))
    assert changed(page)[1:] == [[]]
    assert first.id not in page.changes
    assert page.next is None
    by_name = {f.name: f for f in page.changes[newest.id].features or ()}
    assert {n: (f.label, f.before, f.after) for n, f in by_name.items()} == {
        "AMT_CREDIT": ("amount of the credit", "0.5 currency", "not known"),
        "NAME_EDUCATION_TYPE": ("education", "Higher education", "Incomplete higher"),
    }


def test_the_most_important_features_come_first_and_the_rest_is_counted(
    store: DecisionStore, artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("project_tools.serving.decisions.history.MOST_FEATURES", 3)
    others = {f.name: 0.7 for f in artefact.features if f.kind == "number"}
    _, later = store.record([decision(artefact), decision(artefact, **others)])
    changes = history(store, 7, before=NEWEST, size=10).changes[later.id]
    shares = artefact.overview.shares()
    ranked = sorted(others, key=lambda name: -shares[name])
    assert [f.name for f in changes.features or ()] == ranked[:3]
    assert changes.more == len(others) - 3
    assert MOST_FEATURES >= 20


def test_another_model_and_a_missing_one(
    store: DecisionStore, artefact: Artefact, models: tuple[Path, Path]
) -> None:
    second = replace(artefact, digest=load_artefact(models[1], child=False).digest)
    store.record([decision(artefact), decision(second, EXT_SOURCE_2=0.9), decision(second)])
    page = history(store, 7, before=NEWEST, size=10)
    assert changed(page) == [["EXT_SOURCE_2"], ["EXT_SOURCE_2"]]  # the same inputs, by name
    unknown = replace(artefact, digest="0" * 64)
    store.record([decision(unknown, EXT_SOURCE_2=0.1)])
    assert changed(history(store, 7, before=NEWEST, size=10))[0] is None
    shutil.copytree(store.archive.path(artefact.digest), store.archive.path(unknown.digest))
    catalogue = store.archive.path(unknown.digest) / "catalogue.json"
    catalogue.write_bytes(catalogue.read_bytes()[:-5])  # a damaged one names nothing either
    assert changed(history(store, 7, before=NEWEST, size=10))[0] is None


def test_what_is_computed_from_a_protected_column_is_left_out(
    store: DecisionStore, artefact: Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    from project_tools.serving.decisions import history as module  # noqa: PLC0415

    monkeypatch.setattr(concepts, "PROTECTED_COLUMNS", ("AMT_CREDIT",))
    module._read_inputs.cache_clear()
    store.record([decision(artefact), decision(artefact, AMT_CREDIT=9.0, CREDIT_TO_INCOME_RATIO=9.0, EXT_SOURCE_2=0.9)])  # fmt: skip
    try:
        assert changed(history(store, 7, before=NEWEST, size=10)) == [["EXT_SOURCE_2"]]
    finally:
        module._read_inputs.cache_clear()


def test_pages_hold_notes_and_go_on_where_the_last_one_ended(
    store: DecisionStore, artefact: Artefact
) -> None:
    for number in range(5):
        store.record([decision(artefact, EXT_SOURCE_2=number / 10)])
        store.event(NewEvent("note", {"by": "Dana"}, client=7, content=f"note {number}".encode()))
    seen, names, before = [], [], NEWEST
    while True:
        page = history(store, 7, before=before, size=3)
        seen += page.entries
        names += changed(page)
        if page.next is None:
            break
        before = page.next
    assert [entry.sequence for entry in seen] == list(range(10, 0, -1))
    assert [type(entry) for entry in seen] == [Event, Decision] * 5
    assert names == [["EXT_SOURCE_2"]] * 4  # also across the pages


def test_an_erased_past_says_so(store: DecisionStore, artefact: Artefact) -> None:
    store.record([decision(artefact), decision(artefact, EXT_SOURCE_2=0.9)])
    note = store.event(NewEvent("note", {"by": "Dana"}, client=7, content=b"called"))
    assert store.texts([note]) == {note.sequence: "called"}
    erase(store, "Dana", client=7)
    assert changed(history(store, 7, before=NEWEST, size=10)) == [None]
    assert store.texts([note]) == {}
