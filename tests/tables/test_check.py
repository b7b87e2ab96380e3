"""Each rule of the schema finds the rows that break it, and no finding repeats a client's value."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pytest

from project_tools.errors import TableError
from project_tools.features.build import build
from project_tools.settings import ROOT
from project_tools.tables.check import check
from project_tools.tables.declared import TABLES
from project_tools.tables.files import PROBED_ROWS
from project_tools.tables.report import Finding
from project_tools.tables.rules import rules
from tests.helpers.engines import QUICK
from tests.tables.raw_folder import rows_of, write

Spoil = Callable[[Path], None]


def put(table: str, column: str, value: object, row: int = 2) -> Spoil:
    """Write a value into one row."""

    def spoil(folder: Path) -> None:
        rows = rows_of(folder, table)
        rows[column] = rows[column].astype("object")
        rows.loc[row, column] = value
        write(folder, table, rows)

    return spoil


def again(table: str, times: int = 1) -> Spoil:
    """Let the first rows of a table stand there twice."""

    def spoil(folder: Path) -> None:
        rows = rows_of(folder, table)
        write(folder, table, pd.concat([rows, rows.head(times)]))

    return spoil


def _in_both(folder: Path) -> None:
    train, test = (rows_of(folder, f"application_{name}") for name in ("train", "test"))
    test.loc[0, "SK_ID_CURR"] = train.SK_ID_CURR.iloc[0]
    write(folder, "application_test", test)


def _one_outcome(folder: Path) -> None:
    write(folder, "application_train", rows_of(folder, "application_train").assign(TARGET=0))


def _extra(folder: Path) -> None:
    write(folder, "bureau", rows_of(folder, "bureau").assign(OUR_NOTE="x"))


APPLICATION, MONTHS, PAYMENTS = "application_train", "POS_CASH_balance", "installments_payments"


#: What breaks a rule, and the finding. ``make test`` tries every third, ``.ci/run`` all.
BROKEN = [
    (put(APPLICATION, "SK_ID_CURR", None), "fatal", APPLICATION, "SK_ID_CURR", 1, "no key, as row 3"),
    (put(APPLICATION, "SK_ID_CURR", -5), "fatal", APPLICATION, "SK_ID_CURR", 1, "below 1"),
    (put(APPLICATION, "TARGET", 2), "fatal", APPLICATION, "TARGET", 1, "neither 0 nor 1, as row 3"),
    (put(APPLICATION, "TARGET", None), "fatal", APPLICATION, "TARGET", 1, "no value in a column"),
    (again(APPLICATION), "fatal", APPLICATION, "SK_ID_CURR", 1, "duplicate"),
    (_in_both, "fatal", APPLICATION, "SK_ID_CURR", 1, "or in application_test"),
    (_one_outcome, "odd", APPLICATION, "TARGET", None, "all outcomes are the same"),
    (put("bureau", "SK_ID_BUREAU", None), "fatal", "bureau", "SK_ID_BUREAU", 1, "no key"),
    (again("bureau", 3), "fatal", "bureau", "SK_ID_BUREAU", 3, "another row for the same"),
    (again("previous_application"), "fatal", "previous_application", "SK_ID_PREV", 1, "duplicate"),
    (again(MONTHS, 2), "odd", MONTHS, "SK_ID_PREV, MONTHS_BALANCE", 2, "month of an earlier"),
    (again(PAYMENTS), "odd", PAYMENTS, "", 1, "the same as another row"),
    (put(APPLICATION, "EXT_SOURCE_2", 1.5), "odd", APPLICATION, "EXT_SOURCE_2", 1, "not between 0 and 1"),
    (put(APPLICATION, "HOUR_APPR_PROCESS_START", 24), "odd", APPLICATION, "HOUR_APPR_PROCESS_START", 1, "23 hour"),
    (put(APPLICATION, "DAYS_BIRTH", 10_000), "odd", APPLICATION, "DAYS_BIRTH", 1, "above 0 days"),
    (put(APPLICATION, "FLAG_MOBIL", 3), "odd", APPLICATION, "FLAG_MOBIL", 1, "neither 0 nor 1"),
    (put(APPLICATION, "AMT_CREDIT", -1), "odd", APPLICATION, "AMT_CREDIT", 1, "below 0 currency"),
    (put(APPLICATION, "AMT_CREDIT", None), "odd", APPLICATION, "AMT_CREDIT", 1, "always has one"),
    (put(MONTHS, "SK_DPD", -1), "odd", MONTHS, "SK_DPD", 1, "below 0 days"),
    (put(MONTHS, "MONTHS_BALANCE", 4), "odd", MONTHS, "MONTHS_BALANCE", 1, "above 0 months"),
    (put("bureau", "DAYS_CREDIT_ENDDATE", 365_243), "odd", "bureau", "DAYS_CREDIT_ENDDATE", 1, "above 36500"),
    (put(APPLICATION, "CODE_GENDER", "Q"), "odd", APPLICATION, "CODE_GENDER", 1, "unknown level: 'Q'"),
    (put(APPLICATION, "CODE_GENDER", "a@b.c"), "odd", APPLICATION, "CODE_GENDER", 1, "a value that is no name"),
    (put(APPLICATION, "CODE_GENDER", "1234567"), "odd", APPLICATION, "CODE_GENDER", 1, "a value that is no name"),
    (put("bureau", "SK_ID_CURR", 99), "odd", "bureau", "SK_ID_CURR", 1, "without a row in application"),
    (put(PAYMENTS, "SK_ID_PREV", 99), "odd", PAYMENTS, "SK_ID_PREV", 1, "in previous_application"),
    (_extra, "odd", "bureau", "OUR_NOTE", 0, "ignored"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "severity", "table", "column", "rows", "what"),
    [
        pytest.param(*one, marks=() if place % 3 == 0 else pytest.mark.slow)
        for place, one in enumerate(BROKEN)
    ],
)
def test_a_rule_finds_what_breaks_it(  # noqa: PLR0917  (a fixture and the columns of the table)
    own: Path,
    known: frozenset[Finding],
    spoil: Spoil,
    severity: str,
    table: str,
    column: str,
    rows: int | None,
    what: str,
) -> None:
    spoil(own)
    new = [f for f in check(own).findings if f not in known]
    found, before = (
        [f for f in findings if (f.table, f.column) == (table, column) and what in f.what]
        for findings in (new, known)
    )
    assert [f.severity for f in found] == [severity], new
    # The demonstration's tables have odd rows of their own, as the real ones do.
    assert rows is None or found[0].rows - sum(f.rows for f in before) == rows


@pytest.mark.parametrize(
    "sentinel", [(APPLICATION, "DAYS_EMPLOYED"), ("previous_application", "DAYS_TERMINATION")]
)
def test_a_sentinel_in_its_place_is_no_finding(
    own: Path, known: frozenset[Finding], sentinel: tuple[str, str]
) -> None:
    put(*sentinel, 365_243)(own)
    assert set(check(own).findings) == known


def test_sound_tables_have_no_finding_and_their_rows_are_counted(sound: Path) -> None:
    report = check(sound)
    assert not report.fatal
    assert report.rows == {name: len(rows_of(sound, name)) for name in TABLES}


def test_every_number_with_limits_has_a_rule() -> None:
    for table in TABLES.values():
        ruled = {rule.column for rule in rules(table) if not rule.missing}
        free = {c.name for c in table.columns} - ruled
        for name in free:
            column = table.column(name)
            assert column.nullable, name
            assert not column.levels, name
            assert column.between == (None, None), name


def test_the_features_refuse_what_is_fatal_and_keep_the_former_file(
    own: Path, tmp_path: Path
) -> None:
    out = tmp_path / "features.parquet"
    build(own, [out], engine=QUICK, quiet=True)
    former = out.read_bytes()
    put(APPLICATION, "TARGET", 7)(own)
    with pytest.raises(
        TableError, match=r"application_train\.TARGET: neither 0 nor 1, as row 3 in 1 row"
    ):
        build(own, [out], engine=QUICK, quiet=True)
    assert out.read_bytes() == former


def _lacks_a_column(folder: Path) -> None:
    write(folder, "bureau", rows_of(folder, "bureau").drop(columns="AMT_ANNUITY"))


def _a_text_far_down(folder: Path) -> None:
    rows = rows_of(folder, "bureau")
    longer = pd.concat([rows] * (1 + 2 * PROBED_ROWS // len(rows)))
    longer["AMT_ANNUITY"] = longer["AMT_ANNUITY"].astype("object")
    longer.iloc[-1, longer.columns.get_loc("AMT_ANNUITY")] = "much"
    write(folder, "bureau", longer)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_lacks_a_column, "lacks the column AMT_ANNUITY"),
        (_a_text_far_down, "column AMT_ANNUITY holds a text"),
        (lambda folder: (folder / "bureau.csv").unlink(), "holds no bureau"),
    ],
)
def test_a_table_that_cannot_be_read_does_not_hide_the_others(
    own: Path, spoil: Spoil, says: str
) -> None:
    put(APPLICATION, "TARGET", 7)(own)
    spoil(own)
    report = check(own)
    fatal = {
        finding.table: finding.what for finding in report.findings if finding.severity == "fatal"
    }
    assert set(fatal) == {APPLICATION, "bureau"}
    assert says in fatal["bureau"]
    assert set(report.rows) == set(TABLES) - {"bureau"}


def test_the_features_tell_of_odd_rows_in_one_line(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(APPLICATION, "EXT_SOURCE_2", 1.5)(own)
    report = build(own, [tmp_path / "features.parquet"], engine=QUICK)
    what = "not between 0 and 1"
    expected = Finding("odd", APPLICATION, "EXT_SOURCE_2", 1, what, "outside-limits")
    assert expected in report.odd
    lines = [line for line in capsys.readouterr().err.splitlines() if "odd:" in line]
    assert len(lines) == 1
    assert "project_tools check lists all" in lines[0]


def _without_a_parent(findings: Iterable[Finding]) -> dict[tuple[str, str], int]:
    return {(f.table, f.what): f.rows for f in findings if "without a row" in f.what}


@pytest.mark.parametrize("engine", ["polars", pytest.param("duckdb", marks=pytest.mark.slow)])
def test_the_features_count_rows_without_a_parent_as_check_does(
    own: Path, tmp_path: Path, engine: str
) -> None:
    """Though they read the instalments before the loans, and never hold all tables at once."""
    loans = {"bureau_balance": "SK_ID_BUREAU", MONTHS: "SK_ID_PREV", PAYMENTS: "SK_ID_PREV",
             "credit_card_balance": "SK_ID_PREV"}  # fmt: skip
    clients = {"bureau": "SK_ID_CURR", "previous_application": "SK_ID_CURR"}
    for table, key in (loans | clients).items():
        put(table, key, 99)(own)
    found = _without_a_parent(build(own, [tmp_path / "f.parquet"], engine=engine, quiet=True).odd)
    assert found == _without_a_parent(check(own).findings)
    assert {table for table, _ in found} == {*loans, *clients}
    assert found["bureau", "without a row in application_train or application_test"] == 1


def test_nobody_is_missed_in_a_table_that_was_left_out_on_purpose(own: Path) -> None:
    put("bureau", "SK_ID_CURR", 99)(own)
    put(PAYMENTS, "SK_ID_PREV", 99)(own)
    left_out = ("application_test", "previous_application")
    found = _without_a_parent(check(own, without=left_out).findings)
    assert {table for table, _ in found} <= {"bureau_balance"}
    # Applications to transform may stand in one table alone, and belong to it.
    found = _without_a_parent(check(own, without=["application_train"]).findings)
    labelled = set(rows_of(own, APPLICATION).SK_ID_CURR) | {99}
    lonely = int(rows_of(own, "bureau").SK_ID_CURR.isin(labelled).sum())
    assert found["bureau", "without a row in application_test"] == lonely > 1


def test_no_finding_repeats_a_client_s_value(own: Path) -> None:
    put(APPLICATION, "AMT_CREDIT", -987_654.25)(own)
    put("bureau", "SK_ID_CURR", 987_654)(own)
    assert "987" not in json.dumps(check(own).as_dict()).replace(str(own), "")


def test_the_command_prints_a_table_or_json_and_says_fatal_by_its_status(own: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "project_tools", "check", str(own), "--quiet", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert "nothing is wrong" in run().stdout or "none fatal" in run().stdout
    put(APPLICATION, "TARGET", 7)(own)
    shown = run()
    assert shown.returncode == 1
    assert "1 fatal" in shown.stdout
    found = json.loads(run("--json").stdout)
    assert found["fatal"]
    assert found["rows"][APPLICATION] == len(rows_of(own, APPLICATION))
