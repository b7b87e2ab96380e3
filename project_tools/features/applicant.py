"""One applicant: from raw records to all features, by the definitions of the batch.

The pipeline becomes one Polars plan, made once; each applicant then costs one run of that plan.
Records are not kept, and no error repeats their values.
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import narwhals as nw
import numpy as np
import polars as pl
import pyarrow as pa

from project_tools.errors import FeatureError, nearest, unknown
from project_tools.features.columns import ID, TARGET
from project_tools.features.engines.engine import Engine, Frame, FrameTables, Held
from project_tools.features.pipeline import compute, feature_names
from project_tools.features.state import FeatureState, LookUp
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import FLOAT32_MOST, Column, Table

Value = float | str | None
Record = Mapping[str, Any]
#: An applicant's records by table: one application, and lists of rows of the other tables.
Records = Mapping[str, Record | Sequence[Record]]

#: Accepted names of the application; the name does not change the features.
APPLICATION_NAMES = ("application", "application_train", "application_test")
HISTORY_NAMES = tuple(name for name in TABLES if name not in APPLICATION_NAMES)
RECORD_NAMES = ("application", *HISTORY_NAMES)
#: Client id during the computation: an applicant may not have one yet.
_THE_CLIENT = 1
_LARGEST_KEY = 2**63 - 1
_TYPES: Mapping[str, Any] = {"DOUBLE": pl.Float64, "BIGINT": pl.Int64, "VARCHAR": pl.String}
_AS_WRITTEN = pl.QueryOptFlags.none()


class Applicants:
    """Computes the features of one applicant after the other with a fitted state.

    To make one takes a fraction of a second, for the plan. Threads may share it: it computes one
    applicant at a time.
    """

    def __init__(self, state: FeatureState) -> None:
        self._numbers = [name for name in feature_names() if name not in state.levels_]
        self._levels = {name: frozenset(levels) for name, levels in state.levels_.items()}
        self._tables: dict[str, pl.DataFrame] = {}
        self._one_at_a_time = threading.Lock()
        self._plan = self._lowered(state)
        self._run({})  # the first run is slower: no applicant should wait for it

    @classmethod
    def load(cls, directory: Path) -> Self:
        """From the folder of a fitted state; ``FeatureError`` if it is damaged."""
        return cls(FeatureState.load(directory))

    def features(self, records: Records) -> dict[str, Value]:
        """All features by name: numbers rounded to float32 as in the batch, levels as text, None for null.

        ``records`` holds the ``application`` (one record) and lists of records of the other raw
        tables; a table that is missing has no rows, a field that is missing is null. Raises
        ``FeatureError`` for an unknown table or field, a value of the wrong type, and records of
        more than one client.
        """
        row = dict(zip(self._plan_names, self._run(_frames(records)), strict=True))
        numbers = _as_float32([row[name] for name in self._numbers])
        values: dict[str, Value] = dict(zip(self._numbers, numbers, strict=True))
        for name, levels in self._levels.items():
            values[name] = row[name] if row[name] in levels else None
        return {name: values[name] for name in feature_names()}

    def _lowered(self, state: FeatureState) -> pl.LazyFrame:
        engine = _OneApplicant()
        sources = {name: _wrapped(self._source(table)) for name, table in TABLES.items()}
        parts = compute(FrameTables(sources), engine, LookUp(state, engine), quiet=True)
        own, *others = parts
        plan: pl.LazyFrame = engine.beside(own, others).drop(ID, TARGET).to_native()
        self._plan_names = plan.collect_schema().names()
        return plan

    def _source(self, table: Table) -> pl.LazyFrame:
        schema, empty = _schema(table), pl.DataFrame(schema=_schema(table))
        return pl.defer(
            lambda: self._tables.get(table.name, empty), schema=schema, validate_schema=False
        )

    def _run(self, tables: dict[str, pl.DataFrame]) -> Sequence[Value]:
        with self._one_at_a_time:
            self._tables = tables
            try:
                # To optimise the plan takes longer than it saves for the rows of one client.
                computed = self._plan.collect(engine="in-memory", optimizations=_AS_WRITTEN)
            finally:
                self._tables = {}
        return computed.row(0) if computed.height else ()


class _OneApplicant(Engine):
    """Builds the plan of one applicant; the frames are computed when the whole plan runs."""

    def hold(self, frame: Frame) -> Held:
        return Held(_wrapped(frame.to_native().cache()))

    def lift(self, table: pa.Table) -> Frame:
        return _wrapped(pl.DataFrame(table).lazy())

    def lower(self, frame: Frame) -> pa.Table:
        raise NotImplementedError("nothing is learnt from one applicant, so no rows are taken out")

    def beside(self, clients: Frame, features: Iterable[Frame]) -> Frame:
        """One row beside the other; a frame without a row gives nulls. A join of hundreds of
        columns would take longer than to compute them.
        """
        others = (frame.drop(ID).to_native() for frame in features)
        return _wrapped(pl.concat([clients.to_native(), *others], how="horizontal_extend"))


def _as_float32(numbers: Sequence[Value]) -> list[float | None]:
    """The numbers as the batch writes them: rounded to float32, null beyond it, 0 for -0."""
    doubles = np.array(numbers, dtype="float64")  # None becomes NaN
    within = np.abs(doubles) <= FLOAT32_MOST
    rounded = np.where(within, doubles, 0.0).astype("float32") + np.float32(0)
    return [n if there else None for n, there in zip(rounded.tolist(), within, strict=True)]


def _wrapped(plan: pl.LazyFrame) -> Frame:
    frame: Frame = nw.from_native(plan)
    return frame


def _frames(records: Records) -> dict[str, pl.DataFrame]:
    """The records as tables of the schema, all of one client."""
    for name in records:
        if name not in {*RECORD_NAMES, *APPLICATION_NAMES}:
            raise FeatureError(unknown("table", name, RECORD_NAMES))
    name, own = _application(records)
    client = own.get(ID)
    # As an unlabelled application: an applicant's outcome is never a feature.
    tables = {"application_test": _frame(TABLES["application_train"], name, [own], client)}
    for history in HISTORY_NAMES:
        if rows := _rows(history, records.get(history)):
            tables[history] = _frame(TABLES[history], history, rows, client)
    return tables


def _application(records: Records) -> tuple[str, Record]:
    """The one application, and the name that the caller gave it."""
    names = [name for name in APPLICATION_NAMES if records.get(name)]
    if len(names) != 1:
        raise FeatureError(
            f"the records hold {' and '.join(names) or 'no application'}; "
            "give one record under 'application'"
        )
    record = records[names[0]]
    rows = [record] if isinstance(record, Mapping) else _rows(names[0], record)
    if len(rows) != 1:
        raise FeatureError(f"{names[0]} holds {len(rows)} records; an applicant has one")
    return names[0], _record(names[0], rows[0])


def _rows(name: str, records: Any) -> Sequence[Record]:
    if records is None:
        return ()
    if isinstance(records, str | bytes | Mapping) or not isinstance(records, Sequence):
        raise FeatureError(f"{name} is no list of records; give a list, empty if there are none")
    return records


def _record(name: str, record: Any) -> Record:
    if not isinstance(record, Mapping):
        raise FeatureError(f"{name} holds something that is no record of fields by name")
    return record


def _frame(table: Table, name: str, rows: Sequence[Record], client: Any) -> pl.DataFrame:
    """One table of one client; ``name`` is the caller's name for it."""
    fields = table.column_names
    for row in rows:
        for field in _record(name, row).keys() - set(fields):
            raise FeatureError(f"{name} has no field {field!r}{nearest(str(field), fields)}")
    columns = {c.name: _column(c, name, rows) for c in table.columns if c.name != TARGET}
    if ID in columns:
        columns[ID] = _one_client(name, columns[ID], client)
    return pl.DataFrame(columns, schema=_schema(table, leave_out=TARGET), strict=True)


