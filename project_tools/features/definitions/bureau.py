"""Loans elsewhere, as the credit bureau reports them, with their monthly balances."""

from typing import Any

import narwhals as nw

from project_tools.features.columns import ID
from project_tools.features.expressions import BUREAU_LOAN, MONTH, Numbered, flag
from project_tools.features.rows import (
    Aggregate,
    Derived,
    GroupStatistics,
    History,
    Ratio,
    Row,
    Subset,
    Where,
    difference,
    ratio,
)

TABLES = ("bureau", "bureau_balance")

ALL = Subset("BUREAU_")
ACTIVE = Subset("BUREAU_ACTIVE_", Where("CREDIT_ACTIVE", "==", "Active"))
CLOSED = Subset("BUREAU_CLOSED_", Where("CREDIT_ACTIVE", "==", "Closed"))
BY_TYPE = tuple(
    Subset(f"BUREAU_{name}_", Where("CREDIT_TYPE", "==", level))
    for name, level in (
        ("CONSUMER", "Consumer credit"),
        ("CREDIT", "Credit card"),
        ("MORTGAGE", "Mortgage"),
        ("CAR", "Car loan"),
        ("MICROLOAN", "Microloan"),
    )
)
RECENT = tuple(
    Subset(f"BUREAU_LAST{months}M_", Where("DAYS_CREDIT", ">=", -MONTH * months))
    for months in (6, 12, 24, 36)
)
LAST_KNOWN = Subset("BUREAU_LAST_LOAN_", Where("OVERDUE_POSITION", "==", 1))

#: Columns computed from a loan's months; null for a loan without months.
BALANCE = (
    Derived("MONTHS_BALANCE_MEAN", ("MONTHS_BALANCE",), unit="months", table="bureau_balance"),
    Derived("MONTHS_BALANCE_SIZE", ("MONTHS_BALANCE",), unit="months", table="bureau_balance"),
    *(
        Derived(f"STATUS_{status}", ("STATUS",), table="bureau_balance")
        for status in ("0", "1", "C", "X", "12345")
    ),
)
LATE_STATUS = ("1", "2", "3", "4", "5")

DERIVED = (
    *BALANCE,
    Derived("OVERDUE_POSITION", ("DAYS_CREDIT", "AMT_CREDIT_MAX_OVERDUE")),
    difference("ENDDATE_DIF", "DAYS_CREDIT_ENDDATE", "DAYS_ENDDATE_FACT", "days"),
    difference("DEBT_CREDIT_DIFF", "AMT_CREDIT_SUM", "AMT_CREDIT_SUM_DEBT", "currency"),
    ratio("CREDIT_TO_ANNUITY_RATIO", "AMT_CREDIT_SUM", "AMT_ANNUITY"),
    ratio("DEBT_PERCENTAGE", "AMT_CREDIT_SUM_DEBT", "AMT_CREDIT_SUM"),
)

#: Means over all loans with the same number of months at the bureau.
SAME_LENGTH = GroupStatistics(
    name="loans_of_same_length",
    prefix="LL_",
    by=("MONTHS_BALANCE_SIZE",),
    members={name: name for name in ("AMT_CREDIT_SUM_OVERDUE", "DEBT_CREDIT_DIFF", "STATUS_12345")},
    plain_names=True,
)

_BY_TYPE = {
    "DAYS_CREDIT": "mean max",
    "AMT_CREDIT_MAX_OVERDUE": "mean max",
    "AMT_CREDIT_SUM": "mean max",
    "AMT_CREDIT_SUM_DEBT": "mean max",
    "DEBT_PERCENTAGE": "mean",
    "DEBT_CREDIT_DIFF": "mean",
}
_RECENT = {
    "AMT_CREDIT_MAX_OVERDUE": "max mean",
    "AMT_CREDIT_SUM_OVERDUE": "mean",
    "AMT_CREDIT_SUM": "max sum",
    "AMT_CREDIT_SUM_DEBT": "mean sum",
    "DEBT_PERCENTAGE": "mean",
    "DEBT_CREDIT_DIFF": "mean",
    "STATUS_0": "mean",
    "STATUS_12345": "mean",
}

