"""Features are rows: names, expressions and lineage are computed from a row's fields."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import narwhals as nw

from project_tools.features.columns import ID
from project_tools.features.expressions import bounded, divide, flag, square_names, variance

if TYPE_CHECKING:  # a process that only scores imports these rows, and no pandas
    import pandas as pd
    from pandas.api.typing import SeriesGroupBy

Operator = Literal["==", ">=", "<=", ">"]
Named = Iterator[tuple[str, nw.Expr]]


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on one column of a staged row; null does not meet it."""

    column: str
    operator: Operator
    value: str | float

    def expression(self) -> nw.Expr:
        column = nw.col(self.column)
        match self.operator:
            case "==":
                return column == self.value
            case ">=":
                return column >= self.value
            case "<=":
                return column <= self.value
            case ">":
                return column > self.value


@dataclass(frozen=True, slots=True)
class Subset:
    """Rows of a staged table to aggregate, and the prefix of the features' names.

    ``lower_case``: the published names of some features have the statistic in lower case.
    """

    prefix: str
    where: Where | None = None
    lower_case: bool = False

    def take(self, columns: Mapping[str, str]) -> tuple["Aggregate", ...]:
        """Declared rows from a mapping of columns to statistics.

        >>> [name for row in Subset("POS_").take({"SK_DPD": "max mean"}) for name in row.names]
        ['POS_SK_DPD_MAX', 'POS_SK_DPD_MEAN']
        """
        return tuple(
            Aggregate(column, tuple(statistics.split()), self)
            for column, statistics in columns.items()
        )

    def shares(self, column: str, levels: Iterable[str]) -> tuple["Share", ...]:
        """A declared row for the share of each level.

        >>> [name for row in Subset("POS_").shares("STATUS", ["Active"]) for name in row.names]
        ['POS_STATUS_Active_MEAN']
        """
        return tuple(Share(column, level, self) for level in levels)

    def unconditional(self) -> "Subset":
        """The same prefix without the condition, for rows that are filtered by it already."""
        return replace(self, where=None)

    def masked(self, value: nw.Expr) -> nw.Expr:
        """The value within the subset, null outside (a filter would take twice as long)."""
        return value if self.where is None else nw.when(self.where.expression()).then(value)

    def size(self) -> nw.Expr:
        """Number of rows in the subset."""
        if self.where is None:
            return nw.len()
        return nw.when(self.where.expression()).then(nw.lit(1)).sum()

    def if_any(self, value: nw.Expr) -> nw.Expr:
        """The aggregate, null where the subset has no row."""
        return value if self.where is None else nw.when(self.size() > 0).then(value)

    @property
    def sources(self) -> tuple[str, ...]:
        return () if self.where is None else (self.where.column,)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Statistics of one column over a subset of the client's rows; one feature each."""

    column: str
    statistics: tuple[str, ...]
    subset: Subset
    #: The published name, if it does not follow from the fields.
    name: str = ""

    def name_of(self, statistic: str) -> str:
        suffix = statistic if self.subset.lower_case else statistic.upper()
        return self.name or f"{self.subset.prefix}{self.column}_{suffix}"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.name_of(statistic) for statistic in self.statistics)

    def expressions(self) -> Named:
        for statistic in self.statistics:
            name = self.name_of(statistic)
            if statistic in SPREADS:
                yield from _spread_parts(name, self.column, self.subset)
            else:
                yield name, _statistic(statistic, self.column, self.subset)

    def features(self) -> Named:
        """The features, computed from the aggregates of ``expressions``."""
        for statistic in self.statistics:
            name = self.name_of(statistic)
            yield name, _spread(name, statistic) if statistic in SPREADS else nw.col(name)

    @property
    def squared(self) -> tuple[str, ...]:
        """Columns whose squares, in parts, ``expressions`` sum."""
        return (self.column,) if SPREADS & set(self.statistics) else ()

    @property
    def where(self) -> Where | None:
        return self.subset.where

    def unconditional(self) -> Self:
        """The same features for rows that are filtered by ``where`` already."""
        return replace(self, subset=self.subset.unconditional())

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.column, *self.subset.sources)


#: Statistics that are computed from sums of squares.
SPREADS = frozenset(("var", "std"))
_SPREAD_PARTS = ("N", "SUM", "LEAST", "MOST", "HIGH", "MIDDLE", "LOW")


