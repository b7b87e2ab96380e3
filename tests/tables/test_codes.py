"""The codes of findings: they stay, every finding has one, and docs/data.md explains them."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from project_tools.settings import ROOT
from project_tools.tables.check import check
from project_tools.tables.codes import CODES, Code
from project_tools.tables.declared import TABLES
from project_tools.tables.rules import rules

#: Programs know these codes: a code may be added, none may be removed or renamed.
PUBLISHED = frozenset(
    [
        "folder",
        "table-missing",
        "table-twice",
        "unreadable",
        "format",
        "separator",
        "encoding",
        "column-missing",
        "column-twice",
        "type",
        "not-a-number",
        "values-per-row",
        "key-not-whole",
        "key-too-large",
        "changed",
        "resources",
        "key-missing",
        "key-duplicate",
        "client-duplicate",
        "outcome-none",
        "outcome-single",
        "fraction",
        "not-finite",
        "out-of-range",
        "outside-limits",
        "value-missing",
        "level-unknown",
        "flag",
        "orphan",
        "loan-of-two-clients",
        "month-duplicate",
        "row-duplicate",
        "column-extra",
        "file-empty",
    ]
)


def test_no_code_is_removed() -> None:
    assert PUBLISHED == {*CODES} == {*get_args(Code)}


def test_the_document_lists_all_codes() -> None:
    text = (ROOT / "docs/data.md").read_text(encoding="utf-8").split("### Codes")[1]
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", text, re.MULTILINE)) == dict(CODES)


def test_each_rule_has_a_code() -> None:
    for table in TABLES.values():
        for rule in rules(table):
            assert rule.code in CODES, rule
            assert rule.code != "fraction" or rule.severity == "fatal", rule


@pytest.mark.parametrize("path", sorted((ROOT / "project_tools/tables").glob("*.py")), ids=str)
def test_each_refusal_of_a_file_has_a_code(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "TableError":
            codes = [a.value for a in node.args[1:] if isinstance(a, ast.Constant)]
            assert (
                codes or "cannot be read" in ast.unparse(node) or "{fatal[0]}" in ast.unparse(node)
            ), ast.unparse(node)
            assert {*codes} <= {*CODES}


def test_the_json_report_holds_the_codes(own: Path) -> None:
    (own / "bureau.csv").unlink()
    months = own / "POS_CASH_balance.csv"
    header, first, *rest = months.read_text().splitlines()
    cells = first.split(",")
    cells[header.split(",").index("MONTHS_BALANCE")] = "-1.5"
    months.write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
    findings = check(own).as_dict()["findings"]
    fatal = {(f["table"], f["column"], f["code"]) for f in findings if f["severity"] == "fatal"}
    assert fatal == {
        ("bureau", "", "table-missing"), ("POS_CASH_balance", "MONTHS_BALANCE", "fraction"),
    }  # fmt: skip
    assert {f["code"] for f in findings} <= {*CODES}
