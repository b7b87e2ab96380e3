"""Raw tables of invented rows in which everything odd happens often.

Ties of dates and months, instalments never paid or paid in parts, divisors of 0, nulls wherever a
column may hold them, 365243 for "no date", gender XNA, giant incomes, clients without history, loans
of two clients.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from project_tools.features.build import build
from project_tools.features.files import read_features
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import Column

NO_DATE = 365_243
#: Tables whose rows name an earlier loan and a client.
OF_LOANS = ("POS_CASH_balance", "installments_payments", "credit_card_balance")
Row = dict[str, Any]
Tables = dict[str, list[Row]]

#: Few, so that many clients share a quotient exactly; two of them have no quotient.
LOANS = ((450_000.0, 22_500.0), (270_000.0, 13_500.0), (180_000.0, 0.0), (545_040.0, 25_407.0))


def value(column: Column, rng: random.Random) -> Any:  # noqa: PLR0911  (one return a kind)
    """A value of the column's kind; null and 0 are frequent."""
    if column.nullable and rng.random() < 0.12:
        return None
    match column.kind:
        case "text":
            return rng.choice(column.levels)
        case "flag":
            return float(rng.random() < 0.4)
        case "amount":
            return rng.choice((0.0, 0.045, 1e3)) if rng.random() < 0.15 else _amount(rng)
        case "days":
            return float(-rng.randint(1, 40) * 30 - rng.choice((0, 0, 1)))  # a window's edge
        case "months":
            return float(-rng.randint(1, 60))
        case "hour" | "rating" | "count" | "years" | "number":
            return float(rng.randint(0, 12))
        case "share" | "score":
            return round(rng.random(), 4)
    raise ValueError(f"no value of the kind {column.kind}")


def _amount(rng: random.Random) -> float:
    return round(rng.uniform(500, 900_000), 2)


def plain(table: str, **given: Any) -> Row:
    """A row of which only what is given says anything: nulls, first levels and zeros elsewhere."""
    columns = TABLES[table].columns
    unknown = set(given) - {column.name for column in columns}
    assert not unknown, f"{table} has no {unknown}"
    return {c.name: given.get(c.name, _nothing(c)) for c in columns}


def _nothing(column: Column) -> Any:
    if column.nullable:
        return None
    return column.levels[0] if column.kind == "text" else 0.0


def row(table: str, rng: random.Random, **given: Any) -> Row:
    """A whole row of a table: what is given, and made-up values of the other columns."""
    columns = TABLES[table].columns
    return {c.name: given[c.name] if c.name in given else value(c, rng) for c in columns}


def made_up(seed: int, clients: int = 120) -> Tables:
    """All eight tables; every fifth client has no history."""
    rng = random.Random(seed)  # noqa: S311  (made-up rows, no secrets)
    tables: Tables = {name: [] for name in TABLES}
    for number in range(clients):
        client = 100_001 + number
        _application(tables, client, rng, labelled=number % 8 != 7)
        if number % 5:
            _elsewhere(tables, client, rng)
            _with_us(tables, client, rng)
    for name in OF_LOANS:  # a loan bears two clients: each row counts for the client it names
        for other in rng.sample(tables[name], len(tables[name]) // 15):
            other["SK_ID_CURR"] = 100_001 + rng.randrange(clients)
    for rows in tables.values():
        rng.shuffle(rows)
    return tables


def _application(tables: Tables, client: int, rng: random.Random, *, labelled: bool) -> None:
    credit, annuity = rng.choice(LOANS)
    given: Row = {
        "SK_ID_CURR": client, "AMT_CREDIT": credit, "AMT_ANNUITY": annuity,
        "DAYS_BIRTH": float(-365 * rng.choice((20, 27, 40, 50, 65, 70)) - rng.choice((0, 1))),
        "NAME_EDUCATION_TYPE": rng.choice(("Higher education", "Lower secondary")),
        "OCCUPATION_TYPE": rng.choice(("Managers", "Drivers", None)),
        "NAME_INCOME_TYPE": rng.choice(("Working", "Pensioner")),
        "TARGET": float(rng.random() < 0.3),
    }  # fmt: skip
    odd = {
        "DAYS_EMPLOYED": float(NO_DATE), "DAYS_LAST_PHONE_CHANGE": 0.0, "CODE_GENDER": "XNA",
        "AMT_INCOME_TOTAL": 117e6, "DAYS_REGISTRATION": -1234.0,
    }  # fmt: skip
    given |= {name: odd[name] for name in odd if rng.random() < 0.2}
    table = "application_train" if labelled else "application_test"
    tables[table].append(row(table, rng, **given))


def _elsewhere(tables: Tables, client: int, rng: random.Random) -> None:
    for _ in range(rng.randint(0, 6)):
        loan = 5_000_000 + len(tables["bureau"])
        tables["bureau"].append(row("bureau", rng, SK_ID_CURR=client, SK_ID_BUREAU=loan))
        months = rng.choice((0, 0, 3, 3, 7))
        for month in range(months):
            tables["bureau_balance"].append(
                row("bureau_balance", rng, SK_ID_BUREAU=loan, MONTHS_BALANCE=float(-month))
            )


def _with_us(tables: Tables, client: int, rng: random.Random) -> None:
    for _ in range(rng.randint(0, 5)):
        loan = 1_000_000 + len(tables["previous_application"])
        keys: Row = {"SK_ID_CURR": client, "SK_ID_PREV": loan}
        dates = ("DAYS_FIRST_DRAWING", "DAYS_FIRST_DUE", "DAYS_LAST_DUE", "DAYS_TERMINATION")
        none = {name: float(NO_DATE) for name in dates if rng.random() < 0.35}
        status = rng.choice(("Approved", "Approved", "Refused", "Canceled"))
        tables["previous_application"].append(
            row("previous_application", rng, **keys, **none, NAME_CONTRACT_STATUS=status)
        )
        _instalments(tables, keys, rng)
        for table in ("POS_CASH_balance", "credit_card_balance"):
            for month in range(rng.choice((0, 2, 9))):
                late = {"SK_DPD": float(rng.choice((0, 0, 0, 12)))}
                tables[table].append(
                    row(table, rng, **keys, **late, MONTHS_BALANCE=float(-6 * month - 1))
                )


def _instalments(tables: Tables, keys: Row, rng: random.Random) -> None:
    for number in range(rng.choice((0, 1, 4, 14))):
        due, amount = float(-rng.randint(1, 45) * 30), _amount(rng)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):  # paid in one part or several
            paid = rng.random() > 0.15
            given: Row = {
                "NUM_INSTALMENT_NUMBER": float(number + 1), "DAYS_INSTALMENT": due,
                "AMT_INSTALMENT": rng.choice((0.0, amount)) if rng.random() < 0.1 else amount,
                "DAYS_ENTRY_PAYMENT": due + rng.randint(-20, 40) if paid else None,
                "AMT_PAYMENT": rng.choice((amount, amount, amount / 2, amount * 0.03, 0.0)) if paid else None,
            }  # fmt: skip
            tables["installments_payments"].append(
                row("installments_payments", rng, **keys, **given)
            )


def write(tables: Mapping[str, Sequence[Row]], folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        columns = list(TABLES[name].column_names)
        pd.DataFrame(rows, columns=columns).to_csv(folder / f"{name}.csv", index=False)
    return folder


def features(folder: Path, **choices: Any) -> pd.DataFrame:
    """All features of all clients, by client; with ``TARGET`` and ``SPLIT``."""
    out = folder.parent / f"{folder.name}.parquet"
    build(folder, [out], quiet=True, **choices)
    return read_features(out).frame.set_index("SK_ID_CURR")
