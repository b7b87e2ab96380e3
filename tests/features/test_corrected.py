"""What the published script gets wrong: worked by hand, one client a case.

Beside each of our values stands the one that the published script gives (``ABSENT``: it drops the
client or the column), so that a test fails on the published behaviour.
"""

import math
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd
import pytest

from project_tools.features.pipeline import feature_names
from project_tools.tables.declared import TABLES
from tests.features.made_up_tables import NO_DATE, Row, Tables, features, plain, write
from tests.helpers.engines import QUICK

ABSENT = object()
NULL = None
INFINITE = math.inf

PREVIOUS, INSTALMENTS = "previous_application", "installments_payments"
POS, CARDS = "POS_CASH_balance", "credit_card_balance"

#: A case's rows, by table; keys are filled in.
History = dict[str, list[Row]]


def due(day: float, paid: float | None, share: float = 1.0, **more: Any) -> Row:
    """An instalment of 100, paid on a day (or never), in full or a share of it."""
    amount = None if paid is None else 100.0 * share
    given = {"DAYS_INSTALMENT": day, "DAYS_ENTRY_PAYMENT": paid, "AMT_INSTALMENT": 100.0}
    return given | {"AMT_PAYMENT": amount, "NUM_INSTALMENT_NUMBER": 1.0} | more


def loan(number: int, day: float, paid: float | None, **more: Any) -> Row:
    return due(day, paid, **{"SK_ID_PREV": number, "NUM_INSTALMENT_NUMBER": -day, **more})


def approved(**given: Any) -> Row:
    return {"NAME_CONTRACT_STATUS": "Approved", "AMT_CREDIT": 500.0, **given}


def pos(number: int, month: float, status: str = "Active", **more: Any) -> Row:
    return {"SK_ID_PREV": number, "MONTHS_BALANCE": month, "NAME_CONTRACT_STATUS": status, **more}


