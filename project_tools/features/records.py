"""One applicant's raw records: checked as the raw tables are, and read as columns.

What is fatal in a raw table is refused here. What is odd there is a finding here, and the value is
read alike. No text repeats a value or an unknown name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import FeatureError, nearest
from project_tools.features.columns import ID, TARGET
from project_tools.tables.codes import Code
from project_tools.tables.declared import TABLES
from project_tools.tables.rules import rules
from project_tools.tables.schema import FLOAT32_MOST, Column, Table

Record = Mapping[str, Any]
#: An applicant's records by table: one application, and lists of rows of the other tables.
Records = Mapping[str, Record | Sequence[Record]]
#: Values by raw table and column: arrays of doubles with NaN for null, lists of texts, of keys.
Columns = Mapping[str, Mapping[str, Sequence[Any] | NDArray[np.float64]]]

#: Accepted names of the application; the name does not change the features.
APPLICATION_NAMES = ("application", "application_train", "application_test")
HISTORY_NAMES = tuple(name for name in TABLES if name not in APPLICATION_NAMES)
RECORD_NAMES = ("application", *HISTORY_NAMES)
#: The application's table: as of an unlabelled client, as an applicant's outcome is never a feature.
APPLICATION: Final = "application_test"
#: Client id during the computation: an applicant may not have one yet.
THE_CLIENT = 1
_LARGEST_KEY = 2**63 - 1
#: Fields at fault that a refusal names at most.
MOST_ERRORS = 20
#: Tables whose loans others belong to, with their key: a second record of a loan is refused.
_LOANS = {"bureau": "SK_ID_BUREAU", "previous_application": "SK_ID_PREV"}
_LOANS_OF = {
    "bureau_balance": "bureau",
    "POS_CASH_balance": "previous_application",
    "installments_payments": "previous_application",
    "credit_card_balance": "previous_application",
}


class RecordsError(FeatureError):
    """Records of an applicant that cannot be computed with.

    ``errors`` says what is wrong with each field, by a name such as ``bureau[3].AMT_CREDIT_SUM``; what
    is wrong with the records as a whole lies under an empty text.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        (name, text), *others = errors.items()
        more = f" ({len(others)} more faults)" if others else ""
        super().__init__(f"{name or 'the records'}: {text[0].lower()}{text[1:]}{more}")
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class OddRecords:
    """A finding: the first field that is odd, in how many records, what it is, and its code."""

    field: str
    records: int
    what: str
    code: Code


@dataclass(frozen=True, slots=True)
class ApplicantRecords:
    """Checked records of one applicant, as columns of the raw tables, and what is odd about them."""

    columns: Columns
    findings: tuple[OddRecords, ...]


def read_records(records: Any) -> ApplicantRecords:
    """The records as columns; ``RecordsError`` names the fields at fault.

    ``records`` holds the ``application`` (one record) and lists of records of the other raw tables. A
    table that is missing has no rows. A field may be left out where the published tables have nulls.
    The client's id may be missing everywhere; loans of another client are refused.
    """
    if not isinstance(records, Mapping):
        raise RecordsError(
            {
                "": "They are no object; give one application, and lists of records of the other tables."
            }
        )
    found = _Found()
    name, own = _application(records, found)
    rows = {name: [own]} | {history: _rows(history, records, found) for history in HISTORY_NAMES}
    found.raise_errors()
    given = (row[ID] for of_table in rows.values() for row in of_table if row.get(ID) is not None)
    client = next(given, None)
    columns = {}
    for table, of_table in rows.items():
        if of_table:
            raw = APPLICATION if table == name else table
            columns[raw] = _table(_layout(raw), table, of_table, client, found)
    for child, parent in _LOANS_OF.items():
        if child in columns:
            _check_loans(child, columns, parent, found)
    found.raise_errors()
    return ApplicantRecords(columns, tuple(found.odd))