def _spread_parts(name: str, column: str, subset: Subset) -> Named:
    """The sums behind a variance, each a column of its own: in one expression each would occur a
    dozen times, and some engines would compute it as often.
    """
    value = subset.masked(nw.col(column))
    squares = (subset.masked(nw.col(part)).sum() for part in square_names(column))
    parts = (value.count().cast(nw.Float64), value.sum(), value.min(), value.max(), *squares)
    for part, expression in zip(_SPREAD_PARTS, parts, strict=True):
        yield f"{name} {part}", expression


def _spread(name: str, statistic: str) -> nw.Expr:
    n, total, least, most, *squares = (nw.col(f"{name} {part}") for part in _SPREAD_PARTS)
    # The variance of equal values is 0, whatever rounding does to their squares.
    spread = nw.when((n > 1) & (least == most)).then(nw.lit(0.0))
    varied = spread.otherwise(variance(n, total, squares))
    return varied.sqrt() if statistic == "std" else varied


def _statistic(statistic: str, column: str, subset: Subset) -> nw.Expr:
    value = subset.masked(nw.col(column))
    match statistic:
        case "min":
            return value.min()
        case "max":
            return value.max()
        case "mean":
            return value.mean()
        case "sum":
            return subset.if_any(value.sum())
        case "size" | "count":
            return subset.if_any(subset.size())
        case "nunique":
            # Engines count null as a value, and the mask makes the values outside null.
            unknown = value.is_null().any().cast(nw.Int64)
            return subset.if_any(value.n_unique() - unknown)
    raise ValueError(f"no statistic is called {statistic!r}")


@dataclass(frozen=True, slots=True)
class Share:
    """Share of the subset's rows with one level; a row without a level counts in no share."""

    column: str
    level: str
    subset: Subset

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.subset.prefix}{self.column}_{self.level}_MEAN",)

    def expressions(self) -> Named:
        yield self.names[0], self.subset.masked(flag(nw.col(self.column) == self.level)).mean()

    def features(self) -> Named:
        yield self.names[0], nw.col(self.names[0])

    @property
    def squared(self) -> tuple[str, ...]:
        return ()

    @property
    def where(self) -> Where | None:
        return self.subset.where

    def unconditional(self) -> Self:
        """The same features for rows that are filtered by ``where`` already."""
        return replace(self, subset=self.subset.unconditional())

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.column, *self.subset.sources)


@dataclass(frozen=True, slots=True)
class Trend:
    """Least-squares slope of a column over the client's last rows, oldest to newest: positive is
    rising. 0 for one row, null where a value is unknown. ``position`` counts from the newest, 1.

    With x = −position the slope is 12·(Σxy − x̄·Σy) / (n·(n² − 1)).
    """

    column: str
    last: int
    position: str = "POSITION"

    @property
    def names(self) -> tuple[str, ...]:
        return (f"{self.last}_TREND_{self.column}",)

    def expressions(self) -> Named:
        """The sums behind the slope, each a column of its own for the reason of ``_spread_parts``."""
        among = Subset("", Where(self.position, "<=", self.last))
        x, y = -nw.col(self.position), nw.col(self.column)
        yield self._part("N"), among.size().cast(nw.Float64)
        yield self._part("KNOWN"), among.masked(y).count().cast(nw.Float64)
        yield self._part("SUM"), among.masked(y).sum()
        yield self._part("MOMENT"), among.masked(x * y).sum()

    def features(self) -> Named:
        """The slope from the sums."""
        n, n_present, total, moment = (
            nw.col(self._part(part)) for part in ("N", "KNOWN", "SUM", "MOMENT")
        )
        slope = divide((moment + (n + 1) / 2 * total) * 12, n * (n * n - 1))
        slope = nw.when(n > 1).then(slope).otherwise(nw.lit(0.0))
        yield self.names[0], nw.when(n_present == n).then(slope)

    def _part(self, part: str) -> str:
        return f"{self.names[0]} {part}"

    @property
    def squared(self) -> tuple[str, ...]:
        return ()

    @property
    def where(self) -> None:
        """No condition: ``expressions`` choose the last rows themselves."""
        return None

    def unconditional(self) -> Self:
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.column, self.position)


Row = Aggregate | Share | Trend


