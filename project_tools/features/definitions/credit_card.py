"""Months of earlier credit cards with us."""

from typing import Any

import narwhals as nw

from project_tools.features.columns import ID
from project_tools.features.expressions import LOAN, flag
from project_tools.features.rows import Derived, History, Row, Subset, Where, indicator, ratio

TABLE = "credit_card_balance"

ALL = Subset("CC_")
LAST = Subset("CC_LAST_", Where("IS_LAST_MONTH", "==", 1.0))
RECENT = tuple(
    Subset(f"CC_{months}M_", Where("MONTHS_BALANCE", ">=", -months)) for months in (12, 24, 48)
)

DERIVED = (
    Derived("IS_LAST_MONTH", ("MONTHS_BALANCE",), unit="flag"),
    ratio("LIMIT_USE", "AMT_BALANCE", "AMT_CREDIT_LIMIT_ACTUAL"),
    ratio("PAYMENT_DIV_MIN", "AMT_PAYMENT_CURRENT", "AMT_INST_MIN_REGULARITY"),
    indicator("LATE_PAYMENT", Where("SK_DPD", ">", 0)),
)

ROWS: tuple[Row, ...] = (
    *ALL.take(
        {
            "MONTHS_BALANCE": "min",
            "AMT_BALANCE": "max",
            "AMT_CREDIT_LIMIT_ACTUAL": "max",
            "AMT_DRAWINGS_ATM_CURRENT": "max sum",
            "AMT_DRAWINGS_CURRENT": "max sum",
            "AMT_DRAWINGS_POS_CURRENT": "max sum",
            "AMT_INST_MIN_REGULARITY": "max mean",
            "AMT_PAYMENT_TOTAL_CURRENT": "max mean sum var",
            "AMT_TOTAL_RECEIVABLE": "max mean",
            "CNT_DRAWINGS_ATM_CURRENT": "max mean sum",
            "CNT_DRAWINGS_CURRENT": "max mean sum",
            "CNT_DRAWINGS_POS_CURRENT": "mean",
            "SK_DPD": "mean max sum",
            "SK_DPD_DEF": "max sum",
            "LIMIT_USE": "max mean",
            "PAYMENT_DIV_MIN": "min mean",
            "LATE_PAYMENT": "max sum",
        }
    ),
    *LAST.take({"AMT_BALANCE": "mean max"}),
    *(
        row
        for subset in RECENT
        for row in subset.take(
            {
                "CNT_DRAWINGS_ATM_CURRENT": "mean",
                "SK_DPD": "max sum",
                "AMT_BALANCE": "mean max",
                "LIMIT_USE": "max mean",
            }
        )
    ),
)

HISTORY = History(name="credit cards", tables=(TABLE,), derived=DERIVED, features=ROWS)


def stage(months: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """One row per month of a card, marked if it is the card's last one."""
    month = nw.col("MONTHS_BALANCE")
    last = months.with_columns(LAST_MONTH=month.max().over(ID, LOAN))
    return last.with_columns(IS_LAST_MONTH=flag(month == nw.col("LAST_MONTH")))