@dataclass(slots=True)
class _Found:
    """The faults and the findings so far."""

    errors: dict[str, str] = field(default_factory=dict)
    odd: list[OddRecords] = field(default_factory=list)

    def refuse(self, name: str, text: str) -> None:
        """Note a fault of a field; the first ones are enough."""
        if len(self.errors) < MOST_ERRORS:
            self.errors.setdefault(name, text)

    def raise_errors(self) -> None:
        if self.errors:
            raise RecordsError(self.errors)


def _application(records: Records, found: _Found) -> tuple[str, Record]:
    """The one application, and the name that the caller gave it."""
    tables = {*RECORD_NAMES, *APPLICATION_NAMES}
    for number, name in enumerate(records, 1):
        if name not in tables:
            found.refuse("", _unknown(number, name, "table", RECORD_NAMES))
    names = [name for name in APPLICATION_NAMES if records.get(name)]
    if len(names) != 1:
        held = " and ".join(names) or "no application"
        raise RecordsError(found.errors or {"": f"They hold {held}; give one application."})
    record = records[names[0]]
    rows = [record] if isinstance(record, Mapping) else _rows(names[0], records, found)
    if len(rows) != 1:
        text = f"It holds {len(rows)} records; an applicant has one application."
        raise RecordsError(found.errors or {names[0]: text})
    return names[0], rows[0]


def _rows(name: str, records: Mapping[str, Any], found: _Found) -> Sequence[Record]:
    rows = records.get(name)
    if rows is None:
        return ()
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Sequence):
        found.refuse(name, "It is no list of records; give a list, empty if there are none.")
        return ()
    for at, row in enumerate(rows):
        if not isinstance(row, Mapping):
            found.refuse(f"{name}[{at}]", "It is no record; give its fields by name.")
    return rows


def _unknown(number: int, name: Any, what: str, choices: Sequence[str]) -> str:
    return f"Name {number} is no {what}{nearest(str(name), choices) or '.'}"


@dataclass(frozen=True, slots=True)
class _Layout:
    """A raw table's columns by kind, and the rules of its numbers side by side."""

    table: Table
    names: frozenset[str]
    required: frozenset[str]
    keys: tuple[str, ...]
    texts: tuple[Column, ...]
    numbers: tuple[Column, ...]
    #: Largest magnitude, least and greatest value, by number; columns of one number each.
    most: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    whole: NDArray[np.bool_]
    flag: NDArray[np.bool_]
    always: NDArray[np.bool_]
    #: What the findings of the raw tables say.
    words: Mapping[tuple[str, Code], str]

    def finding(self, name: str, column: Column, code: Code, odd: NDArray[np.bool_]) -> OddRecords:
        """A finding on a column; ``odd`` says which records have it."""
        place = _place(name, int(odd.argmax()), column.name)
        return OddRecords(place, int(odd.sum()), self.words[column.name, code], code)


@cache
def _layout(name: str) -> _Layout:
    table = TABLES[name]
    numbers = tuple(c for c in table.columns if c.sql_type == "DOUBLE" and c.name != TARGET)

    def by_number(values: Iterator[Any]) -> NDArray[Any]:
        return np.array([*values])[:, None]

    flag = by_number(c.kind == "flag" for c in numbers)
    low, high = (
        by_number(np.nan if c.between[side] is None else c.between[side] for c in numbers)
        for side in (0, 1)
    )
    return _Layout(
        table=table,
        # TARGET may be there, and is never read.
        names=frozenset((*table.column_names, TARGET)) if name == APPLICATION else frozenset(table.column_names),
        required=frozenset(c.name for c in table.columns if not c.nullable and c.name != ID),
        keys=tuple(c.name for c in table.columns if c.kind == "key"),
        texts=tuple(c for c in table.columns if c.kind == "text"),
        numbers=numbers,
        most=by_number(c.largest for c in numbers).astype(float),
        low=np.where(flag, np.nan, low.astype(float)),
        high=np.where(flag, np.nan, high.astype(float)),
        whole=by_number(c.is_whole for c in numbers),
        flag=flag,
        always=by_number(not c.nullable for c in numbers),
        words={(rule.column, rule.code): rule.what for rule in rules(table)},
    )  # fmt: skip


