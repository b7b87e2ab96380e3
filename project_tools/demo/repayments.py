# ruff: noqa: PLR2004  (the shapes of distributions are literals here)
"""Repayment of earlier instalment loans: the payments, and the months of each contract."""

from dataclasses import dataclass

import numpy as np

from project_tools.demo.draws import FIRST_DAY, FIRST_MONTH, MONTH, draw, spread
from project_tools.demo.figures import Flags, Numbers, Whole
from project_tools.demo.frames import Columns, Text, Values
from project_tools.demo.people import People
from project_tools.demo.previous import CASH, CONSUMER, Loans
from project_tools.tables.declared import TABLES

PAYMENTS, MONTHS = "installments_payments", "POS_CASH_balance"
#: Logit of a late payment of an average client, its slope in the client's tendency to pay late, and
#: the standard deviation between the loans of a client.
LATE, SLOPE, LOANS_OWN = -2.85, 0.85, 0.6
#: Share of contracts whose last cents are never paid, so that they stay past due for years.
FORGOTTEN = 0.005
#: Shares of instalments that are paid in two parts, and that are never paid.
SPLIT, UNPAID = 0.045, 0.00028


@dataclass(frozen=True)
class Repaid:
    """One element per instalment that was due.

    ``loan`` is the position of its loan, ``number`` counts from 0, ``due`` is the day on which it was
    due, and ``late`` the days from then to the payment (negative: paid before).
    """

    loan: Whole
    number: Whole
    due: Numbers
    late: Numbers


def repaid(random: np.random.Generator, people: People, loans: Loans) -> Repaid:
    """The instalments of all granted cash and consumer loans that were due before the application."""
    chosen = loans.chosen(CASH, CONSUMER)
    loan, number = spread(loans.paid[chosen])
    loan = chosen[loan]
    due = loans.first_due[loan] + np.round(MONTH * number)
    past = (due <= -1) & (due >= FIRST_DAY)
    loan, number, due = loan[past], number[past], due[past]
    lean = people.conduct[loans.of] * SLOPE + LOANS_OWN * random.standard_normal(len(loans.of))
    chance = (1 / (1 + np.exp(-(LATE + lean)))).astype(np.float32)
    is_late = random.random(len(loan), dtype=np.float32) < chance[loan]
    return Repaid(loan, number, due, _lateness(random, is_late, lean[loan]))


def _lateness(random: np.random.Generator, is_late: Flags, lean: Numbers) -> Numbers:
    """Days from the due date to the payment: mostly a few days before, rarely weeks after."""
    early = -np.floor(random.standard_exponential(len(is_late), dtype=np.float32) * 11.5)
    early[random.random(len(is_late), dtype=np.float32) < 0.27] = 0
    days = np.maximum(early, -90.0)
    rows = np.flatnonzero(is_late)
    mean = 7 * np.exp(0.45 * np.clip(lean[rows], -3, 3))
    late = 1 + np.floor(random.standard_exponential(len(rows)) * mean)
    days[rows] = np.where(random.random(len(rows)) < 0.012, late + random.integers(30, 700, len(rows)), late)  # fmt: skip
    return np.asarray(days, dtype=float)


def payments(random: np.random.Generator, people: People, loans: Loans, made: Repaid) -> Columns:
    """The payments, in one or two parts, and the few instalments that were never paid."""
    rows = len(made.loan)
    amount = np.round(loans.annuity[made.loan], 3)
    final = made.number == loans.paid[made.loan] - 1
    early = final & (loans.paid[made.loan] < loans.term[made.loan])
    left = np.maximum(loans.term[made.loan] - loans.paid[made.loan], 0)
    amount = np.where(early, amount + np.round(0.82 * left * amount, 3), amount)
    amount = np.where(final & ~early, np.round(amount * random.uniform(0.6, 1, rows), 3), amount)
    parts = 1 + (random.random(rows, dtype=np.float32) < SPLIT)
    of, part = spread(parts)
    share = np.where(random.random(rows) < 0.5, 0.5, random.random(rows))[of]
    split = parts[of] > 1
    paid = np.where(
        split, np.round(amount[of] * np.where(part == 0, share, 1 - share), 3), amount[of]
    )
    entry = made.due[of] + made.late[of] + np.where(split & (part > 0), random.integers(1, 20, len(of)), 0)  # fmt: skip
    nothing = (random.random(len(of)) < UNPAID) & ~split
    unpaid = nothing | (entry > -1)
    version = 1 + (made.number > loans.paid[made.loan] * 0.6) * (loans.ids[made.loan] % 13 == 0)
    return {
        "SK_ID_PREV": loans.ids[made.loan][of],
        "SK_ID_CURR": people.ids[loans.of[made.loan]][of],
        "NUM_INSTALMENT_VERSION": (version + early)[of].astype(float),
        "NUM_INSTALMENT_NUMBER": made.number[of] + 1,
        "DAYS_INSTALMENT": made.due[of],
        "DAYS_ENTRY_PAYMENT": np.where(unpaid, np.nan, entry),
        "AMT_INSTALMENT": amount[of],
        "AMT_PAYMENT": np.where(unpaid, np.nan, paid),
    }


