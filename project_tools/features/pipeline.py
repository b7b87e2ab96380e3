"""The order of the steps, which no other module holds: raw tables to features by client."""

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial

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
from project_tools.features.engines.engine import Engine, Frame, Held, Tables
from project_tools.features.operations import derive, history_features, settle
from project_tools.features.rows import Aggregate, GroupStatistics, History
from project_tools.system.progress import working
from project_tools.tables.declared import TABLES

#: Learns the statistics of groups from a frame, or looks up those learnt before.
Groups = Callable[[GroupStatistics, Frame], Frame]
#: Features by client, part by part.
Parts = Generator[Frame, None, None]
#: The columns of parts that features across tables need; held until those are computed.
Narrow = list[Frame]
#: The parts of one step, which returns the narrow columns of them.
StepParts = Generator[Frame, None, Narrow]

HISTORIES: tuple[History, ...] = (
    bureau.HISTORY,
    previous.HISTORY,
    pos_cash.MONTHS,
    pos_cash.LOAN_HISTORY,
    instalments.HISTORY,
    credit_card.HISTORY,
)
#: Columns that the features across tables are made of.
_ACROSS = {*across.SAME_DURATION.by, *across.SAME_DURATION.members}.union(
    *(row.sources for row in across.RATIOS)
)


def feature_names() -> tuple[str, ...]:
    """All features in the order of the feature file."""
    histories = (name for history in HISTORIES for name in history.names)
    return (*application.NAMES, *histories, *across.NAMES)


def compute(raw: Tables, engine: Engine, groups: Groups, *, quiet: bool = False) -> Parts:
    """Parts that hold all features between them, as doubles: the first has one row per
    application and ``TARGET``, the others one row per client with rows in a table.

    A part is valid until the next one is asked for: then its memory is freed. Close the generator
    to free what is held when you stop early. ``groups`` decides whether this is ``fit`` or
    ``transform``.

    Why parts: the time to plan a join of hundreds of columns grows with their square.
    """
    with ExitStack() as held:
        steps = _Steps(raw, engine, groups, partial(working, quiet=quiet), held)
        clients = yield from steps.applications()
        elsewhere = yield from steps.loans_elsewhere()
        paid, payments = yield from steps.instalments()
        earlier = yield from steps.earlier_applications(paid)
        months = yield from steps.months_of_earlier_loans()
        cards = yield from steps.credit_cards()
        histories = (*elsewhere, *payments, *earlier, *months, *cards)
        yield from steps.across_tables(clients, histories)


def compute_applications(raw: Tables, engine: Engine, groups: Groups, histories: Frame) -> Parts:
    """The parts that the applications decide: their own features, and those across tables.

    ``histories`` holds the features of the other tables that these need, by client.
    """
    with ExitStack() as held:
        steps = _Steps(raw, engine, groups, partial(working, quiet=True), held)
        clients = yield from steps.applications()
        yield from steps.across_tables(clients, [histories])


