"""A known client's features after a change of raw values of the application.

The steps of the pipeline that depend on a changed value run again, and no others. Their inputs are
the client's features themselves: a raw column of the application that is a feature, and the
features of the other tables that are divided by it. Group statistics are looked up anew.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from project_tools.features.columns import ID
from project_tools.features.definitions import across, application
from project_tools.features.engines.arrays import Array, as_float32
from project_tools.features.engines.engine import FrameTables
from project_tools.features.engines.on_numpy import NumpyEngine
from project_tools.features.engines.program import Program
from project_tools.features.operations import derive
from project_tools.features.pipeline import HISTORIES, compute_applications
from project_tools.features.rows import Derived, Ratio
from project_tools.features.state import FeatureState, LookUp
from project_tools.tables.declared import TABLES

Value = float | str | None
#: The table of the clients whose values change, and the name of the other tables' features.
_APPLICATION, _HISTORIES = "application_test", "histories"
_COLUMNS = {column.name: column for column in TABLES[_APPLICATION].columns}
#: Ratios of the other tables' features, and the features that these and ``across`` are made of.
_RATIOS = tuple(row for history in HISTORIES for row in history.ratios)
_ratios: tuple[Ratio | Derived, ...] = (*_RATIOS, *across.RATIOS)
HISTORY_SOURCES = tuple(
    dict.fromkeys(
        name
        for history in HISTORIES
        for row in history.rows
        for name in row.names
        if any(name in ratio.sources for ratio in _ratios)
    )
)
#: Document flags that are no features of their own.
_COUNTED_DOCUMENTS = tuple(name for name in application.DOCUMENTS if name in application.DROPPED)
_OWN_DOCUMENTS = tuple(name for name in application.DOCUMENTS if name not in application.DROPPED)
_DOCUMENT_COUNT = "DOCUMENT_COUNT"
#: Number of a text that is in no group.
_OTHER_TEXT = -1.0
#: Sets of changed columns whose steps are kept.
_KEPT_PARTS = 256


def is_exact(name: str) -> bool:
    """Whether float32 holds every value of this input as the raw tables have it.

    >>> is_exact("DAYS_BIRTH"), is_exact("AMT_CREDIT"), is_exact("BUREAU_AMT_ANNUITY_MEAN")
    (True, False, False)
    """
    if name == _DOCUMENT_COUNT:
        return True
    column = _COLUMNS.get(name)
    return column is not None and (column.kind in {"text", "flag"} or column.is_whole)


#: Inputs that float32 rounds: ``build`` keeps their doubles for the client store.
ROUNDED = tuple(
    name
    for name in (
        *dict.fromkeys(
            source
            for row in (*application.DERIVED, *across.RATIOS)
            for source in row.sources
            if source in {column.name for column in application.KEPT}
        ),
        *HISTORY_SOURCES,
    )
    if not is_exact(name)
)


class Amendments:
    """Computes which features of a client change with raw values, and to what.

    ``features`` are the names that the clients have. To make one takes a fraction of a second.
    Threads may share it.
    """

    def __init__(self, state: FeatureState, features: Collection[str]) -> None:
        self._program, self._names = _program(state, features)
        self._part = lru_cache(_KEPT_PARTS)(self._cut)

    def moved_by(self, columns: Collection[str]) -> tuple[str, ...]:
        """The features that are computed from any of these columns, which are among them.

        Columns are raw ones of the application, or features of the other tables.
        """
        names, _ = self._part(frozenset(columns))
        return (*names, *(name for name in columns if name in application.CATEGORIES))

    def needs(self, columns: Collection[str]) -> frozenset[str]:
        """The features from which ``moved_by`` is computed, beside the changed columns."""
        _, program = self._part(frozenset(columns))
        names = {_source(name) for table, name in program.inputs if _is_value(table, name)}
        return frozenset(names - {*columns})

    def amended(
        self, known: Mapping[str, Value], changes: Mapping[str, Sequence[Value]]
    ) -> dict[str, Array]:
        """The numbers that move with the changes, as the batch writes them: float32, NaN for null.

        ``known`` are the client's features as doubles; ``changes`` hold the values of each changed
        column, of equal number: a row of each feature for each. A changed text column is a feature
        itself and is not among the results. ``KeyError`` where ``known`` lacks what ``needs`` names.
        """
        names, program = self._part(frozenset(changes))
        if not names:
            return {}
        rows = len(next(iter(changes.values())))
        inputs = {}
        for (table, name), place in program.inputs.items():
            if not _is_value(table, name):
                values: list[Any] = [1.0] * (rows if table in {_APPLICATION, _HISTORIES} else 0)
            elif name in changes:
                values = [self._number(name, value) for value in changes[name]]
            elif name in _COUNTED_DOCUMENTS:
                values = [_counted(name, known)] * rows
            else:
                values = [self._number(name, known[name])] * rows
            inputs[place] = np.array(values, dtype="float64")
        columns = as_float32(program.run(inputs)).reshape(len(names), rows)
        return dict(zip(names, columns, strict=True))

    def _number(self, name: str, value: Value) -> float | None:
        if isinstance(value, str):
            return self._program.codes.get(value, _OTHER_TEXT)
        column = _COLUMNS.get(name)
        beyond = value is not None and column is not None and abs(value) > column.largest
        return None if beyond else value

    def _cut(self, columns: frozenset[str]) -> tuple[tuple[str, ...], Program]:
        changed = {(table, name) for table in (_APPLICATION, _HISTORIES) for name in columns}
        outputs = self._program.moved_by(changed)
        return tuple(self._names[at] for at in outputs), self._program.part(outputs)


def _program(state: FeatureState, features: Collection[str]) -> tuple[Program, list[str]]:
    """The steps from applications and the other tables' features; their outputs, all numbers."""
    program = Program()
    engine = NumpyEngine(program)
    tables = {
        name: engine.table(name, TABLES[name].column_names)
        for name in ("application_train", _APPLICATION)
    }
    histories = derive(engine.table(_HISTORIES, (ID, *HISTORY_SOURCES)), _RATIOS)
    own, ratios = compute_applications(
        FrameTables(tables), engine, LookUp(state, engine), histories
    )
    places = engine.beside(own, [histories, ratios]).to_native().places
    numbers = (*application.NAMES, *HISTORY_SOURCES, *(r.name for r in _RATIOS), *across.NAMES)
    names = [n for n in numbers if n in features and n not in application.CATEGORIES]
    program.finish(places[name] for name in names)
    return program, names


def _is_value(table: str, name: str) -> bool:
    """Whether an input is a client's value, no key and no row of other clients."""
    return table in {_APPLICATION, _HISTORIES} and name != ID


def _source(name: str) -> str:
    return _DOCUMENT_COUNT if name in _COUNTED_DOCUMENTS else name


def _counted(name: str, known: Mapping[str, Value]) -> float:
    """A document flag that is no feature, from the count of all.

    Which of these flags are set does not matter: all features of the documents are symmetric.
    """
    own = sum(float(known[flag] or 0) for flag in _OWN_DOCUMENTS)
    return float(_COUNTED_DOCUMENTS.index(name) < float(known[_DOCUMENT_COUNT] or 0) - own)
