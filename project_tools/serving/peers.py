"""A client beside others: counts over ten and more clients, never a row of another client.

The others are the training clients of the artefact's reference. A model of before there was one, and
a feature that the model does not take, are compared over the known clients with an outcome.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import FeatureError, unknown
from project_tools.features.definitions.application import SIMILAR_LOAN, SIMILAR_PERSON
from project_tools.serving.artefact import Artefact
from project_tools.serving.clients import ClientStore, Column
from project_tools.serving.feature_words import ENGLISH, FeatureWords
from project_tools.serving.inputs import Value
from project_tools.serving.peer_words import Said
from project_tools.serving.protected import is_protected

#: A smaller group or class says little, and what it says is about single persons; so does a smaller bar.
SMALLEST_GROUP = 10
#: What is said in place of a number that would tell of fewer.
FEWER, MORE = f"fewer than {SMALLEST_GROUP}", f"{SMALLEST_GROUP} or more"
#: What a group that is too small drops first, and where it then takes the neighbouring bands too.
OCCUPATION, AGE = "OCCUPATION_TYPE", "AGE_RANGE"
#: Bars of a distribution; cells along a side of a joint one.
_BARS, _CELLS = 30, 12
#: Labels along an axis of numbers, at most.
_TICKS = 7
#: Bars end at these quantiles, and the outer bars hold the values beyond them: so no edge is the
#: exact value of one client.
_QUANTILES = (0.01, 0.99)

#: The groups, each by the features in which its clients agree; two are those of the group statistics.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "everyone": (),
    SIMILAR_PERSON.name: SIMILAR_PERSON.by,
    SIMILAR_LOAN.name: SIMILAR_LOAN.by,
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labelled clients of a group: who repaid and who defaulted, by position."""

    repaid: NDArray[np.bool_]
    defaulted: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """How many clients that are."""
        return int(self.repaid.sum() + self.defaulted.sum())

    @property
    def classes(self) -> dict[str, NDArray[np.bool_]]:
        """The classes that have enough clients to be shown."""
        both = {"repaid": self.repaid, "defaulted": self.defaulted}
        return {name: mask for name, mask in both.items() if mask.sum() >= SMALLEST_GROUP}

    def among(self, mask: NDArray[np.bool_]) -> "Labelled":
        """Those of them who are in a mask."""
        return Labelled(self.repaid & mask, self.defaulted & mask)


@dataclass(frozen=True, slots=True)
class _Clients:
    """Clients with an outcome: 1 default, 0 repaid, NaN none; and their columns by name."""

    targets: NDArray[np.float64]
    column: Callable[[str], Column]
    names: Collection[str]


@dataclass(frozen=True, slots=True)
class _Criterion:
    """A feature in which a group agrees; ``within`` so many bands of the client's own."""

    name: str
    within: float = 0


