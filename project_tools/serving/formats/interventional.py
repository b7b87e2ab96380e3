"""Exact interventional Shapley values of boosted trees against a fixed set of background rows.

The value of a coalition of features is the score of a row whose other features come from a
background row, averaged over the background. For a row and a background row, a leaf is reached by
the coalitions that hold each of the features with which only the background leads away from it,
``a`` of them, and none of those with which only the row does, ``b`` of them: if no feature of both
leads away. So a leaf gives each of the former (a-1)! b! / (a+b)! of what it adds, and takes
a! (b-1)! / (a+b)! from each of the latter. Source: S. Lundberg et al., From local explanations to
global understanding with explainable AI for trees, Nature Machine Intelligence 2, 2020, algorithm 3.

Of the background a leaf needs only how many of its rows each set of features leads away. These
counts are kept; the sums over them are made once for all rows that a leaf can tell apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from project_tools.serving.formats.base import Floats
from project_tools.serving.formats.trees import MOST_FEATURES, Trees

#: A leaf with more features on its path gets no table, nor does one that these bytes do not hold.
WIDEST, TABLE_BYTES = 8, 32_000_000
#: Models with more leaves are not counted: their counts are too large to be kept.
MOST_LEAVES = 100_000
#: Leaves that are counted, and rows that are led through the trees, at a time.
_CHUNK, TOGETHER = 2_048, 16


@dataclass(frozen=True, slots=True)
class LeafCounts:
    """How many background rows are led away from each leaf by the same features.

    ``lengths`` says how many sets of features a leaf has, ``away`` holds these sets as bits (see
    ``Trees.away``), ascending by leaf, and ``rows`` how many rows each set leads away.
    """

    lengths: NDArray[np.uint16]
    away: NDArray[np.unsignedinteger[Any]]
    rows: NDArray[np.uint16]

    @classmethod
    def of(cls, trees: Trees, background: NDArray[np.float32]) -> Self:
        """The counts over at most 65,535 rows."""
        chunks = [background[at : at + TOGETHER] for at in range(0, len(background), TOGETHER)]
        away = np.concatenate([trees.away(rows) for rows in chunks], axis=1)
        lengths, sets, rows = [], [], []
        for start in range(0, len(away), _CHUNK):
            ordered = np.sort(away[start : start + _CHUNK], axis=1)
            first = np.ones(ordered.shape, np.bool_)
            first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
            at = np.flatnonzero(first)
            lengths.append(first.sum(axis=1))
            sets.append(ordered.ravel()[at])
            rows.append(np.diff(at, append=ordered.size))
        none = np.zeros(0, np.int64)
        return cls(
            np.concatenate([none, *lengths]).astype(np.uint16),
            np.concatenate([away[:0, 0], *sets]),
            np.concatenate([none, *rows]).astype(np.uint16),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The counts as they are stored."""
        return {"lengths": self.lengths, "away": self.away, "rows": self.rows}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self | None:
        """The inverse of ``arrays``; None for arrays of other names, types or shapes."""
        lengths, away, rows = (arrays.get(name) for name in ("lengths", "away", "rows"))
        if lengths is None or away is None or rows is None:
            return None
        sound = (str(lengths.dtype), away.dtype.kind, str(rows.dtype)) == (
            "uint16",
            "u",
            "uint16",
        ) and lengths.ndim == away.ndim == rows.ndim == 1
        return cls(lengths, away, rows) if sound else None

    def at(self, leaves: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many sets each of the leaves has, and where they are."""
        lengths = self.lengths.astype(np.int64)
        return lengths[leaves], _spans((np.cumsum(lengths) - lengths)[leaves], lengths[leaves])

    def fit(self, trees: Trees, clients: int) -> bool:
        """Whether these are counts of so many rows for these trees."""
        leaf = np.repeat(np.arange(len(self.lengths)), self.lengths)
        if len(self.lengths) != len(trees.widths) or not len(leaf) == len(self.away) == len(
            self.rows
        ):
            return False
        highest = (np.uint64(1) << trees.widths.astype(np.uint64)) - np.uint64(1)
        ascends = (np.diff(leaf) > 0) | (self.away[1:] > self.away[:-1])
        return bool(
            (np.bincount(leaf, self.rows, len(self.lengths)) == clients).all()
            and (self.away <= highest[leaf]).all()
            and ascends.all()
        )


@dataclass(frozen=True, slots=True)
class Tables:
    """Leaves with equally many slots: what each set of features that leads a row away is worth.

    ``values`` has a row for each leaf and set, and a column for each slot; ``starts`` is the first
    row of each leaf, ``features`` the feature of each leaf and slot.
    """

    leaves: NDArray[np.intp]
    starts: NDArray[np.int64]
    values: Floats
    features: NDArray[np.int64]

    @classmethod
    def of(cls, trees: Trees, counts: LeafCounts, share: Floats, leaves: NDArray[np.intp]) -> Self:
        """The tables of these leaves; a row of the background weighs ``share`` of a leaf."""
        width, numbers = int(trees.widths[leaves[0]]), np.arange(len(leaves))
        lengths, at = counts.at(leaves)
        held = np.zeros((len(leaves), 1 << width))
        held[np.repeat(numbers, lengths), counts.away[at]] = counts.rows[at]
        values = _table(held * share[leaves, None]).reshape(-1, width)
        slots = _spans((np.cumsum(trees.widths) - trees.widths)[leaves], trees.widths[leaves])
        return cls(leaves, numbers << width, values, trees.slots[slots])

    def add(self, away: NDArray[Any], total: Floats) -> None:
        """Add to each feature, shape (rows, features), what the leaves add by what leads away."""
        found = self.values[self.starts[:, None] + away[self.leaves]]
        count, features = total.shape
        at = self.features.reshape(-1, 1, found.shape[2]) + features * np.arange(count)[:, None]
        total += np.bincount(at.ravel(), found.ravel(), total.size).reshape(total.shape)


@dataclass(frozen=True, slots=True)
class Sums:
    """The leaves without a table: each set of features of the background is taken by itself.

    ``leaf``, ``away``, ``sizes`` and ``weights`` are those of the sets; ``features`` has a row for
    each slot and a column for each leaf.
    """

    leaves: NDArray[np.intp]
    leaf: NDArray[np.intp]
    away: NDArray[np.unsignedinteger[Any]]
    sizes: NDArray[np.uint8]
    weights: Floats
    features: NDArray[np.int64]

    @classmethod
    def of(cls, trees: Trees, counts: LeafCounts, share: Floats, leaves: NDArray[np.intp]) -> Self:
        """The sets of these leaves; a row of the background weighs ``share`` of a leaf."""
        numbers, widths = np.arange(len(leaves)), trees.widths[leaves]
        lengths, at = counts.at(leaves)
        leaf, away = np.repeat(numbers, lengths), counts.away[at]
        features = np.zeros((int(widths.max(initial=0)), len(leaves)), np.int64)
        places = _spans(np.zeros(len(leaves), np.int64), widths)
        slots = _spans((np.cumsum(trees.widths) - trees.widths)[leaves], widths)
        features[places, np.repeat(numbers, widths)] = trees.slots[slots]
        weights = counts.rows[at] * share[leaves][leaf]
        return cls(leaves, leaf, away, np.bitwise_count(away), weights, features)

    def add(self, away: NDArray[Any], total: Floats) -> None:
        """Add to each feature, shape (rows, features), what the leaves add by what leads away."""
        for number, own in enumerate(away[self.leaves].T):
            reached = np.flatnonzero((self.away & own[self.leaf]) == 0)
            leaf, sets, weights = self.leaf[reached], self.away[reached], self.weights[reached]
            sizes = self.sizes[reached], np.bitwise_count(own)[leaf]
            gains, loss = (
                _GAIN[sizes] * weights,
                np.bincount(leaf, _LOSS[sizes] * weights, len(own)),
            )
            for place, of_leaf in enumerate(self.features):
                here = np.flatnonzero(sets >> place & 1)
                gain = np.bincount(leaf[here], gains[here], len(own))
                added = gain - np.where(own >> place & 1, loss, 0.0)
                total[number] += np.bincount(of_leaf, added, total.shape[1])


@dataclass(frozen=True, slots=True)
class Background:
    """Trees with the counts of a background: exact values of any row against it."""

    counts: LeafCounts
    trees: Trees
    parts: tuple[Tables | Sums, ...]

    @classmethod
    def of(cls, trees: Trees, counts: LeafCounts, clients: int) -> Self:
        """Tables for the leaves with the shortest paths, up to ``TABLE_BYTES``."""
        share = trees.values / clients
        parts: list[Tables | Sums] = []
        left = TABLE_BYTES
        for width in np.unique(trees.widths).tolist():
            leaves = np.flatnonzero(trees.widths == width)
            left -= 8 * len(leaves) * width << width
            if width > WIDEST or left < 0:
                wide = np.flatnonzero(trees.widths >= width)
                parts.append(Sums.of(trees, counts, share, wide))
                break
            parts.append(Tables.of(trees, counts, share, leaves))
        return cls(counts, trees, tuple(parts))

    def values(self, rows: NDArray[np.float32]) -> Floats:
        """The exact values of encoded rows, shape (rows, features), the same bits for one and many.

        They add up to the score less the mean score of the background.
        """
        found = np.zeros(rows.shape)
        for start in range(0, len(rows), TOGETHER):
            chunk = slice(start, start + TOGETHER)
            away = self.trees.away(rows[chunk])
            for part in self.parts:
                part.add(away, found[chunk])
        return found


def _spans(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places from each start on, one after the other.

    >>> _spans(np.array([7, 2]), np.array([2, 3])).tolist()
    [7, 8, 2, 3, 4]
    """
    ends = np.cumsum(lengths)
    return np.arange(lengths.sum()) + np.repeat(starts - ends + lengths, lengths)


def _table(held: Floats) -> Floats:
    """What each set of features that leads a row away is worth, shape (leaves, sets, slots).

    ``held``, shape (leaves, sets), is what the background's sets weigh.
    """
    width = held.shape[1].bit_length() - 1
    sets = np.arange(1 << width)
    sizes, table = np.bitwise_count(sets), np.zeros((*held.shape, width))
    for size in range(width + 1):
        gain, loss = (_over_subsets(held * weights[sizes, size]) for weights in (_GAIN, _LOSS))
        own = sets[sizes == size]
        rest = sets[-1] ^ own  # the background's sets within it share no feature with the row's
        for place in range(width):
            bit = 1 << place
            led = own & bit != 0
            table[:, own[led], place] = -loss[:, rest[led]]
            table[:, own[~led], place] = gain[:, rest[~led]] - gain[:, rest[~led] ^ bit]
    return table


def _over_subsets(values: Floats) -> Floats:
    """For each set the sum over its subsets; the last axis holds a value for each set."""
    sums = values.copy()
    step = 1
    while step < values.shape[1]:
        halves = sums.reshape(len(values), -1, 2, step)
        halves[:, :, 1] += halves[:, :, 0]
        step *= 2
    return sums


def _weights() -> tuple[Floats, Floats]:
    gain, loss = np.zeros((2, MOST_FEATURES + 1, MOST_FEATURES + 1))
    for a in range(MOST_FEATURES + 1):
        for b in range(MOST_FEATURES + 1):
            if a:
                gain[a, b] = 1 / (a * comb(a + b, a))
            if b:
                loss[a, b] = 1 / (b * comb(a + b, b))
    return gain, loss


#: What a leaf gives, and takes, by ``a`` and ``b``.
_GAIN, _LOSS = _weights()
