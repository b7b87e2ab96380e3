"""One applicant: from raw records to all features, by the definitions of the batch.

The pipeline becomes a program of NumPy calls, made once; each applicant then costs one run of it.
Records are not kept, and no error repeats their values.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from project_tools.errors import FeatureError, nearest, unknown
from project_tools.features.columns import ID, TARGET
from project_tools.features.engines.arrays import Array
from project_tools.features.engines.engine import FrameTables
from project_tools.features.engines.on_numpy import NumpyEngine
from project_tools.features.engines.program import Place, Program
from project_tools.features.pipeline import compute, feature_names
from project_tools.features.state import FeatureState, LookUp
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import FLOAT32_MOST, Column, Table

Value = float | str | None
Record = Mapping[str, Any]
#: An applicant's records by table: one application, and lists of rows of the other tables.
Records = Mapping[str, Record | Sequence[Record]]
#: Values by raw table and column; an applicant's tables have as many as there are rows.
Columns = Mapping[str, Mapping[str, Sequence[Any]]]

#: Accepted names of the application; the name does not change the features.
APPLICATION_NAMES = ("application", "application_train", "application_test")
HISTORY_NAMES = tuple(name for name in TABLES if name not in APPLICATION_NAMES)
RECORD_NAMES = ("application", *HISTORY_NAMES)
#: Client id during the computation: an applicant may not have one yet.
_THE_CLIENT = 1
_LARGEST_KEY = 2**63 - 1
#: Number of a text that is no level and in no condition or group.
_OTHER_TEXT = -1.0


class Applicants:
    """Computes the features of one applicant after the other with a fitted state.

    To make one takes a fraction of a second, for the program. Threads may share it.
    """

    def __init__(self, state: FeatureState) -> None:
        self._levels = {name: frozenset(levels) for name, levels in state.levels_.items()}
        self._program = _program(state)
        self._texts = {code: text for text, code in self._program.codes.items()}

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
        doubles = self._program.run(dict(_inputs(self._program, columns_of(records))))
        values: dict[str, Value] = dict(zip(feature_names(), _as_float32(doubles), strict=True))
        for name, levels in self._levels.items():
            code = values[name]
            text = None if code is None else self._texts.get(code)  # type: ignore[arg-type]  # a number until here
            values[name] = text if text in levels else None
        return values


def _program(state: FeatureState) -> Program:
    """The pipeline's steps; its outputs are the features in their order."""
    program = Program()
    engine = NumpyEngine(program)
    for levels in state.levels_.values():
        for level in levels:
            program.code(level)
    tables = {name: engine.table(name, table.column_names) for name, table in TABLES.items()}
    own, *others = compute(FrameTables(tables), engine, LookUp(state, engine), quiet=True)
    places = engine.beside(own, others).to_native().places
    program.finish(places[name] for name in feature_names())
    return program


def _inputs(program: Program, tables: Columns) -> Iterator[tuple[Place, Array]]:
    """The columns that the program needs, as doubles: null is NaN, a text its code, a key its place
    among the keys of that name.
    """
    codes: dict[Any, float] = {None: math.nan, **program.codes}
    keys: dict[str, dict[Any, float]] = {}
    for (table, name), place in program.inputs.items():
        values = tables[table][name] if table in tables and name in tables[table] else ()
        match TABLES[table].column(name).kind:
            case "text":
                values = [codes.get(value, _OTHER_TEXT) for value in values]
            case "key":
                if name not in keys:
                    keys[name] = _places(columns.get(name, ()) for columns in tables.values())
                values = [keys[name][value] for value in values]
        yield place, np.array(values, dtype="float64")  # None becomes NaN


def _places(columns: Iterable[Sequence[Any]]) -> dict[Any, float]:
    """The place of each key in the order of all, as a double could not hold the key itself."""
    known = {key for keys in columns for key in keys if key is not None}
    return {None: math.nan} | {key: float(place) for place, key in enumerate(sorted(known))}


def _as_float32(doubles: Array) -> list[float | None]:
    """The numbers as the batch writes them: rounded to float32, null beyond it, 0 for -0."""
    within = np.abs(doubles) <= FLOAT32_MOST
    rounded = np.where(within, doubles, 0.0).astype("float32") + np.float32(0)
    return [
        n if there else None for n, there in zip(rounded.tolist(), within.tolist(), strict=True)
    ]


def columns_of(records: Records) -> Columns:
    """The records as columns of the raw tables, all of one client and checked.

    Raises ``FeatureError`` as ``Applicants.features``.
    """
    for name in records:
        if name not in {*RECORD_NAMES, *APPLICATION_NAMES}:
            raise FeatureError(unknown("table", name, RECORD_NAMES))
    name, own = _application(records)
    client = own.get(ID)
    # As an unlabelled application: an applicant's outcome is never a feature.
    tables = {"application_test": _columns(TABLES["application_train"], name, [own], client)}
    for history in HISTORY_NAMES:
        if rows := _rows(history, records.get(history)):
            tables[history] = _columns(TABLES[history], history, rows, client)
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


def _columns(
    table: Table, name: str, rows: Sequence[Record], client: Any
) -> dict[str, Sequence[Any]]:
    """One table of one client; ``name`` is the caller's name for it."""
    fields = table.column_names
    for row in rows:
        for field in _record(name, row).keys() - set(fields):
            raise FeatureError(f"{name} has no field {field!r}{nearest(str(field), fields)}")
    columns: dict[str, Sequence[Any]] = {
        c.name: _column(c, name, rows) for c in table.columns if c.name != TARGET
    }
    if ID in columns:
        columns[ID] = _one_client(name, columns[ID], client)
    return columns


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
