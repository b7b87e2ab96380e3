"""What every feature is called, for people: derived from the rows that declare it.

The wording comes from a table of one language (``english``); names, units, source tables and
lineage come from the declared rows themselves.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal, Self

from project_tools.errors import FeatureError, nearest
from project_tools.features import application, english
from project_tools.features.pipeline import HISTORIES
from project_tools.features.rows import (
    Aggregate,
    GroupStatistics,
    History,
    Ratio,
    Row,
    Share,
    Trend,
)
from project_tools.tables.declared import TABLES

APPLICATION = ("application",)
#: Raw columns that no model sees by default, nor anything computed from them.
PROTECTED_COLUMNS = ("CODE_GENDER", "NAME_FAMILY_STATUS", "CNT_CHILDREN", "CNT_FAM_MEMBERS")
#: Statistics whose result is no amount in the column's own unit.
_UNIT_OF_STATISTIC = {"size": "", "count": "", "nunique": ""}
_BUILDING_ENDS = tuple(f"_{end}" for end in english.BUILDING_STATISTICS)


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """One feature for people: ``columns`` are the raw columns it is computed from."""

    name: str
    label: str
    sentence: str
    unit: str
    tables: tuple[str, ...]
    concept: str
    columns: tuple[str, ...]
    kind: Literal["number", "category"] = "number"
    levels: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        listed = {name: tuple(row[name]) for name in ("tables", "columns", "levels")}
        return cls(**{**row, **listed})


def catalogue(names: Sequence[str]) -> list[FeatureInfo]:
    """The rows of these features; ``FeatureError`` for a name that is none."""
    known = all_features()
    for name in names:
        if name not in known:
            raise FeatureError(f"{name!r} is no feature{nearest(name, known)}")
    return [known[name] for name in names]


def protected(infos: Iterable[FeatureInfo]) -> set[str]:
    """Names of the features that are, or are computed from, a protected column."""
    return {info.name for info in infos if set(info.columns) & set(PROTECTED_COLUMNS)}


def to_json(infos: Iterable[FeatureInfo]) -> list[dict[str, Any]]:
    """Plain rows, as the fitted state and the artefact carry them."""
    return [asdict(info) for info in infos]


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[FeatureInfo]:
    return [FeatureInfo.from_dict(row) for row in rows]


@cache
def all_features() -> Mapping[str, FeatureInfo]:
    """Every feature that is declared, by name, in the order of the feature file."""
    rows = [*_application(), *(info for history in HISTORIES for info in _history(history))]
    return {info.name: info for info in rows}


def _application() -> Iterator[FeatureInfo]:
    lineage = {column.name: column.sources for column in application.DERIVED}
    for column in application.KEPT:
        levels = application.LEVELS.get(column.name, ())
        yield _info(
            column.name, _label(column.name), column.unit, APPLICATION, (column.name,), levels
        )
    for derived in application.DERIVED:
        columns = _raw(derived.sources, lineage)
        yield _info(derived.name, _label(derived.name), derived.unit, APPLICATION, columns)
    for groups in application.GROUPS:
        yield from _group_features(groups, lineage)


def _group_features(
    groups: GroupStatistics, lineage: Mapping[str, Sequence[str]]
) -> Iterator[FeatureInfo]:
    units = {column.name: column.unit for column in application.KEPT}
    for column, statistic in groups.pairs:
        label = english.GROUP.format(
            statistic=english.STATISTICS[statistic],
            label=_label(column),
            group=english.GROUPS[groups.prefix],
        )
        columns = _raw((column, *groups.by), lineage)
        yield _info(
            groups.name_of(column, statistic), label, units.get(column, ""), APPLICATION, columns
        )


def _history(history: History) -> Iterator[FeatureInfo]:
    lineage = {column.name: column.sources for column in history.derived}
    units = {c.name: c.unit for name in history.tables for c in TABLES[name].columns}
    units |= {column.name: column.unit for column in history.derived}
    of_feature: dict[str, tuple[str, ...]] = {}
    for row in history.rows:
        for name, label, unit in _named(row, units):
            of_feature[name] = _raw(row.sources, lineage)
            yield _info(name, label, unit, history.tables, of_feature[name])
    for ratio in history.ratios:
        yield _ratio(ratio, history.tables, of_feature)


def _ratio(ratio: Ratio, tables: tuple[str, ...], of: Mapping[str, tuple[str, ...]]) -> FeatureInfo:
    columns = tuple(dict.fromkeys((*of[ratio.numerator], *of[ratio.denominator])))
    return _info(ratio.name, _label(ratio.name), ratio.unit, tables, columns)


def _named(row: Row, units: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Name, label and unit of each feature of a declared row."""
    unit = units.get(row.column, "")
    unit = "" if unit == "flag" else unit
    match row:
        case Trend():
            label = english.TREND.format(label=_label(row.column), last=row.last)
            yield row.names[0], label, f"{unit} per instalment".strip()
        case Share():
            label = english.SHARE.format(
                label=_label(row.column), level=row.level, subset=english.SUBSETS[row.subset.prefix]
            )
            yield row.names[0], label, ""
        case Aggregate():
            for statistic in row.statistics:
                yield row.name_of(statistic), _aggregate(row, statistic), _unit(unit, statistic)


def _aggregate(row: Aggregate, statistic: str) -> str:
    return english.AGGREGATE.format(
        statistic=english.STATISTICS[statistic],
        label=_label(row.column),
        subset=english.SUBSETS[row.subset.prefix],
    )


def _unit(unit: str, statistic: str) -> str:
    """The unit of a statistic of a column.

    >>> _unit("days", "var"), _unit("days", "mean"), _unit("days", "size")
    ('days²', 'days', '')
    """
    if statistic == "var" and unit:
        return f"{unit}²"
    return _UNIT_OF_STATISTIC.get(statistic, unit)


def _raw(sources: Iterable[str], lineage: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Raw columns behind computed ones, each once."""
    found: dict[str, None] = {}
    for source in sources:
        further = [s for s in lineage.get(source, ()) if s != source]
        found |= dict.fromkeys(_raw(further, lineage) if further else (source,))
    return tuple(found)


def _label(column: str) -> str:
    if column in english.COLUMNS:
        return english.COLUMNS[column]
    stem, _, end = column.rpartition("_")
    return f"{english.BUILDING[stem]} of the building lived in, {english.BUILDING_STATISTICS[end]}"


def _info(  # noqa: PLR0917  (six fields of one row, in their order)
    name: str,
    label: str,
    unit: str,
    tables: tuple[str, ...],
    columns: tuple[str, ...],
    levels: tuple[str, ...] = (),
) -> FeatureInfo:
    unit = "" if unit == "flag" else unit
    said = f" (in {unit})" if unit else ""
    return FeatureInfo(
        name=name,
        label=label,
        sentence=english.SENTENCE.format(label=label[:1].upper() + label[1:], unit=said),
        unit=unit,
        tables=tables,
        concept=_concept(name),
        columns=columns,
        kind="category" if levels else "number",
        levels=levels,
    )


def _concept(name: str) -> str:
    if name.endswith(_BUILDING_ENDS):
        return english.BUILDING_CONCEPT
    starts = [start for start in english.CONCEPTS if name.startswith(start)]
    return english.CONCEPTS[max(starts, key=len)]