def _one_client(name: str, keys: Sequence[Any], client: Any) -> list[int]:
    if any(key not in (None, client) for key in keys):
        raise FeatureError(
            f"{name} holds records of another SK_ID_CURR than the application's; "
            "give the records of one client"
        )
    return [_THE_CLIENT] * len(keys)


def _column(column: Column, table: str, rows: Sequence[Record]) -> list[Any]:
    convert = _number if column.kind == "flag" else _CONVERTERS[column.sql_type]
    if column.has_whole_levels:
        convert = _level
    try:
        values = [convert(row.get(column.name)) for row in rows]
    except (TypeError, ValueError, OverflowError) as why:
        kinds = {"VARCHAR": "a text", "BIGINT": "a whole number"}
        raise FeatureError(
            f"{table}: {column.name} holds something else than "
            f"{kinds.get(column.sql_type, 'a number')} or null"
        ) from why
    if column.sql_type != "DOUBLE":
        return values
    if column.is_whole and any(value is not None and not value.is_integer() for value in values):
        raise FeatureError(
            f"{table}: {column.name} holds a fraction where a whole number is expected; give a "
            "whole number or null"
        )
    return [value if value is None or abs(value) <= column.largest else None for value in values]


def _number(value: Any) -> float | None:
    """A double within float32; NaN, infinities and numbers beyond become None, as in the raw tables."""
    if value is None:
        return None
    if isinstance(value, float | int | np.number):
        number = float(value)
        return number if abs(number) <= FLOAT32_MOST else None
    raise TypeError


def _no_flag(value: Any) -> float | None:
    """A number; True and False are refused, as they count as 1 and 0 in flags alone."""
    if isinstance(value, bool):
        raise TypeError
    return _number(value)


def _key(value: Any) -> int | None:
    if _no_flag(value) is None:
        return None
    if value != int(value) or abs(int(value)) > _LARGEST_KEY:
        raise ValueError
    return int(value)


def _level(value: Any) -> str | None:
    """A text, or a whole number in place of a level that is one, as a raw table may hold it."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return _text(value)
    number = float(value)
    if math.isnan(number):
        return None
    if not number.is_integer():
        raise ValueError
    return str(int(number))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):  # pandas' missing text
        return None
    raise TypeError


_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "DOUBLE": _no_flag,
    "BIGINT": _key,
    "VARCHAR": _text,
}


def _schema(table: Table, leave_out: str = "") -> dict[str, Any]:
    return {c.name: _TYPES[c.sql_type] for c in table.columns if c.name != leave_out}