def peers(
    artefact: Artefact,
    store: ClientStore,
    client_id: int,
    group: str,
    features: Sequence[str],
    *,
    language: str = ENGLISH,
    known: bool = True,
) -> dict[str, Any]:
    """The distributions of one or two features in a client's group, per class.

    A group of fewer than ten backs off: occupation is dropped, then the age range widened by one;
    ``left_out`` says so. The answer holds ``too_small`` and a sentence instead of counts where that
    does not help, or where the client lacks a value that forms the group. A class of fewer than ten
    has no counts, and no bar or cell is of fewer than ten clients. Clients without a value of a
    feature are left out where they are fewer than ten. Without ``known``, the known clients are never
    counted. ``FeatureError`` for an unknown group or feature, and for a protected feature.
    """
    if group not in GROUPS:
        raise FeatureError(unknown("group", group, GROUPS))
    said = Said(FeatureWords(artefact, language))
    row = store.values(client_id, [*GROUPS[group], *features])  # refuses a feature that nobody has
    for name in features:
        if is_protected(artefact, name):
            raise FeatureError(
                f"{name!r} is protected or computed from what is; it is not compared"
            )
    asked = [*GROUPS[group], *features]
    absent = [n for n in asked if artefact.reference is None or n not in _names(artefact)]
    about: dict[str, Any] = {"group": group, "left_out": None}
    if absent and not known:
        columns = [Column(name, store.kind(name), np.zeros(0)) for name in features]
        nobody = Labelled(np.zeros(0, bool), np.zeros(0, bool))
        criteria = [_Criterion(name) for name in GROUPS[group]]
        about |= _about(said, artefact, nobody, columns, row=row, criteria=criteria)
        return {**about, **_nothing(said("no reference", label=said.label(absent[0])))}
    clients = _clients(artefact, store, absent)
    members, criteria, about["left_out"] = _members(clients, row, group, said)
    columns = [clients.column(name) for name in features]
    members = members.among(_with_values(members, columns))
    about |= _about(said, artefact, members, columns, row=row, criteria=criteria)
    if members.n < SMALLEST_GROUP:
        nulls = [name for name in GROUPS[group] if row[name] is None]
        if nulls:
            return {**about, **_nothing(said("not known", label=said.label(nulls[0])))}
        return {**about, **_nothing(said("too small", least=SMALLEST_GROUP))}
    classes = members.classes
    whole = len(classes) == len(("repaid", "defaulted"))
    answer = {
        **about,
        "n": members.n if whole else MORE,
        "n_by_class": {
            name: int(classes[name].sum()) if name in classes else FEWER
            for name in ("repaid", "defaulted")
        },
        "default_rate": int(members.defaulted.sum()) / members.n if whole else None,
        "too_small": False,
        "distributions": [_distribution(said, classes, column) for column in columns if classes],
    }
    if len(columns) > 1 and whole:
        answer["joint"] = _joint(said, members, columns[0], columns[1])
    return answer


def _about(
    said: Said,
    artefact: Artefact,
    members: Labelled,
    columns: Sequence[Column],
    *,
    row: Mapping[str, Value],
    criteria: Sequence[_Criterion],
) -> dict[str, Any]:
    """The criteria and the compared features with the client's values."""
    return {
        "criteria": [said.criterion(c.name, row[c.name]) for c in criteria],
        "features": [
            {**said.feature(column, row), **_place(artefact, members, column, row)}
            for column in columns
        ],
    }


def _names(artefact: Artefact) -> set[str]:
    return {feature.name for feature in artefact.features}


def _clients(artefact: Artefact, store: ClientStore, absent: Sequence[str]) -> _Clients:
    """The clients of the reference, or the known ones where it lacks a feature that is asked for."""
    positions = {feature.name: at for at, feature in enumerate(artefact.features)}
    if artefact.reference is None or absent:
        return _Clients(store.targets(), store.column, store.names)
    sample = artefact.reference.sample

    def column(name: str) -> Column:
        feature = artefact.features[positions[name]]
        values = sample.column(positions[name])
        if feature.kind == "category":
            values = np.where(np.isnan(values), -1, values)
        return Column(name, feature.kind, values, feature.levels)

    return _Clients(sample.defaulted.astype(np.float64), column, positions)


def _members(
    clients: _Clients, row: Mapping[str, Value], group: str, said: Said
) -> tuple[Labelled, list[_Criterion], str | None]:
    """The members of the first form of the group that has enough, its criteria, what it leaves out."""
    forms = [[_Criterion(name) for name in GROUPS[group]]]
    if OCCUPATION in GROUPS[group]:
        forms.append([c for c in forms[0] if c.name != OCCUPATION])
    if AGE in GROUPS[group]:
        forms.append([replace(c, within=float(c.name == AGE)) for c in forms[-1]])
    for form in forms:
        members = _labelled(clients, row, form)
        if members.n >= SMALLEST_GROUP:
            return members, form, _left_out(said, form, forms[0])
    return _labelled(clients, row, forms[0]), forms[0], None


def _labelled(
    clients: _Clients, row: Mapping[str, Value], criteria: Sequence[_Criterion]
) -> Labelled:
    inside = np.ones(len(clients.targets), dtype=bool)
    for criterion in criteria:
        if criterion.name not in clients.names:
            raise FeatureError(f"the client store lacks {criterion.name!r}, which forms the group")
        column, value = clients.column(criterion.name), row[criterion.name]
        if isinstance(value, str):
            value = column.levels.index(value) if value in column.levels else None
        if value is None:
            inside[:] = False
        else:
            inside &= column.known & (np.abs(column.values - value) <= criterion.within)
    return Labelled(inside & (clients.targets == 0), inside & (clients.targets == 1))


