"""All trees of a boosted model as flat arrays: who goes left, and what leads a row away from a leaf."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
#: The features of a path are bits of one number.
MOST_FEATURES = 64
#: LightGBM takes a number up to this for zero.
_ZERO = 1e-35


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """The inner nodes of all trees, in one order.

    A number up to ``thresholds`` goes left, null where ``null_left`` says so; with ``zero_is_null``
    zero goes where null goes. ``left`` and ``right`` hold the child: the number of an inner node, or
    ``~n`` for leaf ``n``. ``categories`` are the nodes that ask for a level: its position finds the
    side in ``level_left`` from ``level_starts`` on, at most ``level_counts`` further, where the side
    of every other level is. ``zero_is_null`` may be empty: nowhere.
    """

    features: Integers
    thresholds: Floats
    null_left: Flags
    zero_is_null: Flags
    left: Integers
    right: Integers
    categories: Integers
    level_starts: Integers
    level_counts: Integers
    level_left: Flags

    def go_left(self, rows: NDArray[np.float32]) -> Flags:
        """Whether encoded rows go left, shape (nodes, rows)."""
        values = rows.T.astype(np.float64)[self.features]
        if len(self.zero_is_null):
            values[self.zero_is_null[:, None] & (np.abs(values) <= _ZERO)] = np.nan
        left = values <= self.thresholds[:, None]
        null = np.isnan(values)
        if len(self.categories):
            levels, counts = values[self.categories], self.level_counts[:, None]
            other = ~((levels >= 0) & (levels < counts))
            at = np.where(other, counts, levels).astype(np.int64)
            left[self.categories] = self.level_left[self.level_starts[:, None] + at]
        return np.where(null, self.null_left[:, None], left)


@dataclass(frozen=True, slots=True)
class Trees:
    """The nodes, and the paths to the leaves below them, the leaf with the longest path first.

    The distinct features of a leaf's path are its slots, in ascending order: ``slots`` holds the
    features of all leaves one after the other, ``widths`` how many each leaf has. ``_steps`` holds
    one step of each path at a time: a place in (goes left, goes right), which leads away from the
    leaf if it is true, and the bit of the slot whose feature does.
    """

    nodes: Nodes
    values: Floats
    slots: Integers
    widths: Integers
    _steps: tuple[tuple[Integers, NDArray[Any]], ...]

    @classmethod
    def of(cls, nodes: Nodes, values: Floats) -> Self | None:
        """The trees whose leaves add these values; None where a path has too many features."""
        count = len(nodes.features)
        parents, sides = _parents(nodes, len(values))
        # The leaf of a tree without nodes explains nothing.
        leaf = np.flatnonzero(parents[count:] >= 0)
        at, leaves, steps = count + leaf, [leaf[:0]], [leaf[:0]]
        while len(at):  # one step towards the roots, for all leaves
            leaves.append(leaf)
            steps.append(parents[at] + np.where(sides[at], count, 0))
            at = parents[at]
            more = parents[at] >= 0
            leaf, at = leaf[more], at[more]
        leaf, step = np.concatenate(leaves), np.concatenate(steps)
        depths = np.bincount(leaf, minlength=len(values))
        longest = np.argsort(-depths, kind="stable")
        leaf, feature = np.argsort(longest)[leaf], nodes.features[step % max(count, 1)]
        order = np.lexsort((step, feature, leaf))
        leaf, step, feature = leaf[order], step[order], feature[order]
        new_leaf = np.diff(leaf, prepend=-1) != 0
        new_slot = new_leaf | (np.diff(feature, prepend=-1) != 0)
        slot, starts = np.cumsum(new_slot) - 1, np.flatnonzero(new_leaf)
        widths = np.bincount(leaf[new_slot], minlength=len(starts))
        most = int(widths.max(initial=0))
        if most > MOST_FEATURES:
            return None
        places = (slot - slot[starts][leaf]).astype(np.uint64)
        bits = (np.uint64(1) << places).astype(np.min_scalar_type((1 << most) - 1))
        turns = np.arange(len(leaf)) - starts[leaf]
        by_turn = [np.flatnonzero(turns == n) for n in range(int(turns.max(initial=-1)) + 1)]
        together = tuple((step[turn], bits[turn]) for turn in by_turn)
        return cls(nodes, values[longest[: len(starts)]], feature[new_slot], widths, together)

    def away(self, rows: NDArray[np.float32]) -> NDArray[Any]:
        """The slots whose feature leads encoded rows away from a leaf, as bits; shape (leaves, rows)."""
        left = self.nodes.go_left(rows)
        leads = np.concatenate([left, ~left])
        away: NDArray[Any] = np.zeros((0, len(rows)), np.uint8)
        for steps, bits in self._steps:
            led = leads[steps] * bits[:, None]
            away = led if not len(away) else away
            away[: len(led)] |= led
        return away


def _parents(nodes: Nodes, leaves: int) -> tuple[Integers, Flags]:
    """The parent of each node, then of each leaf (-1: none), and whether it is the left child."""
    count = len(nodes.features)
    parents = np.full(count + leaves, -1, dtype=np.int64)
    is_left = np.zeros(count + leaves, dtype=np.bool_)
    for children, left in ((nodes.left, True), (nodes.right, False)):
        at = np.where(children >= 0, children, count + ~children)
        parents[at], is_left[at] = np.arange(count), left
    return parents, is_left