class _Steps:
    """The steps. Each reads its raw tables, frees them, and yields its features; what a later
    step needs of it, it returns.

    ``held`` frees what outlives a step.
    """

    def __init__(
        self,
        raw: Tables,
        engine: Engine,
        groups: Groups,
        progress: Callable[[str], AbstractContextManager[object]],
        held: ExitStack,
    ) -> None:
        self._raw, self._engine, self._groups = raw, engine, groups
        self._progress, self._held = progress, held

    def applications(self) -> StepParts:
        train, test = self._raw.read("application_train"), self._raw.read("application_test")
        with self._progress("applications"):
            clients = application.stacked(train, test)
            clients = derive(clients, (*application.MENDED, *application.POWER_SUMS))
            clients = derive(clients, application.DERIVED)
            with self._hold(clients, "application_train", "application_test") as clients:
                features = self._with_groups(clients, application.GROUPS)
                part = self._engine.hold(features.select(ID, TARGET, *application.NAMES))
            with part as features:
                return (yield from self._hand_out(features))

    def loans_elsewhere(self) -> StepParts:
        loans, balance = self._raw.read("bureau"), self._raw.read("bureau_balance")
        with self._progress("loans elsewhere"):
            loans = _derived(bureau.stage(loans, balance, self._engine.numbered), bureau.HISTORY)
            with self._hold(loans, "bureau", "bureau_balance") as loans:
                in_groups = self._engine.hold(self._with_groups(loans, bureau.HISTORY.groups))
            with in_groups as loans:
                return (yield from self._by_client(loans, bureau.HISTORY))

    def instalments(self) -> Generator[Frame, None, tuple[list[Held], Narrow]]:
        """Returns what was due and paid by client and loan as well, a frame for each piece of the
        payments.
        """
        payments = self._raw.read("installments_payments")
        with self._progress("instalments"), ExitStack() as pieces:
            paid: list[Held] = []
            features: list[list[Held]] = []
            for piece in self._engine.in_pieces(payments):
                staged = _derived(
                    instalments.stage(piece, self._engine.numbered), instalments.HISTORY
                )
                with self._engine.hold(staged) as rows:
                    paid.append(self._held.push(self._engine.hold(instalments.by_loan(rows))))
                    parts_of_piece = self._features(rows, instalments.HISTORY)
                    features.append([pieces.push(part) for part in parts_of_piece])
            self._raw.release("installments_payments")
            narrow: Narrow = []
            for same in zip(*features, strict=True):
                narrow += yield from self._hand_out(_stacked(same))
                for part in same:
                    part.release()
            return paid, narrow

    def earlier_applications(self, paid: Sequence[Held]) -> StepParts:
        earlier = self._raw.read("previous_application")
        with self._progress("earlier applications"):
            earlier = _derived(previous.stage(earlier, _stacked(paid)), previous.HISTORY)
            with self._hold(earlier, "previous_application") as earlier:
                for piece in paid:
                    piece.release()
                return (yield from self._by_client(earlier, previous.HISTORY))

    def months_of_earlier_loans(self) -> StepParts:
        months = self._raw.read("POS_CASH_balance")
        with self._progress("months of earlier loans"):
            months = _derived(months, pos_cash.MONTHS, pos_cash.OF_LOANS)
            with self._hold(months, "POS_CASH_balance") as months:
                of_months = yield from self._by_client(months, pos_cash.MONTHS)
                loans = pos_cash.by_loan(months, self._engine.numbered)
                loans = _derived(loans, pos_cash.LOAN_HISTORY)
                of_loans = yield from self._by_client(loans, pos_cash.LOAN_HISTORY)
                return [*of_months, *of_loans]

    def credit_cards(self) -> StepParts:
        cards = self._raw.read("credit_card_balance")
        with self._progress("credit cards"):
            cards = _derived(credit_card.stage(cards), credit_card.HISTORY)
            with self._hold(cards, "credit_card_balance") as cards:
                return (yield from self._by_client(cards, credit_card.HISTORY))

    def across_tables(self, clients: Narrow, histories: Sequence[Frame]) -> Parts:
        with self._progress("across tables"):
            (own,) = clients
            ratios = derive(self._engine.beside(own, histories), across.RATIOS)
            with self._engine.hold(ratios) as ratios:
                features = self._with_groups(ratios, (across.SAME_DURATION,))
                part = self._engine.hold(features.select(ID, *across.NAMES))
            with part as features:
                yield features

    def _hold(self, frame: Frame, *made_of: str) -> Held:
        """Compute the frame now; no later step reads the raw tables that it is made of."""
        held = self._engine.hold(frame)
        self._raw.release(*made_of)
        return held

    def _with_groups(self, frame: Frame, statistics: Sequence[GroupStatistics]) -> Frame:
        """The frame with the statistics of each row's groups; null where a group has none."""
        for spec in statistics:
            frame = frame.join(self._groups(spec, frame), on=list(spec.by), how="left")
        return frame

    def _by_client(self, frame: Frame, history: History) -> StepParts:
        narrow: Narrow = []
        for held in self._features(frame, history):
            with held as part:
                narrow += yield from self._hand_out(part)
        return narrow

    def _features(self, frame: Frame, history: History) -> Iterator[Held]:
        for part in history_features(frame, history, apart=self._engine.apart):
            yield self._engine.hold(part)

    def _hand_out(self, part: Frame) -> StepParts:
        """Yield the part; return the columns of it that features across tables need."""
        needed = [column for column in part.collect_schema().names() if column in _ACROSS]
        yield part
        if not needed:
            return []
        return [self._held.enter_context(self._engine.hold(part.select(ID, *needed)))]


def _stacked(parts: Sequence[Held]) -> Frame:
    frames = [part.frame for part in parts]
    return frames[0] if len(frames) == 1 else nw.concat(frames)


def _derived(frame: Frame, history: History, also: Collection[str] = ()) -> Frame:
    """The staged columns that features are made of (and ``also``), the summed ones on their grid.

    The selection lets a CSV's reader skip all other columns, and no memory holds them.
    """
    sums = {"sum", "mean", "var", "std"}
    summed = [
        row.column
        for row in history.rows
        if not isinstance(row, Aggregate) or sums & set(row.statistics)
    ]
    frame = settle(derive(frame, history.derived), units(history), summed)
    used = {name for row in history.rows for name in row.sources}.union(also, (ID,))
    return frame.select(*(name for name in frame.collect_schema().names() if name in used))


def units(history: History) -> dict[str, str]:
    """Unit of each staged column: a raw one's by its kind, a derived one's as declared."""
    raw = {
        column.name: "flag" if column.kind == "flag" else column.unit
        for name in history.tables
        for column in TABLES[name].columns
        if column.sql_type == "DOUBLE"
    }
    return raw | {column.name: column.unit for column in history.derived}
