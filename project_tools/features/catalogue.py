"""Label, sentence, unit and origin of every feature, derived from the rows that declare it.

The words come from the table of one language (``wording.english``); names, units, source tables
and lineage come from the declared rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from project_tools.errors import FeatureError, nearest
from project_tools.features.columns import PROTECTED_COLUMNS
from project_tools.features.definitions import across, application
from project_tools.features.pipeline import HISTORIES, feature_names
from project_tools.features.rows import (
    Aggregate,
    Derived,
    GroupStatistics,
    History,
    Ratio,
    Row,
    Share,
    Trend,
)
from project_tools.features.wording.declared import display_of, is_sayable
from project_tools.features.wording.english import ENGLISH
from project_tools.features.wording.wording import Display, Noun, Template, Wording
from project_tools.tables.declared import TABLES

#: A raw table and a column of it.
Origin = tuple[str, str]
APPLICATION = ("application",)
#: Units of statistics that do not have the column's own unit.
_UNIT_OF_STATISTIC = {"size": "", "count": "", "nunique": ""}


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """A feature as people read it; ``columns`` are the raw columns that it is computed from.

    ``unit`` is that of the raw value; ``display`` says how ``wording.display`` shows it, and is empty
    in rows that an older version wrote. ``sayable``: a plain fact that a spoken sentence may state.
    """

    name: str
    label: str
    sentence: str
    unit: str
    tables: tuple[str, ...]
    concept: str
    columns: tuple[str, ...]
    kind: Literal["number", "category"] = "number"
    levels: tuple[str, ...] = ()
    display: Display | Literal[""] = ""
    sayable: bool = False


@dataclass(frozen=True, slots=True)
class _Statistic:
    """What a feature is of: a statistic of a column (empty: the column itself), and its unit."""

    column: str
    statistic: str
    unit: str


def catalogue(names: Sequence[str], wording: Wording = ENGLISH) -> list[FeatureInfo]:
    """The rows of these features; ``FeatureError`` for an unknown name."""
    features = all_features(wording)
    for name in names:
        if name not in features:
            raise FeatureError(f"{name!r} is no feature{nearest(name, features)}")
    return [features[name] for name in names]


def protected(infos: Iterable[FeatureInfo]) -> set[str]:
    """Names of the features that are, or are computed from, a protected column."""
    return {info.name for info in infos if set(info.columns) & set(PROTECTED_COLUMNS)}


def computed_from(name: str) -> set[str]:
    """The features that are computed from a feature, directly or through others.

    >>> sorted(computed_from("HOUR_APPR_PROCESS_START"))
    ['HOUR_APPR_DIFFERENCE', 'HOUR_APPR_RATIO']
    """
    dependants: set[str] = set()
    new = {name}
    while new:
        new = {to for to, sources in _feature_sources().items() if new & sources} - dependants
        dependants |= new
    return dependants


def increasing_in(columns: Iterable[str]) -> set[str]:
    """These columns of the application, and what is computed from them alone and rises with each.

    >>> sorted(increasing_in(["EXT_SOURCE_1", "EXT_SOURCE_2"]))
    ['EXT_SOURCE_1', 'EXT_SOURCE_2']
    """
    increasing = set(columns)
    for row in application.DERIVED:  # each is computed from those before it
        if row.increasing and set(row.sources) <= increasing:
            increasing.add(row.name)
    return increasing


def moving_with(columns: Iterable[str]) -> set[str]:
    """These columns of the application, and what is computed from a client's own values of them.

    Group statistics are learnt from the training clients: one client's value does not move them.

    >>> sorted(moving_with(["OWN_CAR_AGE"]))
    ['CAR_TO_BIRTH_RATIO', 'CAR_TO_EMPLOYED_RATIO', 'OWN_CAR_AGE']
    """
    moving = set(columns)
    ratios = [row for history in HISTORIES for row in history.ratios]
    for row in (*application.DERIVED, *ratios, *across.RATIOS):  # in the order of computation
        if moving.intersection(row.sources):
            moving.add(row.name)
    return moving


@cache
def _feature_sources() -> Mapping[str, frozenset[str]]:
    """The features, and columns of the application, that each feature is computed from."""
    ratios = [row for history in HISTORIES for row in history.ratios]
    rows = (*application.DERIVED, *ratios, *across.RATIOS)
    sources = {row.name: frozenset(row.sources) for row in rows}
    for groups in (*application.GROUPS, across.SAME_DURATION):
        for column, statistic in groups.pairs:
            sources[groups.name_of(column, statistic)] = frozenset((column, *groups.by))
    return sources


def to_json(infos: Iterable[FeatureInfo]) -> list[dict[str, Any]]:
    """Plain rows, as the fitted state and the artefact store them."""
    return [asdict(info) for info in infos]


@cache
def all_features(wording: Wording = ENGLISH) -> Mapping[str, FeatureInfo]:
    """Every feature that is declared, by name, in the order of the feature file."""
    infos: dict[str, FeatureInfo] = {}
    for info in _application(wording):
        infos[info.name] = info
    for history in HISTORIES:
        infos |= {info.name: info for info in _history(history, wording)}
    for row in across.RATIOS:
        infos[row.name] = _across(row, infos, wording)
    for info in _group_features(across.SAME_DURATION, infos, wording):
        infos[info.name] = info
    return {name: infos[name] for name in feature_names()}


def _application(wording: Wording) -> Iterator[FeatureInfo]:
    lineage = _lineage(application.DERIVED, APPLICATION[0])
    own = {
        column.name: _info(
            wording, column.name, wording.noun(column.name), _Statistic(column.name, "", column.unit),
            APPLICATION, (column.name,), application.LEVELS.get(column.name, ()),
        )
        for column in application.KEPT
    }  # fmt: skip
    for derived in application.DERIVED:
        _, columns = _split(lineage[derived.name])
        noun = wording.noun(derived.name)
        itself = _Statistic(derived.name, "", derived.unit)
        own[derived.name] = _info(wording, derived.name, noun, itself, APPLICATION, columns)
    yield from own.values()
    for groups in application.GROUPS:
        yield from _group_features(groups, own, wording)


def _group_features(
    groups: GroupStatistics, infos: Mapping[str, FeatureInfo], wording: Wording
) -> Iterator[FeatureInfo]:
    """The statistics of a group; they come from the tables of the member and of the keys."""
    for column, statistic in groups.pairs:
        sources = [infos[name] for name in (column, *groups.by)]
        noun = _filled(
            wording.group[statistic], wording.noun(column), rows=wording.groups[groups.prefix]
        )
        name = groups.name_of(column, statistic)
        member = _Statistic(column, statistic, infos[column].unit)
        yield _info(wording, name, noun, member, _tables(sources), _columns(sources))


def _history(history: History, wording: Wording) -> Iterator[FeatureInfo]:
    origins = _origins(history)
    units = {c.name: c.unit for name in history.tables for c in TABLES[name].columns}
    units |= {column.name: column.unit for column in history.derived}
    for groups in history.groups:
        units |= {groups.name_of(column, of): units.get(column, "") for column, of in groups.pairs}
    infos: dict[str, FeatureInfo] = {}
    for row in history.rows:
        tables, columns = _split(_behind(row.sources, origins, history.tables[0]))
        # Its own table comes first: rows of another table count through the rows they belong to.
        tables = tuple(dict.fromkeys((history.tables[0], *tables)))
        for name, noun, statistic in _named(row, history, units, wording):
            infos[name] = _info(wording, name, noun, statistic, tables, columns)
    for ratio in history.ratios:
        infos[ratio.name] = _across(ratio, infos, wording)
    yield from infos.values()


def _across(
    row: Ratio | Derived, infos: Mapping[str, FeatureInfo], wording: Wording
) -> FeatureInfo:
    """A feature that is computed from other features."""
    sources = [infos[name] for name in row.sources]
    noun = wording.noun(row.name)
    itself = _Statistic(row.name, "", row.unit)
    return _info(wording, row.name, noun, itself, _tables(sources), _columns(sources))


def _named(
    row: Row, history: History, units: Mapping[str, str], wording: Wording
) -> Iterator[tuple[str, Noun, _Statistic]]:
    """Name, words and statistic of each feature of a declared row."""
    unit = units.get(row.column, "")
    unit = "" if unit == "flag" else unit
    noun = wording.noun(row.column, history.name)
    match row:
        case Trend():
            words = _filled(wording.trend, noun, last=str(row.last))
            per_payment = f"{unit} per payment" if unit else ""
            yield row.names[0], words, _Statistic(row.column, "trend", per_payment)
        case Share():
            level = wording.level(history.name, row.column, row.level)
            words = _filled(wording.share, level, rows=wording.subsets[row.subset.prefix])
            yield row.names[0], words, _Statistic(row.column, "share", "")
        case Aggregate():
            for statistic in row.statistics:
                words = _aggregate(row, statistic, noun, wording)
                of = _Statistic(row.column, statistic, _unit(unit, statistic))
                yield row.name_of(statistic), words, of


def _aggregate(row: Aggregate, statistic: str, noun: Noun, wording: Wording) -> Noun:
    """The words of an aggregate; a feature with a name of its own may have its own words."""
    if row.name in wording.features:
        return wording.features[row.name]
    template = wording.aggregates[noun.kind][statistic]
    return _filled(template, noun, rows=wording.subsets[row.subset.prefix])


def _filled(template: Template, noun: Noun, **places: str) -> Noun:
    """The template with its places filled."""
    words = {"short": noun.short, "long": noun.long, **places}
    return Noun(template.label.format(**words), template.sentence.format(**words), noun.kind)


def _unit(unit: str, statistic: str) -> str:
    """The unit of a statistic of a column.

    >>> _unit("days", "var"), _unit("days", "mean"), _unit("days", "size")
    ('days²', 'days', '')
    """
    if statistic == "var" and unit:
        return f"{unit}²"
    return _UNIT_OF_STATISTIC.get(statistic, unit)


def _origins(history: History) -> dict[str, tuple[Origin, ...]]:
    """Table and raw column behind each computed column of a staged table."""
    origins = _lineage(history.derived, history.tables[0])
    for groups in history.groups:
        for column, statistic in groups.pairs:
            behind = _behind((column, *groups.by), origins, history.tables[0])
            origins[groups.name_of(column, statistic)] = behind
    return origins


def _lineage(derived: Iterable[Derived], table: str) -> dict[str, tuple[Origin, ...]]:
    """Table and raw column behind each derived column; each is computed from those before it."""
    origins: dict[str, tuple[Origin, ...]] = {}
    for column in derived:
        if column.table:
            origins[column.name] = tuple((column.table, source) for source in column.sources)
        else:
            origins[column.name] = _behind(column.sources, origins, table)
    return origins


def _behind(
    sources: Iterable[str], origins: Mapping[str, tuple[Origin, ...]], table: str
) -> tuple[Origin, ...]:
    """Table and raw column behind the sources, each once; a source without origin is ``table``'s own."""
    behind = (origin for name in sources for origin in origins.get(name, ((table, name),)))
    return tuple(dict.fromkeys(behind))


def _split(origins: Iterable[Origin]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tables and columns, each once."""
    tables, columns = zip(*origins, strict=True)
    return tuple(dict.fromkeys(tables)), tuple(dict.fromkeys(columns))


def _columns(sources: Iterable[FeatureInfo]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column for info in sources for column in info.columns))


def _tables(sources: Iterable[FeatureInfo]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(table for info in sources for table in info.tables))


def _info(  # noqa: PLR0917  (the fields of one row, in their order)
    wording: Wording,
    name: str,
    noun: Noun,
    of: _Statistic,
    tables: tuple[str, ...],
    columns: tuple[str, ...],
    levels: tuple[str, ...] = (),
) -> FeatureInfo:
    unit = "" if of.unit == "flag" else of.unit
    display = "level" if levels else display_of(of.column, of.statistic, noun.kind, unit)
    long = noun.long[:1].upper() + noun.long[1:]
    return FeatureInfo(
        name=name,
        label=noun.short,
        sentence=f"{long}{wording.ending(display, unit)}.",
        unit=unit,
        tables=tables,
        concept=wording.concept(name),
        columns=columns,
        kind="category" if levels else "number",
        levels=levels,
        display=display,
        sayable=is_sayable(of.column, of.statistic, noun.kind, display),
    )
