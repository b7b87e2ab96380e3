# ruff: noqa: PLR2004  (the shapes of distributions are literals here)
"""Earlier applications to the lender: what clients asked for, and what was granted."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from project_tools.demo.draws import (  # fmt: skip
    MONTH,
    cents,
    draw,
    identities,
    leaning,
    owners,
)
from project_tools.demo.figures import Flags, Numbers, Whole, history, text_of
from project_tools.demo.frames import Columns, Text, Values
from project_tools.demo.people import People
from project_tools.tables.schema import NO_DATE

TABLE = "previous_application"
#: Share of clients with an earlier application, their mean number of applications beyond the
#: first, and the shape of its distribution.
CLIENTS, EXTRA, SHAPE = 0.9512, 4.02, 1.2
#: Share of granted loans that are in the repayment tables only: of instalment loans, and of cards.
ORPHANS = (0.040, 0.109)
#: Ids reserved for each client of a chunk.
RESERVED = 5.5
CASH, CONSUMER, CARD, UNKNOWN = range(4)
APPROVED, CANCELED, REFUSED, UNUSED = range(4)
#: Shares of the decisions by kind of loan; clients who tend to pay late are refused more often.
_DECISIONS = np.array([
    [0.390, 0.380, 0.2297, 0.0003], [0.835, 0.0024, 0.1226, 0.04],
    [0.79, 0.0, 0.21, 0.0], [0.0, 0.95, 0.05, 0.0],
])  # fmt: skip
#: How recent the applications of each kind and decision are; cancelled ones are the most recent.
_RECENT = np.array([
    [0.0, 0.72, 0.2, 0.2], [-0.38, -0.3, -0.3, 0.1], [-0.55, 0.5, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0],
])  # fmt: skip


@dataclass(frozen=True)
class Loans:
    """The earlier applications of one chunk, and their data for the repayment tables.

    ``of`` are positions of clients, ``decided`` and ``first_due`` are days, ``term`` is the agreed
    number of instalments and ``paid`` the number after which the loan ended. ``shown`` marks the
    rows that are in the table ``previous_application`` itself.
    """

    of: Whole
    ids: Whole
    kind: Whole
    status: Whole
    decided: Numbers
    term: Numbers
    annuity: Numbers
    credit: Numbers
    first_due: Numbers
    paid: Whole
    shown: Flags
    columns: Columns

    def chosen(self, *kinds: int) -> Whole:
        """Positions of the granted loans of the given kinds."""
        return np.flatnonzero((self.status == APPROVED) & np.isin(self.kind, kinds))


def previous(random: np.random.Generator, people: People, first: int) -> Loans:
    """Every earlier application of a chunk's clients."""
    has_loans = random.random(len(people)) < CLIENTS
    of = owners(random, has_loans, EXTRA * np.exp(0.05 * people.conduct), SHAPE)
    rows, lean = len(of), people.conduct[of]
    figures = history()[TABLE]["columns"]
    kind = draw(random, [0.465, 0.416, 0.1188, 0.000207], rows)
    status = _status(random, kind, lean)
    kind, status = _first_loan(random, of, kind, _one_card(of, kind, status))
    recent = _RECENT[kind, status] + 0.05 * lean
    decided = np.round(np.interp(_placed(random, recent), *figures["DAYS_DECISION"]["knots"]))
    goods, credit = _amounts(random, kind, status, rows)
    term, yields = _terms(random, kind, lean)
    rate = np.array([0.0, 0.16, 0.30, 0.48, 0.09])[yields] / 12
    annuity = _annuity(credit, term, rate, kind, random)
    first_due = decided + np.where(kind == CARD, 60, 30) + random.integers(0, 16, rows)
    paid = _paid(random, kind, term)
    ids = identities(random, first, int(RESERVED * len(people)), rows)
    orphan = random.random(rows) < np.where(kind == CARD, ORPHANS[1], ORPHANS[0])
    shown = ~(orphan & (status == APPROVED))
    draws = _Columns(random, kind, status, yields, rows)
    columns: dict[str, Values] = {
        "SK_ID_PREV": ids,
        "SK_ID_CURR": people.ids[of],
        **draws.texts(),
        **draws.sums(goods, credit, annuity, term),
        **draws.days(decided, first_due, term, paid),
        "DAYS_DECISION": decided.astype(np.int64),
    }
    loans = (of, ids, kind, status, decided, term, annuity, credit, first_due, paid)
    return Loans(*loans, shown, columns)