def _table(
    layout: _Layout, name: str, rows: Sequence[Record], client: Any, found: _Found
) -> dict[str, Sequence[Any] | NDArray[np.float64]]:
    """The columns of one table; ``name`` is the caller's name for it."""
    _check_names(layout, name, rows, found)
    columns: dict[str, Sequence[Any] | NDArray[np.float64]] = {}
    for key in layout.keys:
        if key == ID:
            _check_client(name, rows, client, found)
            columns[key] = [THE_CLIENT] * len(rows)
        else:
            columns[key] = _keys(name, key, rows, found)
    numbers = _numbers(layout, name, rows, found)
    _check_numbers(layout, name, numbers, found)
    columns |= zip((c.name for c in layout.numbers), numbers, strict=True)
    for column in layout.texts:
        columns[column.name] = _texts(layout, column, name, rows, found)
    return columns


def _check_names(layout: _Layout, name: str, rows: Sequence[Record], found: _Found) -> None:
    for at, row in enumerate(rows):
        given = row.keys()
        if not given <= layout.names:
            number, other = next((n, k) for n, k in enumerate(row, 1) if k not in layout.names)
            place = _place(name, at)
            found.refuse(
                place, _unknown(number, other, f"column of {name}", layout.table.column_names)
            )
        if not layout.required <= given:
            for column in layout.table.column_names:
                if column in layout.required and column not in given:
                    key = column in layout.keys
                    text = (
                        "It is missing; give it."
                        if key
                        else "It is missing; give it, or null for it."
                    )
                    found.refuse(_place(name, at, column), text)


def _place(name: str, at: int, column: str = "") -> str:
    """The name of a field or record in a refusal."""
    record = name if name in APPLICATION_NAMES else f"{name}[{at}]"
    return f"{record}.{column}" if column else record


def _check_client(name: str, rows: Sequence[Record], client: Any, found: _Found) -> None:
    for at, row in enumerate(rows):
        key = row.get(ID)
        if key is not None and _as_key(key) is None:
            found.refuse(_place(name, at, ID), _NO_KEY)
        elif key is not None and key != client:
            text = (
                "It is another client than in the records before; give the records of one client."
            )
            found.refuse(_place(name, at, ID), text)


def _keys(name: str, key: str, rows: Sequence[Record], found: _Found) -> list[int]:
    keys = []
    seen: set[int] = set()
    for at, row in enumerate(rows):
        value = _as_key(row.get(key))
        if value is None:
            found.refuse(_place(name, at, key), _NO_KEY)
            continue
        if _LOANS.get(name) == key and value in seen:
            found.refuse(
                _place(name, at, key), "An earlier record has the same; each loan has one."
            )
        seen.add(value)
        keys.append(value)
    return keys


_NO_KEY = "It takes a whole number above 0."


