"""Exact interventional Shapley values of boosted trees, with categories and nulls.

The value of a coalition of features is the score of a row whose other features come from a
background row, averaged over the background. For one row and one background row a leaf is reached
by the coalitions that hold each feature which only the row sends there, and none which only the
background row does. So each leaf adds a closed form of two counts. Source: S. Lundberg et al., From
local explanations to global understanding with explainable AI for trees, Nature Machine
Intelligence 2, 2020, algorithm 3; the sum over leaves in place of a walk over pairs is ours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from project_tools.serving.formats.base import Floats

#: Leaves that are summed at a time: their arrays stay in the processor's cache.
_LEAVES = 32


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree with its inner nodes in one order and its leaves in another.

    ``left`` and ``right`` hold the child of each inner node: the number of an inner node, or ``~n``
    for leaf ``n``. ``features`` says what each inner node looks at, ``values`` what each leaf adds.
    A tree without inner nodes has one leaf.
    """

    features: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    values: Floats

    def paths(self) -> Iterator[tuple[int, list[tuple[int, bool]]]]:
        """Each leaf, and the inner nodes above it with the side that leads to it (True: left)."""
        pending: list[tuple[int, list[tuple[int, bool]]]] = [(0 if len(self.features) else ~0, [])]
        while pending:
            node, path = pending.pop()
            if node < 0:
                yield ~node, path
                continue
            pending.append((int(self.left[node]), [*path, (node, True)]))
            pending.append((int(self.right[node]), [*path, (node, False)]))


def tree_values(
    tree: Tree,
    row_sides: NDArray[np.bool_],
    background_sides: NDArray[np.bool_],
    features: int,
) -> Floats:
    """What each feature adds to a tree's output, shape (rows, features), over the background's mean.

    ``row_sides`` and ``background_sides``, shape (inner nodes, rows), are True where a row goes left.
    """
    values = np.zeros((row_sides.shape[1], features))
    paths = list(tree.paths())
    for start in range(0, len(paths), _LEAVES):
        _add_leaves(tree, paths[start : start + _LEAVES], row_sides, background_sides, values)
    return values


def _add_leaves(
    tree: Tree,
    paths: Sequence[tuple[int, list[tuple[int, bool]]]],
    row_sides: NDArray[np.bool_],
    background_sides: NDArray[np.bool_],
    values: Floats,
) -> None:
    at = [list(dict.fromkeys(int(tree.features[node]) for node, _ in path)) for _, path in paths]
    width = max(len(names) for names in at)
    if not width:  # a tree of one leaf explains nothing
        return
    rows, background = row_sides.shape[1], background_sides.shape[1]
    # True where a feature of the row leads away from the leaf; one that the leaf lacks never does.
    away = np.zeros((len(paths), width, rows), dtype=np.bool_)
    away_background = np.zeros((len(paths), width, background), dtype=np.bool_)
    for leaf, (_, path) in enumerate(paths):
        for node, left in path:
            place = at[leaf].index(int(tree.features[node]))
            away[leaf, place] |= row_sides[node] != left
            away_background[leaf, place] |= background_sides[node] != left
    one, other = away.astype(np.float32), away_background.astype(np.float32)
    # A leaf is reached by some coalition unless a feature of both rows leads away from it.
    reached = (np.matmul(one.transpose(0, 2, 1), other) == 0).astype(np.float32)
    from_background = away.sum(axis=1)[:, :, None]  # features that the background row must give
    from_row = away_background.sum(axis=1)[:, None, :]  # features that the row must give
    plus, minus = _weights(width)
    gain = np.matmul(reached * plus[from_row, from_background], other.transpose(0, 2, 1))
    loss = (reached * minus[from_row, from_background]).sum(axis=2)
    added = gain.transpose(0, 2, 1) - one * loss[:, None, :]
    for leaf, (number, _) in enumerate(paths):
        share = float(tree.values[number]) / background
        values[:, at[leaf]] += share * added[leaf, : len(at[leaf])].T


def _weights(most: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Shapley weights of a feature that the row, and that the background, must give.

    Indexed by how many features each of them must give; 0 where no such feature is there.
    """
    plus, minus = np.zeros((2, most + 1, most + 1), dtype=np.float32)
    for a in range(most + 1):
        for b in range(most + 1):
            if a:
                plus[a, b] = 1 / (a * comb(a + b, a))  # (a-1)! b! / (a+b)!
            if b:
                minus[a, b] = 1 / (b * comb(a + b, b))  # a! (b-1)! / (a+b)!
    return plus, minus
