"""The one function that knows the order: raw tables to one row of features per client."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import narwhals as nw

from project_tools.features.columns import ID, TARGET
from project_tools.features.definitions import (
    across,
    application,
    bureau,
    credit_card,
    instalments,
    pos_cash,
    previous,
)
from project_tools.features.engines.engine import Engine, Tables
from project_tools.features.operations import aggregates, derive, settle
from project_tools.features.rows import Aggregate, GroupStatistics, History
from project_tools.system.progress import working
from project_tools.tables.declared import TABLES

#: Learns the statistics of groups from a frame, or gives those learnt before.
Groups = Callable[[GroupStatistics, nw.LazyFrame[Any]], nw.LazyFrame[Any]]
#: Says that a step of this name is under way.
Step = Callable[[str], AbstractContextManager[object]]
#: Features by client.
Parts = Iterator[nw.LazyFrame[Any]]
#: A frame with the name that the engine holds it under.
Held = tuple[nw.LazyFrame[Any], str]

HISTORIES: tuple[History, ...] = (
    bureau.HISTORY,
    previous.HISTORY,
    pos_cash.MONTHS,
    pos_cash.LOAN_HISTORY,
    instalments.HISTORY,
    credit_card.HISTORY,
)
#: Columns of which the features across tables are made.
_ACROSS = {*across.SAME_DURATION.by, *across.SAME_DURATION.members}.union(
    *(row.sources for row in across.RATIOS)
)


def feature_names() -> tuple[str, ...]:
    """All features in the order of the feature file."""
    histories = (name for history in HISTORIES for name in history.names)
    return (*application.NAMES, *histories, *across.NAMES)


def compute(raw: Tables, engine: Engine, groups: Groups, *, quiet: bool = False) -> Parts:
    """Parts that hold all features between them, as doubles: one row per application (the first
    part, with ``TARGET``), or per client with rows. The next one is computed when it is asked for,
    and the room of the former given back.

    Never one frame: planning the join of hundreds of columns takes time with their square, and
    sorting it more. The same whether ``groups`` learns or looks up: this is both ``fit`` and ``transform``.
    """
    steps = _Steps(raw, engine, groups, partial(working, quiet=quiet))
    yield from steps.applications()
    yield from steps.loans_elsewhere()
    yield from steps.instalments()
    yield from steps.earlier_applications()
    yield from steps.months_of_earlier_loans()
    yield from steps.credit_cards()
    yield from steps.across_tables()


class _Steps:
    """The steps, each of which reads its raw tables, gives their room back, and hands its
    features out.
    """

    def __init__(self, raw: Tables, engine: Engine, groups: Groups, step: Step) -> None:
        self._raw, self._engine, self._groups, self._step = raw, engine, groups, step
        self._across: list[nw.LazyFrame[Any]] = []  # what features across tables need, by client
        self._paid: nw.LazyFrame[Any]  # what was due and paid on each earlier loan

    def applications(self) -> Parts:
        train, test = self._raw.read("application_train"), self._raw.read("application_test")
        with self._step("applications"):
            clients = _applications(train, test)
            clients = self._hold(clients, "clients", "application_train", "application_test")
            known = _with_groups(clients, application.GROUPS, self._groups)
            known = known.select(ID, TARGET, *application.NAMES)
            known = self._engine.hold(known, "applications")
            self._engine.release("clients")
            yield from self._handed_out(known, "applications")

    def loans_elsewhere(self) -> Parts:
        loans, balance = self._raw.read("bureau"), self._raw.read("bureau_balance")
        with self._step("loans elsewhere"):
            loans = _derived(bureau.stage(loans, balance), bureau.HISTORY)
            loans = self._hold(loans, "loans elsewhere", "bureau", "bureau_balance")
            loans = _with_groups(loans, bureau.HISTORY.groups, self._groups)
            loans = self._engine.hold(loans, "loans in groups")
            self._engine.release("loans elsewhere")
            yield from self._by_client(loans, bureau.HISTORY)
            self._engine.release("loans in groups")

    def instalments(self) -> Parts:
        payments = self._raw.read("installments_payments")
        with self._step("instalments"):
            parts = self._engine.hold(instalments.paid_in_parts(payments), "paid in parts")
            pieces = self._engine.in_pieces(payments)
            found = [self._of_payments(piece, parts, n) for n, piece in enumerate(pieces)]
            self._engine.release("paid in parts")
            self._raw.release("installments_payments")
            (paid, *features) = zip(*found, strict=True)
            self._paid = self._engine.hold(
                instalments.together([p for p, _ in paid]), "paid by loan"
            )
            for _, name in paid:
                self._engine.release(name)
            for same in features:
                yield from self._handed_out(_stacked([p for p, _ in same]), *(n for _, n in same))

    def _of_payments(
        self, payments: nw.LazyFrame[Any], parts: nw.LazyFrame[Any], number: int
    ) -> list[Held]:
        """What was paid by loan, and the features, of a piece of the payments."""
        staged = _derived(instalments.stage(payments, parts), instalments.HISTORY)
        staged = self._engine.hold(staged, "payments")
        name = f"paid by loan, piece {number}"
        paid = self._engine.hold(instalments.by_loan(staged), name)
        features = list(self._features(staged, instalments.HISTORY, f", piece {number}"))
        self._engine.release("payments")
        return [(paid, name), *features]

    def earlier_applications(self) -> Parts:
        earlier = self._raw.read("previous_application")
        with self._step("earlier applications"):
            earlier = _derived(previous.stage(earlier, self._paid), previous.HISTORY)
            earlier = self._hold(earlier, "earlier applications", "previous_application")
            self._engine.release("paid by loan")
            yield from self._by_client(earlier, previous.HISTORY)
            self._engine.release("earlier applications")

    def months_of_earlier_loans(self) -> Parts:
        months = self._raw.read("POS_CASH_balance")
        with self._step("months of earlier loans"):
            months = _derived(months, pos_cash.MONTHS, pos_cash.OF_LOANS)
            months = self._hold(months, "months", "POS_CASH_balance")
            yield from self._by_client(months, pos_cash.MONTHS)
            loans = _derived(pos_cash.by_loan(months), pos_cash.LOAN_HISTORY)
            yield from self._by_client(loans, pos_cash.LOAN_HISTORY)
            self._engine.release("months")

    def credit_cards(self) -> Parts:
        cards = self._raw.read("credit_card_balance")
        with self._step("credit cards"):
            cards = _derived(credit_card.stage(cards), credit_card.HISTORY)
            cards = self._hold(cards, "card months", "credit_card_balance")
            yield from self._by_client(cards, credit_card.HISTORY)
            self._engine.release("card months")

    def across_tables(self) -> Parts:
        with self._step("across tables"):
            own, *others = self._across
            between = derive(self._engine.beside(own, others), across.RATIOS)
            between = self._engine.hold(between, "between")
            between = _with_groups(between, (across.SAME_DURATION,), self._groups)
            yield self._engine.hold(between.select(ID, *across.NAMES), "across")

    def _hold(self, frame: nw.LazyFrame[Any], name: str, *made_of: str) -> nw.LazyFrame[Any]:
        """Compute the frame now; the raw tables that it is made of are not needed any more."""
        held = self._engine.hold(frame, name)
        self._raw.release(*made_of)
        return held

    def _by_client(self, frame: nw.LazyFrame[Any], history: History) -> Parts:
        for part, name in self._features(frame, history):
            yield from self._handed_out(part, name)

    def _features(self, frame: nw.LazyFrame[Any], history: History, of: str = "") -> Iterator[Held]:
        parts = _features(frame, history, apart=self._engine.apart)
        for number, part in enumerate(parts, start=1):
            name = f"{history.name} by client, {number}{of}"
            yield self._engine.hold(part, name), name

    def _handed_out(self, part: nw.LazyFrame[Any], *names: str) -> Parts:
        """The part, held under the names until the next is asked for; what features across
        tables need of it stays.
        """
        needed = [column for column in part.collect_schema().names() if column in _ACROSS]
        if needed:
            narrow = part.select(ID, *needed)
            self._across.append(self._engine.hold(narrow, f"{names[0]}, for features across"))
        yield part
        for name in names:
            self._engine.release(name)


def _stacked(frames: Sequence[nw.LazyFrame[Any]]) -> nw.LazyFrame[Any]:
    return frames[0] if len(frames) == 1 else nw.concat(frames)


def finished(part: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """A part as it is handed out: numbers as float32."""
    names = part.collect_schema().names()
    kept = (ID, *application.CATEGORIES)
    return part.select(*(n if n in kept else nw.col(n).cast(nw.Float32) for n in names))


def _applications(train: nw.LazyFrame[Any], test: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    stacked = application.stacked(train, test)
    mended = derive(stacked, (*application.MENDED, *application.POWER_SUMS))
    return derive(mended, application.DERIVED)


def _with_groups(
    frame: nw.LazyFrame[Any], statistics: tuple[GroupStatistics, ...], groups: Groups
) -> nw.LazyFrame[Any]:
    """The frame with what its rows' groups are known for; null for a group that is not known."""
    for spec in statistics:
        frame = frame.join(groups(spec, frame), on=list(spec.by), how="left")
    return frame