def _as_key(value: Any) -> int | None:
    """A key, or None for what is none."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return None
    if not 1 <= value <= _LARGEST_KEY or value != int(value):  # NaN is not between
        return None
    return int(value)


def _numbers(
    layout: _Layout, name: str, rows: Sequence[Record], found: _Found
) -> NDArray[np.float64]:
    """The numbers of a table, shape (columns, rows), with NaN for null."""
    names = [column.name for column in layout.numbers]
    cells = [[*map(row.get, names)] for row in rows]
    if not {*map(type, chain.from_iterable(cells))} <= {float, int, type(None)}:
        cells = [
            [
                _number(column, value, _place(name, at, column.name), found)
                for column, value in zip(layout.numbers, row, strict=True)
            ]
            for at, row in enumerate(cells)
        ]
    try:
        return np.array(cells, dtype=np.float64).T.copy()
    except OverflowError:  # a whole number that no double holds
        for at, row in enumerate(cells):
            for column, value in zip(names, row, strict=True):
                if isinstance(value, int) and abs(value) > FLOAT32_MOST:
                    found.refuse(_place(name, at, column), _NO_NUMBER)
        raise RecordsError(found.errors) from None


def _check_numbers(layout: _Layout, name: str, values: NDArray[np.float64], found: _Found) -> None:
    """Refuse fractions and note what is odd; a number beyond the range becomes NaN in ``values``."""
    sizes = np.abs(values)
    infinite, large = np.isinf(values), sizes > layout.most
    values[large] = np.nan
    null = np.isnan(values)
    for at, place in np.argwhere((layout.whole & ~null & (values != np.trunc(values))).T):
        text = "It holds a fraction where a whole number is expected."
        found.refuse(_place(name, int(at), layout.numbers[place].name), text)
    outside = (values < layout.low) | (values > layout.high)
    for place, of in enumerate(layout.numbers):
        if of.sentinels:
            outside[place] &= ~np.isin(values[place], of.sentinels)
    checks: tuple[tuple[Code, NDArray[np.bool_]], ...] = (
        ("not-finite", infinite),
        ("out-of-range", large & ~infinite),
        ("value-missing", layout.always & null),
        ("flag", layout.flag & ~null & (values != 0) & (values != 1)),
        ("outside-limits", outside),
    )
    for code, odd in checks:
        for place in np.flatnonzero(odd.any(axis=1)).tolist():
            found.odd.append(layout.finding(name, layout.numbers[place], code, odd[place]))


_NO_NUMBER = "It takes a number, or null."


def _number(column: Column, value: Any, place: str, found: _Found) -> float | None:
    """A number of another type than JSON's, or a fault. True and False count as 1 and 0 in flags alone."""
    if value is None or (
        isinstance(value, float | int | np.number) and not isinstance(value, bool)
    ):
        return value  # type: ignore[return-value]  # NumPy's numbers too
    if isinstance(value, bool | np.bool_) and column.kind == "flag":
        return float(value)
    found.refuse(place, _NO_NUMBER)
    return None


def _texts(
    layout: _Layout, column: Column, name: str, rows: Sequence[Record], found: _Found
) -> Sequence[str | None]:
    texts: list[Any] = [row.get(column.name) for row in rows]
    if not {*map(type, texts)} <= {str, type(None)}:
        texts = [
            _text(column, t, _place(name, at, column.name), found) for at, t in enumerate(texts)
        ]
    if not column.nullable and None in texts:
        odd = np.array([text is None for text in texts])
        found.odd.append(layout.finding(name, column, "value-missing", odd))
    if column.levels and not {*texts} <= {None, *column.levels}:
        odd = np.array([text is not None and text not in column.levels for text in texts])
        found.odd.append(layout.finding(name, column, "level-unknown", odd))
    return texts


def _text(column: Column, value: Any, place: str, found: _Found) -> str | None:
    """A text; a whole number in place of a level that is one, as a raw table may hold it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float | np.floating) and np.isnan(value):  # pandas' missing text
        return None
    if column.has_whole_levels and not isinstance(value, bool | np.bool_):
        whole = isinstance(value, int | np.integer)
        if whole or (isinstance(value, float | np.floating) and float(value).is_integer()):
            return str(int(value))
    found.refuse(place, "It takes a text, or null.")
    return None


def _check_loans(child: str, columns: Columns, parent: str, found: _Found) -> None:
    """Records of a loan that is not there: of a month of a bureau loan nothing says whose it is."""
    key = _LOANS[parent]
    known = {*columns[parent][key]} if parent in columns else set()
    orphans = [loan not in known for loan in columns[child][key]]
    if not any(orphans):
        return
    if ID in columns[child]:
        place = _place(child, orphans.index(True), key)
        what = f"without a row in {parent}"
        found.odd.append(OddRecords(place, sum(orphans), what, "orphan"))
        return
    for at in np.flatnonzero(orphans)[:MOST_ERRORS].tolist():
        found.refuse(_place(child, at, key), f"It is a loan that {parent} does not hold.")
