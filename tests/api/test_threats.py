"""The threats' document names tests that are there."""

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "threats.md"


def test_every_test_that_the_threats_name_is_there() -> None:
    names = re.findall(r"`(test_\w+)(?:\.(\w+))?`", DOCUMENT.read_text())
    assert len(names) > 10
    for module, case in names:
        tests = importlib.import_module(f"api.tests.{module}")
        assert not case or hasattr(tests, case), f"{module}.{case}"
    elsewhere = re.findall(r"`(tests/\S+?\.py)(?:::(\w+))?`", DOCUMENT.read_text())
    assert len(elsewhere) > 5
    for path, name in elsewhere:
        assert f"def {name}" in (ROOT / path).read_text(), f"{path}::{name}"


def test_the_ten_of_owasp_are_all_there() -> None:
    rows = re.findall(r"^\| API(\d+) ", DOCUMENT.read_text(), re.MULTILINE)
    assert rows == [str(number) for number in range(1, 11)]