def _derived(
    frame: nw.LazyFrame[Any], history: History, also: Collection[str] = ()
) -> nw.LazyFrame[Any]:
    """The staged columns that features are made of (and ``also``), the summed ones on their grid.

    What no feature needs is left behind here: a CSV's reader then skips it, and no memory holds it.
    """
    frame = settle(derive(frame, history.derived), units(history), _summed(history))
    used = {name for row in history.rows for name in row.sources}.union(also, (ID,))
    return frame.select(*(name for name in frame.collect_schema().names() if name in used))


def _summed(history: History) -> list[str]:
    sums = {"sum", "mean", "var", "std"}
    return [
        row.column
        for row in history.rows
        if not isinstance(row, Aggregate) or sums & set(row.statistics)
    ]


def _features(
    frame: nw.LazyFrame[Any], history: History, *, apart: bool
) -> Iterator[nw.LazyFrame[Any]]:
    """The history's features by client: in one part, or in one for each subset of the rows."""
    ratios = list(history.ratios)
    for part, names in aggregates(frame, history.rows, apart=apart):
        mine = [ratio for ratio in ratios if names.issuperset(ratio.sources)]
        ratios = [ratio for ratio in ratios if ratio not in mine]
        yield derive(part, mine)
    if ratios:
        raise ValueError(f"{ratios[0].name} is of two subsets: declare it across tables")


def units(history: History) -> dict[str, str]:
    """Unit of each staged column: a raw one's by its kind, a derived one's as declared."""
    raw = {
        column.name: "flag" if column.kind == "flag" else column.unit
        for name in history.tables
        for column in TABLES[name].columns
        if column.sql_type == "DOUBLE"
    }
    return raw | {column.name: column.unit for column in history.derived}
