"""Signs of life: how they look in a log, and when they are left out."""

import time

import pytest

from project_tools.system import progress
from project_tools.system.progress import working


def test_a_long_step_says_how_much_of_it_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress._Lines, "every_s", 0.05)
    with working("reading bureau", done=lambda: 42.0) as step:
        time.sleep(0.2)
        step.note = "1,716,428 rows"
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  reading bureau …"
    assert "  reading bureau … 42 %, 0 s" in lines
    assert lines[-1].startswith("  reading bureau: 1,716,428 rows, 0.")


def test_what_is_not_known_is_not_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress._Lines, "every_s", 0.05)
    with working("joining", done=lambda: -1.0):
        time.sleep(0.2)
    assert "%" not in capsys.readouterr().err


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with working("reading", quiet=True):
        pass
    assert capsys.readouterr().err == ""


def test_a_step_that_fails_is_not_said_to_have_ended(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), working("reading"):
        raise ValueError("no")
    assert capsys.readouterr().err.splitlines() == ["  reading …"]
