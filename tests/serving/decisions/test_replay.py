"""A decision is computed again from its archived model and its recorded input."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import update

from api.tests.served import make_served
from project_tools.serving.artefact import Artefact, load_artefact, write_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.decisions import replay as replay_module
from project_tools.serving.decisions.errors import (
    RecordUnavailableError,
    ReplayError,
    UnknownDecisionError,
)
from project_tools.serving.decisions.record import Decision, NewDecision
from project_tools.serving.decisions.replay import Replay, replay
from project_tools.serving.decisions.retention import erase
from project_tools.serving.decisions.store import DecisionStore, open_store
from project_tools.serving.decisions.tables import CONTENTS
from project_tools.serving.scoring import Scorer
from tests.helpers.every_family import content_of


@dataclass(frozen=True)
class Served:
    """A record in which a small model has decided on sixty clients."""

    store: DecisionStore
    model: str
    decisions: list[Decision]


def decide(artefact: Artefact, clients: Path) -> list[NewDecision]:
    """Decisions as the API makes them."""
    store, scorer, made = ClientStore.open(clients, artefact), Scorer(artefact), []
    for client in store.ids(size=60).ids:
        row = store.encoded(client)
        score = scorer.score_encoded(row)
        made.append(NewDecision(
            client, artefact.digest, artefact.manifest.name, artefact.manifest.version,
            artefact.threshold, row.tobytes(), score.decision.probability, score.raw_score,
            score.decision.label, near=False,
        ))  # fmt: skip
    return made


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    made = make_served(folder)
    artefact = load_artefact(made.model, child=False)
    with open_store(None, folder / "state") as store:
        store.archive.keep(artefact.digest, made.model)
        store.record(decide(artefact, made.clients))
    return folder / "state"


@pytest.fixture
def served(original: Path, tmp_path: Path) -> Iterator[Served]:
    shutil.copytree(original, tmp_path / "state")
    with open_store(None, tmp_path / "state") as store:
        decisions = store.decisions()
        yield Served(store, decisions[0].model, decisions)


def test_decisions_come_out_the_same_to_the_bit(served: Served) -> None:
    replays = list(replay(served.store, [d.id for d in served.decisions]))
    assert [r.decision for r in replays] == served.decisions
    assert [(r.outcome, r.differences) for r in replays] == [("equal", ())] * 60
    assert [r.probability for r in replays] == [d.probability for d in served.decisions]
    assert len({d.label for d in served.decisions}) == 2  # the class is replayed too


def test_a_decision_that_was_not_the_models_shows(served: Served) -> None:
    true = served.decisions[0]
    fields = {n: getattr(true, n) for n in ("model", "model_name", "model_version", "threshold", "raw_score", "label", "near")}  # fmt: skip
    row = served.store.row(true)
    assert row is not None
    (other,) = served.store.record([NewDecision(1, row=row, probability=true.probability + 1e-15, **fields)])  # fmt: skip
    (found,) = replay(served.store, [other.id])
    assert (found.outcome, found.differences) == ("different", ())


@pytest.mark.parametrize(
    ("error", "differences", "label", "outcome"),
    [
        (0.0, ("numpy 1 then, 2 now",), "no_risk", "equal"),
        (9e-13, ("processor a then, b now",), "no_risk", "close"),
        (9e-13, (), "no_risk", "different"),  # nothing explains it
        (2e-12, ("processor a then, b now",), "no_risk", "different"),
        (0.0, (), "risk", "different"),
    ],
)
def test_other_libraries_or_processors_are_allowed_a_last_digit(
    served: Served, error: float, differences: tuple[str, ...], label: str, outcome: str
) -> None:
    decision = replace(served.decisions[0], probability=0.1, raw_score=-1.0, label="no_risk")
    assert Replay(decision, 0.1 + error, -1.0, label, differences).outcome == outcome


def test_another_processor_and_another_version_are_named(served: Served) -> None:
    answer = replay_module._ask_child(served.store.archive.path(served.model), [], [])
    here = {**answer["computed_by"], "processor": "another kind", "lightgbm": "99", "skops": "99"}
    recorded = json.loads(served.decisions[0].computed_by)
    assert replay_module._differences(recorded, here, answer["packages"]) == (
        f"processor {recorded['processor']} then, another kind now",
        f"lightgbm {recorded['lightgbm']} then, 99 now",  # skops has no part in it
    )


def test_an_artefact_of_a_former_format_is_named_in_one_line(served: Served) -> None:
    manifest = served.store.archive.path(served.model) / "manifest.json"
    manifest.chmod(0o600)
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 1}))
    with pytest.raises(ReplayError, match="has format 1, this release reads 2") as refused:
        list(replay(served.store, [served.decisions[0].id]))
    assert "\n" not in str(refused.value)


def test_a_damaged_archive_is_named(served: Served) -> None:
    model = served.store.archive.path(served.model) / "model.txt"
    model.chmod(0o600)
    model.write_text(model.read_text().replace("leaf_value=", "leaf_value=9", 1))
    with pytest.raises(ReplayError, match=r"model\.txt is damaged"):
        list(replay(served.store, [served.decisions[0].id]))


def test_a_model_that_is_not_here_is_named(served: Served) -> None:
    served.store.archive.remove(served.model)
    with pytest.raises(ReplayError, match=f"the model {served.model[:12]}… is not archived in"):
        list(replay(served.store, [served.decisions[0].id]))


def test_an_erased_or_changed_input_is_named(served: Served) -> None:
    first, second, *_ = served.decisions
    assert first.client is not None
    erase(served.store, "Dana", client=first.client)
    with pytest.raises(ReplayError, match="cannot be computed again: its input was erased"):
        list(replay(served.store, [first.id]))
    with served.store.database.writing() as connection:
        connection.execute(update(CONTENTS).where(CONTENTS.c.digest == second.input).values(content=b"0000"))  # fmt: skip
    with pytest.raises(ReplayError, match="was changed; run decisions verify"):
        list(replay(served.store, [second.id]))


def test_an_unknown_decision_is_named(served: Served) -> None:
    with pytest.raises(UnknownDecisionError, match="no decision 'x' is recorded here"):
        list(replay(served.store, ["x"]))


def test_the_archive_refuses_a_folder_that_holds_another_model(served: Served) -> None:
    with pytest.raises(RecordUnavailableError, match="does not hold the model any more"):
        served.store.archive.keep("0" * 64, served.store.archive.path(served.model))
    assert not served.store.archive.has("0" * 64)


@pytest.mark.slow
def test_a_model_that_needs_scikit_learn_is_replayed_too(tmp_path: Path) -> None:
    content = content_of("random_forest", tmp_path / "features.state")
    write_artefact(tmp_path / "model", content)
    artefact = load_artefact(tmp_path / "model", child=False)
    rows = artefact.model.encoder.encode_rows(content.golden)
    with open_store(None, tmp_path / "state") as store:
        store.archive.keep(artefact.digest, tmp_path / "model")
        score = Scorer(artefact).score_encoded(rows[:1])
        (decision,) = store.record([NewDecision(
            None, artefact.digest, "m", "1", artefact.threshold, rows[:1].tobytes(),
            score.decision.probability, score.raw_score, score.decision.label, near=False,
        )])  # fmt: skip
        (found,) = replay(store, [decision.id])
    assert found.outcome == "equal"
