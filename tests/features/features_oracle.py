"""Every declared feature computed a second way: plain Python over lists of dictionaries.

Nothing here knows Narwhals or DuckDB. Which columns are aggregated how is read from the declared
rows, so a new row is recomputed the moment it is declared. What a column, a prefix, a group or a
ratio means is written down again, on its own, from the definitions: a new one has to be added.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from project_tools.features.definitions import (
    across,
    application,
    bureau,
    instalments,
    pos_cash,
    previous,
)
from project_tools.features.pipeline import HISTORIES
from project_tools.features.rows import Aggregate, GroupStatistics, Row, Share, Subset, Trend

NO_DATE = 365_243
Record = dict[str, Any]
Records = list[Record]
Tables = Mapping[str, Sequence[Record]]


def over(first: float | None, second: float | None) -> float | None:
    return None if first is None or not second else first / second


def minus(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def mean(values: Iterable[float | None]) -> float | None:
    found = known(values)
    return math.fsum(found) / len(found) if found else None


def by(rows: Iterable[Record], *keys: str) -> dict[Any, Records]:
    groups: dict[Any, Records] = defaultdict(list)
    for row in rows:
        groups[row[keys[0]] if len(keys) == 1 else tuple(row[key] for key in keys)].append(row)
    return groups


# What an aggregate means


def within(column: str, months: int, days: int = 30) -> Callable[[Record], bool]:
    return lambda r: r[column] is not None and r[column] >= -days * months


def level(column: str, name: str) -> Callable[[Record], bool]:
    return lambda r: bool(r[column] == name)


#: Which rows a prefix stands for, written down on its own.
SUBSETS: dict[str, Callable[[Record], bool]] = {
    **dict.fromkeys(("BUREAU_", "PREV_", "POS_", "POS_LOANS_", "INS_", "CC_"), lambda _: True),
    "BUREAU_ACTIVE_": level("CREDIT_ACTIVE", "Active"),
    "BUREAU_CLOSED_": level("CREDIT_ACTIVE", "Closed"),
    "BUREAU_CONSUMER_": level("CREDIT_TYPE", "Consumer credit"),
    "BUREAU_CREDIT_": level("CREDIT_TYPE", "Credit card"),
    "BUREAU_MORTGAGE_": level("CREDIT_TYPE", "Mortgage"),
    "BUREAU_CAR_": level("CREDIT_TYPE", "Car loan"),
    "BUREAU_MICROLOAN_": level("CREDIT_TYPE", "Microloan"),
    **{f"BUREAU_LAST{m}M_": within("DAYS_CREDIT", m) for m in (6, 12, 24, 36)},
    "BUREAU_LAST_LOAN_": lambda r: r["OVERDUE_POSITION"] == 1,
    "PREV_ACTIVE_": lambda r: r["IS_ACTIVE"] == 1,
    "APPROVED_": level("NAME_CONTRACT_STATUS", "Approved"),
    "REFUSED_": level("NAME_CONTRACT_STATUS", "Refused"),
    "PREV_Consumer_": level("NAME_CONTRACT_TYPE", "Consumer loans"),
    "PREV_Cash_": level("NAME_CONTRACT_TYPE", "Cash loans"),
    "PREV_LATE_": lambda r: r["EVER_LATE"] == 1,
    **{f"PREV_LAST{m}M_": within("DAYS_DECISION", m) for m in (6, 12, 24)},
    "POS_LAST3_": lambda r: r["NEWEST_POSITION"] <= 3,
    **{f"INS_{m}M_": within("DAYS_INSTALMENT", m) for m in (18, 36)},
    "LAST_LOAN_": lambda r: r["OF_LAST_LOAN"] == 1,
    "CC_LAST_": lambda r: r["IS_LAST_MONTH"] == 1,
    **{f"CC_{m}M_": within("MONTHS_BALANCE", m, days=1) for m in (12, 24, 48)},
}


def inside(subset: Subset, rows: Records) -> Records:
    """The subset's rows by the oracle's own meaning of its prefix."""
    return [row for row in rows if SUBSETS[subset.prefix](row)]


def statistic_of(name: str, values: list[float | None]) -> float | None:
    """A statistic over the rows of a subset, of which there may be none."""
    found = known(values)
    several = len(found) > 1
    meanings: dict[str, Callable[[], float | None]] = {
        "min": lambda: min(found, default=None),
        "max": lambda: max(found, default=None),
        "mean": lambda: mean(found),
        "median": lambda: statistics.median(found) if found else None,
        "var": lambda: statistics.variance(found) if several else None,
        "std": lambda: statistics.stdev(found) if several else None,
        "sum": lambda: math.fsum(found) if values else None,
        "size": lambda: len(values) or None,
        "count": lambda: len(values) or None,
        "nunique": lambda: len(set(found)) if values else None,
    }
    return meanings[name]()


def slope(row: Trend, rows: Records) -> float | None:
    """Per instalment over the last rows, oldest to newest."""
    last = sorted(rows, key=lambda r: r[row.position])[: row.last]
    values = [r[row.column] for r in reversed(last)]
    if None in values:
        return None
    if len(values) == 1:
        return 0.0
    return statistics.linear_regression(range(len(values)), values).slope


def features_of(row: Row, rows: Records) -> Record:
    """The features that a declared row makes of one client's rows."""
    match row:
        case Trend():
            return {row.names[0]: slope(row, rows)}
        case Share():
            own = inside(row.subset, rows)
            return {row.names[0]: mean(float(r[row.column] == row.level) for r in own)}
        case Aggregate():
            values = [r[row.column] for r in inside(row.subset, rows)]
            return {row.name_of(name): statistic_of(name, values) for name in row.statistics}


