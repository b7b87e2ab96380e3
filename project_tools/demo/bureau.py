# ruff: noqa: PLR2004  (the shapes of distributions are literals here)
"""Loans from other lenders, as the credit bureau reports them, and their months."""

from collections.abc import Mapping

import numpy as np

from project_tools.demo.draws import (  # fmt: skip
    cents,
    draw,
    identities,
    leaning,
    owners,
    spread,
)
from project_tools.demo.figures import Flags, Numbers, Whole, history, text_of
from project_tools.demo.frames import Columns, Text, Values
from project_tools.demo.people import People

TABLE, MONTHS = "bureau", "bureau_balance"
#: Share of clients with a loan at the bureau, their mean number of loans beyond the first, and the
#: shape of its distribution.
CLIENTS, EXTRA, SHAPE = 0.8584, 4.61, 1.25
#: Shares of labelled and of unlabelled clients, among those with loans, whose loans have months.
WITH_MONTHS = (0.35, 0.9998)
#: Number of loans that only have months, for each loan with months.
ORPHANS = 0.0556
#: Ids reserved for each client of a chunk: for its loans, and with the loans that only have months,
#: whose ids come after those.
RESERVED, STRIDE = 5.5, 5.8
_CONSUMER, _CARD, _CAR, _MORTGAGE, _MICRO = range(5)


def bureau(
    random: np.random.Generator, people: People, first: int
) -> tuple[Columns, Mapping[str, Values]]:
    """The loans of a chunk's clients, and the months of some of the loans."""
    has_loans = people.uniform("GAP_BUREAU") > 1 - CLIENTS
    lean = people.conduct
    of = owners(random, has_loans, EXTRA * np.exp(0.06 * lean - 0.002), SHAPE)
    ids = identities(random, first, int(RESERVED * len(people)), len(of))
    loans = _Loans(random, lean[of], len(of))
    columns = {"SK_ID_CURR": people.ids[of], "SK_ID_BUREAU": ids, **loans.columns()}
    share = np.where(people.labelled, *WITH_MONTHS)
    with_months = (random.random(len(people)) < share)[of]
    months = loans.months(ids, with_months, first + max(int(RESERVED * len(people)), len(of)))
    return columns, months


