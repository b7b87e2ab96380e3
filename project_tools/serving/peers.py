"""A client beside others: counts per class over a group, never a row of another client.

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
from project_tools.features.definitions.bands import BANDS
from project_tools.features.wording.display import band_words
from project_tools.serving.artefact import Artefact
from project_tools.serving.clients import ClientStore, Column
from project_tools.serving.explanation import display_as
from project_tools.serving.inputs import Value

#: A smaller group says little, and what it says is about single persons.
SMALLEST_GROUP = 10
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
    artefact: Artefact, store: ClientStore, client_id: int, group: str, features: Sequence[str]
) -> dict[str, Any]:
    """The distributions of one or two features in a client's group, per class.

    A group of fewer than ten backs off: occupation is dropped, then the age range widened by one;
    ``left_out`` says so. The answer holds ``too_small`` and a sentence instead of counts where that
    does not help, or where the client lacks a value that forms the group.
    """
    if group not in GROUPS:
        raise FeatureError(unknown("group", group, GROUPS))
    row = store.row(client_id)
    kinds = [store.column(name) for name in features]  # refuses a feature that nobody has
    clients = _clients(artefact, store, [*GROUPS[group], *features])
    columns = [clients.column(name) for name in features]
    members, criteria, left_out = _members(artefact, clients, row, group)
    about = {
        "group": group,
        "criteria": [_criterion(artefact, c.name, row[c.name]) for c in criteria],
        "left_out": left_out,
        "features": [
            {**_feature(artefact, kind, row[kind.name]), **_place(artefact, members, column, row)}
            for kind, column in zip(kinds, columns, strict=True)
        ],
    }
    if members.n < SMALLEST_GROUP:
        return {**about, **_too_small(artefact, members, row, group)}
    defaulted = int(members.defaulted.sum())
    answer = {
        **about,
        "n": members.n,
        "n_by_class": {"repaid": members.n - defaulted, "defaulted": defaulted},
        "default_rate": defaulted / members.n,
        "too_small": False,
        "distributions": [_distribution(artefact, members, column) for column in columns],
    }
    if len(columns) > 1:
        answer["joint"] = _joint(artefact, members, columns[0], columns[1])
    return answer


def _clients(artefact: Artefact, store: ClientStore, names: Sequence[str]) -> _Clients:
    positions = {feature.name: at for at, feature in enumerate(artefact.features)}
    if artefact.reference is None or not positions.keys() >= {*names}:
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
    artefact: Artefact, clients: _Clients, row: Mapping[str, Value], group: str
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
            return members, form, _left_out(artefact, form, forms[0])
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


def _left_out(
    artefact: Artefact, form: Sequence[_Criterion], whole: Sequence[_Criterion]
) -> str | None:
    """What a form of the group does not ask for, as a sentence."""
    kept = {c.name for c in form}
    parts = [
        f"“{artefact.describe(c.name)['label']}” is left out" for c in whole if c.name not in kept
    ]
    parts += [f"“{artefact.describe(c.name)['label']}” may differ by one" for c in form if c.within]
    if not parts:
        return None
    return f"Fewer than {SMALLEST_GROUP} clients agree in everything, so {' and '.join(parts)}."


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


def _too_small(
    artefact: Artefact, members: Labelled, row: Mapping[str, Value], group: str
) -> dict[str, Any]:
    unknown_ones = [name for name in GROUPS[group] if row[name] is None]
    sentence = f"Clients with a known outcome who are like this one: {members.n}. That is too few to compare."
    if unknown_ones:
        label = artefact.describe(unknown_ones[0])["label"]
        sentence = f"This client's value of “{label}” is not known, so there is no such group."
    return {"n": members.n, "too_small": True, "sentence": sentence, "distributions": []}


def _criterion(artefact: Artefact, name: str, value: Value) -> dict[str, Any]:
    about = artefact.describe(name)
    if value is not None and about.get("display"):
        value = display_as(value, about)
    elif isinstance(value, float) and name in BANDS:  # a model of before displays were declared
        value = band_words(BANDS[name]).get(int(value), value)
    return {"label": about["label"], "value": value}


def _feature(artefact: Artefact, column: Column, value: Value) -> dict[str, Any]:
    about = artefact.describe(column.name)
    return {
        "name": column.name,
        "label": about["label"],
        "unit": about["unit"],
        "kind": column.kind,
        "client_value": value,
        "displayed": display_as(value, about),
    }


def _distribution(artefact: Artefact, members: Labelled, column: Column) -> dict[str, Any]:
    axis = _axis(artefact, members, column, _BARS)
    places = _places(column, axis)
    counts = {
        name: np.bincount(places[mask & column.known], minlength=len(axis["bars"])).tolist()
        for name, mask in (("repaid", members.repaid), ("defaulted", members.defaulted))
    }
    missing = {
        "repaid": int((members.repaid & ~column.known).sum()),
        "defaulted": int((members.defaulted & ~column.known).sum()),
    }
    return {"name": column.name, "kind": column.kind, **axis, **counts, "missing": missing}


def _joint(artefact: Artefact, members: Labelled, x: Column, y: Column) -> dict[str, Any]:
    """Counts over the cells of two features; rows are cells of ``x``, columns cells of ``y``."""
    x_axis, y_axis = (_axis(artefact, members, column, _CELLS) for column in (x, y))
    shape = (len(x_axis["bars"]), len(y_axis["bars"]))
    cells = _places(x, x_axis) * shape[1] + _places(y, y_axis)
    both = x.known & y.known
    counts = {
        f"counts_{name}": np.bincount(cells[mask & both], minlength=shape[0] * shape[1])
        .reshape(shape)
        .tolist()
        for name, mask in (("repaid", members.repaid), ("defaulted", members.defaulted))
    }
    return {
        **{f"x_{key}": value for key, value in x_axis.items()},
        **{f"y_{key}": value for key, value in y_axis.items()},
        **counts,
    }


def _axis(artefact: Artefact, members: Labelled, column: Column, bars: int) -> dict[str, list[Any]]:
    """The levels of a category, or the edges of a number's bars and the labels of its axis.

    ``bars`` says each bar in the words in which the feature's values are displayed.
    """
    about = artefact.describe(column.name)
    if column.kind == "category":
        words = [display_as(level, about) for level in column.levels]
        return {"levels": list(column.levels), "bars": words}
    present = column.values[(members.repaid | members.defaulted) & column.known]
    low, high = np.quantile(present, _QUANTILES) if len(present) else (0.0, 1.0)
    if high - low < bars and (present == np.floor(present)).all():
        values = np.arange(np.floor(low), np.ceil(high) + 1)
        words = [display_as(value, about) for value in values.tolist()]
        ticks = _ticks(values, words)
        return {
            "edges": [*(values - 0.5).tolist(), values[-1] + 0.5],
            "bars": words,
            "ticks": ticks,
        }
    if not low < high:
        low, high = low - 0.5, high + 0.5
    count = int(np.clip(np.sqrt(len(present)), 5, bars))
    edges = np.linspace(low, high, count + 1)
    words = [display_as(edge, about) for edge in edges.tolist()]
    spans = [f"{first} to {last}" for first, last in pairwise(words)]
    return {"edges": edges.tolist(), "bars": spans, "ticks": _ticks(edges, words)}


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