#: What makes a group, and what its members are called in the features.
GROUPS = {
    "GROUP1_": ("NAME_EDUCATION_TYPE", "OCCUPATION_TYPE", "AGE_RANGE"),
    "GROUP2_": ("CREDIT_TO_ANNUITY_GROUP", "NAME_INCOME_TYPE", "NAME_EDUCATION_TYPE"),
    "LL_": ("MONTHS_BALANCE_SIZE",),
    "CTAR_": ("CREDIT_TO_ANNUITY_RATIO",),
}
MEMBERS = {
    "EXT_SOURCES": "EXT_SOURCES_MEAN", "INCOME": "AMT_INCOME_TOTAL", "CREDIT": "AMT_CREDIT",
    "CREDIT_TO_ANNUITY": "CREDIT_TO_ANNUITY_RATIO", "ANNUITY": "AMT_ANNUITY",
}  # fmt: skip


def with_groups(rows: Records, groups: GroupStatistics, learners: set[int], least: int) -> None:
    """Add to each row what its group is known for among the learners' rows."""
    keys = GROUPS[groups.prefix]
    members: dict[Any, Records] = defaultdict(list)
    for row in rows:
        if row["SK_ID_CURR"] in learners:
            members[tuple(row[key] for key in keys)].append(row)
    for row in rows:
        key = tuple(row[name] for name in keys)
        others = [] if None in key else members.get(key, [])
        enough = len({r["SK_ID_CURR"] for r in others}) >= least
        for name in groups.names:
            column, statistic = _member(name.removeprefix(groups.prefix))
            values = [r[column] for r in others]
            row[name] = statistic_of(statistic, values) if enough else None


def _member(name: str) -> tuple[str, str]:
    """Column and statistic that a feature's name stands for; a mean where it names none."""
    stem, _, end = name.rpartition("_")
    if end in ("MEAN", "MEDIAN", "STD"):
        return MEMBERS.get(stem, stem), end.lower()
    return name, "mean"


# What a column means, table by table


