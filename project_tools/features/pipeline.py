"""The one function that knows the order: raw tables to one row of features per client."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import narwhals as nw

from project_tools.features import (
    across,
    application,
    bureau,
    credit_card,
    instalments,
    pos_cash,
    previous,
)
from project_tools.features.engine import Engine, aggregates, derive, settle
from project_tools.features.expressions import CLIENT
from project_tools.features.rows import Aggregate, GroupStatistics, History
from project_tools.progress import working
from project_tools.tables.declared import TABLES

#: Learns the statistics of groups from a frame, or gives those learnt before.
Groups = Callable[[GroupStatistics, nw.LazyFrame[Any]], nw.LazyFrame[Any]]

HISTORIES: tuple[History, ...] = (
    bureau.HISTORY,
    previous.HISTORY,
    pos_cash.MONTHS,
    pos_cash.LOAN_HISTORY,
    instalments.HISTORY,
    credit_card.HISTORY,
)


def feature_names() -> tuple[str, ...]:
    """All features in the order of the feature file."""
    histories = (name for history in HISTORIES for name in history.names)
    return (*application.NAMES, *histories, *across.NAMES)


def compute(
    raw: Mapping[str, nw.LazyFrame[Any]], engine: Engine, groups: Groups, *, quiet: bool = False
) -> dict[str, nw.LazyFrame[Any]]:
    """Parts that hold all features between them, as doubles, by the names that the engine holds
    them under: one row per application (the first part, with ``TARGET``), or per client with rows.

    Never one frame: planning the join of hundreds of columns takes time with their square, and
    sorting it more. The same whether ``groups`` learns or looks up: this is both ``fit`` and ``transform``.
    """
    step = partial(working, quiet=quiet)
    found: dict[str, nw.LazyFrame[Any]] = {}

    def keep(frame: nw.LazyFrame[Any], history: History) -> None:
        for place, part in enumerate(_features(frame, history, apart=engine.apart), start=1):
            name = f"{history.name} by client, {place}"
            found[name] = engine.hold(part, name)

    with step("applications"):
        clients = engine.hold(_applications(raw), "clients")
        clients = engine.hold(_with_groups(clients, application.GROUPS, groups), "applications")
        engine.release("clients")
    with step("loans elsewhere"):
        loans = bureau.stage(raw["bureau"], raw["bureau_balance"])
        loans = engine.hold(_derived(loans, bureau.HISTORY), "loans elsewhere")
        loans = _with_groups(loans, bureau.HISTORY.groups, groups)
        keep(engine.hold(loans, "loans in groups"), bureau.HISTORY)
        engine.release("loans elsewhere")
        engine.release("loans in groups")
    with step("instalments"):
        payments = instalments.stage(raw["installments_payments"])
        payments = engine.hold(_derived(payments, instalments.HISTORY), "payments")
        keep(payments, instalments.HISTORY)
        paid = engine.hold(instalments.by_loan(payments), "paid by loan")
        engine.release("payments")
    with step("earlier applications"):
        earlier = previous.stage(raw["previous_application"], paid)
        earlier = engine.hold(_derived(earlier, previous.HISTORY), "earlier applications")
        keep(earlier, previous.HISTORY)
        engine.release("earlier applications")
    with step("months of earlier loans"):
        months = engine.hold(
            _derived(raw["POS_CASH_balance"], pos_cash.MONTHS, pos_cash.OF_LOANS), "months"
        )
        keep(months, pos_cash.MONTHS)
        keep(_derived(pos_cash.by_loan(months), pos_cash.LOAN_HISTORY), pos_cash.LOAN_HISTORY)
        engine.release("months")
    with step("credit cards"):
        cards = credit_card.stage(raw["credit_card_balance"])
        cards = engine.hold(_derived(cards, credit_card.HISTORY), "card months")
        keep(cards, credit_card.HISTORY)
        engine.release("card months")
    with step("across tables"):
        between = engine.hold(_across(engine, clients, found.values()), "between")
        between = _with_groups(between, (across.SAME_DURATION,), groups)
        between = engine.hold(between.select(CLIENT, *across.NAMES), "across")
    own = clients.select(CLIENT, "TARGET", *application.NAMES)
    return {"applications": own, **found, "across": between}


def finished(part: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """A part as it is handed out: numbers as float32."""
    names = part.collect_schema().names()
    kept = (CLIENT, *application.CATEGORIES)
    return part.select(*(n if n in kept else nw.col(n).cast(nw.Float32) for n in names))


def _across(
    engine: Engine, clients: nw.LazyFrame[Any], found: Iterable[nw.LazyFrame[Any]]
) -> nw.LazyFrame[Any]:
    """One row per client with what the features across tables need, and those of the client's
    own; a narrow frame.
    """
    groups = across.SAME_DURATION
    needed = {*groups.by, *groups.members}.union(*(row.sources for row in across.RATIOS))
    own = clients.select(CLIENT, *(name for name in application.NAMES if name in needed))
    narrow = ((part, needed.intersection(part.collect_schema().names())) for part in found)
    parts = (part.select(CLIENT, *sorted(names)) for part, names in narrow if names)
    return derive(engine.beside(own, parts), across.RATIOS)


def _applications(raw: Mapping[str, nw.LazyFrame[Any]]) -> nw.LazyFrame[Any]:
    stacked = application.stacked(raw["application_train"], raw["application_test"])
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
    used = {name for row in history.rows for name in row.sources}.union(also, (CLIENT,))
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