def _status(random: np.random.Generator, kind: Whole, lean: Numbers) -> Whole:
    """The decision on each application."""
    shares = _DECISIONS[kind]
    refused = shares[:, REFUSED] * np.exp(0.36 * lean - 0.065)
    u = random.random(len(kind))
    rest = (u - refused) / (1 - np.minimum(refused, 0.95))
    others = shares[:, [APPROVED, CANCELED, UNUSED]]
    edges = np.cumsum(others / others.sum(axis=1, keepdims=True), axis=1)
    decision = np.array([APPROVED, CANCELED, UNUSED])[(rest[:, None] > edges[:, :2]).sum(axis=1)]
    return np.where(u < refused, REFUSED, decision)


def _one_card(of: Whole, kind: Whole, status: Whole) -> Whole:
    """The decisions with all but a few second cards of a client cancelled."""
    cards = np.flatnonzero((kind == CARD) & (status == APPROVED))
    later = np.append(False, of[cards][1:] == of[cards][:-1])
    kept = (np.arange(len(cards)) % 50) == 0
    status = status.copy()
    status[cards[later & ~kept]] = CANCELED
    return status


def _first_loan(
    random: np.random.Generator, of: Whole, kind: Whole, status: Whole
) -> tuple[Whole, Whole]:
    """Kinds and decisions in which nearly every client got a loan: if none, the first one, for goods."""
    granted = (status == APPROVED) & (kind < CARD)
    clients = int(of.max(initial=-1)) + 1
    without = np.bincount(of, granted, minlength=clients) == 0
    starts = np.append(True, of[1:] != of[:-1])[: len(of)]
    granted_now = starts & without[of] & (random.random(len(of)) < 0.96)
    return np.where(granted_now, CONSUMER, kind), np.where(granted_now, APPROVED, status)


def _placed(random: np.random.Generator, recent: Numbers) -> Numbers:
    """Probabilities in the distribution of the day of decision, high for recent applications."""
    noise = np.sqrt(1 - 0.42**2) * random.standard_normal(len(recent))
    return np.asarray(ndtr(recent + noise))


def _amounts(
    random: np.random.Generator, kind: Whole, status: Whole, rows: int
) -> tuple[Numbers, Numbers]:
    """Price of the goods and credit; both are 0 in most cancelled applications."""
    centre = np.array([12.45, 11.2, 12.0, 11.0])[kind]
    width = np.array([0.95, 0.82, 0.6, 0.5])[kind]
    price = np.exp(centre + width * random.standard_normal(rows))
    exact = np.where((kind == CONSUMER) & (random.random(rows) < 0.8), 4.5, 22_500)
    price = np.clip(np.round(price / exact) * exact, 4_500, 6_905_160)
    empty = np.where(kind == CASH, (status == CANCELED) & (random.random(rows) < 0.97), False)
    empty |= (kind == CARD) & (random.random(rows) < 0.66) & (status != APPROVED)
    empty |= kind == UNKNOWN
    price = np.where(empty, 0.0, price)
    factor = np.where(
        kind == CASH, random.choice([1.0, 1.0528, 1.1188, 1.1584, 1.198, 1.264], rows),
        random.choice([0.9, 1.0, 1.0, 1.0424, 1.0968, 1.1], rows),
    )  # fmt: skip
    return price, cents(price * np.where(kind == CARD, 1.0, factor))