#: Word for the case: what the application says, what the histories say, and of each feature our
#: value and the published one.
CASES: dict[str, tuple[Row, History, dict[str, tuple[Any, Any]]]] = {
    "annuity of 0": (
        {"AMT_CREDIT": 100.0, "AMT_ANNUITY": 0.0},
        {PREVIOUS: [approved(AMT_ANNUITY=0.0), approved(AMT_ANNUITY=50.0)]},
        {
            "CREDIT_TO_ANNUITY_RATIO": (NULL, INFINITE),
            "PREV_CREDIT_TO_ANNUITY_RATIO_MEAN": (10.0, INFINITE),  # over the rest
            "CURRENT_TO_APPROVED_ANNUITY_MEAN_RATIO": (NULL, INFINITE),
        },
    ),
    "limit of 0": (
        {},
        {CARDS: [{"MONTHS_BALANCE": -1.0, "AMT_BALANCE": 5.0, "AMT_CREDIT_LIMIT_ACTUAL": 0.0}]},
        {"CC_LIMIT_USE_MEAN": (NULL, INFINITE)},
    ),
    "paid late": (
        {},
        {INSTALMENTS: [due(-10, -4, 0.3)]},
        {
            "INS_LATE_PAYMENT_MEAN": (1.0, 0.0),
            "INS_LATE_PAYMENT_SUM": (1.0, 0.0),
            "INS_LATE_PAYMENT_RATIO_MEAN": (0.3, 0.0),
            "INS_SIGNIFICANT_LATE_PAYMENT_MEAN": (1.0, 0.0),
            "INS_PAYMENT_RATIO_MEAN": (0.3, 100 / 30),
            "LAST_LOAN_LATE_PAYMENT_mean": (1.0, 0.0),
        },
    ),
    "paid on the day": (
        {},
        {INSTALMENTS: [due(-10, -10)]},
        {"INS_DPD_MAX": (0.0, 0.0), "INS_LATE_PAYMENT_MEAN": (0.0, 0.0)},
    ),
    "paid early": (
        {},
        {INSTALMENTS: [due(-10, -13)]},
        {
            "INS_LATE_PAYMENT_MEAN": (0.0, 1.0),
            "INS_LATE_PAYMENT_RATIO_MEAN": (0.0, 1.0),
            "INS_SIGNIFICANT_LATE_PAYMENT_SUM": (0.0, 1.0),
            "LAST_LOAN_LATE_PAYMENT_mean": (0.0, 1.0),
        },
    ),
    "a little paid late, the rest in time": (
        {},
        {INSTALMENTS: [due(-10, -11, 0.96), due(-10, -4, 0.04)]},
        {
            "INS_LATE_PAYMENT_RATIO_MEAN": (0.02, 0.48),
            "INS_SIGNIFICANT_LATE_PAYMENT_MEAN": (0.0, 0.5),  # not above .05
            "INS_PAYMENT_RATIO_MEAN": (1.0, 1.0),  # what is paid is added up for both
        },
    ),
    "never paid, due a month ago": (
        {},
        {INSTALMENTS: [due(-30, None)]},
        {
            "INS_DPD_MAX": (30.0, NULL),
            "INS_DPD_7_MEAN": (1.0, 0.0),
            "INS_DPD_15_MEAN": (1.0, 0.0),
            "INS_DBD_MAX": (NULL, NULL),
            "INS_LATE_PAYMENT_MEAN": (1.0, 0.0),
            "INS_LATE_PAYMENT_RATIO_MEAN": (NULL, 0.0),  # nothing paid: no share of it
            "INS_SIGNIFICANT_LATE_PAYMENT_MEAN": (0.0, 0.0),  # an unknown share counts as 0
            "LAST_LOAN_DPD_max": (30.0, NULL),
        },
    ),
    "never paid, not yet due": (
        {},
        {INSTALMENTS: [due(5, None)]},
        {"INS_DPD_MAX": (0.0, NULL), "INS_LATE_PAYMENT_MEAN": (0.0, 0.0)},
    ),
    "one instalment of an old loan lies in the window": (
        {},
        {INSTALMENTS: [due(-540, -545), due(-541, -500), due(-1080, -1000), due(-1081, -1000)]},
        {
            "INS_18M_SK_ID_PREV_SIZE": (1.0, 4.0),  # 540 days are the window's edge
            "INS_18M_DPD_MAX": (0.0, 81.0),
            "INS_36M_SK_ID_PREV_SIZE": (3.0, 4.0),
            "INS_36M_DPD_MAX": (80.0, 81.0),
        },
    ),
    "one month of an old card lies in the window": (
        {},
        {
            CARDS: [
                {"MONTHS_BALANCE": month, "AMT_BALANCE": balance, "AMT_CREDIT_LIMIT_ACTUAL": 100.0}
                for month, balance in ((-12.0, 10.0), (-24.0, 20.0), (-48.0, 40.0), (-49.0, 90.0))
            ]
        },
        {
            "CC_12M_AMT_BALANCE_MAX": (10.0, 90.0),
            "CC_24M_AMT_BALANCE_MEAN": (15.0, 40.0),
            "CC_48M_LIMIT_USE_MAX": (0.4, 0.9),
        },
    ),
    "later and later": (
        {},
        {INSTALMENTS: [loan(1, -90, -90), loan(1, -60, -50), loan(1, -30, -10)]},
        {"12_TREND_DPD": (10.0, -10.0), "120_TREND_DPD": (10.0, -10.0)},
    ),
    "less and less": (
        {},
        {INSTALMENTS: [loan(1, -90, -90), loan(1, -60, -60, AMT_PAYMENT=80.0)]},
        {"24_TREND_PAID_OVER_AMOUNT": (-20.0, 20.0), "60_TREND_PAID_OVER_AMOUNT": (-20.0, 20.0)},
    ),
    "the trend ends with an instalment never paid": (
        {},
        {INSTALMENTS: [loan(1, -90, -90), loan(1, -60, None)]},
        {"12_TREND_DPD": (60.0, NULL), "12_TREND_PAID_OVER_AMOUNT": (NULL, NULL)},
    ),
    "a quarter still owed elsewhere": (
        {},
        {"bureau": [{"DAYS_CREDIT": -90.0, "CREDIT_ACTIVE": "Active", "AMT_CREDIT_SUM": 1000.0, "AMT_CREDIT_SUM_DEBT": 250.0}]},
        {
            "BUREAU_ACTIVE_DEBT_PERCENTAGE_MEAN": (0.25, 4.0),
            "BUREAU_CONSUMER_DEBT_PERCENTAGE_MEAN": (0.25, 4.0),
            "BUREAU_LAST6M_DEBT_PERCENTAGE_MEAN": (0.25, 4.0),
        },
    ),
    "the last loan elsewhere knows no overdue": (
        {},
        {
            "bureau": [
                {"DAYS_CREDIT": -10.0},
                {"DAYS_CREDIT": -20.0, "AMT_CREDIT_MAX_OVERDUE": 7.0},
                {"DAYS_CREDIT": -30.0, "AMT_CREDIT_MAX_OVERDUE": 9.0},
            ]
        },
        {"BUREAU_LAST_LOAN_MAX_OVERDUE": (7.0, ABSENT)},  # under the raw column's name
    ),
    "two loans elsewhere of one day": (
        {},
        {
            "bureau": [
                {"DAYS_CREDIT": -20.0, "AMT_CREDIT_MAX_OVERDUE": 3.0, "SK_ID_BUREAU": 900_002},
                {"DAYS_CREDIT": -20.0, "AMT_CREDIT_MAX_OVERDUE": 5.0, "SK_ID_BUREAU": 900_001},
            ]
        },
        {"BUREAU_LAST_LOAN_MAX_OVERDUE": (3.0, ABSENT)},  # the larger number is the later
    ),
    "no date is 365243": (
        {},
        {
            PREVIOUS: [
                approved(
                    DAYS_FIRST_DRAWING=NO_DATE, DAYS_FIRST_DUE=-100.0, DAYS_LAST_DUE=NO_DATE,
                    DAYS_LAST_DUE_1ST_VERSION=NO_DATE, DAYS_TERMINATION=NO_DATE,
                ),
                approved(
                    DAYS_FIRST_DUE=-300.0, DAYS_LAST_DUE=-50.0, DAYS_LAST_DUE_1ST_VERSION=-40.0,
                    DAYS_TERMINATION=-45.0,
                ),
            ]
        },
        {
            "APPROVED_DAYS_FIRST_DRAWING_MAX": (NULL, NO_DATE),
            "APPROVED_DAYS_FIRST_DUE_MIN": (-300.0, -300.0),
            "APPROVED_DAYS_LAST_DUE_MAX": (-50.0, NO_DATE),
            "APPROVED_DAYS_LAST_DUE_1ST_VERSION_MEAN": (-40.0, (NO_DATE - 40) / 2),
            "APPROVED_DAYS_LAST_DUE_DIFF_MAX": (10.0, 10.0),
            "APPROVED_DAYS_LAST_DUE_DIFF_MIN": (10.0, 0.0),
            "APPROVED_DAYS_TERMINATION_MEAN": (-45.0, (NO_DATE - 45) / 2),
            "PREV_ACTIVE_DAYS_LAST_DUE_1ST_VERSION_MAX": (NULL, NO_DATE),
        },
    ),
    "the first due date is none": (
        {},
        {PREVIOUS: [approved(DAYS_FIRST_DUE=NO_DATE), approved(DAYS_FIRST_DUE=-300.0)]},
        {"APPROVED_DAYS_FIRST_DUE_MEAN": (-300.0, (NO_DATE - 300) / 2)},
    ),
    "a running loan without a payment": (
        {},
        {PREVIOUS: [approved(DAYS_LAST_DUE=NO_DATE)]},
        {
            "PREV_ACTIVE_REMAINING_DEBT_MAX": (500.0, NULL),
            "PREV_ACTIVE_REMAINING_DEBT_MEAN": (500.0, NULL),
            "PREV_ACTIVE_REMAINING_DEBT_SUM": (500.0, 0.0),
            "PREV_ACTIVE_REPAYMENT_RATIO_MEAN": (0.0, NULL),
            "TOTAL_REPAYMENT_RATIO": (0.0, 0.0),
            "PREV_ACTIVE_INSTALMENT_PAYMENT_DIFF_MAX": (NULL, NULL),
        },
    ),
    "one of two loans was late": (
        {},
        {
            PREVIOUS: [
                approved(SK_ID_PREV=700_001, DAYS_DECISION=-100.0, NAME_CONTRACT_TYPE="Cash loans"),
                approved(SK_ID_PREV=700_002, DAYS_DECISION=-900.0, NAME_CONTRACT_TYPE="Consumer loans"),
            ],
            INSTALMENTS: [due(-50, -60, SK_ID_PREV=700_001), due(-800, -790, SK_ID_PREV=700_002)],
        },
        {
            "PREV_LATE_DAYS_DECISION_MAX": (-900.0, ABSENT),
            "PREV_LATE_NAME_CONTRACT_TYPE_Consumer loans_MEAN": (1.0, ABSENT),
            "PREV_LATE_NAME_CONTRACT_TYPE_Cash loans_MEAN": (0.0, ABSENT),
        },
    ),
    "two loans completed early": (
        {},
        {
            POS: [
                pos(n, month, status, CNT_INSTALMENT=count, CNT_INSTALMENT_FUTURE=count / 2)
                for n in (600_001, 600_002)
                for month, status, count in ((-3.0, "Active", 12.0), (-2.0, "Completed", 8.0))
            ]
        },
        {
            "POS_LOAN_COMPLETED_MEAN": (0.5, 1.0),
            "POS_COMPLETED_BEFORE_MEAN": (1.0, 2.0),
            "POS_REMAINING_INSTALMENTS": (8.0, 8.0),  # stays a sum
            "POS_REMAINING_INSTALMENTS_RATIO": (0.5, 1.0),
        },
    ),
    "gender and income that no one has": (
        {"CODE_GENDER": "XNA", "AMT_INCOME_TOTAL": 117e6, "AMT_CREDIT": 10e6},
        {},
        {
            "CODE_GENDER": (NULL, ABSENT),
            "AMT_INCOME_TOTAL": (20e6, ABSENT),
            "CREDIT_TO_INCOME_RATIO": (0.5, ABSENT),  # capped before any ratio
        },
    ),
    "a level that nobody knows": (
        {"NAME_INCOME_TYPE": "Astronaut", "ORGANIZATION_TYPE": "XNA"},
        {},
        {"NAME_INCOME_TYPE": (NULL, 1), "ORGANIZATION_TYPE": ("XNA", 0)},
    ),
    "more digits than half a float holds": (
        {"AMT_CREDIT": 108_321.0, "AMT_GOODS_PRICE": 100_000.0, "DAYS_REGISTRATION": -24_671.0},
        {},
        {
            "CREDIT_TO_GOODS_RATIO": (np.float32(1.08321), np.float16(1.08321)),
            "DAYS_REGISTRATION": (-24_671.0, float(np.float16(-24_671))),
        },
    ),
    "two loans due on one day": (
        {},
        {INSTALMENTS: [loan(800_002, -30, -25), loan(800_001, -30, -30)]},
        {"LAST_LOAN_DPD_sum": (5.0, ABSENT), "12_TREND_DPD": (5.0, ABSENT)},  # undefined there
    ),
    # What is learnt: thirty labelled clients of one product, and a new one who is unlike them.
    "a new client in a group": (
        {"AMT_CREDIT": 900.0, "AMT_ANNUITY": 30.0, "EXT_SOURCE_1": 0.95, "TARGET": None},
        {
            "bureau": [{"DAYS_CREDIT": -9.0, "SK_ID_BUREAU": 910_000, "AMT_CREDIT_SUM": 9000.0, "AMT_CREDIT_SUM_DEBT": 0.0}],
            "bureau_balance": [{"SK_ID_BUREAU": 910_000, "MONTHS_BALANCE": -1.0}],
        },
        {
            "CTAR_EXT_SOURCE_1_MEAN": (0.4, (30 * 0.4 + 0.95) / 31),
            "CTAR_EXT_SOURCE_1_STD": (0.0, np.std([0.4] * 30 + [0.95], ddof=1)),
            "GROUP2_CREDIT_STD": (0.0, np.std([300.0] * 30 + [900.0], ddof=1)),
            "GROUP1_EXT_SOURCES_STD": (0.0, np.std([0.4] * 30 + [0.95], ddof=1)),
            "BUREAU_LL_DEBT_CREDIT_DIFF_MEAN": (500.0, (30 * 500.0 + 9000.0) / 31),
        },
    ),
    "alone with a duration": (
        {"AMT_CREDIT": 700.0, "AMT_ANNUITY": 100.0, "EXT_SOURCE_1": 0.7, "DAYS_BIRTH": -20_000.0},
        {},
        {"CTAR_EXT_SOURCE_1_MEAN": (NULL, 0.7), "CTAR_EXT_SOURCE_1_MEDIAN": (NULL, 0.7)},
    ),
}  # fmt: skip