def application_row(raw: Record) -> Record:
    r = dict(raw)
    r["CODE_GENDER"] = None if r["CODE_GENDER"] == "XNA" else r["CODE_GENDER"]
    r["DAYS_EMPLOYED"] = None if r["DAYS_EMPLOYED"] == NO_DATE else r["DAYS_EMPLOYED"]
    r["DAYS_LAST_PHONE_CHANGE"] = r["DAYS_LAST_PHONE_CHANGE"] or None
    r["AMT_INCOME_TOTAL"] = min(r["AMT_INCOME_TOTAL"], 20e6)
    documents = [r[f"FLAG_DOCUMENT_{n}"] for n in range(2, 22)]
    r["DOCUMENT_COUNT"] = sum(documents)
    r["NEW_DOC_KURT"] = kurtosis(documents)
    years = -r["DAYS_BIRTH"] / 365
    r["AGE_RANGE"] = next((n + 1 for n, top in enumerate((27, 40, 50, 65, 99)) if years <= top), 0)
    scores = [r[f"EXT_SOURCE_{n}"] for n in (1, 2, 3)]
    found = known(scores)
    all_three = len(found) == 3
    r["EXT_SOURCES_PROD"] = math.prod(found) if all_three else None
    r["EXT_SOURCES_WEIGHTED"] = 2 * scores[0] + scores[1] + 3 * scores[2] if all_three else None
    r["EXT_SOURCES_MIN"], r["EXT_SOURCES_MAX"] = min(found, default=None), max(found, default=None)
    r["EXT_SOURCES_MEAN"] = mean(found)
    r["EXT_SOURCES_NANMEDIAN"] = statistics.median(found) if found else None
    r["EXT_SOURCES_VAR"] = statistics.pvariance(found) if found else None
    short = {
        "CREDIT": "AMT_CREDIT", "ANNUITY": "AMT_ANNUITY", "GOODS": "AMT_GOODS_PRICE",
        "INCOME": "AMT_INCOME_TOTAL", "EMPLOYED": "DAYS_EMPLOYED", "BIRTH": "DAYS_BIRTH",
        "ID": "DAYS_ID_PUBLISH", "CAR": "OWN_CAR_AGE",
    }  # fmt: skip
    for pair in (
        "CREDIT_TO_ANNUITY", "CREDIT_TO_GOODS", "ANNUITY_TO_INCOME", "CREDIT_TO_INCOME",
        "INCOME_TO_EMPLOYED", "INCOME_TO_BIRTH", "EMPLOYED_TO_BIRTH", "ID_TO_BIRTH",
        "CAR_TO_BIRTH", "CAR_TO_EMPLOYED",
    ):  # fmt: skip
        first, second = pair.split("_TO_")
        r[f"{pair}_RATIO"] = over(r[short[first]], r[short[second]])
    duration = r["CREDIT_TO_ANNUITY_RATIO"]
    r["CREDIT_TO_ANNUITY_GROUP"] = (
        0 if duration is None else 1 + sum(duration > top for top in (6, 12, 18, 24, 30, 36))
    )
    return r


def kurtosis(values: list[float]) -> float:
    """Bias-corrected excess kurtosis from the definition, with the sample's standard deviation."""
    n, middle = len(values), statistics.fmean(values)
    spread = statistics.stdev(values)
    if spread == 0:
        return 0.0
    fourths = math.fsum(((v - middle) / spread) ** 4 for v in values)
    scale = n * (n + 1) / ((n - 1) * (n - 2) * (n - 3))
    return scale * fourths - 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))


def bureau_rows(tables: Tables) -> Records:
    months = by(tables["bureau_balance"], "SK_ID_BUREAU")
    rows = []
    for raw in tables["bureau"]:
        r = dict(raw)
        balance = months.get(r["SK_ID_BUREAU"], [])
        r["MONTHS_BALANCE_MEAN"] = mean(m["MONTHS_BALANCE"] for m in balance)
        r["MONTHS_BALANCE_SIZE"] = len(balance) or None
        for status in ("0", "1", "C", "X", "12345"):
            r[f"STATUS_{status}"] = mean(float(m["STATUS"] in status) for m in balance)
        r["ENDDATE_DIF"] = minus(r["DAYS_CREDIT_ENDDATE"], r["DAYS_ENDDATE_FACT"])
        r["DEBT_CREDIT_DIFF"] = minus(r["AMT_CREDIT_SUM"], r["AMT_CREDIT_SUM_DEBT"])
        r["CREDIT_TO_ANNUITY_RATIO"] = over(r["AMT_CREDIT_SUM"], r["AMT_ANNUITY"])
        r["DEBT_PERCENTAGE"] = over(r["AMT_CREDIT_SUM_DEBT"], r["AMT_CREDIT_SUM"])
        r["OVERDUE_POSITION"] = None
        rows.append(r)
    with_overdue = [r for r in rows if r["AMT_CREDIT_MAX_OVERDUE"] is not None]
    number(with_overdue, "OVERDUE_POSITION", lambda r: (r["DAYS_CREDIT"], r["SK_ID_BUREAU"]))
    return rows


def number(rows: Records, name: str, age: Callable[[Record], Any]) -> None:
    """1, 2, 3 … for each client's rows, the newest first."""
    for own in by(rows, "SK_ID_CURR").values():
        for place, row in enumerate(sorted(own, key=age, reverse=True), 1):
            row[name] = place