def _with_values(members: Labelled, columns: Sequence[Column]) -> NDArray[np.bool_]:
    """Who is compared: clients without a value are left out where they are fewer than ten of a class."""
    kept = np.ones(len(members.repaid), dtype=bool)
    for column in columns:
        for mask in (members.repaid, members.defaulted):
            without = mask & ~column.known
            if without.sum() < SMALLEST_GROUP:
                kept &= ~without
    return kept


def _left_out(said: Said, form: Sequence[_Criterion], whole: Sequence[_Criterion]) -> str | None:
    """What a form of the group does not ask for, as a sentence."""
    kept = {c.name for c in form}
    parts = [said("left out", label=said.label(c.name)) for c in whole if c.name not in kept]
    parts += [said("may differ", label=said.label(c.name)) for c in form if c.within]
    if not parts:
        return None
    return said("backed off", least=SMALLEST_GROUP, parts=said("and").join(parts))


def _place(
    artefact: Artefact, members: Labelled, column: Column, row: Mapping[str, Value]
) -> dict[str, Any]:
    """The client's percentile among those of the group who repaid, and the usual value of all."""
    value, usual = row[column.name], None
    if artefact.reference is not None:
        usual = artefact.reference.usual.get(column.name)
    percentile = None
    present = column.values[members.repaid & column.known]
    if (
        isinstance(value, int | float)
        and column.kind == "number"
        and len(present) >= SMALLEST_GROUP
    ):
        below, same = (present < value).mean(), (present == value).mean()
        percentile = round(100 * float(below + same / 2))
    return {"percentile": percentile, "usual": usual}


def _nothing(sentence: str) -> dict[str, Any]:
    return {"n": FEWER, "too_small": True, "sentence": sentence, "distributions": []}


def _distribution(
    said: Said, classes: Mapping[str, NDArray[np.bool_]], column: Column
) -> dict[str, Any]:
    """The counts of the classes that are shown, in bars of ten and more clients; null for the others."""
    shown = np.logical_or.reduce([*classes.values()])
    axis = _axis(said, column.values[shown & column.known], column, _BARS)
    places = _places(column, axis)
    size = len(axis["bars"])
    fine = {
        name: np.bincount(places[mask & column.known], minlength=size)
        for name, mask in classes.items()
    }
    merge = _pooled if "levels" in axis else _merged
    axis, spans = merge(said, axis, np.sum([*fine.values()], axis=0))
    counts: dict[str, list[int] | None] = dict.fromkeys(("repaid", "defaulted"))
    counts |= {name: [int(one[span].sum()) for span in spans] for name, one in fine.items()}
    missing = {
        name: int((classes[name] & ~column.known).sum()) if name in classes else None
        for name in counts
    }
    return {"name": column.name, "kind": column.kind, **axis, **counts, "missing": missing}


_Axis = dict[str, list[Any]]
_Spans = list[list[int]]


def _merged(said: Said, axis: _Axis, totals: NDArray[np.int64]) -> tuple[_Axis, _Spans]:
    """Neighbouring bars are one until ten clients are in it; what is left goes to the last one."""
    spans: _Spans = []
    open_: list[int] = []
    for at in range(len(totals)):
        open_.append(at)
        if totals[open_].sum() >= SMALLEST_GROUP:
            spans, open_ = [*spans, open_], []
    if open_ and spans:
        spans[-1] = spans[-1] + open_
    elif open_:
        spans = [open_]
    edges, ends = axis["edges"], axis["ends"]
    return {
        "edges": [edges[0], *(edges[span[-1] + 1] for span in spans)],
        "bars": [said.span(ends[span[0]][0], ends[span[-1]][1]) for span in spans],
        "ticks": axis["ticks"],
    }, spans