def _terms(random: np.random.Generator, kind: Whole, lean: Numbers) -> tuple[Numbers, Whole]:
    """Number of instalments, and position of the yield group."""
    rows = len(kind)
    cash = random.choice([12, 18, 24, 30, 36, 42, 48, 54, 60], rows,
                         p=[0.30, 0.14, 0.21, 0.06, 0.12, 0.02, 0.06, 0.02, 0.07])  # fmt: skip
    goods = random.choice([4, 6, 8, 10, 12, 14, 16, 18, 24, 36], rows,
                          p=[0.06, 0.22, 0.07, 0.20, 0.27, 0.02, 0.01, 0.06, 0.08, 0.01])  # fmt: skip
    term = np.where(kind == CASH, cash, np.where(kind == CONSUMER, goods, 0)).astype(float)
    u = leaning(random, lean, 0.2)
    cheap, middle = np.where(kind == CASH, 0.42, 0.37), np.where(kind == CASH, 0.81, 0.66)
    yields = np.where(u < 0.08, 4, np.where(u < cheap, 1, np.where(u < middle, 2, 3)))
    return term, np.where(kind >= CARD, 0, yields)


def _annuity(
    credit: Numbers, term: Numbers, rate: Numbers, kind: Whole, random: np.random.Generator
) -> Numbers:
    """The monthly payment that repays the credit with interest; 5 % of a card's limit."""
    rate = np.maximum(rate * random.uniform(0.85, 1.15, len(credit)), 1e-4)
    annuity = credit * rate / (1 - (1 + rate) ** -np.maximum(term, 1))
    return np.where(kind == CARD, cents(credit * 0.05), np.round(annuity / 0.045) * 0.045)


def _paid(random: np.random.Generator, kind: Whole, term: Numbers) -> Whole:
    """Number of instalments after which each loan ended; many are repaid before their term."""
    early = random.random(len(term)) < np.where(kind == CASH, 0.78, 0.40)
    share = np.where(early, random.beta(1.7, 1.8, len(term)), 1.0)
    return np.maximum(np.ceil(term * share), np.minimum(term, 2)).astype(np.int64)


