"""The check of pinned actions: what it refuses, and that no way of writing hides a pin from it."""

from pathlib import Path

import pytest

from project_tools.settings import ROOT
from tests.project.scripts import load

check_actions = load("scripts/check_actions.py")
SHA = "0123456789abcdef0123456789abcdef01234567"


def findings(folder: Path, *uses: str, name: str = "one.yml") -> list[str]:
    steps = "\n".join(f"      - uses: {line}" for line in uses)
    (folder / name).write_text(f"jobs:\n  one:\n    steps:\n{steps}\n")
    return check_actions.findings(folder)


def test_our_workflows_use_what_runs_on_node_24() -> None:
    workflows = ROOT / ".github" / "workflows"
    assert {"api.yml", "checks.yml"} <= {path.name for path in workflows.iterdir()}
    assert check_actions.findings(ROOT / ".github") == []


@pytest.mark.parametrize(
    ("uses", "says"),
    [
        (f"actions/checkout@{SHA} # v4.2.2", "actions/checkout v4 runs on Node 20; take v5"),
        (f"actions/upload-artifact@{SHA} # v5.0.0", "v5 runs on Node 20; take v6"),
        (f"actions/cache/save@{SHA} # v4.3.0", "actions/cache/save v4 runs on Node 20"),
        (f"Actions/Checkout@{SHA} # v4.2.2", "runs on Node 20"),  # GitHub takes any case
        (f'"actions/checkout@{SHA}" # v4.2.2', "runs on Node 20"),  # quoted
        (f"actions/checkout@{SHA}", "no version behind its SHA"),
        (f"actions/checkout@{SHA} # newest", "no version behind its SHA"),
        (f"actions/checkout@{SHA} # v5", "no version behind its SHA"),  # which v5?
        ("actions/checkout@v5 # v5.0.0", "pinned by no full SHA"),
        (f"actions/checkout@{SHA[:10]} # v5.0.0", "pinned by no full SHA"),
        (f"somebody/something@{SHA} # v9.0.0", "somebody/something is in no row of ACTIONS"),
        ("docker://alpine:3 # v3.0.0", "is in no row of ACTIONS"),
    ],
)
def test_a_pin_that_is_old_or_cannot_be_judged_is_refused(
    tmp_path: Path, uses: str, says: str
) -> None:
    good = f"actions/checkout@{SHA} # v5.0.0"
    (found,) = findings(tmp_path, good, uses)
    assert found.startswith("one.yml:5: ")
    assert says in found


@pytest.mark.parametrize(
    "uses",
    [
        f"actions/checkout@{SHA} # v5.0.0",
        f"actions/checkout@{SHA} # 11.2.3",
        f"actions/cache/restore@{SHA} # v5.0.1",
        "./.github/actions/own",  # of this repository
    ],
)
def test_what_runs_on_node_24_is_taken(tmp_path: Path, uses: str) -> None:
    assert findings(tmp_path, uses) == []


def test_an_action_is_found_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(
        f"jobs: {{one: {{steps: [{{uses: actions/checkout@{SHA}}}]}}}} # v5.0.0\n"
        f"called:\n  uses: somebody/flows/.github/workflows/x.yml@{SHA}\n"
    )
    found = check_actions.findings(tmp_path)
    assert [line.split(": ")[0] for line in found] == ["flow.yaml:1", "flow.yaml:3"]


def test_the_status_is_that_of_the_findings(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["check_actions.py", str(tmp_path)])
    assert check_actions.main() == 0
    findings(tmp_path, "actions/checkout@v4")
    assert check_actions.main() == 1
    assert "pinned by no full SHA" in capsys.readouterr().err
