"""Earlier applications with us, with the sums due and paid of those that became loans."""

from typing import Any

import narwhals as nw

from project_tools.features.columns import ID
from project_tools.features.expressions import LOAN, MONTH, divide, flag, unless
from project_tools.features.rows import (
    Derived,
    History,
    Ratio,
    Row,
    Share,
    Subset,
    Where,
    difference,
    ratio,
)
from project_tools.tables.declared import TABLES as SCHEMA
from project_tools.tables.schema import NO_DATE

TABLE = "previous_application"
PAYMENTS = "installments_payments"
TABLES = (TABLE, PAYMENTS)

ALL = Subset("PREV_")
ACTIVE = Subset("PREV_ACTIVE_", Where("IS_ACTIVE", "==", 1.0))
APPROVED = Subset("APPROVED_", Where("NAME_CONTRACT_STATUS", "==", "Approved"))
REFUSED = Subset("REFUSED_", Where("NAME_CONTRACT_STATUS", "==", "Refused"))
BY_TYPE = tuple(
    Subset(f"PREV_{name}_", Where("NAME_CONTRACT_TYPE", "==", f"{name} loans"))
    for name in ("Consumer", "Cash")
)
LATE = Subset("PREV_LATE_", Where("EVER_LATE", "==", 1.0))
RECENT = tuple(
    Subset(f"PREV_LAST{months}M_", Where("DAYS_DECISION", ">=", -MONTH * months))
    for months in (6, 12, 24)
)

#: Dates in which 365243 means "none".
DATES = (
    "DAYS_FIRST_DRAWING",
    "DAYS_FIRST_DUE",
    "DAYS_LAST_DUE_1ST_VERSION",
    "DAYS_LAST_DUE",
    "DAYS_TERMINATION",
)


def is_active() -> nw.Expr:
    """Approved, and the last instalment is still to come."""
    approved = nw.col("NAME_CONTRACT_STATUS") == "Approved"
    return flag(approved & (nw.col("DAYS_LAST_DUE") == NO_DATE))


def simple_interest() -> nw.Expr:
    """All payments above the credit, as a share of the credit, per instalment."""
    paid_in_all = nw.col("AMT_ANNUITY") * nw.col("CNT_PAYMENT")
    return divide(divide(paid_in_all, nw.col("AMT_CREDIT")) - 1, nw.col("CNT_PAYMENT"))


def paid_so_far() -> nw.Expr:
    """The sum paid; 0 for a loan without instalment rows."""
    return nw.when(nw.col("PAID_SUM").is_null()).then(nw.lit(0.0)).otherwise(nw.col("PAID_SUM"))


DERIVED = (
    # Before the dates are corrected: 365243 in DAYS_LAST_DUE marks a running loan.
    Derived("IS_ACTIVE", ("NAME_CONTRACT_STATUS", "DAYS_LAST_DUE"), is_active(), "flag"),
    *(Derived(name, (name,), unless(name, NO_DATE), "days") for name in DATES),
    Derived("DUE_SUM", ("AMT_INSTALMENT",), unit="currency", table=PAYMENTS),
    Derived("PAID_SUM", ("AMT_PAYMENT",), unit="currency", table=PAYMENTS),
    Derived("EVER_LATE", ("DAYS_ENTRY_PAYMENT", "DAYS_INSTALMENT"), unit="flag", table=PAYMENTS),
    difference("APPLICATION_CREDIT_DIFF", "AMT_APPLICATION", "AMT_CREDIT", "currency"),
    ratio("APPLICATION_CREDIT_RATIO", "AMT_APPLICATION", "AMT_CREDIT"),
    ratio("CREDIT_TO_ANNUITY_RATIO", "AMT_CREDIT", "AMT_ANNUITY"),
    ratio("DOWN_PAYMENT_TO_CREDIT", "AMT_DOWN_PAYMENT", "AMT_CREDIT"),
    Derived("SIMPLE_INTERESTS", ("AMT_ANNUITY", "CNT_PAYMENT", "AMT_CREDIT"), simple_interest()),
    difference("DAYS_LAST_DUE_DIFF", "DAYS_LAST_DUE_1ST_VERSION", "DAYS_LAST_DUE", "days"),
    Derived("AMT_PAYMENT", ("PAID_SUM",), paid_so_far(), "currency"),
    difference("INSTALMENT_PAYMENT_DIFF", "DUE_SUM", "PAID_SUM", "currency"),
    difference("REMAINING_DEBT", "AMT_CREDIT", "AMT_PAYMENT", "currency"),
    ratio("REPAYMENT_RATIO", "AMT_PAYMENT", "AMT_CREDIT"),
)

_TYPES = ("Consumer loans", "Cash loans", "Revolving loans")
_BY_TYPE = {
    "AMT_CREDIT": "sum",
    "AMT_ANNUITY": "mean max",
    "SIMPLE_INTERESTS": "min mean max var",
    "APPLICATION_CREDIT_DIFF": "min var",
    "APPLICATION_CREDIT_RATIO": "min max mean",
    "DAYS_DECISION": "max",
    "DAYS_LAST_DUE_1ST_VERSION": "max mean",
    "CNT_PAYMENT": "mean",
}
_RECENT = {
    "AMT_CREDIT": "sum",
    "AMT_ANNUITY": "mean max",
    "SIMPLE_INTERESTS": "mean max",
    "DAYS_DECISION": "min mean",
    "DAYS_LAST_DUE_1ST_VERSION": "min max mean",
    "APPLICATION_CREDIT_DIFF": "min",
    "APPLICATION_CREDIT_RATIO": "min max mean",
}


