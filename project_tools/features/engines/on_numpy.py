"""The features of one applicant: the pipeline becomes a list of NumPy calls, made once.

A general engine plans hundreds of expressions anew for each applicant, which takes four times as
long as to compute them for a few rows. The classes here have the methods that Narwhals expects of
a library it does not know. They compute nothing: they record each operation as a step of a ``Program``.

All columns are doubles, or conditions on the way. Null is NaN. No computation yields it otherwise,
as the definitions choose a quotient by 0 nowhere. A condition on a null is false, as it is in every
``when`` and ``filter``. Texts and keys are numbers that stand for them.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import narwhals as nw
import numpy as np
import pyarrow as pa

from project_tools.features.columns import ID
from project_tools.features.engines import arrays
from project_tools.features.engines.arrays import Array
from project_tools.features.engines.engine import Engine, Frame, Held
from project_tools.features.engines.program import Function, Place, Program


class NumpyEngine(Engine):
    """Records the pipeline in a program."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def table(self, name: str, columns: Iterable[str]) -> Frame:
        """A raw table whose rows are given when the program runs."""
        places = {column: self._program.input(name, column) for column in columns}
        return _wrapped(NumpyFrame(self._program, places))

    def hold(self, frame: Frame) -> Held:
        return Held(frame)  # the program computes a step once, however often it is used

    def lift(self, table: pa.Table) -> Frame:
        places = {
            name: self._program.constant(self._doubles(table[name])) for name in table.column_names
        }
        return _wrapped(NumpyFrame(self._program, places))

    def _doubles(self, column: pa.ChunkedArray) -> Array:
        if pa.types.is_floating(column.type):
            doubles: Array = column.to_numpy()
            return doubles
        texts = column.to_pylist()
        return np.array([np.nan if text is None else self._program.code(text) for text in texts])

    def lower(self, frame: Frame) -> pa.Table:
        raise NotImplementedError("nothing is learnt from one applicant, so no rows are taken out")

    def beside(self, clients: Frame, features: Iterable[Frame]) -> Frame:
        """One row beside the other; a frame without a row gives nulls."""
        columns = dict(clients.to_native().places)
        for frame in features:
            others = frame.drop(ID).to_native().places
            columns |= {
                name: self._program.step(arrays.one_row, place) for name, place in others.items()
            }
        return _wrapped(NumpyFrame(self._program, columns))


@dataclass(frozen=True)
class Groups:
    """Places of the groups' starts, and of the order in which the rows of a group are together
    (None for a single group).
    """

    starts: Place
    order: Place | None = None


@dataclass(frozen=True)
class NumpyFrame:
    """Places of columns of one length. Names of methods are Narwhals'."""

    program: Program
    places: Mapping[str, Place]
    #: Groups of the rows, which aggregates need.
    groups: Groups | None = None

    def __narwhals_lazyframe__(self) -> Self:
        return self

    def __narwhals_namespace__(self) -> "NumpyNamespace":
        return NumpyNamespace()

    def _with_version(self, _version: object) -> Self:
        return self

    @property
    def _native_frame(self) -> Self:
        return self

    def collect_schema(self) -> dict[str, nw.Float64]:
        return dict.fromkeys(self.places, nw.Float64())

    def step(self, function: Function, *arguments: Place) -> Place:
        return self.program.step(function, *arguments)

    def simple_select(self, *names: str) -> Self:
        return replace(self, places={name: self.places[name] for name in names})

    def drop(self, columns: Iterable[str], *, strict: bool) -> Self:  # noqa: ARG002  (Narwhals')
        gone = {*columns}
        return self.simple_select(*(name for name in self.places if name not in gone))

    def select(self, *columns: "NumpyExpr") -> Self:
        return replace(self, places={column.name: self._column(column) for column in columns})

    def _column(self, expression: "NumpyExpr") -> Place:
        place = expression.place(self)
        if self.program.is_literal(place):
            return self.step(arrays.filled, next(iter(self.places.values())), place)
        return place

    def with_columns(self, *columns: "NumpyExpr") -> Self:
        return replace(self, places={**self.places, **self.select(*columns).places})

    def filter(self, condition: "NumpyExpr") -> Self:
        return self.rows_where(condition.place(self))

    def rows_where(self, where: Place) -> Self:
        places = {n: self.step(operator.getitem, p, where) for n, p in self.places.items()}
        return replace(self, places=places)

    def join(
        self, other: Self, *, how: str, left_on: Sequence[str], right_on: Sequence[str], suffix: str  # noqa: ARG002  (Narwhals')
    ) -> Self:  # fmt: skip
        """``left`` or ``inner``. The rows of ``other`` have unique keys."""
        rows = self.step(arrays.rows_by_key, *(other.places[name] for name in right_on))
        found = self.step(arrays.rows_found, rows, *(self.places[name] for name in left_on))
        added = {
            name: self.step(np.take, self.step(arrays.padded, place), found)
            for name, place in other.places.items()
            if name not in right_on
        }
        if not added.keys().isdisjoint(self.places):
            raise NotImplementedError("a join of two columns of one name has no step of a program")
        joined = replace(self, places={**self.places, **added})
        if how == "left":
            return joined
        if how == "inner":
            return joined.rows_where(self.step(operator.ge, found, self.program.literal(0)))
        raise NotImplementedError(f"a join {how!r} has no step of a program")

    def group_by(self, keys: Sequence[str], *, drop_null_keys: bool) -> "NumpyGroupBy":  # noqa: ARG002  (never asked for)
        return NumpyGroupBy(self.grouped(keys), keys)

    def grouped(self, keys: Sequence[str], order_by: Sequence[str] = ()) -> Self:
        """The frame with its groups, whose rows are in the order of further columns, nulls first."""
        by = [self.places[key] for key in keys]
        if (*keys,) == (ID,) and not order_by:  # all rows are of the one applicant
            return replace(self, groups=Groups(self.step(arrays.one_group, *by)))
        further = (self.step(arrays.nulls_first, self.places[name]) for name in order_by)
        order = self.step(arrays.order, *by, *further)
        arranged = (self.step(np.take, key, order) for key in by)
        return replace(self, groups=Groups(self.step(arrays.group_starts, *arranged), order))


