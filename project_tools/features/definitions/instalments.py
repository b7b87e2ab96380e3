"""Instalments of earlier loans with us: amounts due and paid, days late or in advance."""

from typing import Any

import narwhals as nw

from project_tools.features.columns import ID
from project_tools.features.expressions import (
    GRID_BITS,
    LOAN,
    MONTH,
    Numbered,
    bounded,
    divide,
    flag,
    on_grid,
    positive_part,
)
from project_tools.features.rows import (
    Derived,
    History,
    Row,
    Subset,
    Trend,
    Where,
    difference,
    indicator,
)

TABLES = ("installments_payments",)
#: A late payment is significant above this share of the instalment.
SIGNIFICANT = 0.05

ALL = Subset("INS_")
RECENT = tuple(
    Subset(f"INS_{months}M_", Where("DAYS_INSTALMENT", ">=", -MONTH * months))
    for months in (18, 36)
)
LAST_LOAN = Subset("LAST_LOAN_", Where("OF_LAST_LOAN", "==", 1.0), lower_case=True)

_due, _paid_on = nw.col("DAYS_INSTALMENT"), nw.col("DAYS_ENTRY_PAYMENT")
_never_paid = _paid_on.is_null()


def days_past_due() -> nw.Expr:
    """Days from the due date to the payment or, if never paid, to the application; at least 0."""
    return positive_part(bounded(nw.when(_never_paid).then(-_due).otherwise(_paid_on - _due)))


def late_share() -> nw.Expr:
    """Share of the instalment paid with a late payment; 0 where the payment was not late."""
    share = divide(nw.col("AMT_PAYMENT"), nw.col("AMT_INSTALMENT"))
    return nw.when(nw.col("LATE_PAYMENT") > 0).then(share).otherwise(nw.lit(0.0))


DERIVED = (
    Derived("PAID", ("AMT_PAYMENT",), unit="currency"),
    Derived(
        "POSITION",
        ("DAYS_INSTALMENT", LOAN, "NUM_INSTALMENT_NUMBER", "NUM_INSTALMENT_VERSION"),
    ),
    Derived("OF_LAST_LOAN", ("DAYS_INSTALMENT", LOAN), unit="flag"),
    difference("PAYMENT_DIFFERENCE", "AMT_INSTALMENT", "PAID", "currency"),
    Derived(
        "PAYMENT_RATIO",
        ("PAID", "AMT_INSTALMENT"),
        divide(nw.col("PAID"), nw.col("AMT_INSTALMENT")),
    ),
    difference("PAID_OVER_AMOUNT", "AMT_PAYMENT", "AMT_INSTALMENT", "currency"),
    indicator("PAID_OVER", Where("PAID_OVER_AMOUNT", ">", 0)),
    Derived("DPD", ("DAYS_ENTRY_PAYMENT", "DAYS_INSTALMENT"), days_past_due(), "days"),
    Derived(
        "DBD",
        ("DAYS_INSTALMENT", "DAYS_ENTRY_PAYMENT"),
        positive_part(bounded(_due - _paid_on)),
        "days",
    ),
    indicator("LATE_PAYMENT", Where("DPD", ">", 0)),
    Derived("LATE_PAYMENT_RATIO", ("LATE_PAYMENT", "AMT_PAYMENT", "AMT_INSTALMENT"), late_share()),
    indicator("SIGNIFICANT_LATE_PAYMENT", Where("LATE_PAYMENT_RATIO", ">", SIGNIFICANT)),
    indicator("DPD_7", Where("DPD", ">", 7)),
    indicator("DPD_15", Where("DPD", ">", 15)),
)

_BOTH = {
    "DAYS_ENTRY_PAYMENT": "min max mean",
    "AMT_INSTALMENT": "min max mean sum",
    "AMT_PAYMENT": "min max mean sum",
    "DPD": "max mean var",
    "DBD": "max mean var",
    "PAYMENT_DIFFERENCE": "mean",
    "PAYMENT_RATIO": "mean",
    "LATE_PAYMENT": "mean",
    "SIGNIFICANT_LATE_PAYMENT": "mean",
    "LATE_PAYMENT_RATIO": "mean",
    "DPD_7": "mean",
    "DPD_15": "mean",
}