@dataclass(frozen=True)
class _Columns:
    """The columns of the table that follow from the loans' kind, decision and yield group."""

    random: np.random.Generator
    kind: Whole
    status: Whole
    yields: Whole
    rows: int

    def _level(self, column: str, names: tuple[str, ...], position: Whole | Flags) -> Text:
        return text_of(TABLE, column, names, position)

    def _drawn(self, column: str) -> Text:
        shares = history()[TABLE]["columns"][column]["levels"]
        return self._level(
            column, tuple(shares), draw(self.random, list(shares.values()), self.rows)
        )

    def _between(self, column: str) -> Numbers:
        knots = history()[TABLE]["columns"][column]["knots"]
        return np.asarray(np.interp(self.random.random(self.rows), *knots))

    def texts(self) -> dict[str, Values]:
        """Texts: the loan's kind, decision, purpose, goods and way of sale."""
        random, rows, kind, status = self.random, self.rows, self.kind, self.status
        cash, consumer, card = kind == CASH, kind == CONSUMER, kind == CARD
        offered = np.where(cash & (status == CANCELED), 0.03, np.where(status == UNUSED, 0.0, 1.0))
        offered = np.where((status == CANCELED) & ~cash, 0.05, offered)
        offered = np.where(status == REFUSED, np.where(cash, 0.79, 0.82), offered)
        named = random.random(rows) < offered
        portfolio = np.where(named, np.choose(kind, [1, 2, 3, 0]), 0)
        cars = (portfolio == 2) & (random.random(rows) < 6e-4)
        portfolio = np.where(cars, 4, portfolio)
        walked_in = named & (
            random.random(rows) < np.where(card, 0.50, np.where(status == REFUSED, 0.32, 0.16))
        )
        product = np.where(named & (cash | card), np.where(walked_in, 2, 1), 0)
        yields = np.where(named, self.yields, 0)
        reason = draw(random, [0.60, 0.192, 0.129, 0.044, 0.018, 0.012, 0.0025], rows)
        reason = np.where(status == REFUSED, 1 + reason, np.where(status == UNUSED, 8, 0))
        purpose = np.where(cash, np.where(walked_in & (random.random(rows) < 0.75), 2, 1), 0)
        goods = self._goods(consumer)
        return {
            "NAME_CONTRACT_TYPE": self._level(
                "NAME_CONTRACT_TYPE", ("Cash loans", "Consumer loans", "Revolving loans", "XNA"), kind
            ),
            "WEEKDAY_APPR_PROCESS_START": self._drawn("WEEKDAY_APPR_PROCESS_START"),
            "NAME_CASH_LOAN_PURPOSE": self._purpose(purpose),
            "NAME_CONTRACT_STATUS": self._level(
                "NAME_CONTRACT_STATUS", ("Approved", "Canceled", "Refused", "Unused offer"), status
            ),
            "NAME_PAYMENT_TYPE": self._level(
                "NAME_PAYMENT_TYPE",
                ("XNA", "Cash through the bank", "Non-cash from your account",
                 "Cashless from the account of the employer"),
                np.where((portfolio == 0) | (random.random(rows) < 0.09), 0, 1 + draw(random, [0.992, 0.0078, 0.001], rows)) * ~card,
            ),
            "CODE_REJECT_REASON": self._level(
                "CODE_REJECT_REASON",
                ("XAP", "HC", "LIMIT", "SCO", "SCOFR", "XNA", "VERIF", "SYSTEM", "CLIENT"), reason,
            ),
            "NAME_TYPE_SUITE": self._suite(),
            "NAME_CLIENT_TYPE": self._level(
                "NAME_CLIENT_TYPE", ("Repeater", "New", "Refreshed", "XNA"),
                np.where(consumer, draw(random, [0.55, 0.385, 0.064, 0.0015], rows),
                         draw(random, [0.882, 0.021, 0.0962, 0.0008], rows)),
            ),
            "PRODUCT_COMBINATION": self._combination(portfolio, product, yields, goods),
            "NAME_PORTFOLIO": self._level("NAME_PORTFOLIO", ("XNA", "Cash", "POS", "Cards", "Cars"), portfolio),
            "NAME_PRODUCT_TYPE": self._level("NAME_PRODUCT_TYPE", ("XNA", "x-sell", "walk-in"), product),
            "NAME_YIELD_GROUP": self._level(
                "NAME_YIELD_GROUP", ("XNA", "low_normal", "middle", "high", "low_action"), yields
            ),
            **goods,
            **self._sale(consumer),
        }  # fmt: skip

    def _purpose(self, purpose: Whole) -> Text:
        shares = history()[TABLE]["columns"]["NAME_CASH_LOAN_PURPOSE"]["levels"]
        named = [name for name in shares if name not in ("XAP", "XNA")]
        at = 2 + draw(self.random, [shares[name] for name in named], self.rows)
        return self._level(
            "NAME_CASH_LOAN_PURPOSE", ("XAP", "XNA", *named), np.where(purpose == 2, at, purpose)
        )

    def _suite(self) -> Text:
        suite = self._drawn("NAME_TYPE_SUITE")
        share = np.where(self.kind == CONSUMER, 0.67, 0.385)
        return suite.with_nulls(self.random.random(self.rows) >= share)

    def _goods(self, consumer: Flags) -> dict[str, Values]:
        """The goods bought on credit, and the trade of the shop that sells them."""
        shares = history()[TABLE]["columns"]["NAME_GOODS_CATEGORY"]["levels"]
        named = [name for name in shares if name != "XNA"]
        at = draw(self.random, [shares[name] for name in named], self.rows)
        trade = np.array([_TRADES.get(name, 0) for name in named])[at]
        named_goods = consumer & (self.random.random(self.rows) < 0.985)
        mixed = np.where((trade == 1) & (self.random.random(self.rows) < 0.15), 2, trade)
        cash = ~consumer & (self.random.random(self.rows) < 0.10)
        return {
            "NAME_GOODS_CATEGORY": self._level("NAME_GOODS_CATEGORY", ("XNA", *named), (1 + at) * named_goods),
            "NAME_SELLER_INDUSTRY": self._level(
                "NAME_SELLER_INDUSTRY",
                ("XNA", "Consumer electronics", "Connectivity", "Furniture", "Construction",
                 "Clothing", "Industry", "Auto technology", "Jewelry", "Tourism", "MLM partners"),
                np.where(named_goods, mixed, np.where(cash, 1, 0)),
            ),
        }  # fmt: skip

    def _sale(self, consumer: Flags) -> dict[str, Values]:
        """Place and time of the sale: goods in shops, cash in offices and by telephone."""
        random, rows = self.random, self.rows
        shops = draw(random, [0.05, 0.56, 0.28, 0.10, 0.0, 0.003, 0.0037, 0.0003], rows)
        offices = draw(random, [0.73, 0.09, 0.01, 0.035, 0.075, 0.06, 0.004, 0.0002], rows)
        area = np.round(np.exp(4.6 + 1.75 * random.standard_normal(rows)) / 5) * 5
        area = np.where(random.random(rows) < 0.05, 0, np.minimum(area, 4_000_000))
        hours = history()[TABLE]["columns"]["HOUR_APPR_PROCESS_START"]["knots"]
        return {
            "CHANNEL_TYPE": self._level(
                "CHANNEL_TYPE",
                ("Credit and cash offices", "Country-wide", "Stone", "Regional / Local",
                 "Contact center", "AP+ (Cash loan)", "Channel of corporate sales", "Car dealer"),
                np.where(consumer, shops, offices),
            ),
            "SELLERPLACE_AREA": np.where(
                consumer | (random.random(rows) < 0.16), area, -1
            ).astype(np.int64),
            "HOUR_APPR_PROCESS_START": np.round(np.interp(random.random(rows), *hours)).astype(np.int64),
            "FLAG_LAST_APPL_PER_CONTRACT": self._level(
                "FLAG_LAST_APPL_PER_CONTRACT", ("Y", "N"), random.random(rows) < 0.0051
            ),
            "NFLAG_LAST_APPL_IN_DAY": (random.random(rows) > 0.0035).astype(np.int64),
        }  # fmt: skip

    def _combination(
        self, portfolio: Whole, product: Whole, yields: Whole, goods: dict[str, Values]
    ) -> Text:
        """The full name of the product, which agrees with the columns of its parts."""
        trade = goods["NAME_SELLER_INDUSTRY"]
        codes = trade.codes if isinstance(trade, Text) else np.zeros(self.rows, dtype=np.int32)
        group = np.array([0, 1, 2, 3, 3, 3, 3, 4, 4, 4, 4])[codes]
        free = (yields == 4) | ((yields == 1) & (self.random.random(self.rows) < 0.25))
        pos = 9 + 2 * np.array([0, 0, 1, 2, 3])[group] + free
        cash = 1 + 3 * (product == 2) + np.array([0, 0, 1, 2, 0])[yields]
        card = 7 + ((product == 2) | (portfolio == 0))
        by_kind = np.choose(self.kind, [np.where(portfolio == 0, 0, cash), pos, card, 17])
        names = (
            "Cash", "Cash X-Sell: low", "Cash X-Sell: middle", "Cash X-Sell: high",
            "Cash Street: low", "Cash Street: middle", "Cash Street: high", "Card X-Sell",
            "Card Street", "POS household with interest", "POS household without interest",
            "POS mobile with interest", "POS mobile without interest", "POS industry with interest",
            "POS industry without interest", "POS other with interest",
            "POS others without interest", "",
        )  # fmt: skip
        return self._level("PRODUCT_COMBINATION", names, by_kind)

    def sums(
        self, goods: Numbers, credit: Numbers, annuity: Numbers, term: Numbers
    ) -> dict[str, Values]:
        """Amounts, with nulls for applications that ended before an amount was agreed."""
        random, rows, consumer = self.random, self.rows, self.kind == CONSUMER
        early = (self.status == CANCELED) & (goods == 0)
        early |= (self.kind == CARD) & (self.status == CANCELED)
        early |= (self.status == REFUSED) & (random.random(rows) < 0.14)
        early |= (self.status == UNUSED) | (self.kind == UNKNOWN)
        share = np.where(
            random.random(rows) < 0.38, 0.0, 0.1089 * random.choice([0.5, 1, 1, 2], rows)
        )
        share = np.where(share > 0, share * random.uniform(0.6, 1.4, rows), 0.0)
        down = np.where(random.random(rows) < 2e-5, -0.45, np.round(goods * share / 0.45) * 0.45)
        has_down_payment = consumer & ~early | (random.random(rows) < 0.05)
        rate = random.random(rows) < 0.0036
        return {
            "AMT_APPLICATION": goods,
            "AMT_CREDIT": np.where(random.random(rows) < 6e-7, np.nan, credit),
            "AMT_GOODS_PRICE": np.where((goods == 0) | early, np.nan, goods),
            "AMT_ANNUITY": np.where(early, np.nan, annuity),
            "CNT_PAYMENT": np.where(early, np.nan, term),
            "AMT_DOWN_PAYMENT": np.where(has_down_payment, down, np.nan),
            "RATE_DOWN_PAYMENT": np.where(
                has_down_payment, np.where(down < 0, -1.5e-5, share), np.nan
            ),
            "RATE_INTEREST_PRIMARY": np.where(rate, self._between("RATE_INTEREST_PRIMARY"), np.nan),
            "RATE_INTEREST_PRIVILEGED": np.where(rate, self._between("RATE_INTEREST_PRIVILEGED"), np.nan),
        }  # fmt: skip

    def days(
        self, decided: Numbers, first_due: Numbers, term: Numbers, paid: Whole
    ) -> dict[str, Values]:
        """Days of the loan's events; 365243 for an event that has not happened."""
        random, card = self.random, self.kind == CARD
        has_days = (self.status == APPROVED) & (random.random(self.rows) < 0.962)
        planned = first_due + np.round(MONTH * np.maximum(term - 1, 0))
        last = first_due + np.round(MONTH * np.maximum(paid - 1, 0))
        done = (last < 0) & ~card
        drawing = np.minimum(decided + random.integers(1, 60, self.rows), -1)
        unused = random.random(self.rows) < 0.35
        closing = last + random.integers(2, 14, self.rows)
        last = np.where(done, last, NO_DATE)
        events = {
            "DAYS_FIRST_DRAWING": np.where(card & ~unused, drawing, NO_DATE),
            "DAYS_FIRST_DUE": np.where((card & unused) | (first_due > -2), NO_DATE, first_due),
            "DAYS_LAST_DUE_1ST_VERSION": np.where(card, NO_DATE, planned),
            "DAYS_LAST_DUE": last,
            "DAYS_TERMINATION": np.where(done & (closing < 0), closing, NO_DATE),
            "NFLAG_INSURED_ON_APPROVAL": random.random(self.rows) < 0.333,
        }
        return {name: np.where(has_days, values, np.nan) for name, values in events.items()}


#: Position of the trade that sells each category of goods.
_TRADES = {
    "Mobile": 2, "Consumer Electronics": 1, "Computers": 1, "Audio/Video": 1, "Furniture": 3,
    "Photo / Cinema Equipment": 1, "Construction Materials": 4, "Clothing and Accessories": 5,
    "Auto Accessories": 7, "Jewelry": 8, "Homewares": 6, "Medical Supplies": 6, "Vehicles": 7,
    "Tourism": 9, "Direct Sales": 10, "House Construction": 4, "Gardening": 4,
    "Sport and Leisure": 5, "Office Appliances": 1, "Medicine": 6, "Other": 6,
}  # fmt: skip