@dataclass(frozen=True)
class NumpyGroupBy:
    """A frame with groups, to be aggregated."""

    frame: NumpyFrame
    keys: Sequence[str]

    def agg(self, *aggregates: "NumpyExpr") -> NumpyFrame:
        columns = (*(NumpyNamespace().col(key).first() for key in self.keys), *aggregates)
        places = {column.name: column.place(self.frame) for column in columns}
        return NumpyFrame(self.frame.program, places)


def _elementwise(function: Function) -> Callable[..., "NumpyExpr"]:
    """A method that applies the function to each row of an expression and of its arguments."""
    return lambda self, *others: self.with_step(function, *others)


def _aggregate(function: Function) -> Callable[["NumpyExpr"], "NumpyExpr"]:
    """A method that applies the function to the rows of each group."""

    def method(self: "NumpyExpr") -> "NumpyExpr":
        def place(frame: NumpyFrame) -> Place:
            if frame.groups is None:
                raise NotImplementedError("an aggregate without groups has no step of a program")
            rows = self.place(replace(frame, groups=None))
            if frame.groups.order is not None:
                rows = frame.step(np.take, rows, frame.groups.order)
            return frame.step(function, rows, frame.groups.starts)

        return NumpyExpr(self.name, place)

    return method


class NumpyExpr:
    """The place of an expression in the program, by frame. Names of methods are Narwhals'."""

    #: Narwhals' own notes on the expression.
    _opt_metadata: Any = None

    def __init__(self, name: str, place: Callable[[NumpyFrame], Place]) -> None:
        self.name, self.place = name, place
        #: Whether it is a condition that is never null.
        self.is_certain = False
        #: Whether it has a value for each row, although it needs groups.
        self.by_row = False

    @property
    def _metadata(self) -> Any:
        return self._opt_metadata

    def with_step(self, function: Function, *others: "NumpyExpr") -> "NumpyExpr":
        parts = (self, *others)
        return NumpyExpr(self.name, lambda frame: frame.step(function, *(p.place(frame) for p in parts)))  # fmt: skip

    def alias(self, name: str) -> "NumpyExpr":
        return NumpyExpr(name, self.place)

    def broadcast(self) -> "NumpyExpr":
        """The same: NumPy repeats a literal itself."""
        return self.alias(self.name)

    def cast(self, dtype: object) -> "NumpyExpr":  # noqa: ARG002  (all are doubles)
        return self.alias(self.name)

    __add__, __sub__ = _elementwise(operator.add), _elementwise(operator.sub)
    __mul__, __truediv__ = _elementwise(operator.mul), _elementwise(np.divide)
    __lt__, __le__ = _elementwise(operator.lt), _elementwise(operator.le)
    __gt__, __ge__ = _elementwise(operator.gt), _elementwise(operator.ge)
    __eq__, __ne__ = _elementwise(operator.eq), _elementwise(arrays.differ)  # type: ignore[assignment]  # as Narwhals has them
    __and__, __neg__ = _elementwise(operator.and_), _elementwise(operator.neg)
    __hash__ = None  # type: ignore[assignment]  # == compares rows
    abs, sqrt = _elementwise(operator.abs), _elementwise(np.sqrt)

    def round(self, decimals: int) -> "NumpyExpr":
        if decimals:
            raise NotImplementedError(f"to round to {decimals} decimals has no step of a program")
        return self.with_step(np.rint)

    def is_null(self) -> "NumpyExpr":
        null = self.with_step(np.isnan)
        null.is_certain = True
        return null

    def __invert__(self) -> "NumpyExpr":
        if not self.is_certain:  # null counts as false, so its opposite would be true
            raise NotImplementedError("the opposite of a condition that may be null has no step")
        return self.with_step(operator.invert)

    def is_in(self, other: Iterable[Any]) -> "NumpyExpr":
        first, *others = (self == NumpyNamespace().lit(value) for value in other)
        return first.with_step(arrays.any_of, *others)

    sum, count = _aggregate(arrays.total), _aggregate(arrays.known)
    min, max = _aggregate(np.fmin.reduceat), _aggregate(np.fmax.reduceat)
    any, n_unique = _aggregate(np.logical_or.reduceat), _aggregate(arrays.distinct)
    first, length = _aggregate(np.take), _aggregate(arrays.length)
    position = _aggregate(arrays.position)

    def mean(self) -> "NumpyExpr":
        return self.sum() / self.count()

    def cum_count(self, *, reverse: bool) -> "NumpyExpr":  # noqa: ARG002  (never asked for)
        """The position of a row, as the column that is counted has no nulls."""
        counted = self.position()
        counted.by_row = True
        return counted

    def over(self, partition_by: Sequence[str], order_by: Sequence[str]) -> "NumpyExpr":
        def place(frame: NumpyFrame) -> Place:
            # In some order, so that there is one to put the rows back from.
            grouped = frame.grouped(partition_by, order_by or partition_by)
            groups, value = grouped.groups, self.place(grouped)
            assert groups is not None and groups.order is not None  # noqa: S101, PT018  (as ordered)
            if not self.by_row:
                key = frame.places[partition_by[0]]
                value = frame.step(arrays.repeated, value, key, groups.starts)
            return frame.step(arrays.put_back, value, groups.order)

        return NumpyExpr(self.name, place)


