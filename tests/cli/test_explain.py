"""``explain`` as people type it: what is said, in both languages, and how it refuses."""

from dataclasses import replace
from pathlib import Path

import pytest

from api.tests.served import Served, make_served
from project_tools.cli.explain import lines
from project_tools.cli.main import main
from project_tools.serving.artefact import Artefact, load_artefact, write_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.explanation import DecisionReasons, decision_reasons, scored_parts
from tests.helpers.spoken import faults


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return make_served(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def artefact(served: Served) -> Artefact:
    return load_artefact(served.model, child=False)


def reasons_of(
    artefact: Artefact, store: ClientStore, client: int, language: str
) -> DecisionReasons:
    row = store.row(client)
    scores, parts = scored_parts(artefact, row)
    return decision_reasons(artefact, row, scores, parts, language=language)


def printed(
    served: Served, capsys: pytest.CaptureFixture[str], client: int, *options: str
) -> list[str]:
    where = ["--model", str(served.model), "--clients", str(served.clients)]
    assert main(["explain", str(client), *where, *options]) == 0
    return capsys.readouterr().out.splitlines()


#: By language: the decision, refused and granted, and the sides, against and for.
SAID = {
    "en": (
        ("We cannot grant this loan today.", "We can grant this loan."), ("Against", "For"),
    ),
    "fr": (
        ("Nous ne pouvons pas accorder ce prêt aujourd’hui.", "Nous pouvons accorder ce prêt."),
        ("Contre", "Pour"),
    ),
}  # fmt: skip


def test_the_model_and_the_clients_that_answered_are_named(
    served: Served, artefact: Artefact, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--model", str(served.model), "--clients", str(served.clients)]
    assert main(["explain", str(served.ids("test")[0]), *where]) == 0
    named = (
        f"model credit_scoring version 3 ({artefact.digest[:12]}), clients of {served.clients}\n"
    )
    assert capsys.readouterr().err.endswith(named)


@pytest.mark.parametrize("language", SAID)
def test_a_decision_is_said_with_both_sides(
    served: Served, artefact: Artefact, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    decisions, sides = SAID[language]
    decided, store = {True: 0, False: 0}, ClientStore.open(served.clients, artefact)
    for client in served.ids("test"):
        if min(decided.values()):
            break
        found = reasons_of(artefact, store, client, language)
        decided[found.granted] += 1
        if decided[found.granted] > 1:
            continue
        out = printed(served, capsys, client, "--language", language)
        assert out[0] == decisions[found.granted]
        assert not faults(out[0], language)
        first, second = sides[::-1] if found.granted else sides
        assert out.index(first) < out.index(second)
        own = out[out.index(first) + 1 : out.index(second)]
        assert [line.split("  ")[-1] for line in own] == [reason.text for reason in found.reasons]
        point = "," if language == "fr" else "."
        for line, reason in zip(own, found.reasons, strict=True):
            assert f"{abs(reason.points):.1f}".replace(".", point) in line
            assert ("+" in line) == (reason.points > 0)
    assert min(decided.values()) > 0


def test_without_a_reference_plain_contributions_are_said(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_artefact(tmp_path / "model", replace(served.content, reference=None))
    old = replace(served, model=tmp_path / "model")
    out = printed(old, capsys, served.ids("test")[0])
    notes = [line for line in out if line.startswith("This model holds no reference")]
    assert len(notes) == 1
    assert "The average client: " in out[1]
    assert {"Against", "For"} <= set(out)


def test_blocked_reasons_are_not_said(served: Served, artefact: Artefact) -> None:
    store = ClientStore.open(served.clients, artefact)
    found = reasons_of(artefact, store, served.ids("test")[0], "en")
    blocked = replace(found, reasons=(), other_side=(), blocked="A colleague will look at it.")
    out = list(lines(blocked, artefact.threshold, "en", near=True))
    assert out[-1] == "A colleague will look at it."
    assert out[2] == "Near the limit: a colleague should look at it."
    assert not {"Against", "For"} & set(out)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["1"], "no client 1 is known in "),
        (["1"], "--model and --clients name another model and its clients"),
        (["100001", "--language", "de"], "unknown language 'de'; choose one of en, fr"),
    ],
)
def test_a_refusal_is_one_line(
    served: Served, capsys: pytest.CaptureFixture[str], words: list[str], error: str
) -> None:
    where = ["--model", str(served.model), "--clients", str(served.clients)]
    assert main(["explain", *words, *where]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert error in said.err
