"""An applicant's records: what is fatal in the raw tables is refused, what is odd there is a finding."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from project_tools.features.records import (
    HISTORY_NAMES,
    MOST_ERRORS,
    OddRecords,
    RecordsError,
    read_records,
)
from project_tools.tables.check import check
from project_tools.tables.declared import TABLES
from tests.features.made_up_tables import plain, write
from tests.helpers.applicants import completed

#: In place of an applicant's data: no refusal repeats it.
MARK = "a value of the applicant's"
NUMBER = 31_415_926_535
CLIENT = 100_001
Records = dict[str, Any]


def records() -> Records:
    """Records without a finding: two rows in each table."""
    loans = {"bureau": "SK_ID_BUREAU", "previous_application": "SK_ID_PREV"}
    found: Records = {
        "application": plain(
            "application_test",
            SK_ID_CURR=CLIENT,
            REGION_RATING_CLIENT=2.0,
            REGION_RATING_CLIENT_W_CITY=2.0,
        )
    }
    for name in HISTORY_NAMES:
        key = loans.get(name) or next(k for k in loans.values() if k in TABLES[name].column_names)
        client = {"SK_ID_CURR": CLIENT} if "SK_ID_CURR" in TABLES[name].column_names else {}
        found[name] = [plain(name, **client, **{key: 7 + at}) for at in range(2)]
    return found


def at(table: str, number: int = 1, **fields: Any) -> Callable[[Records], None]:
    def change(of: Records) -> None:
        (of[table] if table == "application" else of[table][number]).update(fields)

    return change


def without(table: str, field: str) -> Callable[[Records], None]:
    return lambda of: (of[table] if table == "application" else of[table][1]).pop(field)


def put(table: str, value: object) -> Callable[[Records], None]:
    return lambda of: of.update({table: value})


A_NUMBER, A_TEXT, A_KEY = "a number, or null", "a text, or null", "a whole number above 0"
FRACTION, MISSING = "a fraction where a whole number", "It is missing; give it, or null"


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        (put(MARK, []), "", "Name 8 is no table."),
        (put("beureau", []), "", "Name 8 is no table; did you mean 'bureau'?"),
        (put("bureau", {}), "bureau", "no list of records"),
        (put("bureau", MARK), "bureau", "no list of records"),
        (put("bureau", [None]), "bureau[0]", "no record"),
        (put("bureau", [[1, 2]]), "bureau[0]", "no record"),
        (put("application", None), "", "no application; give one"),
        (put("application", 5), "application", "no list of records"),
        (put("application", [{}, {}]), "application", "2 records; an applicant has one"),
        (put("application_test", {"A": 1}), "", "application and application_test"),
        (at("bureau", AMT_CREDIT_SUN=1), "bureau[1]", "Name 18 is no column of bureau; did you mean 'AMT_CREDIT_SUM'?"),
        (at("bureau", **{MARK: 1}), "bureau[1]", "Name 18 is no column of bureau"),
        (at("bureau", AMT_CREDIT_SUM=MARK), "bureau[1].AMT_CREDIT_SUM", A_NUMBER),
        (at("bureau", AMT_CREDIT_SUM=str(NUMBER)), "bureau[1].AMT_CREDIT_SUM", A_NUMBER),
        (at("bureau", AMT_CREDIT_SUM=True), "bureau[1].AMT_CREDIT_SUM", A_NUMBER),
        (at("bureau", AMT_CREDIT_SUM=10**400), "bureau[1].AMT_CREDIT_SUM", A_NUMBER),
        (at("bureau", AMT_CREDIT_SUM=[1.0]), "bureau[1].AMT_CREDIT_SUM", A_NUMBER),
        (at("bureau", DAYS_CREDIT=-1.5), "bureau[1].DAYS_CREDIT", FRACTION),
        (at("application", DAYS_BIRTH=-9000.5), "application.DAYS_BIRTH", FRACTION),
        (at("application", OCCUPATION_TYPE=NUMBER), "application.OCCUPATION_TYPE", A_TEXT),
        (at("bureau_balance", STATUS=1.5), "bureau_balance[1].STATUS", A_TEXT),
        (at("bureau_balance", STATUS=True), "bureau_balance[1].STATUS", A_TEXT),
        (at("bureau", SK_ID_BUREAU=1.5), "bureau[1].SK_ID_BUREAU", A_KEY),
        (at("bureau", SK_ID_BUREAU=2**63), "bureau[1].SK_ID_BUREAU", A_KEY),
        (at("bureau", SK_ID_BUREAU=0), "bureau[1].SK_ID_BUREAU", A_KEY),
        (at("bureau", SK_ID_BUREAU=None), "bureau[1].SK_ID_BUREAU", A_KEY),
        (at("bureau", SK_ID_BUREAU=math.nan), "bureau[1].SK_ID_BUREAU", A_KEY),
        (at("bureau", SK_ID_BUREAU=7), "bureau[1].SK_ID_BUREAU", "An earlier record has the same"),
        (at("previous_application", SK_ID_PREV=7), "previous_application[1].SK_ID_PREV", "An earlier record"),
        (at("bureau", SK_ID_CURR=5), "bureau[1].SK_ID_CURR", "another client"),
        (at("application", SK_ID_CURR=5), "bureau[0].SK_ID_CURR", "another client"),
        (at("installments_payments", SK_ID_CURR="5"), "installments_payments[1].SK_ID_CURR", A_KEY),
        (at("bureau_balance", SK_ID_BUREAU=99), "bureau_balance[1].SK_ID_BUREAU", "bureau does not hold"),
        (without("application", "AMT_CREDIT"), "application.AMT_CREDIT", MISSING),
        (without("bureau", "CREDIT_ACTIVE"), "bureau[1].CREDIT_ACTIVE", MISSING),
        (without("bureau", "SK_ID_BUREAU"), "bureau[1].SK_ID_BUREAU", "It is missing; give it."),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_with_is_refused_by_field(
    change: Callable[[Records], object], name: str, says: str
) -> None:
    of = records()
    change(of)
    with pytest.raises(RecordsError, match=r"^[^\n]+$") as caught:
        read_records(of)
    assert says in caught.value.errors[name]
    for secret in (MARK, str(NUMBER)):
        assert secret not in str(caught.value) + repr(caught.value.errors)


@pytest.mark.parametrize("value", [None, 5, "text", [], [1]])
def test_what_are_no_records_is_refused(value: object) -> None:
    with pytest.raises(RecordsError, match=r"^the records: they (are no object|hold no app)"):
        read_records(value)


def test_a_refusal_names_a_limited_number_of_fields() -> None:
    of = records()
    of["bureau"] = [{**of["bureau"][0], "SK_ID_BUREAU": key, "DAYS_CREDIT": -0.5} for key in range(7, 99)]  # fmt: skip
    with pytest.raises(RecordsError, match=rf"\({MOST_ERRORS - 1} more faults\)") as caught:
        read_records(of)
    assert len(caught.value.errors) == MOST_ERRORS


def test_records_of_two_tables_do_not_hide_each_other() -> None:
    of = records()
    at("bureau", DAYS_CREDIT=-0.5)(of)
    at("POS_CASH_balance", MONTHS_BALANCE=-0.5)(of)
    with pytest.raises(RecordsError) as caught:
        read_records(of)
    assert caught.value.errors.keys() == {
        "bureau[1].DAYS_CREDIT",
        "POS_CASH_balance[1].MONTHS_BALANCE",
    }


def test_sound_records_have_no_finding_and_ids_may_be_missing() -> None:
    of = records()
    assert read_records(of).findings == ()
    for rows in ([of["application"]], *(of[name] for name in HISTORY_NAMES)):
        for row in rows:
            row.pop("SK_ID_CURR", None)
    assert read_records(of).findings == ()


def of_command(of: Records, folder: Path) -> set[tuple[str, int, str, str]]:
    """The findings of the raw tables' check on the same records: column, records, code, words."""
    tables = {name: of.get(name, []) for name in HISTORY_NAMES}
    alone = {"application_train": [], "application_test": [of["application"]]}
    report = check(write(alone | tables, folder), without=["application_train"])
    return {
        (f"{f.table.replace('_test', '')}.{f.column}", f.rows, f.code, f.what.partition(":")[0].partition(", as row")[0])
        for f in report.findings
        if f.code not in {"month-duplicate", "row-duplicate"}  # ``credit check`` alone looks for them
    }  # fmt: skip


