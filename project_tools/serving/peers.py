"""A client beside others: counts per class over a group, never a row of another client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


def peers(
    artefact: Artefact, store: ClientStore, client_id: int, group: str, features: Sequence[str]
) -> dict[str, Any]:
    """The distributions of one or two features in a client's group, per class.

    The answer holds ``too_small`` and a sentence instead of counts where the group has fewer than
    ten labelled clients, or where the client lacks a value that forms the group.
    """
    if group not in GROUPS:
        raise FeatureError(unknown("group", group, GROUPS))
    row = store.row(client_id)
    columns = [store.column(name) for name in features]
    members = _members(store, client_id, group)
    about = {
        "group": group,
        "criteria": [_criterion(artefact, name, row[name]) for name in GROUPS[group]],
        "features": [_feature(artefact, column, row[column.name]) for column in columns],
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


def _members(store: ClientStore, client_id: int, group: str) -> Labelled:
    """The labelled clients who share the client's value in every feature of the group."""
    targets, at = store.targets(), store.position(client_id)
    inside = np.ones(len(store), dtype=bool)
    for name in GROUPS[group]:
        if name not in store.names:
            raise FeatureError(f"the client store lacks {name!r}, which forms the group {group!r}")
        column = store.column(name)
        inside &= column.known & (column.values == column.values[at])
    return Labelled(inside & (targets == 0), inside & (targets == 1))


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