class NumpyNamespace:
    """What becomes of Narwhals' functions."""

    def col(self, name: str) -> NumpyExpr:
        return NumpyExpr(name, lambda frame: frame.places[name])

    def lit(self, value: Any, dtype: object = None) -> NumpyExpr:  # noqa: ARG002  (all are doubles)
        return NumpyExpr("literal", lambda frame: frame.program.literal(value))

    def len(self) -> NumpyExpr:
        return NumpyExpr(
            "len", lambda frame: self.col(next(iter(frame.places))).length().place(frame)
        )

    def when_then(
        self, condition: NumpyExpr, value: NumpyExpr, otherwise: NumpyExpr | None = None
    ) -> NumpyExpr:
        if otherwise is None:
            return value + condition.with_step(arrays.null_unless)
        return condition.with_step(np.where, value, otherwise).alias(value.name)

    def all_horizontal(self, first: NumpyExpr, *others: NumpyExpr, ignore_nulls: bool) -> NumpyExpr:  # noqa: ARG002  (null is false)
        return first.with_step(arrays.all_of, *others) if others else first

    def sum_horizontal(self, *numbers: NumpyExpr) -> NumpyExpr:
        first, *others = (number.with_step(arrays.or_zero) for number in numbers)
        for other in others:
            first += other
        return first

    def min_horizontal(self, first: NumpyExpr, *others: NumpyExpr) -> NumpyExpr:
        return first.with_step(arrays.least, *others)

    def max_horizontal(self, first: NumpyExpr, *others: NumpyExpr) -> NumpyExpr:
        return first.with_step(arrays.most, *others)

    def concat(self, frames: Sequence[NumpyFrame], *, how: str) -> NumpyFrame:  # noqa: ARG002  (always one below the other)
        first, *others = frames
        places = {
            name: first.step(arrays.stacked, place, *(other.places[name] for other in others))
            for name, place in first.places.items()
        }
        return replace(first, places=places)


def _wrapped(frame: NumpyFrame) -> Frame:
    wrapped: Frame = nw.from_native(frame)
    return wrapped