def of_records(found: tuple[OddRecords, ...]) -> set[tuple[str, int, str, str]]:
    names = ((odd, odd.field.partition(".")) for odd in found)
    return {
        (f"{table.partition('[')[0]}.{column}", odd.records, odd.code, odd.what)
        for odd, (table, _, column) in names
    }


ODD = [
    at("application", AMT_CREDIT=1e39),
    at("application", AMT_ANNUITY=1e13, AMT_GOODS_PRICE=-1.0),
    at("application", CODE_GENDER="X", NAME_CONTRACT_TYPE=None),
    at("application", FLAG_DOCUMENT_3=2, DAYS_EMPLOYED=365_243, DAYS_BIRTH=5),
    at("application", CNT_CHILDREN=-1, REGION_RATING_CLIENT=9, EXT_SOURCE_2=1.5),
    at("bureau", DAYS_CREDIT=-(10**7), CREDIT_TYPE="A new kind"),
    at("bureau", 0, AMT_CREDIT_SUM=2e12, DAYS_CREDIT=1),
    at("bureau_balance", STATUS="9"),
    at("bureau_balance", 0, STATUS=10**30),
    at("previous_application", DAYS_LAST_DUE=365_243.0, AMT_APPLICATION=None),
    at("POS_CASH_balance", SK_ID_PREV=1234, CNT_INSTALMENT_FUTURE=2.0**31),
    at("installments_payments", AMT_PAYMENT=-5.0, SK_ID_PREV=1234),
    at("credit_card_balance", AMT_BALANCE=-1e300),
]