#: Three of four loans have the latest months; the file's order is of no order's.
LATE_MONTHS = "four loans, the latest three count"
CASES[LATE_MONTHS] = (
    {},
    {
        POS: [
            pos(500_004, -1.0, SK_DPD=0.0), pos(500_003, -2.0, SK_DPD=9.0),
            pos(500_001, -60.0, SK_DPD=9.0), pos(500_004, -2.0, SK_DPD=9.0),
            pos(500_001, -61.0, SK_DPD=9.0), pos(500_001, -62.0, SK_DPD=9.0),
            pos(500_002, -2.0, SK_DPD=0.0), pos(500_003, -3.0, SK_DPD=1.0),
        ]
    },
    {"LATE_PAYMENT_SUM": (1.0, 5 / 3)},  # (1 + 2 + 0) / 3, of loans 4, 3 and 2
)  # fmt: skip

#: The groups of columns that differ on purpose.
CORRECTED = (
    "*_RATIO", "CC_LIMIT_USE_*",
    "INS_LATE_PAYMENT_*", "INS_LATE_PAYMENT_RATIO_*", "INS_SIGNIFICANT_LATE_PAYMENT_*",
    "LAST_LOAN_LATE_PAYMENT_mean", "INS_DPD_*", "*_TREND_DPD", "*_TREND_PAID_OVER_AMOUNT",
    "LAST_LOAN_DPD_*", "INS_DPD_7_MEAN", "INS_DPD_15_MEAN", "INS_PAYMENT_RATIO_*",
    "INS_18M_*", "INS_36M_*", "CC_12M_*", "CC_24M_*", "CC_48M_*",
    "BUREAU_*_DEBT_PERCENTAGE_*", "BUREAU_LAST_LOAN_MAX_OVERDUE",
    "APPROVED_DAYS_FIRST_DRAWING_*", "APPROVED_DAYS_FIRST_DUE_*",
    "APPROVED_DAYS_LAST_DUE_1ST_VERSION_*", "APPROVED_DAYS_LAST_DUE_M*",
    "APPROVED_DAYS_LAST_DUE_DIFF_*", "APPROVED_DAYS_TERMINATION_*",
    "PREV_ACTIVE_DAYS_LAST_DUE_1ST_VERSION_*", "PREV_ACTIVE_REMAINING_DEBT_*",
    "PREV_ACTIVE_REPAYMENT_RATIO_MEAN", "PREV_LATE_*", "POS_LOAN_COMPLETED_MEAN",
    "POS_COMPLETED_BEFORE_MEAN", "POS_REMAINING_INSTALMENTS_RATIO", "LATE_PAYMENT_SUM",
    "CODE_GENDER", "AMT_INCOME_TOTAL", "NAME_INCOME_TYPE", "GROUP1_*", "GROUP2_*", "CTAR_*",
    "BUREAU_LL_*", "DAYS_REGISTRATION",
)  # fmt: skip

