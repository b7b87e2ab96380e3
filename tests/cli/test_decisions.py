"""``decisions`` as people type it: what it prints, one line for each refusal, its exit status."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text, update

from project_tools.cli.main import main
from project_tools.serving.decisions.export import export_last
from project_tools.serving.decisions.record import NewDecision
from project_tools.serving.decisions.retention import prune
from project_tools.serving.decisions.reviews import Person, confirm, review
from project_tools.serving.decisions.store import open_store
from project_tools.serving.decisions.tables import EVENTS
from project_tools.serving.drift_result import DriftResult


def decided(client: int | None, near: bool = False) -> NewDecision:
    row = f"row {client}".encode()
    return NewDecision(client, "ab" * 32, "scores", "3", 0.25, row, 0.1 + 0.2, -1.5, "risk", near)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A record of three decisions, and the settings that name it."""
    monkeypatch.setenv("CREDIT_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("CREDIT_DECISIONS", raising=False)
    with open_store(None, tmp_path / "state") as store:
        store.record([decided(7), decided(8, near=True), decided(None)])
    return tmp_path / "state"


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    """What the command printed; a refusal is one line."""
    assert main(["decisions", *words]) == status
    output = capsys.readouterr()
    if status:
        assert output.err.count("\n") == 1
        return output.err
    assert output.err == ""
    return output.out


@pytest.mark.usefixtures("state")
def test_decisions_are_listed_newest_first(capsys: Any) -> None:
    lines = said(capsys, "list").splitlines()
    assert [line.split(maxsplit=2)[2] for line in lines] == [
        "applicant risk 0.300000", "client 8 risk 0.300000 near the threshold",
        "client 7 risk 0.300000",
    ]  # fmt: skip
    assert said(capsys, "list", "--client", "7").splitlines() == lines[2:]
    assert said(capsys, "list", "--near").splitlines() == lines[1:2]
    assert said(capsys, "list", "--limit", "1").splitlines() == lines[:1]
    assert json.loads(said(capsys, "list", "--json", "--limit", "1"))["client"] is None
    assert said(capsys, "list", "--client", "9") == "no such decision is recorded\n"


def test_a_decision_is_shown_and_verified_by_its_seal(state: Path, capsys: Any) -> None:
    with open_store(None, state) as store:
        decision = store.decisions()[0]
    shown = said(capsys, "show", decision.id)
    assert decision.seal in shown
    assert "not archived on this machine" in shown
    plain = json.loads(said(capsys, "show", decision.id, "--json"))
    assert (plain["proba_risk_class"], plain["seal"]) == (0.1 + 0.2, decision.seal)
    assert "the seal is its own" in said(capsys, "verify", "--quiet", "--seal", decision.seal)
    assert "no decision 'x' is recorded" in said(capsys, "show", "x", status=1)
    assert "is not archived in" in said(capsys, "replay", decision.id, status=1)


def test_a_changed_record_is_named_with_status_1(state: Path, capsys: Any) -> None:
    with open_store(None, state) as store, store.database.writing() as connection:
        connection.execute(update(EVENTS).where(EVENTS.c.sequence == 2).values(probability=0.1))
    assert main(["decisions", "verify", "--quiet"]) == 1
    output = capsys.readouterr()
    assert output.out.startswith("event 2 does not follow from the one before it")
    assert output.err.startswith("error: the record does not hold: 1 problem")
    assert "a seal is a sequence number" in said(capsys, "verify", "--seal", "1-2", status=1)


def test_an_empty_and_a_missing_record_are_one_line(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDIT_STATE", str(tmp_path))
    for verb in (["verify", "--quiet"], ["list"], ["show", "x"], ["replay", "x"]):
        assert "no decision is recorded yet: there is no file" in said(capsys, *verb, status=1)
    with open_store(None, tmp_path) as store:
        assert store.head() is None
    assert said(capsys, "verify", "--quiet") == "the record holds no event yet\n"
    seal = "5-" + "ab" * 32
    assert main(["decisions", "verify", "--quiet", "--seal", seal]) == 1
    assert "the end of the chain was cut off" in capsys.readouterr().out


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_the_export_is_a_whole_file_of_the_same_numbers(
    state: Path, tmp_path: Path, capsys: Any, ending: str
) -> None:
    path = tmp_path / f"out.{ending}"
    assert said(capsys, "export", str(path)) == f"3 decisions written to {path}\n"
    if ending == "csv":
        with path.open() as file:
            rows: list[dict[str, Any]] = list(csv.DictReader(file))
    elif ending == "jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = pq.read_table(path).to_pylist()
    assert [str(row["client"] or "") for row in rows] == ["7", "8", ""]
    assert [float(row["proba_risk_class"]) for row in rows] == [0.1 + 0.2] * 3
    with open_store(None, state) as store:
        assert [row["seal"] for row in rows] == [d.seal for d in store.decisions()]


@pytest.mark.usefixtures("state")
def test_an_export_to_another_ending_or_a_folder_is_refused(tmp_path: Path, capsys: Any) -> None:
    assert "unknown ending '.xlsx'" in said(capsys, "export", str(tmp_path / "a.xlsx"), status=1)
    (tmp_path / "b.csv").mkdir()
    assert "is a folder" in said(capsys, "export", str(tmp_path / "b.csv"), status=1)
    assert list((tmp_path / "b.csv").iterdir()) == []


def test_halt_and_resume_are_recorded_with_their_reason(state: Path, capsys: Any) -> None:
    assert "halted since" in said(capsys, "halt", "the data are late")
    assert "resumed at" in said(capsys, "resume", "they came")
    assert "there is nothing to resume" in said(capsys, "resume", "again", status=1)
    with open_store(None, state) as store:
        assert [e.facts["reason"] for e in store.events()] == ["the data are late", "they came"]


def test_a_halt_before_the_first_decision(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDIT_STATE", str(tmp_path))
    assert "halted since" in said(capsys, "halt", "not yet")
    with open_store(None, tmp_path) as store:
        halt = store.halted()
        assert halt is not None
        assert halt.reason == "not yet"


@pytest.mark.usefixtures("state")
def test_removing_is_refused_or_said(capsys: Any) -> None:
    refused = said(capsys, "prune", "--older-than", "30", status=1)
    assert "kept for 184 days at least" in refused
    assert said(capsys, "prune", "--older-than", "200") == "no event is older than 200 days\n"
    assert "name a client, or a decision" in said(capsys, "erase", status=1)
    assert "holds no event of client 5" in said(capsys, "erase", "5", status=1)
    erased = said(capsys, "erase", "7")
    assert erased.startswith("contents removed (inputs, reasons, sheets, notes): 1. The decisions")
    assert "1 erased" in said(capsys, "verify", "--quiet")


def test_a_store_of_a_later_release_is_one_line(state: Path, capsys: Any) -> None:
    with open_store(None, state) as store, store.database.connect() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    for verb in (["list"], ["verify", "--quiet"], ["halt", "stop"]):
        assert "has the schema 0099, this release knows" in said(capsys, *verb, status=1)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://user:Hidden-Word@127.0.0.1:1/credit", "PostgreSQL at 127.0.0.1, credit"),
        ("mysql://user:Hidden-Word@host/credit", "it takes postgresql://user:password@host"),
    ],
)
def test_no_line_shows_a_password(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, url: str, says: str
) -> None:
    monkeypatch.setenv("CREDIT_STATE", str(tmp_path))
    monkeypatch.setenv("CREDIT_DECISIONS", url)
    for verb in (["list"], ["verify", "--quiet"], ["halt", "stop"]):
        line = said(capsys, *verb, status=1)
        assert says in line
        assert "Hidden-Word" not in line


def export_shifted(source: Path, target: Path) -> Path:
    """The decisions as others would have been: nobody was refused."""
    table = pq.read_table(source)
    low = pa.array([value / 10 for value in table.column("proba_risk_class").to_pylist()])
    granted = pa.array(["no_risk"] * len(table))
    names = table.schema.names
    for name, column in (("proba_risk_class", low), ("class", granted)):
        table = table.set_column(names.index(name), name, column)
    pq.write_table(table, target)
    return target


def test_drift_reads_the_recorded_decisions_as_its_new_rows(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each client's last decision by the model that decided last, as a file of them would give."""
    monkeypatch.setenv("CREDIT_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)

    def made(client: int | None, probability: float, model: str = "cd") -> NewDecision:
        label: Any = "risk" if probability > 0.25 else "no_risk"
        return NewDecision(client, model * 32, "m", "1", 0.25, b"r", probability, 0.0, label, False)

    others = [made(i, 0.99, "ab") for i in range(500)]
    first = [made(i, 0.98) for i in range(100)]
    last = [made(i, i / 1000) for i in range(500)]
    applicants = [made(None, 0.2) for _ in range(3)]
    with open_store(None, tmp_path / "state") as store:
        store.record(others + first + last + applicants)
        assert export_last(store, tmp_path / "last.parquet") == 503
    told = pq.read_table(tmp_path / "last.parquet").to_pylist()
    assert {
        row["client"]: row["proba_risk_class"] for row in told if row["client"] is not None
    } == {i: i / 1000 for i in range(500)}
    outputs = []
    for new in ("last.parquet", "decisions"):
        assert DriftResult.read(tmp_path / "state") is None  # of the record's own decisions alone
        assert main(["drift", "last.parquet", new, "--quiet", "--json", "-"]) == 0
        outputs.append(json.loads(capsys.readouterr().out))
    file, recorded = outputs
    kept = DriftResult.read(tmp_path / "state")
    assert kept is not None
    assert (kept.model, kept.decisions, kept.alarms) == ("cd" * 32, 503, [])
    assert kept.reference == recorded["reference_digest"]
    assert kept.expected_auc == recorded["performance"]["expected_auc"]
    assert (datetime.now(UTC) - datetime.fromisoformat(kept.time)).total_seconds() < 60
    shifted = export_shifted(tmp_path / "last.parquet", tmp_path / "other.parquet")
    with pytest.raises(SystemExit, match="3"):
        main(["drift", str(shifted), "decisions", "--quiet", "--json", "-"])
    assert json.loads(capsys.readouterr().out)["alarms"]
    again = DriftResult.read(tmp_path / "state")
    assert again is not None
    assert "acceptance rate" in again.alarms
    assert (recorded["new"], recorded["new_rows"]) == ("decisions.parquet", 503)
    assert {**recorded, "new": file["new"]} == file


@pytest.fixture
def reviewed(state: Path) -> Path:
    """The record with an override that was confirmed, one that is pending, and an agreement."""
    eve = Person("Eve", "e")
    with open_store(None, state) as store:
        client, near, applicant = store.decisions()
        for decision, outcome in ((client, "override"), (near, "agree"), (applicant, "override")):
            review(
                store, decision, outcome, f"papers, of {decision.client}",  # type: ignore[arg-type]
                person=Person("Dana", "d"), decided_by=None, key=None, answer=lambda _: b"",
            )  # fmt: skip
        confirm(
            store, client, "confirm", "I saw them", person=eve, decided_by=None, key=None,
            answer=lambda _: b"",
        )  # fmt: skip
    return state


@pytest.mark.usefixtures("reviewed")
def test_overrides_are_reported_by_reviewer_reason_and_outcome(capsys: Any) -> None:
    lines = said(capsys, "overrides").splitlines()
    assert lines[:2] == ["Dana: 1 confirmed", "Dana: 1 pending"]
    assert (
        "client 7 risk overridden by Dana: papers, of 7; confirmed by Eve: I saw them" in lines[2]
    )
    assert "applicant risk overridden by Dana: papers, of None; pending" in lines[3]
    plain = [
        json.loads(line) for line in said(capsys, "overrides", "--format", "json").splitlines()
    ]
    assert [(row["client"], row["status"], row["confirmed_by"]) for row in plain] == [
        (7, "confirmed", "Eve"), (None, "pending", ""),
    ]  # fmt: skip
    table = list(csv.DictReader(said(capsys, "overrides", "--format", "csv").splitlines()))
    assert [(row["client"], row["reason"]) for row in table] == [
        ("7", "papers, of 7"), ("", "papers, of None"),
    ]  # fmt: skip
    assert {row["proba_risk_class"] for row in table} == {str(0.1 + 0.2)}


def test_no_override_and_an_erased_reason(state: Path, reviewed: Path, capsys: Any) -> None:
    assert state == reviewed
    said(capsys, "erase", "7")
    assert "overridden by Dana: (erased); confirmed by Eve: (erased)" in said(capsys, "overrides")
    said(capsys, "prune", "--older-than", "1", "--force")
    with open_store(None, state) as store:
        prune(store, 0.0, "Dana", force=True)
    assert said(capsys, "overrides") == "no decision was overridden\n"


def test_reviews_are_listed_shown_and_exported(reviewed: Path, tmp_path: Path, capsys: Any) -> None:
    with open_store(None, reviewed) as store:
        store.record([decided(9, near=True)])
        (client, near, _, wanting) = store.decisions()
    ends = [line.partition("0.300000")[2] for line in said(capsys, "list").splitlines()]
    assert ends == [
        " near the threshold", ", overridden, not confirmed yet, by Dana",
        " near the threshold, agreed to by Dana", ", overridden by Dana",
    ]  # fmt: skip
    assert said(capsys, "list", "--wanting-review").split()[1] == wanting.id
    shown = said(capsys, "show", client.id)
    assert '"outcome": "override"' in shown
    assert ": papers, of 7" in shown
    events = json.loads(said(capsys, "show", near.id, "--json"))["events"]
    assert [(e["kind"], e["text"]) for e in events] == [("review", "papers, of 8")]
    said(capsys, "export", str(tmp_path / "out.parquet"))
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(r["review"], r["reviewer"], r["confirmed_by"]) for r in rows] == [
        ("confirmed", "Dana", "Eve"), ("agreed", "Dana", None), ("pending", "Dana", None),
        (None, None, None),
    ]  # fmt: skip