def instalment_rows(tables: Tables) -> Records:
    rows = [dict(raw) for raw in tables["installments_payments"]]
    for same in by(rows, "SK_ID_CURR", "SK_ID_PREV", "NUM_INSTALMENT_NUMBER").values():
        paid = math.fsum(known(r["AMT_PAYMENT"] for r in same))
        for r in same:
            r["PAID"] = paid
    for r in rows:
        due, entry, amount = r["DAYS_INSTALMENT"], r["DAYS_ENTRY_PAYMENT"], r["AMT_INSTALMENT"]
        r["PAYMENT_DIFFERENCE"] = minus(amount, r["PAID"])
        r["PAYMENT_RATIO"] = over(r["PAID"], amount)
        r["PAID_OVER_AMOUNT"] = minus(r["AMT_PAYMENT"], amount)
        r["PAID_OVER"] = float((r["PAID_OVER_AMOUNT"] or 0) > 0)
        r["DPD"] = max(-due if entry is None else entry - due, 0)
        r["DBD"] = None if entry is None else max(due - entry, 0)
        r["LATE_PAYMENT"] = float(r["DPD"] > 0)
        r["LATE_PAYMENT_RATIO"] = over(r["AMT_PAYMENT"], amount) if r["LATE_PAYMENT"] else 0.0
        r["SIGNIFICANT_LATE_PAYMENT"] = float((r["LATE_PAYMENT_RATIO"] or 0) > 0.05)
        r["DPD_7"], r["DPD_15"] = float(r["DPD"] > 7), float(r["DPD"] > 15)
    number(rows, "POSITION", _age_of_instalment)
    for own in by(rows, "SK_ID_CURR").values():
        last = max(own, key=lambda r: (r["DAYS_INSTALMENT"], r["SK_ID_PREV"]))["SK_ID_PREV"]
        for r in own:
            r["OF_LAST_LOAN"] = float(r["SK_ID_PREV"] == last)
    return rows


def _age_of_instalment(row: Record) -> tuple[Any, ...]:
    """Due date, loan, number, version; then day of entry and amounts, nulls after all values."""
    exact = ("DAYS_INSTALMENT", "SK_ID_PREV", "NUM_INSTALMENT_NUMBER", "NUM_INSTALMENT_VERSION")
    nullable = ("DAYS_ENTRY_PAYMENT", "AMT_PAYMENT", "AMT_INSTALMENT")
    later = ((math.inf if row[name] is None else row[name]) for name in nullable)
    return (*(row[name] for name in exact), *later)


def previous_rows(tables: Tables) -> Records:
    payments = by(instalment_rows(tables), "SK_ID_CURR", "SK_ID_PREV")
    rows = []
    for raw in tables["previous_application"]:
        r = dict(raw)
        approved = r["NAME_CONTRACT_STATUS"] == "Approved"
        r["IS_ACTIVE"] = float(approved and r["DAYS_LAST_DUE"] == NO_DATE)
        for name in (
            "DAYS_FIRST_DRAWING", "DAYS_FIRST_DUE", "DAYS_LAST_DUE_1ST_VERSION", "DAYS_LAST_DUE",
            "DAYS_TERMINATION",
        ):  # fmt: skip
            r[name] = None if r[name] == NO_DATE else r[name]
        own = payments.get((r["SK_ID_CURR"], r["SK_ID_PREV"]), [])
        r["DUE_SUM"] = math.fsum(known(p["AMT_INSTALMENT"] for p in own)) if own else None
        r["PAID_SUM"] = math.fsum(known(p["AMT_PAYMENT"] for p in own)) if own else None
        r["EVER_LATE"] = max((p["LATE_PAYMENT"] for p in own), default=None)
        r["APPLICATION_CREDIT_DIFF"] = minus(r["AMT_APPLICATION"], r["AMT_CREDIT"])
        r["APPLICATION_CREDIT_RATIO"] = over(r["AMT_APPLICATION"], r["AMT_CREDIT"])
        r["CREDIT_TO_ANNUITY_RATIO"] = over(r["AMT_CREDIT"], r["AMT_ANNUITY"])
        r["DOWN_PAYMENT_TO_CREDIT"] = over(r["AMT_DOWN_PAYMENT"], r["AMT_CREDIT"])
        r["SIMPLE_INTERESTS"] = _simple_interest(r)
        r["DAYS_LAST_DUE_DIFF"] = minus(r["DAYS_LAST_DUE_1ST_VERSION"], r["DAYS_LAST_DUE"])
        r["AMT_PAYMENT"] = r["PAID_SUM"] or 0.0
        r["INSTALMENT_PAYMENT_DIFF"] = minus(r["DUE_SUM"], r["PAID_SUM"])
        r["REMAINING_DEBT"] = minus(r["AMT_CREDIT"], r["AMT_PAYMENT"])
        r["REPAYMENT_RATIO"] = over(r["AMT_PAYMENT"], r["AMT_CREDIT"])
        rows.append(r)
    return rows