WORDS = list(CASES)


def client_of(word: str) -> int:
    return 200_001 + WORDS.index(word)


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    tables: Tables = {name: [] for name in TABLES}
    for place, (word, (application, history, _)) in enumerate(CASES.items()):
        keys = {"SK_ID_CURR": client_of(word), "SK_ID_PREV": 300_000 + 10 * place}
        _add(tables, application | {"SK_ID_CURR": client_of(word)})
        for table, rows in history.items():
            for number, given in enumerate(rows):
                own = keys | {"SK_ID_BUREAU": 400_000 + 10 * place + number}
                if table == PREVIOUS:
                    own["SK_ID_PREV"] += number
                names = TABLES[table].column_names
                kept = {name: own[name] for name in names if name in own}
                tables[table].append(plain(table, **(kept | given)))
    _product(tables)
    return features(write(tables, tmp_path_factory.mktemp("corrected") / "raw"), engine=QUICK)


def _add(tables: Tables, application: Row) -> None:
    given = {"DAYS_BIRTH": -10_000.0, "AMT_CREDIT": 1.0, "TARGET": 0.0} | application
    labelled = given["TARGET"] is not None
    if not labelled:
        del given["TARGET"]
    given.setdefault("OCCUPATION_TYPE", "Managers" if "EXT_SOURCE_1" in given else None)
    table = "application_train" if labelled else "application_test"
    tables[table].append(plain(table, **given))


