# ruff: noqa: PLR2004  (the shapes of distributions are literals here)
"""A first, simple generator: right columns, keys and kinds, a latent risk that models can learn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from project_tools.demo.frames import Columns, Text, Values, text
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import Column, Table

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

#: Share of labelled clients that default.
DEFAULT_RATE = 0.080729
#: Value that stands for "never" or "not employed" among the days.
SENTINEL = 365243


@dataclass(frozen=True)
class Clients:
    """What one chunk of clients shares between the tables."""

    ids: Whole
    risk: Numbers
    labelled: NDArray[np.bool_]
    target: Whole


def _days(random: np.random.Generator, mean: float, low: float, rows: int) -> Numbers:
    return -np.minimum(np.round(random.gamma(2, mean / 2, rows)), -low)


def _flag(random: np.random.Generator, share: float | Numbers, rows: int) -> Whole:
    return (random.random(rows) < share).astype(np.int64)


def _with_nulls(random: np.random.Generator, values: Numbers, share: float) -> Numbers:
    return np.where(random.random(len(values)) < share, np.nan, values)


def _levels(random: np.random.Generator, column: Column, rows: int) -> Text:
    """The declared levels, each rarer than the one before."""
    shares = 0.5 ** np.arange(len(column.levels))
    return text(random, column.levels, list(shares), rows)


def _filler(random: np.random.Generator, column: Column, rows: int) -> Values:
    """Plausible values of a column that nothing else depends on."""
    if column.kind == "text":
        return _levels(random, column, rows)
    if column.kind == "flag":
        return _flag(random, 0.05, rows)
    if column.kind == "share":
        return np.round(random.beta(2, 8, rows), 4)
    if column.kind in ("days", "months"):
        return _days(random, 800, -4000, rows)
    if column.kind == "amount":
        return np.round(random.gamma(1.5, 40_000, rows) / 4.5) * 4.5
    return random.poisson(0.4, rows).astype(float)


def _complete(random: np.random.Generator, table: Table, known: Columns, rows: int) -> Columns:
    missing = [c for c in table.columns if c.name not in known]
    return {**known, **{c.name: _filler(random, c, rows) for c in missing}}


def _score(random: np.random.Generator, risk: Numbers, weight: float) -> Numbers:
    noise = random.standard_normal(len(risk))
    return 1 / (1 + np.exp(-(0.2 - weight * risk + noise)))


def applications(random: np.random.Generator, clients: Clients) -> Columns:
    """The application of each client, labelled or not."""
    n, risk = len(clients.ids), clients.risk
    age = np.clip(np.round(16000 - 900 * risk + 4200 * random.standard_normal(n)), 7489, 25229)
    retired = random.random(n) < 1 / (1 + np.exp(-(age - 21500) / 900))
    employed = -np.round(np.exp(7.2 - 0.12 * risk + random.standard_normal(n)))
    income = np.round(np.exp(11.95 + 0.45 * random.standard_normal(n)) / 4500) * 4500
    income = np.where(random.random(n) < 3e-6, 117_000_000.0, income).astype(float)
    goods = np.round(np.exp(13 + 0.7 * random.standard_normal(n)) / 4500) * 4500 + 45_000
    credit = np.round(goods * random.choice([1, 1.08, 1.2], n) / 4.5) * 4.5
    term = random.choice([12.0, 18, 24, 30, 36], n)
    children = random.poisson(0.4, n)
    known: dict[str, Values] = {
        "SK_ID_CURR": clients.ids,
        "TARGET": clients.target,
        "CNT_CHILDREN": children,
        "AMT_INCOME_TOTAL": income,
        "AMT_CREDIT": credit,
        "AMT_GOODS_PRICE": _with_nulls(random, goods, 0.0009),
        "AMT_ANNUITY": np.round(credit / term * 1.25 / 4.5) * 4.5,
        "DAYS_BIRTH": -age.astype(np.int64),
        "DAYS_EMPLOYED": np.where(
            retired, SENTINEL, np.maximum(employed, -(age - 6500)).clip(max=-1)
        ).astype(np.int64),
        "CNT_FAM_MEMBERS": (children + 1 + _flag(random, 0.72, n)).astype(float),
        "OWN_CAR_AGE": _with_nulls(random, np.round(random.gamma(2, 6, n)), 0.66),
        "REGION_RATING_CLIENT": np.clip(
            np.round(2 + 0.1 * risk + 0.5 * random.standard_normal(n)), 1, 3
        ).astype(np.int64),
        "HOUR_APPR_PROCESS_START": np.clip(
            np.round(random.normal(12, 3.2, n)), 0, 23
        ).astype(np.int64),
        "EXT_SOURCE_1": _with_nulls(random, _score(random, risk, 0.55), 0.56),
        "EXT_SOURCE_2": _with_nulls(random, _score(random, risk, 0.55), 0.002),
        "EXT_SOURCE_3": _with_nulls(random, _score(random, risk, 0.65), 0.2),
        "FLAG_MOBIL": np.ones(n, dtype=np.int64),
        "FLAG_EMP_PHONE": 1 - retired.astype(np.int64),
    }  # fmt: skip
    known["REGION_RATING_CLIENT_W_CITY"] = known["REGION_RATING_CLIENT"]
    table = TABLES["application_train"]
    filled = dict(_complete(random, table, known, n))
    building = random.random(n) < 0.5
    for column in table.columns:
        if column.name.endswith(("_AVG", "_MODE", "_MEDI")):
            filled[column.name] = _gaps(filled[column.name], building)
    return filled


def _gaps(values: Values, gaps: NDArray[np.bool_]) -> Values:
    if isinstance(values, Text):
        return Text(values.levels, np.where(gaps, -1, values.codes).astype(np.int32))
    return np.where(gaps, np.nan, values)


def bureau(random: np.random.Generator, clients: Clients, first: int) -> tuple[Columns, Columns]:
    """Loans elsewhere of six clients in seven, and the months of a part of them."""
    of = _owners(random, clients, 0.86, 5.5)
    n, risk = len(of), clients.risk[of]
    ids = first + np.arange(n)
    granted = _days(random, 1100, -2922, n)
    term = random.choice([182.0, 365, 730, 1095, 1825], n)
    active = granted + term > -random.exponential(300, n)
    overdue = active & (random.random(n) < 0.01 * np.exp(0.8 * risk))
    amount = np.round(np.exp(11.7 + 1.2 * random.standard_normal(n)) / 4.5) * 4.5
    share = random.beta(2, 3, n)
    known: dict[str, Values] = {
        "SK_ID_CURR": clients.ids[of],
        "SK_ID_BUREAU": ids,
        "CREDIT_ACTIVE": Text(
            ("Closed", "Active", "Sold", "Bad debt"), np.where(active, 1, 0).astype(np.int32)
        ),
        "DAYS_CREDIT": granted.astype(np.int64),
        "CREDIT_DAY_OVERDUE": np.where(overdue, 1 + random.geometric(0.02, n), 0),
        "DAYS_CREDIT_ENDDATE": _with_nulls(random, granted + term, 0.06),
        "DAYS_ENDDATE_FACT": np.where(active, np.nan, np.minimum(granted + term * share, -1)),
        "AMT_CREDIT_SUM": amount,
        "AMT_CREDIT_SUM_DEBT": np.where(active, np.round(amount * share, 2), 0),
        "AMT_CREDIT_SUM_OVERDUE": np.where(overdue, np.round(amount * 0.05, 2), 0),
        "AMT_CREDIT_MAX_OVERDUE": _with_nulls(random, np.where(overdue, amount * 0.06, 0), 0.65),
        "CNT_CREDIT_PROLONG": _flag(random, 0.005, n),
        "DAYS_CREDIT_UPDATE": np.maximum(_days(random, 500, -2900, n), granted).astype(np.int64),
    }  # fmt: skip
    return _complete(random, TABLES["bureau"], known, n), _bureau_months(
        random, ids, granted, overdue
    )


def _bureau_months(
    random: np.random.Generator, ids: Whole, granted: Numbers, overdue: NDArray[np.bool_]
) -> Columns:
    kept = random.random(len(ids)) < 0.45
    loan, month = _sequences(np.minimum(-granted[kept] // 30, 96).astype(np.int64) + 1)
    status = text(random, ("C", "0", "X", "1", "5", "2", "3", "4"), (50, 27, 21, 1), len(loan))
    late = overdue[kept][loan] & (month < 3)
    return {
        "SK_ID_BUREAU": ids[kept][loan],
        "MONTHS_BALANCE": -month,
        "STATUS": Text(status.levels, np.where(late, 3, status.codes).astype(np.int32)),
    }


def _owners(random: np.random.Generator, clients: Clients, share: float, mean: float) -> Whole:
    """Position of the client of each row, for a share of clients with a long tail of rows."""
    some = random.random(len(clients.ids)) < share
    counts = np.where(some, random.geometric(1 / mean, len(clients.ids)), 0)
    return np.repeat(np.arange(len(clients.ids)), counts)


def _sequences(lengths: Whole) -> tuple[Whole, Whole]:
    """For each of the lengths its position repeated, and 0, 1, 2 … beside it."""
    starts = np.cumsum(lengths) - lengths
    of = np.repeat(np.arange(len(lengths)), lengths)
    return of, np.arange(len(of)) - starts[of]


_CONTRACTS = ("Cash loans", "Consumer loans", "Revolving loans", "XNA")
_STATUSES = ("Approved", "Canceled", "Refused", "Unused offer")
APPROVED, REFUSED = 0, 2
CONSUMER, CARD = 1, 2


def previous(random: np.random.Generator, clients: Clients, first: int) -> Columns:
    """Earlier applications with us; the riskier the client, the more refusals."""
    of = _owners(random, clients, 0.95, 4.9)
    n, risk = len(of), clients.risk[of]
    contract = random.choice([0, 1, 2], n, p=[0.45, 0.43, 0.12]).astype(np.int32)
    refused = random.random(n) < 1 / (1 + np.exp(1.7 - 0.5 * risk))
    other = random.choice([0, 0, 0, 1, 1], n)
    status = np.where(refused, REFUSED, other).astype(np.int32)
    decided = np.minimum(_days(random, 900, -2922, n), -2)
    term = random.choice([6.0, 10, 12, 18, 24, 36], n)
    credit = np.round(np.exp(11.5 + 0.9 * random.standard_normal(n)) / 4.5) * 4.5
    running = status == APPROVED
    ends = decided + 30 * (term + 1)
    last = np.where(ends > 0, SENTINEL, ends)
    never = np.where(running, SENTINEL, np.nan)
    known: dict[str, Values] = {
        "SK_ID_PREV": first + np.arange(n),
        "SK_ID_CURR": clients.ids[of],
        "NAME_CONTRACT_TYPE": Text(_CONTRACTS, contract),
        "NAME_CONTRACT_STATUS": Text(_STATUSES, status),
        "AMT_APPLICATION": credit,
        "AMT_CREDIT": np.round(credit * random.choice([1, 0.9, 1.1], n) / 4.5) * 4.5,
        "AMT_GOODS_PRICE": _with_nulls(random, credit, 0.23),
        "AMT_ANNUITY": np.where(status == 1, np.nan, np.round(credit / term * 1.2, 2)),
        "CNT_PAYMENT": np.where(contract == CARD, 0.0, np.where(status == 1, np.nan, term)),
        "DAYS_DECISION": decided.astype(np.int64),
        "DAYS_FIRST_DRAWING": never,
        "DAYS_FIRST_DUE": np.where(running, decided + 30, np.nan),
        "DAYS_LAST_DUE_1ST_VERSION": np.where(running, ends, np.nan),
        "DAYS_LAST_DUE": np.where(running, last, np.nan),
        "DAYS_TERMINATION": np.where(running, last, np.nan),
        "NFLAG_INSURED_ON_APPROVAL": np.where(running, _flag(random, 0.33, n), np.nan),
    }
    return _complete(random, TABLES["previous_application"], known, n)


@dataclass(frozen=True)
class Loans:
    """Approved earlier loans of one kind, as far as their months need them."""

    ids: Whole
    clients: Whole
    risk: Numbers
    decided: Numbers
    term: Whole
    annuity: Numbers


def approved(applications_: Columns, clients: Clients, contracts: Sequence[int]) -> Loans:
    """The approved loans of some contract types."""
    status, contract = applications_["NAME_CONTRACT_STATUS"], applications_["NAME_CONTRACT_TYPE"]
    assert isinstance(status, Text)  # noqa: S101  (told to mypy)
    assert isinstance(contract, Text)  # noqa: S101  (told to mypy)
    rows = np.flatnonzero((status.codes == APPROVED) & np.isin(contract.codes, contracts))
    number = {
        name: np.asarray(applications_[name])[rows]
        for name in ("SK_ID_PREV", "SK_ID_CURR", "DAYS_DECISION", "CNT_PAYMENT", "AMT_ANNUITY")
    }
    risk = clients.risk[np.searchsorted(clients.ids, number["SK_ID_CURR"])]
    return Loans(
        number["SK_ID_PREV"], number["SK_ID_CURR"], risk, number["DAYS_DECISION"].astype(float),
        number["CNT_PAYMENT"].astype(np.int64), number["AMT_ANNUITY"].astype(float),
    )  # fmt: skip


def instalments(random: np.random.Generator, loans: Loans) -> Columns:
    """Monthly instalments due so far; the riskier pay later, some never."""
    due_so_far = np.minimum(loans.term, (-loans.decided // 30).astype(np.int64))
    of, number = _sequences(due_so_far)
    n = len(of)
    due = np.minimum(loans.decided[of] + 30 * (number + 1), -1)
    late = random.exponential(4, n) * (random.random(n) < 0.08 * np.exp(0.7 * loans.risk[of]))
    paid = np.minimum(due + np.round(3 * late - random.gamma(1.5, 6, n)), -1)
    amount = np.round(loans.annuity[of], 2)
    unpaid = random.random(n) < 0.0002
    return {
        "SK_ID_PREV": loans.ids[of],
        "SK_ID_CURR": loans.clients[of],
        "NUM_INSTALMENT_VERSION": np.ones(n),
        "NUM_INSTALMENT_NUMBER": number + 1,
        "DAYS_INSTALMENT": due,
        "DAYS_ENTRY_PAYMENT": np.where(unpaid, np.nan, paid),
        "AMT_INSTALMENT": amount,
        "AMT_PAYMENT": np.where(unpaid, np.nan, amount),
    }


def pos_cash(random: np.random.Generator, loans: Loans) -> Columns:
    """Months of consumer and cash loans, down to no instalment left."""
    lengths = np.minimum(loans.term + 1, (-loans.decided // 30).astype(np.int64))
    of, passed = _sequences(np.maximum(lengths, 0))
    start = (-loans.decided // 30).astype(np.int64)[of]
    left = loans.term[of] - passed
    late = random.random(len(of)) < 0.03 * np.exp(0.6 * loans.risk[of])
    days = np.where(late, random.geometric(0.08, len(of)), 0)
    return {
        "SK_ID_PREV": loans.ids[of],
        "SK_ID_CURR": loans.clients[of],
        "MONTHS_BALANCE": passed - start,
        "CNT_INSTALMENT": loans.term[of].astype(float),
        "CNT_INSTALMENT_FUTURE": left.astype(float),
        "NAME_CONTRACT_STATUS": Text(
            ("Active", "Completed"), np.where(left == 0, 1, 0).astype(np.int32)
        ),
        "SK_DPD": days,
        "SK_DPD_DEF": np.where(days > 15, 0, days),  # small debts are tolerated
    }


def cards(random: np.random.Generator, loans: Loans) -> Columns:
    """Months of credit cards; utilisation and delays follow the risk."""
    of, passed = _sequences(np.clip((-loans.decided // 30).astype(np.int64), 0, 96))
    n, start = len(of), (-loans.decided // 30).astype(np.int64)[of]
    limit = 45_000.0 * (1 + random.poisson(2, len(loans.ids)))
    habit = 1 / (1 + np.exp(0.6 - 0.7 * loans.risk + random.standard_normal(len(loans.ids))))
    balance = np.round(limit[of] * np.clip(habit[of] + 0.15 * random.standard_normal(n), 0, 1.1), 2)
    drawn = np.round(balance * 0.2 * random.random(n), 2)
    days = np.where(random.random(n) < 0.03 * np.exp(0.6 * loans.risk[of]), 7, 0)
    known: dict[str, Values] = {
        "SK_ID_PREV": loans.ids[of],
        "SK_ID_CURR": loans.clients[of],
        "MONTHS_BALANCE": passed - start,
        "AMT_BALANCE": balance,
        "AMT_CREDIT_LIMIT_ACTUAL": limit[of].astype(np.int64),
        "AMT_DRAWINGS_CURRENT": drawn,
        "AMT_INST_MIN_REGULARITY": np.round(balance * 0.05, 2),
        "AMT_PAYMENT_TOTAL_CURRENT": np.round(balance * 0.08, 2),
        "AMT_RECEIVABLE_PRINCIPAL": np.round(balance * 0.96, 2),
        "AMT_RECIVABLE": balance,
        "AMT_TOTAL_RECEIVABLE": balance,
        "CNT_INSTALMENT_MATURE_CUM": passed.astype(float),
        "NAME_CONTRACT_STATUS": Text(("Active",), np.zeros(n, dtype=np.int32)),
        "SK_DPD": days,
        "SK_DPD_DEF": days,
    }
    return _complete(random, TABLES["credit_card_balance"], known, n)