def test_what_is_odd_is_found_as_the_tables_check_finds_it(tmp_path: Path) -> None:
    of = records()
    for change in ODD:
        change(of)
    found = read_records(of).findings
    assert of_records(found) == of_command(of, tmp_path / "raw")
    assert {odd.code for odd in found} == {
        "out-of-range", "value-missing", "level-unknown", "flag", "outside-limits", "orphan",
    }  # fmt: skip


@pytest.mark.slow
@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_any_number_is_found_as_the_tables_check_finds_it(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    of = records()
    for _ in range(8):
        table = data.draw(st.sampled_from(("application", *HISTORY_NAMES)))
        raw = TABLES["application_test" if table == "application" else table]
        column = data.draw(
            st.sampled_from([c for c in raw.columns if c.kind not in ("key", "text")])
        )
        power = data.draw(st.integers(-2, 300))
        value = data.draw(
            st.sampled_from((0.0, 1.0, -1.0, 2.0, 365_243.0, -(10.0**power), 10.0**power))
        )
        at(
            table,
            data.draw(st.integers(0, 1)),
            **{column.name: math.trunc(value) + 0.0 if column.is_whole else value},
        )(of)
    found = read_records(of).findings
    assert of_records(found) == of_command(of, tmp_path_factory.mktemp("raw") / "raw")


def test_a_finding_names_the_first_field_and_counts_the_records() -> None:
    of = records()
    of["bureau"] += [{**of["bureau"][0], "SK_ID_BUREAU": 20 + n, "AMT_CREDIT_SUM": 1e39} for n in range(3)]  # fmt: skip
    assert read_records(of).findings == (
        OddRecords("bureau[2].AMT_CREDIT_SUM", 3, "beyond ±1,000,000,000,000, treated as missing", "out-of-range"),
    )  # fmt: skip


@example(number=1e39)
@given(number=st.floats() | st.integers(-(2**70), 2**70))
def test_a_number_is_kept_to_the_bit_or_missing(number: float) -> None:
    found = read_records(completed({"AMT_CREDIT": number})).columns["application_test"][
        "AMT_CREDIT"
    ]
    kept = abs(float(number)) <= 10**12
    assert found[0] == number if kept else math.isnan(found[0])


def test_numpy_s_numbers_and_pandas_missing_texts_are_taken() -> None:
    of = records()
    plainly = read_records(of).columns
    of["application"] = {
        name: np.float64(value) if isinstance(value, float) else math.nan if value is None else value
        for name, value in of["application"].items()
    }  # fmt: skip
    for name, values in read_records(of).columns["application_test"].items():
        np.testing.assert_array_equal(values, plainly["application_test"][name])


def test_ten_thousand_payments_are_read() -> None:
    of = records()
    of["installments_payments"] = of["installments_payments"] * 5_000
    start = time.process_time()
    assert len(read_records(of).columns["installments_payments"]["AMT_PAYMENT"]) == 10_000
    assert time.process_time() - start < 2  # 0.06 s on an idle machine