def _all_levels(column: str) -> tuple[Share, ...]:
    """Shares of every declared level, in alphabetical order."""
    return ALL.shares(column, sorted(SCHEMA[TABLE].column(column).levels))


def _recent(subset: Subset) -> tuple[Row, ...]:
    return (*subset.take(_RECENT), *subset.shares("NAME_CONTRACT_TYPE", _TYPES))


FEATURES: tuple[Row | Ratio, ...] = (
    *ALL.take(
        {
            "SK_ID_PREV": "nunique",
            "AMT_ANNUITY": "min max mean",
            "AMT_DOWN_PAYMENT": "max mean",
            "HOUR_APPR_PROCESS_START": "min max mean",
            "RATE_DOWN_PAYMENT": "max mean",
            "DAYS_DECISION": "min max mean",
            "CNT_PAYMENT": "max mean",
            "DAYS_TERMINATION": "max",
            "CREDIT_TO_ANNUITY_RATIO": "mean max",
            "APPLICATION_CREDIT_DIFF": "min max mean",
            "APPLICATION_CREDIT_RATIO": "min max mean var",
            "DOWN_PAYMENT_TO_CREDIT": "mean",
        }
    ),
    *_all_levels("NAME_CONTRACT_STATUS"),
    *_all_levels("NAME_CONTRACT_TYPE"),
    *_all_levels("CHANNEL_TYPE"),
    *_all_levels("NAME_TYPE_SUITE"),
    *_all_levels("NAME_YIELD_GROUP"),
    *_all_levels("PRODUCT_COMBINATION"),
    *_all_levels("NAME_PRODUCT_TYPE"),
    *_all_levels("NAME_CLIENT_TYPE"),
    *ACTIVE.take(
        {
            "SK_ID_PREV": "nunique",
            "SIMPLE_INTERESTS": "mean",
            "AMT_ANNUITY": "max sum",
            "AMT_APPLICATION": "max mean",
            "AMT_CREDIT": "sum",
            "AMT_DOWN_PAYMENT": "max mean",
            "DAYS_DECISION": "min mean",
            "CNT_PAYMENT": "mean sum",
            "DAYS_LAST_DUE_1ST_VERSION": "min max mean",
            "AMT_PAYMENT": "sum",
            "INSTALMENT_PAYMENT_DIFF": "mean max",
            "REMAINING_DEBT": "max mean sum",
            "REPAYMENT_RATIO": "mean",
        }
    ),
    Ratio("TOTAL_REPAYMENT_RATIO", "PREV_ACTIVE_AMT_PAYMENT_SUM", "PREV_ACTIVE_AMT_CREDIT_SUM"),
    *APPROVED.take(
        {
            "SK_ID_PREV": "nunique",
            "AMT_ANNUITY": "min max mean",
            "AMT_CREDIT": "min max mean",
            "AMT_DOWN_PAYMENT": "max",
            "AMT_GOODS_PRICE": "max",
            "HOUR_APPR_PROCESS_START": "min max",
            "DAYS_DECISION": "min mean",
            "CNT_PAYMENT": "max mean",
            "DAYS_TERMINATION": "mean",
            "CREDIT_TO_ANNUITY_RATIO": "mean max",
            "APPLICATION_CREDIT_DIFF": "max",
            "APPLICATION_CREDIT_RATIO": "min max mean",
            "DAYS_FIRST_DRAWING": "max mean",
            "DAYS_FIRST_DUE": "min mean",
            "DAYS_LAST_DUE_1ST_VERSION": "min max mean",
            "DAYS_LAST_DUE": "max mean",
            "DAYS_LAST_DUE_DIFF": "min max mean",
            "SIMPLE_INTERESTS": "min max mean",
        }
    ),
    *REFUSED.take(
        {
            "AMT_APPLICATION": "max mean",
            "AMT_CREDIT": "min max",
            "DAYS_DECISION": "min max mean",
            "CNT_PAYMENT": "max mean",
            "APPLICATION_CREDIT_DIFF": "min max mean var",
            "APPLICATION_CREDIT_RATIO": "min mean",
        }
    ),
    *REFUSED.shares("NAME_CONTRACT_TYPE", _TYPES),
    *(row for subset in BY_TYPE for row in subset.take(_BY_TYPE)),
    *LATE.take(
        {
            "DAYS_DECISION": "min max mean",
            "DAYS_LAST_DUE_1ST_VERSION": "min max mean",
            "APPLICATION_CREDIT_DIFF": "min",
        }
    ),
    *LATE.shares("NAME_CONTRACT_TYPE", _TYPES),
    *(row for subset in RECENT for row in _recent(subset)),
)

HISTORY = History(name="earlier applications", tables=TABLES, derived=DERIVED, features=FEATURES)


def stage(applications: nw.LazyFrame[Any], by_loan: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """One row per earlier application, with the sums of its client's instalments; null without any."""
    return applications.join(by_loan, on=[ID, LOAN], how="left")
