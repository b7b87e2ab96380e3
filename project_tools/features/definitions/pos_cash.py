"""Months of earlier consumer and cash loans: days late, instalments left, early completion."""

from typing import Any

import narwhals as nw

from project_tools.features.columns import ID
from project_tools.features.expressions import LOAN, Numbered, divide, earliest, flag, latest
from project_tools.features.rows import (
    Aggregate,
    Derived,
    History,
    Row,
    Subset,
    Where,
    indicator,
)

TABLE = "POS_CASH_balance"
#: Number of a client's newest loans whose late months are counted.
LAST_LOANS = 3

ALL = Subset("POS_")
#: Rows of loans, not of months; the features have their own published names.
LOANS = Subset("POS_LOANS_")
NEWEST = Subset("POS_LAST3_", Where("NEWEST_POSITION", "<=", LAST_LOANS))

MONTHS = History(
    name="months of earlier loans",
    tables=(TABLE,),
    derived=(indicator("LATE_PAYMENT", Where("SK_DPD", ">", 0)),),
    features=(
        *ALL.take(
            {
                "SK_ID_PREV": "nunique",
                "MONTHS_BALANCE": "min max size",
                "SK_DPD": "max mean sum var",
                "SK_DPD_DEF": "max mean sum",
                "LATE_PAYMENT": "mean",
            }
        ),
        # The published set drops Canceled, Amortized debt and XNA.
        *ALL.shares(
            "NAME_CONTRACT_STATUS",
            ("Active", "Approved", "Completed", "Demand", "Returned to the store", "Signed"),
        ),
    ),
)


#: Columns that ``by_loan`` reads besides those of the features over months.
OF_LOANS = (LOAN, "CNT_INSTALMENT", "CNT_INSTALMENT_FUTURE")


def completed_early() -> nw.Expr:
    """1 for a completed loan with fewer instalments than first agreed, else 0."""
    fewer = nw.col("FIRST_INSTALMENTS") - nw.col("LAST_INSTALMENTS") > 0
    return flag(fewer & (nw.col("COMPLETED_SHARE") > 0))


_LOANS: tuple[Row, ...] = (
    Aggregate("COMPLETED_SHARE", ("mean",), LOANS, name="POS_LOAN_COMPLETED_MEAN"),
    Aggregate("COMPLETED_BEFORE", ("mean",), LOANS, name="POS_COMPLETED_BEFORE_MEAN"),
    Aggregate("REMAINING", ("sum",), LOANS, name="POS_REMAINING_INSTALMENTS"),
    Aggregate("REMAINING_RATIO", ("mean",), LOANS, name="POS_REMAINING_INSTALMENTS_RATIO"),
    Aggregate("LATE_MONTHS", ("mean",), NEWEST, name="LATE_PAYMENT_SUM"),
)

LOAN_HISTORY = History(
    name="earlier loans by their months",
    tables=(TABLE,),
    derived=(
        Derived("COMPLETED_SHARE", ("NAME_CONTRACT_STATUS",)),
        Derived("FIRST_INSTALMENTS", ("CNT_INSTALMENT", "MONTHS_BALANCE")),
        Derived("LAST_INSTALMENTS", ("CNT_INSTALMENT", "MONTHS_BALANCE")),
        Derived("REMAINING", ("CNT_INSTALMENT_FUTURE", "MONTHS_BALANCE")),
        Derived("LATE_MONTHS", ("SK_DPD",), unit="months"),
        Derived("NEWEST_POSITION", ("MONTHS_BALANCE", LOAN)),
        Derived(
            "COMPLETED_BEFORE",
            ("FIRST_INSTALMENTS", "LAST_INSTALMENTS", "COMPLETED_SHARE"),
            completed_early(),
            "flag",
        ),
        Derived(
            "REMAINING_RATIO",
            ("REMAINING", "LAST_INSTALMENTS"),
            divide(nw.col("REMAINING"), nw.col("LAST_INSTALMENTS")),
        ),
    ),
    features=_LOANS,
)


def by_loan(months: nw.LazyFrame[Any], numbered: Numbered) -> nw.LazyFrame[Any]:
    """One row per earlier loan, with the columns computed from its months, and its position among
    the client's loans (1 has the latest month).
    """
    month, count = nw.col("MONTHS_BALANCE"), nw.col("CNT_INSTALMENT")
    loans = months.group_by(ID, LOAN).agg(
        flag(nw.col("NAME_CONTRACT_STATUS") == "Completed").mean().alias("COMPLETED_SHARE"),
        earliest(count, month).alias("FIRST_INSTALMENTS"),
        latest(count, month).alias("LAST_INSTALMENTS"),
        latest(nw.col("CNT_INSTALMENT_FUTURE"), month).alias("REMAINING"),
        nw.col("LATE_PAYMENT").sum().alias("LATE_MONTHS"),
        month.max().alias("LAST_MONTH"),
    )
    return numbered(loans, "NEWEST_POSITION", ("LAST_MONTH", LOAN), (ID,))