def _pooled(said: Said, axis: _Axis, totals: NDArray[np.int64]) -> tuple[_Axis, _Spans]:
    """Levels of fewer than ten clients are one bar, together with the next larger ones until it has ten."""
    order = [int(at) for at in np.argsort(totals, kind="stable") if totals[at]]
    pool: list[int] = []
    for at in order:
        if totals[at] >= SMALLEST_GROUP and (not pool or totals[pool].sum() >= SMALLEST_GROUP):
            break
        pool.append(at)
    kept = [at for at in range(len(totals)) if at not in pool]
    spans = [[at] for at in kept] + ([sorted(pool)] if pool else [])
    others = [said("others")] if pool else []
    return {name: [*(axis[name][at] for at in kept), *others] for name in ("levels", "bars")}, spans


def _joint(said: Said, members: Labelled, x: Column, y: Column) -> dict[str, Any]:
    """Counts over the cells of two features; rows are cells of ``x``, columns cells of ``y``.

    A cell of fewer than ten clients is null, also an empty one.
    """
    everyone, both = members.repaid | members.defaulted, x.known & y.known
    x_axis, y_axis = (_axis(said, c.values[everyone & c.known], c, _CELLS) for c in (x, y))
    shape = (len(x_axis["bars"]), len(y_axis["bars"]))
    cells = _places(x, x_axis) * shape[1] + _places(y, y_axis)
    repaid, defaulted = (
        np.bincount(cells[mask & both], minlength=shape[0] * shape[1]).reshape(shape)
        for mask in (members.repaid, members.defaulted)
    )
    hidden = repaid + defaulted < SMALLEST_GROUP
    return {
        **{f"x_{key}": value for key, value in x_axis.items() if key != "ends"},
        **{f"y_{key}": value for key, value in y_axis.items() if key != "ends"},
        "counts_repaid": _without(hidden, repaid),
        "counts_defaulted": _without(hidden, defaulted),
    }


def _without(hidden: NDArray[np.bool_], counts: NDArray[np.int64]) -> list[list[int | None]]:
    shown = counts.astype(object)
    shown[hidden] = None
    rows: list[list[int | None]] = shown.tolist()
    return rows


def _axis(said: Said, present: NDArray[np.float64], column: Column, bars: int) -> _Axis:
    """The levels of a category, or the edges of a number's bars and the labels of its axis.

    ``bars`` says each bar in the words in which the feature's values are displayed, ``ends`` the
    words of both ends of a number's bars.
    """
    if column.kind == "category":
        words = [said.display(column.name, level) for level in column.levels]
        return {"levels": list(column.levels), "bars": words}
    low, high = np.quantile(present, _QUANTILES) if len(present) else (0.0, 1.0)
    if high - low < bars and (present == np.floor(present)).all():
        values = np.arange(np.floor(low), np.ceil(high) + 1)
        words = [said.display(column.name, value) for value in values.tolist()]
        ticks = _ticks(values, words)
        return {
            "edges": [*(values - 0.5).tolist(), values[-1] + 0.5],
            "bars": words,
            "ends": [(word, word) for word in words],
            "ticks": ticks,
        }
    if not low < high:
        low, high = low - 0.5, high + 0.5
    count = int(np.clip(np.sqrt(len(present)), 5, bars))
    edges = np.linspace(low, high, count + 1)
    words = [said.display(column.name, edge) for edge in edges.tolist()]
    ends = [*pairwise(words)]
    bars_in_words = [said.span(*both) for both in ends]
    return {
        "edges": edges.tolist(), "bars": bars_in_words, "ends": ends, "ticks": _ticks(edges, words),
    }  # fmt: skip


def _ticks(values: NDArray[np.float64], words: Sequence[str]) -> list[dict[str, Any]]:
    """At most ``_TICKS`` of the values, evenly spaced, each with its words."""
    at = np.unique(np.linspace(0, len(values) - 1, min(_TICKS, len(values))).round().astype(int))
    return [{"value": float(values[n]), "displayed": words[n]} for n in at]


def _places(column: Column, axis: Mapping[str, list[Any]]) -> NDArray[np.int64]:
    """The level or bar of each client; the outer bars hold the values beyond the edges."""
    if "levels" in axis:
        return column.values.astype(np.int64)
    inner = np.asarray(axis["edges"][1:-1])
    return np.asarray(np.searchsorted(inner, np.nan_to_num(column.values), side="right"), np.int64)