@dataclass(frozen=True, slots=True)
class Ratio:
    """One feature of a client over another; null where the divisor is 0 or null."""

    name: str
    numerator: str
    denominator: str
    unit: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.numerator, self.denominator)

    def expression(self) -> nw.Expr:
        return divide(nw.col(self.numerator), nw.col(self.denominator))


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """A column computed from others of the same row.

    Without ``formula``, the staging of the table adds it (by a join or a window): ``sources`` are
    then the raw columns behind it, in ``table`` if they belong to another one. ``increasing`` says
    that the column never falls where one of its sources rises.
    """

    name: str
    sources: tuple[str, ...]
    formula: nw.Expr | None = None
    unit: str = ""
    table: str = ""
    increasing: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def expression(self) -> nw.Expr:
        if self.formula is None:
            raise ValueError(f"{self.name} has no formula: the staging of its table adds it")
        return self.formula


def ratio(name: str, numerator: str, denominator: str) -> Derived:
    """A derived column: the first over the second, null where that is 0 or null, and beyond float32."""
    formula = divide(nw.col(numerator), nw.col(denominator))
    return Derived(name, (numerator, denominator), formula)


def difference(name: str, first: str, second: str, unit: str) -> Derived:
    """A derived column: the first minus the second, null beyond float32."""
    return Derived(name, (first, second), bounded(nw.col(first) - nw.col(second)), unit)


def indicator(name: str, where: Where) -> Derived:
    """A derived column: 1 where the condition holds, else 0, also for null."""
    return Derived(name, (where.column,), flag(where.expression()), unit="flag")


@dataclass(frozen=True)
class History:
    """Declarations of one staged table: its raw tables, its derived columns, and its features in
    the order of the feature file.
    """

    name: str
    tables: tuple[str, ...]
    derived: tuple[Derived, ...]
    features: tuple[Row | Ratio, ...]
    #: Groups of rows; their statistics are columns of the staged table.
    groups: tuple["GroupStatistics", ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """Features aggregated from the table's rows."""
        return tuple(row for row in self.features if not isinstance(row, Ratio))

    @property
    def ratios(self) -> tuple[Ratio, ...]:
        """Features computed from aggregated features."""
        return tuple(row for row in self.features if isinstance(row, Ratio))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for row in self.features for name in row.names)


@dataclass(frozen=True)
class GroupStatistics:
    """Statistics of groups of rows with the same values of ``by``: learnt from the training
    clients, looked up for everybody. ``members`` maps each column to its name in the feature.
    """

    name: str
    prefix: str
    by: tuple[str, ...]
    members: Mapping[str, str] = field(default_factory=dict)
    statistics: tuple[str, ...] = ("mean",)
    #: Whether a feature's name omits the statistic's; for groups with one statistic.
    plain_names: bool = False

    def name_of(self, column: str, statistic: str) -> str:
        suffix = "" if self.plain_names else f"_{statistic.upper()}"
        return f"{self.prefix}{self.members[column]}{suffix}"

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        return tuple((column, stat) for column in self.members for stat in self.statistics)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.name_of(column, statistic) for column, statistic in self.pairs)

    def learnt_from(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """The rows with all values of ``by``, and their columns to learn from, in a fixed order."""
        columns = tuple(dict.fromkeys((ID, *self.by, *self.members)))
        complete = nw.all_horizontal(
            *(~nw.col(key).is_null() for key in self.by), ignore_nulls=False
        )
        return frame.filter(complete).select(*columns).sort(*columns)

    def learn(self, rows: "pd.DataFrame", least_clients: int) -> "pd.DataFrame":
        """One row per group of at least ``least_clients`` clients, in order of ``by``."""
        import pandas as pd  # noqa: PLC0415  (see above)

        groups = rows.groupby(list(self.by), sort=True)
        members = {name: groups[name] for name in self.members}
        learnt = {
            self.name_of(column, statistic): _learnt(members[column], statistic)
            for column, statistic in self.pairs
        }
        enough = groups[ID].nunique() >= least_clients
        return pd.DataFrame(learnt).loc[enough].reset_index()


def _learnt(members: "SeriesGroupBy[Any, Any]", statistic: str) -> "pd.Series[Any]":
    match statistic:
        case "mean":
            return members.mean()
        case "median":
            return members.median()
        case "std":
            return members.std(ddof=1)
    raise ValueError(f"no statistic of a group is called {statistic!r}")
