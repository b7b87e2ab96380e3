"""The eight raw tables: their grain and keys here, their columns in ``columns.csv`` beside this module.

The schema is that of Kaggle's Home Credit Default Risk. Levels and nulls are those of the full tables,
train and test together; an unknown level is an odd finding, not a fatal one (see ``rules``). Amounts
are in the tables' currency. Days and months count from the application; those before it are negative.
"""

import csv
from collections import defaultdict
from importlib.resources import files
from typing import cast

from project_tools.tables.schema import Column, Kind, Limits, Table

#: Limits of columns whose numbers differ from others of their kind, by their name in ``columns.csv``.
_LIMITS: dict[str, Limits | None] = {
    "": None,
    "any": (None, None),
    "not negative": (0, None),
    "up to 100 years ahead": (None, 36_500),
}


def _columns() -> dict[str, list[Column]]:
    """The columns of each table in ``columns.csv``, in their order."""
    text = (files("project_tools.tables") / "columns.csv").read_text(encoding="utf-8")
    columns: defaultdict[str, list[Column]] = defaultdict(list)
    for row in csv.DictReader(text.splitlines()):
        columns[row["table"]].append(
            Column(
                row["column"],
                cast("Kind", row["kind"]),
                tuple(filter(None, row["levels"].split("|"))),
                nullable=row["nulls"] == "yes",
                limits=_LIMITS[row["limits"]],
                sentinels=tuple(map(int, row["sentinel"].split())),
            )
        )
    # Test clients have the columns of training clients, without the outcome.
    labelled = columns["application_train"]
    columns["application_test"] = [column for column in labelled if column.name != "TARGET"]
    return columns


_COLUMNS = _columns()
TABLES = {
    name: Table(name, grain, tuple(_COLUMNS[name]), key)
    for name, grain, key in (
        ("application_train", "labelled application", ("SK_ID_CURR",)),
        ("application_test", "unlabelled application", ("SK_ID_CURR",)),
        ("bureau", "loan elsewhere, known to the credit bureau", ("SK_ID_BUREAU",)),
        ("bureau_balance", "month of a bureau loan", ("SK_ID_BUREAU", "MONTHS_BALANCE")),
        ("previous_application", "earlier application with us", ("SK_ID_PREV",)),
        (
            "POS_CASH_balance",
            "month of an earlier consumer or cash loan",
            ("SK_ID_PREV", "MONTHS_BALANCE"),
        ),
        ("installments_payments", "payment, or instalment not paid", ()),
        (
            "credit_card_balance",
            "month of an earlier credit card",
            ("SK_ID_PREV", "MONTHS_BALANCE"),
        ),
    )
}