def _simple_interest(r: Record) -> float | None:
    if None in (r["AMT_ANNUITY"], r["CNT_PAYMENT"]):
        return None
    times = over(r["AMT_ANNUITY"] * r["CNT_PAYMENT"], r["AMT_CREDIT"])
    return None if times is None else over(times - 1, r["CNT_PAYMENT"])


def pos_months(tables: Tables) -> Records:
    return [r | {"LATE_PAYMENT": float(r["SK_DPD"] > 0)} for r in tables["POS_CASH_balance"]]


def pos_loans(tables: Tables) -> Records:
    loans = []
    for (client, loan), rows in by(pos_months(tables), "SK_ID_CURR", "SK_ID_PREV").items():
        months = sorted(rows, key=lambda r: r["MONTHS_BALANCE"])
        agreed = known(r["CNT_INSTALMENT"] for r in months) or [None]
        future = known(r["CNT_INSTALMENT_FUTURE"] for r in months) or [None]
        completed = mean(float(r["NAME_CONTRACT_STATUS"] == "Completed") for r in months)
        shortened = (minus(agreed[0], agreed[-1]) or 0) > 0
        loans.append({
            "SK_ID_CURR": client, "SK_ID_PREV": loan, "COMPLETED_SHARE": completed,
            "FIRST_INSTALMENTS": agreed[0], "LAST_INSTALMENTS": agreed[-1],
            "REMAINING": future[-1], "REMAINING_RATIO": over(future[-1], agreed[-1]),
            "LATE_MONTHS": sum(r["LATE_PAYMENT"] for r in months),
            "COMPLETED_BEFORE": float(shortened and bool(completed)),
            "LATEST": months[-1]["MONTHS_BALANCE"],
        })  # fmt: skip
    number(loans, "NEWEST_POSITION", lambda r: (r["LATEST"], r["SK_ID_PREV"]))
    return loans


def card_rows(tables: Tables) -> Records:
    rows = [dict(raw) for raw in tables["credit_card_balance"]]
    for months in by(rows, "SK_ID_CURR", "SK_ID_PREV").values():
        latest = max(r["MONTHS_BALANCE"] for r in months)
        for r in months:
            r["IS_LAST_MONTH"] = float(r["MONTHS_BALANCE"] == latest)
            r["LIMIT_USE"] = over(r["AMT_BALANCE"], r["AMT_CREDIT_LIMIT_ACTUAL"])
            r["PAYMENT_DIV_MIN"] = over(r["AMT_PAYMENT_CURRENT"], r["AMT_INST_MIN_REGULARITY"])
            r["LATE_PAYMENT"] = float(r["SK_DPD"] > 0)
    return rows


#: Rows of each staged table, by the history's name.
STAGED: dict[str, Callable[[Tables], Records]] = {
    bureau.HISTORY.name: bureau_rows,
    previous.HISTORY.name: previous_rows,
    pos_cash.MONTHS.name: pos_months,
    pos_cash.LOAN_HISTORY.name: pos_loans,
    instalments.HISTORY.name: instalment_rows,
    "credit cards": card_rows,
}