ROWS: tuple[Row, ...] = (
    *ALL.take(
        {
            "SK_ID_BUREAU": "nunique",
            "DAYS_CREDIT": "min max mean",
            "DAYS_CREDIT_ENDDATE": "min max",
            "AMT_CREDIT_MAX_OVERDUE": "max mean",
            "AMT_CREDIT_SUM": "max mean sum",
            "AMT_CREDIT_SUM_DEBT": "max mean sum",
            "AMT_CREDIT_SUM_OVERDUE": "max mean sum",
            "AMT_ANNUITY": "mean",
            "DEBT_CREDIT_DIFF": "mean sum",
            "MONTHS_BALANCE_MEAN": "mean var",
            "MONTHS_BALANCE_SIZE": "mean sum",
            "STATUS_0": "mean",
            "STATUS_1": "mean",
            "STATUS_12345": "mean",
            "STATUS_C": "mean",
            "STATUS_X": "mean",
        }
    ),
    *ALL.shares("CREDIT_ACTIVE", ("Active", "Closed", "Sold")),
    *ALL.shares(
        "CREDIT_TYPE", ("Consumer credit", "Credit card", "Car loan", "Mortgage", "Microloan")
    ),
    *ALL.take(dict.fromkeys(SAME_LENGTH.names, "mean")),
    *ACTIVE.take(
        {
            "DAYS_CREDIT": "max mean",
            "DAYS_CREDIT_ENDDATE": "min max",
            "AMT_CREDIT_MAX_OVERDUE": "max mean",
            "AMT_CREDIT_SUM": "max sum",
            "AMT_CREDIT_SUM_DEBT": "mean sum",
            "AMT_CREDIT_SUM_OVERDUE": "max mean",
            "DAYS_CREDIT_UPDATE": "min mean",
            "DEBT_PERCENTAGE": "mean",
            "DEBT_CREDIT_DIFF": "mean",
            "CREDIT_TO_ANNUITY_RATIO": "mean",
            "MONTHS_BALANCE_MEAN": "mean var",
            "MONTHS_BALANCE_SIZE": "mean sum",
        }
    ),
    *CLOSED.take(
        {
            "DAYS_CREDIT": "max var",
            "DAYS_CREDIT_ENDDATE": "max",
            "AMT_CREDIT_MAX_OVERDUE": "max mean",
            "AMT_CREDIT_SUM_OVERDUE": "mean",
            "AMT_CREDIT_SUM": "max mean sum",
            "AMT_CREDIT_SUM_DEBT": "max sum",
            "DAYS_CREDIT_UPDATE": "max",
            "ENDDATE_DIF": "mean",
            "STATUS_12345": "mean",
        }
    ),
    *(row for subset in BY_TYPE for row in subset.take(_BY_TYPE)),
    *(row for subset in RECENT for row in subset.take(_RECENT)),
    Aggregate("AMT_CREDIT_MAX_OVERDUE", ("max",), LAST_KNOWN, name="BUREAU_LAST_LOAN_MAX_OVERDUE"),
)

RATIOS = (
    Ratio("BUREAU_DEBT_OVER_CREDIT", "BUREAU_AMT_CREDIT_SUM_DEBT_SUM", "BUREAU_AMT_CREDIT_SUM_SUM"),
    Ratio(
        "BUREAU_ACTIVE_DEBT_OVER_CREDIT",
        "BUREAU_ACTIVE_AMT_CREDIT_SUM_DEBT_SUM",
        "BUREAU_ACTIVE_AMT_CREDIT_SUM_SUM",
    ),
)


HISTORY = History(
    name="loans elsewhere",
    tables=TABLES,
    derived=DERIVED,
    features=(*ROWS, *RATIOS),
    groups=(SAME_LENGTH,),
)


def stage(
    bureau: nw.LazyFrame[Any], balance: nw.LazyFrame[Any], numbered: Numbered
) -> nw.LazyFrame[Any]:
    """One row per bureau loan, with the columns of its months, and its position (1 is the newest)
    among the client's loans whose ``AMT_CREDIT_MAX_OVERDUE`` is not null.
    """
    loans = bureau.join(months(balance), on=BUREAU_LOAN, how="left")
    loans = loans.with_columns(KNOWN=~nw.col("AMT_CREDIT_MAX_OVERDUE").is_null())
    loans = numbered(loans, "OVERDUE_POSITION", ("DAYS_CREDIT", BUREAU_LOAN), (ID, "KNOWN"))
    return loans.with_columns(OVERDUE_POSITION=nw.when(nw.col("KNOWN")).then("OVERDUE_POSITION"))


def months(balance: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """One row per bureau loan: number and mean of its months, share of them in each status."""
    month, status = nw.col("MONTHS_BALANCE"), nw.col("STATUS")
    shares = {f"STATUS_{level}": flag(status == level).mean() for level in ("0", "1", "C", "X")}
    return balance.group_by(BUREAU_LOAN).agg(
        month.mean().alias("MONTHS_BALANCE_MEAN"),
        nw.len().cast(nw.Float64).alias("MONTHS_BALANCE_SIZE"),
        flag(status.is_in(LATE_STATUS)).mean().alias("STATUS_12345"),
        **shares,
    )
