"""``credit COMMAND`` and ``python -m project_tools COMMAND`` are the same."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from project_tools.cli import COMMANDS
from project_tools.settings import ROOT

SCRIPT = Path(sys.executable).parent / "credit"
MODULE = "python -m project_tools"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    # In wide lines, usage is not broken in other places because of a longer name.
    environ = os.environ | {"COLUMNS": "1000"}
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False
    )


def both(*words: str) -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
    return run(str(SCRIPT), *words), run(sys.executable, "-m", "project_tools", *words)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_script_is_the_module(command: str) -> None:
    script, module = both(command, "--help")
    assert (script.returncode, module.returncode) == (0, 0)
    assert script.stdout.startswith(f"usage: credit {command} ")
    assert module.stdout.startswith(f"usage: {MODULE} {command} ")
    assert script.stdout.replace("credit", MODULE, 1) == module.stdout
    assert (script.stderr, module.stderr) == ("", "")


def test_the_list_of_commands_is_the_same() -> None:
    script, module = both("--help")
    assert script.returncode == module.returncode == 0
    assert script.stdout.replace("usage: credit ", f"usage: {MODULE} ") == module.stdout
    assert re.findall(r"^    ([a-z-]+)(?=\s)", module.stdout, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("words", [("features", "nowhere", "out.csv"), ("no-command",)])
def test_a_refusal_is_the_same(words: tuple[str, ...]) -> None:
    script, module = both(*words)
    assert script.returncode == module.returncode != 0
    assert script.stderr
    assert script.stderr.replace("credit", MODULE) == module.stderr
    assert script.stdout == module.stdout