#: Features of other features: the first over the second, or less it where it is no quotient.
OVER = {
    "BUREAU_DEBT_OVER_CREDIT": ("BUREAU_AMT_CREDIT_SUM_DEBT_SUM", "BUREAU_AMT_CREDIT_SUM_SUM"),
    "BUREAU_ACTIVE_DEBT_OVER_CREDIT": (
        "BUREAU_ACTIVE_AMT_CREDIT_SUM_DEBT_SUM", "BUREAU_ACTIVE_AMT_CREDIT_SUM_SUM",
    ),
    "TOTAL_REPAYMENT_RATIO": ("PREV_ACTIVE_AMT_PAYMENT_SUM", "PREV_ACTIVE_AMT_CREDIT_SUM"),
    "BUREAU_INCOME_CREDIT_RATIO": ("BUREAU_AMT_CREDIT_SUM_MEAN", "AMT_INCOME_TOTAL"),
    "BUREAU_ACTIVE_CREDIT_TO_INCOME_RATIO": (
        "BUREAU_ACTIVE_AMT_CREDIT_SUM_SUM", "AMT_INCOME_TOTAL",
    ),
    "CURRENT_TO_APPROVED_CREDIT_MIN_RATIO": ("APPROVED_AMT_CREDIT_MIN", "AMT_CREDIT"),
    "CURRENT_TO_APPROVED_CREDIT_MAX_RATIO": ("APPROVED_AMT_CREDIT_MAX", "AMT_CREDIT"),
    "CURRENT_TO_APPROVED_CREDIT_MEAN_RATIO": ("APPROVED_AMT_CREDIT_MEAN", "AMT_CREDIT"),
    "CURRENT_TO_APPROVED_ANNUITY_MAX_RATIO": ("APPROVED_AMT_ANNUITY_MAX", "AMT_ANNUITY"),
    "CURRENT_TO_APPROVED_ANNUITY_MEAN_RATIO": ("APPROVED_AMT_ANNUITY_MEAN", "AMT_ANNUITY"),
    "PAYMENT_MIN_TO_ANNUITY_RATIO": ("INS_AMT_PAYMENT_MIN", "AMT_ANNUITY"),
    "PAYMENT_MAX_TO_ANNUITY_RATIO": ("INS_AMT_PAYMENT_MAX", "AMT_ANNUITY"),
    "PAYMENT_MEAN_TO_ANNUITY_RATIO": ("INS_AMT_PAYMENT_MEAN", "AMT_ANNUITY"),
    "CURRENT_TO_BUREAU_ANNUITY_MEAN_RATIO": ("BUREAU_AMT_ANNUITY_MEAN", "AMT_ANNUITY"),
    "CTA_CREDIT_TO_ANNUITY_MAX_RATIO": (
        "APPROVED_CREDIT_TO_ANNUITY_RATIO_MAX", "CREDIT_TO_ANNUITY_RATIO",
    ),
    "CTA_CREDIT_TO_ANNUITY_MEAN_RATIO": (
        "APPROVED_CREDIT_TO_ANNUITY_RATIO_MEAN", "CREDIT_TO_ANNUITY_RATIO",
    ),
    "DAYS_DECISION_MEAN_TO_BIRTH": ("APPROVED_DAYS_DECISION_MEAN", "DAYS_BIRTH"),
    "DAYS_DECISION_MEAN_TO_EMPLOYED": ("APPROVED_DAYS_DECISION_MEAN", "DAYS_EMPLOYED"),
    "DAYS_CREDIT_MEAN_TO_BIRTH": ("BUREAU_DAYS_CREDIT_MEAN", "DAYS_BIRTH"),
    "DAYS_CREDIT_MEAN_TO_EMPLOYED": ("BUREAU_DAYS_CREDIT_MEAN", "DAYS_EMPLOYED"),
    "HOUR_APPR_RATIO": ("HOUR_APPR_PROCESS_START", "PREV_HOUR_APPR_PROCESS_START_MEAN"),
}  # fmt: skip
LESS = {"HOUR_APPR_DIFFERENCE": ("HOUR_APPR_PROCESS_START", "PREV_HOUR_APPR_PROCESS_START_MEAN")}


def recompute(tables: Tables, learners: set[int], least: int = 5) -> dict[int, Record]:
    """All features of all clients, learning from the rows of the learners."""
    raw = [*tables["application_train"], *tables["application_test"]]
    clients = [application_row(r) for r in raw]
    for groups in application.GROUPS:
        with_groups(clients, groups, learners, least)
    for history in HISTORIES:
        rows = STAGED[history.name](tables)
        if history is bureau.HISTORY:
            with_groups(rows, bureau.SAME_LENGTH, learners, least)
        of_client = by(rows, "SK_ID_CURR")
        for client in clients:
            own = of_client.get(client["SK_ID_CURR"])
            for row in history.rows:
                empty = dict.fromkeys(row.names)
                client.update(features_of(row, own) if own else empty)
            for ratio in history.ratios:
                client[ratio.name] = over(*(client[name] for name in OVER[ratio.name]))
    for row in across.RATIOS:
        meaning, sources = (minus, LESS) if row.name in LESS else (over, OVER)
        for client in clients:
            client[row.name] = meaning(*(client[name] for name in sources[row.name]))
    with_groups(clients, across.SAME_DURATION, learners, least)
    return {client["SK_ID_CURR"]: client for client in clients}
