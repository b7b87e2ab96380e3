"""The one function that knows the order: raw tables to one row of features per client."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import narwhals as nw

from project_tools.features import application, bureau, instalments
from project_tools.features.engine import Engine, aggregate, derive, settle
from project_tools.features.expressions import CLIENT
from project_tools.features.rows import Aggregate, GroupStatistics, History
from project_tools.progress import working
from project_tools.tables.declared import TABLES

#: Learns the statistics of groups from a frame, or gives those learnt before.
Groups = Callable[[GroupStatistics, nw.LazyFrame[Any]], nw.LazyFrame[Any]]

HISTORIES: tuple[History, ...] = (bureau.HISTORY, instalments.HISTORY)


def feature_names() -> tuple[str, ...]:
    """All features in the order of the feature file."""
    own = (
        *(column.name for column in application.KEPT),
        *(column.name for column in application.DERIVED),
        *(name for groups in application.GROUPS for name in groups.names),
    )
    return (*own, *(name for history in HISTORIES for name in history.names))


def compute(
    raw: Mapping[str, nw.LazyFrame[Any]], engine: Engine, groups: Groups, *, quiet: bool = False
) -> nw.LazyFrame[Any]:
    """One row per application with ``SK_ID_CURR``, ``TARGET`` and all features, as doubles.

    The same whether ``groups`` learns or looks up: this is both ``fit`` and ``transform``.
    """
    step = partial(working, quiet=quiet)
    with step("applications"):
        clients = engine.hold(_applications(raw), "clients")
        clients = engine.hold(_with_groups(clients, application.GROUPS, groups), "applications")
    with step("loans elsewhere"):
        loans = bureau.stage(raw["bureau"], raw["bureau_balance"])
        loans = engine.hold(_derived(loans, bureau.HISTORY), "bureau loans")
        loans = _with_groups(loans, (bureau.SAME_LENGTH,), groups)
        elsewhere = engine.hold(_features(loans, bureau.HISTORY), "bureau")
    with step("instalments"):
        payments = instalments.stage(raw["installments_payments"])
        payments = engine.hold(_derived(payments, instalments.HISTORY), "payments")
        paid = engine.hold(_features(payments, instalments.HISTORY), "instalments")
    return engine.beside(clients, (elsewhere, paid))


def finished(frame: nw.LazyFrame[Any], *others: nw.Expr) -> nw.LazyFrame[Any]:
    """The client, the ``others`` and all features as they are handed out: numbers as float32."""
    texts = application.CATEGORIES
    numbers = (nw.col(name).cast(nw.Float32) for name in feature_names() if name not in texts)
    return frame.select(CLIENT, *others, *texts, *numbers)


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


def _derived(frame: nw.LazyFrame[Any], history: History) -> nw.LazyFrame[Any]:
    summed = [
        row.column
        for row in history.rows
        if not isinstance(row, Aggregate) or {"sum", "mean"} & set(row.statistics)
    ]
    return settle(derive(frame, history.derived), units(history), summed)


def _features(frame: nw.LazyFrame[Any], history: History) -> nw.LazyFrame[Any]:
    return derive(aggregate(frame, history.rows), history.ratios)


def units(history: History) -> dict[str, str]:
    """Unit of each staged column: a raw one's by its kind, a derived one's as declared."""
    raw = {
        column.name: "flag" if column.kind == "flag" else column.unit
        for name in history.tables
        for column in TABLES[name].columns
        if column.sql_type == "DOUBLE"
    }
    return raw | {column.name: column.unit for column in history.derived}