class _Loans:
    """The loans of one chunk, as both tables need them."""

    def __init__(self, random: np.random.Generator, lean: Numbers, rows: int) -> None:
        self.random, self.lean, self.rows = random, lean, rows
        figures = history()[TABLE]["columns"]
        days = figures["DAYS_CREDIT"]["knots"]
        at = leaning(random, lean, 0.15)
        self.granted = np.round(np.interp(at, *days))
        types = figures["CREDIT_TYPE"]["levels"]
        self.type = draw(random, list(types.values()), rows)
        self.types = list(types)
        self.term = self._terms()
        self.ended, self.active = self._ends()
        self.late = leaning(random, lean, 0.35)

    def _terms(self) -> Numbers:
        """Agreed days: a year or two for goods, more for a card, a car or a house."""
        random, rows = self.random, self.rows
        consumer = random.choice(
            [91, 182, 365, 548, 730, 1096, 1461, 1826], rows,
            p=[0.06, 0.17, 0.30, 0.08, 0.16, 0.11, 0.03, 0.09],
        )  # fmt: skip
        card = np.where(random.random(rows) < 0.13, 31_000 - random.integers(0, 900, rows), 1096)
        by_type = np.stack([
            consumer + random.integers(-12, 13, rows), card + random.integers(-300, 720, rows),
            random.choice([1096, 1461, 1826], rows), random.choice([3652, 5479, 7305], rows),
            random.choice([15, 30, 60], rows), consumer,
        ])  # fmt: skip
        return by_type[np.minimum(self.type, 5), np.arange(rows)].astype(float)

    def _ends(self) -> tuple[Numbers, Flags]:
        """The day on which each loan ended (NaN if it is active), and whether it is active."""
        random = self.random
        share = np.where(random.random(self.rows) < 0.66, 1.0, random.beta(2, 2, self.rows))
        lasting = np.where(self.type == _CARD, random.gamma(1.5, 1000, self.rows), 0)
        days = np.where(lasting > 0, lasting, self.term * share)
        ended = np.round(
            self.granted + days + np.where(share == 1, random.integers(-3, 8, self.rows), 0)
        )
        stays = (self.lean > 0) & (random.random(self.rows) < 0.06 * np.minimum(self.lean, 2))
        active = (ended >= -1) | stays
        return np.where(active, np.nan, np.maximum(ended, self.granted)), active

    def columns(self) -> dict[str, Values]:
        """The columns of the loans, without their keys."""
        random, rows, active = self.random, self.rows, self.active
        amount, card = self._amounts(), self.type == _CARD
        overdue = active & (self.late > 1 - 0.0067)
        days = np.where(overdue, np.ceil(random.gamma(0.35, 950, rows) + 1), 0)
        passed = np.clip(-self.granted / np.maximum(self.term, 1), 0.02, 1)
        left = np.where(card, leaning(random, self.lean, 0.45), 1 - passed * 0.55)
        debt = np.where(active, cents(amount * left), 0.0)
        debt = np.where(active & (random.random(rows) < 0.05), 0.0, debt)
        debt = np.where(active & card & (random.random(rows) < 0.03), -450.0, debt)
        worst = self.late > 0.80
        maximum = np.where(worst, cents(np.exp(8.7 + 1.5 * random.standard_normal(rows))), 0.0)
        limit = np.where(
            card & active & (random.random(rows) < 0.5), np.maximum(amount - debt, 0), 0
        )
        end = self.granted + self.term
        sold = random.random(rows) < 0.0038 * np.exp(0.8 * self.lean - 0.32)
        status = np.where(active, 1, 0)
        status = np.where(sold, 2, status)
        status = np.where(overdue & (random.random(rows) < 0.003), 3, status)
        update = self._updates()
        annuity = np.where(
            random.random(rows) < 0.525, 0.0, cents(amount / np.maximum(self.term / 30, 6) * 1.6)
        )
        return {
            "CREDIT_ACTIVE": text_of(TABLE, "CREDIT_ACTIVE", ("Closed", "Active", "Sold", "Bad debt"), status),
            "CREDIT_CURRENCY": text_of(
                TABLE, "CREDIT_CURRENCY", [f"currency {n}" for n in (1, 2, 3, 4)],
                draw(random, [0.99918, 0.000713, 0.000101, 0.0000058], rows),
            ),
            "DAYS_CREDIT": self.granted.astype(np.int64),
            "CREDIT_DAY_OVERDUE": np.minimum(days, 2_792).astype(np.int64),
            "DAYS_CREDIT_ENDDATE": np.where(random.random(rows) < 0.0615, np.nan, end),
            "DAYS_ENDDATE_FACT": np.where(random.random(rows) < 0.003, np.nan, self.ended),
            "AMT_CREDIT_MAX_OVERDUE": np.where(random.random(rows) < 0.655, np.nan, maximum),
            "CNT_CREDIT_PROLONG": draw(random, [0.99469, 0.00444, 0.00071, 0.00011, 0.00003], rows),
            "AMT_CREDIT_SUM": np.where(random.random(rows) < 7.6e-6, np.nan, amount),
            "AMT_CREDIT_SUM_DEBT": np.where(
                random.random(rows) < np.where(active, 0.13, 0.162), np.nan, debt
            ),
            "AMT_CREDIT_SUM_LIMIT": np.where(random.random(rows) < 0.345, np.nan, limit),
            "AMT_CREDIT_SUM_OVERDUE": np.where(
                overdue, cents(np.exp(5.2 + 2.9 * random.standard_normal(rows))), 0.0
            ),
            "CREDIT_TYPE": text_of(TABLE, "CREDIT_TYPE", self.types, self.type),
            "DAYS_CREDIT_UPDATE": np.maximum(update, self.granted).astype(np.int64),
            "AMT_ANNUITY": np.where(random.random(rows) < 0.715, np.nan, annuity),
        }  # fmt: skip

    def _updates(self) -> Numbers:
        """The day of each loan's last update, which is recent for most active loans."""
        random, rows = self.random, self.rows
        news = 3 + random.gamma(1.4, 13, rows)
        news = np.where(random.random(rows) < 0.33, random.gamma(1.2, 170, rows), news)
        after = self.ended + np.where(random.random(rows) < 0.6, 5, random.gamma(0.9, 500, rows))
        return np.asarray(
            -np.round(np.where(self.active | (after > -3), news, -after)), dtype=float
        )

    def _amounts(self) -> Numbers:
        """Amounts lent: many are round; those for cars are larger than for goods, for houses largest."""
        random = self.random
        centre = np.array([11.6, 11.8, 13.4, 14.5, 9.2, 12.6])[np.minimum(self.type, 5)]
        width = np.where(self.type == _CONSUMER, 1.25, 1.1)
        amount = np.exp(centre + width * random.standard_normal(self.rows))
        grid = np.where(random.random(self.rows) < 0.42, 22_500, 4.5)
        amount = np.maximum(np.round(amount / grid) * grid, 0)
        free = (self.type == _CARD) & (random.random(self.rows) < 0.15)
        return np.minimum(np.where(free, 0.0, amount), 585e6)

    def months(self, ids: Whole, chosen: Flags, first_orphan: int) -> dict[str, Values]:
        """Months of the chosen loans, newest first, and of loans that have no row of their own."""
        random = self.random
        loans = np.flatnonzero(chosen)
        orphans = loans[random.random(len(loans)) < ORPHANS]
        names = np.concatenate([ids[loans], first_orphan + np.arange(len(orphans))])
        loans = np.concatenate([loans, orphans])
        age = np.minimum(-self.granted[loans] // 30.4, 96).astype(np.int64) + 1
        start = np.where(random.random(len(loans)) < 0.25, random.integers(0, 40, len(loans)), 0)
        start = np.minimum(start, age - 1)
        of, month = spread(age - start)
        month = month + start[of]
        closed = np.nan_to_num(-self.ended[loans] // 30.4, nan=-1).astype(np.int64)
        unknown = random.random(len(loans)) ** 1.25
        u = random.random(len(of), dtype=np.float32)
        codes = np.where(u < unknown[of].astype(np.float32), _X, _ON_TIME).astype(np.int32)
        risk = 0.024 * np.exp(
            1.05 * self.lean[loans] + 0.6 * random.standard_normal(len(loans)) - 0.75
        )
        late = random.random(len(of), dtype=np.float32) < risk[of].astype(np.float32)
        rows = np.flatnonzero(late)
        codes[rows] = _LATE[draw(random, [0.86, 0.08, 0.03, 0.015, 0.015], len(rows))]
        codes[month < closed[of]] = _CLOSED
        codes[(self.late[loans] > 0.996)[of] & (month > closed[of]) & (month < 24)] = _WORST
        levels = ("C", "0", "X", "1", "5", "2", "3", "4")
        return {
            "SK_ID_BUREAU": names[of],
            "MONTHS_BALANCE": -month,
            "STATUS": Text(levels, codes),
        }


_CLOSED, _ON_TIME, _X, _WORST = 0, 1, 2, 4
_LATE = np.array([3, 5, 6, 7, 4], dtype=np.int32)