ROWS: tuple[Row, ...] = (
    *ALL.take(
        {
            "SK_ID_PREV": "size nunique",
            **_BOTH,
            "LATE_PAYMENT": "mean sum",
            "SIGNIFICANT_LATE_PAYMENT": "mean sum",
            "PAID_OVER": "mean",
        }
    ),
    *(row for subset in RECENT for row in subset.take({"SK_ID_PREV": "size", **_BOTH})),
    *(Trend(column, last) for last in (12, 24, 60, 120) for column in ("DPD", "PAID_OVER_AMOUNT")),
    *LAST_LOAN.take(
        {
            "DPD": "sum mean max std",
            "LATE_PAYMENT": "count mean",
            "PAID_OVER_AMOUNT": "sum mean max min std",
            "PAID_OVER": "count mean",
        }
    ),
)


HISTORY = History(name="instalments", tables=TABLES, derived=DERIVED, features=ROWS)

#: Columns that order a client's payments, newest first: the due date, then columns that make the
#: order unique. Nulls come first.
_ORDER = (
    "DAYS_INSTALMENT", LOAN, "NUM_INSTALMENT_NUMBER", "NUM_INSTALMENT_VERSION",
    "DAYS_ENTRY_PAYMENT", "AMT_PAYMENT", "AMT_INSTALMENT",
)  # fmt: skip


def stage(instalments: nw.LazyFrame[Any], numbered: Numbered) -> nw.LazyFrame[Any]:
    """One row per payment, with the sum that the client paid for its instalment, its position among
    the client's rows (1 is the newest), and whether its loan is the client's last one.

    The sums are joined: a window for each of them would sort all rows again.
    """
    staged = numbered(instalments, "POSITION", _ORDER, (ID,))
    staged = staged.join(paid_in_parts(instalments), on=list(_INSTALMENT), how="left")
    staged = staged.join(_last_loan(instalments), on=ID, how="left")
    payment = on_grid(nw.col("AMT_PAYMENT"), GRID_BITS["currency"])
    alone = nw.when(payment.is_null()).then(nw.lit(0.0)).otherwise(payment)
    in_parts = ~nw.col("PAID IN PARTS").is_null()
    return staged.with_columns(
        PAID=nw.when(in_parts).then(nw.col("PAID IN PARTS")).otherwise(alone),
        OF_LAST_LOAN=flag(nw.col(LOAN) == nw.col("LAST_LOAN")),
    ).drop("PAID IN PARTS", "LAST_LOAN")


#: By client too: a row that bears another client's id than its loan counts for that other client.
_INSTALMENT = (ID, LOAN, "NUM_INSTALMENT_NUMBER")


def paid_in_parts(instalments: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The sum paid for each instalment of several payments; these are few, so the join is fast."""
    payment = on_grid(nw.col("AMT_PAYMENT"), GRID_BITS["currency"])
    paid = instalments.group_by(*_INSTALMENT).agg(
        payment.sum().alias("PAID IN PARTS"), nw.len().alias("PARTS")
    )
    return paid.filter(nw.col("PARTS") > 1).drop("PARTS")


def _last_loan(instalments: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The loan of each client's latest due date; of two, the one with the larger id."""
    due = instalments.select(ID, LOAN, "DAYS_INSTALMENT")
    latest = due.group_by(ID).agg(nw.col("DAYS_INSTALMENT").max().alias("LAST_DUE"))
    last = due.join(latest, on=ID, how="inner").filter(
        nw.col("DAYS_INSTALMENT") == nw.col("LAST_DUE")
    )
    return last.group_by(ID).agg(nw.col(LOAN).max().alias("LAST_LOAN"))


def by_loan(staged: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """One row per client and earlier loan with instalments: sums due and paid, whether any was late."""
    return staged.group_by(ID, LOAN).agg(
        nw.col("AMT_INSTALMENT").sum().alias("DUE_SUM"),
        nw.col("AMT_PAYMENT").sum().alias("PAID_SUM"),
        nw.col("LATE_PAYMENT").max().alias("EVER_LATE"),
    )