def months(random: np.random.Generator, people: People, loans: Loans, made: Repaid) -> Columns:
    """The state of each contract at the end of each month, up to its completion."""
    chosen = loans.chosen(CASH, CONSUMER)
    start = np.maximum(np.ceil(loans.decided[chosen] / 30.4), FIRST_MONTH).astype(np.int64)
    last_due = loans.first_due[chosen] + MONTH * (loans.paid[chosen] - 1)
    end = np.minimum(np.ceil(last_due / 30.4), -1).astype(np.int64)
    forgotten = random.random(len(chosen)) < FORGOTTEN
    end = np.where(forgotten, -1, end)
    counts = np.maximum(end - start + 1, 1) * (start <= -1)
    of, step = spread(counts)
    loan, month = chosen[of], start[of] + step
    gone = np.clip(np.floor((month * 30.4 - loans.first_due[loan]) / MONTH) + 1, 0, None)
    done = (step == counts[of] - 1) & (last_due[of] < -31) & ~forgotten[of]
    total = np.where(done, loans.paid[loan], loans.term[loan])
    future = np.maximum(np.where(done, 0, total - gone), 0)
    overdue = _overdue(loans, made, chosen)[of, np.minimum(-month, -FIRST_MONTH)]
    since = np.maximum(np.round(month * 30.4 - last_due[of]), 0).astype(np.int64)
    overdue = np.where(forgotten[of], np.maximum(overdue, since), overdue)
    status = np.where(done, _COMPLETED, 0)
    signed = (step == 0) & (random.random(len(of)) < 0.093)
    status = np.where(signed, 2 + draw(random, [0.95, 0.05], len(of)) * 3, status)
    odd = random.random(len(of), dtype=np.float32) < 0.0013
    status = np.where(odd & (status == 0), np.where(overdue > 30, 3, 4), status)
    demanded = (status == 0) & (overdue > 90)
    status = np.where(demanded & (random.random(len(of)) < 0.05), 3, status)
    unknown = random.random(len(of), dtype=np.float32) < 0.0026
    shape: dict[str, Values] = {
        "SK_ID_PREV": loans.ids[loan],
        "SK_ID_CURR": people.ids[loans.of[loan]],
        "MONTHS_BALANCE": month,
        "CNT_INSTALMENT": np.where(unknown, np.nan, total),
        "CNT_INSTALMENT_FUTURE": np.where(unknown, np.nan, future),
        "NAME_CONTRACT_STATUS": Text(
            TABLES[MONTHS].column("NAME_CONTRACT_STATUS").levels, status.astype(np.int32)
        ),
        "SK_DPD": overdue,
        "SK_DPD_DEF": np.where((loans.ids[loan] % 5 < 2) & ~forgotten[of], overdue, 0),
    }
    return shape


def _overdue(loans: Loans, made: Repaid, chosen: Whole) -> Whole:
    """Days past due of each chosen loan (rows) at the end of each month (columns, newest first).

    An instalment counts at the ends of months between its due date and its payment.
    """
    place = np.zeros(len(loans.ids), dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    table = np.zeros((len(chosen), 1 - FIRST_MONTH), dtype=np.int64)
    late = np.flatnonzero(made.late > 0)
    newest = np.floor(-(made.due[late] + made.late[late]) / 30.4)
    oldest = np.floor(-made.due[late] / 30.4)
    of, step = spread((oldest - np.maximum(newest, 0)).clip(0).astype(np.int64))
    rows, month = late[of], np.minimum((oldest[of] - step).astype(np.int64), -FIRST_MONTH)
    days = np.round(-30.4 * month - made.due[rows]).clip(1).astype(np.int64)
    np.maximum.at(table, (place[made.loan[rows]], month), days)
    return table


_COMPLETED = 1