def _product(tables: Tables) -> None:
    """Thirty labelled clients, alike in everything; most of them are learnt from."""
    for client in range(100_001, 100_031):
        of_product = {"AMT_CREDIT": 300.0, "AMT_ANNUITY": 10.0, "EXT_SOURCE_1": 0.4}
        _add(tables, {"SK_ID_CURR": client, **of_product})
        given = {"SK_ID_CURR": client, "SK_ID_BUREAU": client, "DAYS_CREDIT": -9.0}
        amounts = {"AMT_CREDIT_SUM": 600.0, "AMT_CREDIT_SUM_DEBT": 100.0}
        tables["bureau"].append(plain("bureau", **given, **amounts))
        tables["bureau_balance"].append(
            plain("bureau_balance", SK_ID_BUREAU=client, MONTHS_BALANCE=-1.0)
        )


def _expectations() -> Iterator[Any]:
    for word, (_, _, wanted) in CASES.items():
        for name, (ours, published) in wanted.items():
            yield pytest.param(word, name, ours, published, id=f"{word}: {name}")


@pytest.mark.parametrize(("word", "name", "ours", "published"), list(_expectations()))
def test_by_hand(computed: pd.DataFrame, word: str, name: str, ours: Any, published: Any) -> None:
    found = computed.loc[client_of(word), name]
    assert _same(found, ours), f"{name} is {found}, published {published}"


def _same(found: Any, wanted: Any) -> bool:
    if wanted is NULL:
        return bool(pd.isna(found))
    return bool(found == (wanted if isinstance(wanted, str) else pytest.approx(wanted, rel=1e-6)))


def test_every_corrected_group_has_a_case_that_the_published_script_fails() -> None:
    told = {
        name
        for _, _, wanted in CASES.values()
        for name, (ours, published) in wanted.items()
        if published is ABSENT or not _equal(ours, published)
    }
    assert told <= set(feature_names())
    for pattern in CORRECTED:
        assert any(fnmatchcase(name, pattern) for name in told), pattern


def _equal(ours: Any, published: Any) -> bool:
    if NULL in (ours, published):
        return ours is published
    return bool(ours == published)


def test_texts_are_categories_and_numbers_are_float32(computed: pd.DataFrame) -> None:
    kinds = {str(dtype) for dtype in computed.drop(columns=["TARGET", "SPLIT"]).dtypes}
    assert kinds == {"float32", "category"}  # published: integer codes and float16
    assert "Maternity leave" in computed["NAME_INCOME_TYPE"].cat.categories  # here of nobody
