# ruff: noqa: PLR2004  (the shapes of distributions are literals here)
"""The months of earlier credit cards, and the payments on them."""

from dataclasses import dataclass

import numpy as np

from project_tools.demo.draws import FIRST_MONTH, cents, draw, leaning, spread
from project_tools.demo.figures import Flags, Numbers, Whole
from project_tools.demo.frames import Columns, Text
from project_tools.demo.people import People
from project_tools.demo.previous import CARD, Loans
from project_tools.tables.declared import TABLES

TABLE = "credit_card_balance"
#: Mean number of months of a card, and the interest for a month on its balance.
MEAN_MONTHS, INTEREST = 160.0, 0.020
_LIMITS = (
    45_000,
    67_500,
    90_000,
    112_500,
    135_000,
    157_500,
    180_000,
    225_000,
    270_000,
    450_000,
    765_000,
)
_LIMIT_SHARES = (0.11, 0.10, 0.10, 0.06, 0.14, 0.04, 0.17, 0.06, 0.06, 0.12, 0.04)


@dataclass(frozen=True)
class Cards:
    """The cards of one chunk, month by month: arrays of cards (rows) by months (columns).

    Column 0 is the first month of each card; ``there`` marks the months in which the card exists.
    ``loan`` are positions of loans, ``first`` is the card's first month (negative), ``due`` the
    least payment, ``late`` the days past due.
    """

    loan: Whole
    first: Whole
    there: Flags
    limit: Numbers
    balance: Numbers
    drawn: Numbers
    drawings: Whole
    paid: Numbers
    due: Numbers
    late: Whole


def cards(random: np.random.Generator, people: People, loans: Loans) -> Cards:
    """The cards of a chunk, with a balance from drawings, interest and payments."""
    loan = loans.chosen(CARD)
    loan = loan[random.random(len(loan)) < 0.985]
    first = np.maximum(np.ceil(loans.decided[loan] / 30.4) + 1, FIRST_MONTH).astype(np.int64)
    last = np.minimum(-1 - random.integers(0, 4, len(loan)), -1)
    lives = np.minimum(last - first + 1, np.ceil(random.exponential(MEAN_MONTHS, len(loan)) + 4).astype(np.int64))  # fmt: skip
    loan, first, lives = loan[lives > 0], first[lives > 0], lives[lives > 0]
    cards_, months = len(loan), int(lives.max(initial=1))
    lean = people.conduct[loans.of[loan]]
    granted = random.choice(np.array(_LIMITS, dtype=float), cards_, p=_LIMIT_SHARES)
    users = random.random(cards_) < 0.70
    appetite = leaning(random, lean, 0.45)
    shape = (cards_, months)
    there = np.arange(months) < lives[:, None]
    drawing = random.random(shape, dtype=np.float32) < (0.05 + 0.62 * appetite**2)[:, None]
    drawing &= users[:, None]
    size = random.standard_exponential(shape, dtype=np.float32) * (0.33 * granted)[:, None]
    is_late = random.random(shape, dtype=np.float32) < np.minimum(0.032 * np.exp(0.9 * lean), 0.5)[:, None]  # fmt: skip
    balance, drawn, paid, due = _lives(random, granted, drawing, size, is_late)
    limit = np.where(random.random(cards_) < 0.14, 0.0, granted)[:, None] * there
    limit = np.where(balance > 0, granted[:, None], limit)
    late = np.where(is_late & (due > 0), 1 + (random.standard_exponential(shape) * 6) * (lean > 1)[:, None], 0)  # fmt: skip
    drawings = np.where(drawn > 0, 1 + random.poisson(1.4, shape), 0)
    return Cards(
        loan, first, there, limit, balance, drawn, drawings, paid, due, late.astype(np.int64)
    )


def _lives(
    random: np.random.Generator, limit: Numbers, drawing: Flags, size: Numbers, is_late: Flags
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Balance, drawings, payments and least payments; each month follows from the one before."""
    shape = drawing.shape
    balance, drawn, paid, due = (np.zeros(shape) for _ in range(4))
    owed = np.zeros(shape[0])
    generous = random.random(shape[0]) < 0.25
    for month in range(shape[1]):
        least = np.where(owed > 0, np.round(np.maximum(np.minimum(0.05 * limit, owed), 225) / 112.5) * 112.5, 0)  # fmt: skip
        more = least * np.where(generous, 3.5, 1.0) * (0.9 + 0.5 * random.random(shape[0]))
        pays = np.where(is_late[:, month], 0.0, np.minimum(cents(more), owed + 500.0))
        unused = np.maximum(limit * 1.02 - owed, 0)
        takes = np.where(drawing[:, month], cents(np.minimum(size[:, month], unused), 450), 0.0)
        owed = np.round(owed * (1 + INTEREST) + takes - pays, 2)
        owed = np.where(np.abs(owed) < 300, np.where(random.random(shape[0]) < 0.1, owed, 0.0), owed)  # fmt: skip
        balance[:, month], drawn[:, month], paid[:, month], due[:, month] = owed, takes, pays, least
    return balance, drawn, paid, due


def months(random: np.random.Generator, people: People, loans: Loans, made: Cards) -> Columns:
    """One row per month of a card, oldest first."""
    card, step = np.nonzero(made.there)
    rows, at = len(card), (card, step)
    balance, drawn, paid = made.balance[at], made.drawn[at], made.paid[at]
    way = draw(random, [0.62, 0.355, 0.025], rows)
    machine, shop, other = ((drawn > 0) & (way == at) for at in range(3))
    unknown = random.random(rows) < np.where(balance > 0, 0.07, 0.32)
    count = made.drawings[at] * np.where(shop, 3, 1)
    no_least = random.random(rows) < 0.0795
    principal = np.round(np.where(balance > 0, balance * 0.96, balance), 2)
    fees = np.where((balance == 0) & (random.random(rows) < 0.015), 67.5, 0.0)
    owed = np.where(random.random(rows) < 0.01, balance - 406.33, balance) * (balance != 0) + fees
    mature = _mature(made)[at]
    status = np.where((step > 30) & (balance == 0) & (random.random(rows) < 0.25), 1, 0)
    status = np.where((step == 0) & (random.random(rows) < 0.10), 2, status)
    late = made.late[at]
    forgotten = random.random(len(made.loan)) < 0.012
    dpd = np.where(forgotten[card] & (step > 12), (step - 12) * 30 + 1, late)

    def seen(values: Numbers) -> Numbers:
        return np.where(unknown & (drawn == 0), np.nan, values)

    return {
        "SK_ID_PREV": loans.ids[made.loan][card],
        "SK_ID_CURR": people.ids[loans.of[made.loan]][card],
        "MONTHS_BALANCE": made.first[card] + step,
        "AMT_BALANCE": balance,
        "AMT_CREDIT_LIMIT_ACTUAL": made.limit[at].astype(np.int64),
        "AMT_DRAWINGS_ATM_CURRENT": seen(drawn * machine),
        "AMT_DRAWINGS_CURRENT": drawn,
        "AMT_DRAWINGS_OTHER_CURRENT": seen(drawn * other),
        "AMT_DRAWINGS_POS_CURRENT": seen(drawn * shop),
        "AMT_INST_MIN_REGULARITY": np.where(no_least, np.nan, made.due[at]),
        "AMT_PAYMENT_CURRENT": _current(random, paid),
        "AMT_PAYMENT_TOTAL_CURRENT": paid,
        "AMT_RECEIVABLE_PRINCIPAL": principal,
        "AMT_RECIVABLE": np.round(owed, 2),
        "AMT_TOTAL_RECEIVABLE": np.round(owed, 2),
        "CNT_DRAWINGS_ATM_CURRENT": seen((count * machine).astype(float)),
        "CNT_DRAWINGS_CURRENT": count,
        "CNT_DRAWINGS_OTHER_CURRENT": seen((count * other).astype(float)),
        "CNT_DRAWINGS_POS_CURRENT": seen((count * shop).astype(float)),
        "CNT_INSTALMENT_MATURE_CUM": np.where(no_least, np.nan, mature),
        "NAME_CONTRACT_STATUS": Text(
            TABLES[TABLE].column("NAME_CONTRACT_STATUS").levels, status.astype(np.int32)
        ),
        "SK_DPD": dpd,
        "SK_DPD_DEF": np.where(forgotten[card], 0, late),
    }


def _mature(made: Cards) -> Whole:
    """Number of instalments that were due on each card up to each month; 0 for an unused card."""
    used = np.max(made.balance, axis=1, initial=0, keepdims=True) > 0
    return np.asarray(np.cumsum(used & made.there, axis=1))


def _current(random: np.random.Generator, paid: Numbers) -> Numbers:
    """Payments of the month: the total or, where it is 0, often a null or a small amount."""
    u = random.random(len(paid))
    small = cents(random.exponential(1_100, len(paid)), 0.045)
    nothing = np.where(u < 0.35, np.nan, np.where(u < 0.53, 0.0, small))
    return np.where(paid > 0, paid, nothing)


def payments(random: np.random.Generator, people: People, loans: Loans, made: Cards) -> Columns:
    """Payments on the cards, as instalments of version 0."""
    card, step = np.nonzero(made.there & (made.due > 0))
    at = (card, step)
    paid = np.round(made.paid[at], 2)
    parts = np.where(paid > 0, 1 + random.poisson(1.5, len(card)), 1)
    of, part = spread(parts)
    small = ((0.3 + 0.7 * random.random(len(card))) / parts)[of]
    share = np.where(part > 0, small, 1 - small * (parts[of] - 1))
    number = _mature(made)[at]
    due = np.minimum(np.round((made.first[card] + step) * 30.4), -1)
    early = np.floor(random.exponential(6, len(of)))
    entry = due[of] - early + np.where(made.late[at][of] > 0, early + made.late[at][of], 0)
    nothing = (paid == 0)[of] & (random.random(len(of)) < 0.05)
    least = made.due[at]
    unpaid = nothing | (entry > -1)
    return {
        "SK_ID_PREV": loans.ids[made.loan][card][of],
        "SK_ID_CURR": people.ids[loans.of[made.loan]][card][of],
        "NUM_INSTALMENT_VERSION": np.zeros(len(of)),
        "NUM_INSTALMENT_NUMBER": number[of],
        "DAYS_INSTALMENT": due[of],
        "DAYS_ENTRY_PAYMENT": np.where(unpaid, np.nan, entry),
        "AMT_INSTALMENT": np.round(least[of] * share, 3),
        "AMT_PAYMENT": np.where(unpaid, np.nan, np.round(paid[of] * share, 3)),
    }
