"""Interventional Shapley values in two slow ways: by their definition, and leaf by leaf for each pair.

Both are oracles: the trees are read, and every node decides, by other code than the one under test.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import comb, factorial
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Leaves that are summed at a time.
_LEAVES = 32


def over_coalitions(model, row, background):
    """Shapley values by their definition: the mean score of every coalition of features."""
    n = len(row)
    coalitions = np.array(list(itertools.product([False, True], repeat=n)))
    rows = np.where(coalitions[:, None, :], row, background[None]).reshape(-1, n)
    worth = model.raw_scores(rows.astype(np.float32)).reshape(len(coalitions), -1).mean(axis=1)
    at = {tuple(coalition): w for coalition, w in zip(coalitions.tolist(), worth, strict=True)}
    values = np.zeros(n)
    for coalition in coalitions[:, None].reshape(-1, n).tolist():
        size = sum(coalition)
        for feature in (f for f in range(n) if not coalition[f]):
            joined = [*coalition[:feature], True, *coalition[feature + 1 :]]
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            values[feature] += weight * (at[tuple(joined)] - at[tuple(coalition)])
    return values


def walked(model: Any, rows: NDArray[np.float32], background: NDArray[np.float32]) -> Floats:
    """The values of encoded rows against a background, shape (rows, features), of boosted trees."""
    total = np.zeros(rows.shape)
    if isinstance(model.booster, lightgbm.Booster):
        for block in model.booster.model_to_string().split("\nTree=")[1:]:
            fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            tree = _lightgbm_tree(fields)
            sides = (_lightgbm_goes_left(tree, fields, r) for r in (rows, background))
            total += tree_values(tree, *sides, rows.shape[1])
        return total
    learner = json.loads(model.booster.save_raw("json"))["learner"]
    for fields in learner["gradient_booster"]["model"]["trees"]:
        tree, nodes = _xgboost_tree(fields)
        sides = (_xgboost_goes_left(fields, nodes, r) for r in (rows, background))
        total += tree_values(tree, *sides, rows.shape[1])
    return total


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
    one, other = away.astype(np.float64), away_background.astype(np.float64)
    # A leaf is reached by some coalition unless a feature of both rows leads away from it.
    reached = (np.matmul(one.transpose(0, 2, 1), other) == 0).astype(np.float64)
    from_background = away.sum(axis=1)[:, :, None]  # features that the background row must give
    from_row = away_background.sum(axis=1)[:, None, :]  # features that the row must give
    plus, minus = _weights(width)
    gain = np.matmul(reached * plus[from_row, from_background], other.transpose(0, 2, 1))
    loss = (reached * minus[from_row, from_background]).sum(axis=2)
    added = gain.transpose(0, 2, 1) - one * loss[:, None, :]
    for leaf, (number, _) in enumerate(paths):
        share = float(tree.values[number]) / background
        values[:, at[leaf]] += share * added[leaf, : len(at[leaf])].T


def _weights(most: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shapley weights of a feature that the row, and that the background, must give.

    Indexed by how many features each of them must give; 0 where no such feature is there.
    """
    plus, minus = np.zeros((2, most + 1, most + 1), dtype=np.float64)
    for a in range(most + 1):
        for b in range(most + 1):
            if a:
                plus[a, b] = 1 / (a * comb(a + b, a))  # (a-1)! b! / (a+b)!
            if b:
                minus[a, b] = 1 / (b * comb(a + b, b))  # a! (b-1)! / (a+b)!
    return plus, minus


def _numbers(text: str, kind: type) -> NDArray[Any]:
    return np.array(text.split(), dtype=kind)


def _lightgbm_tree(fields: Mapping[str, str]) -> Tree:
    return Tree(
        _numbers(fields.get("split_feature", ""), np.int64),
        _numbers(fields.get("left_child", ""), np.int64),
        _numbers(fields.get("right_child", ""), np.int64),
        _numbers(fields["leaf_value"], np.float64),
    )


def _lightgbm_goes_left(
    tree: Tree, fields: Mapping[str, str], rows: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Whether each row goes left at each inner node, shape (inner nodes, rows), as LightGBM decides."""
    left = np.zeros((len(tree.features), len(rows)), dtype=np.bool_)
    kinds = _numbers(fields.get("decision_type", ""), np.int64)
    thresholds = _numbers(fields.get("threshold", ""), np.float64)
    bounds = _numbers(fields.get("cat_boundaries", ""), np.int64)
    words = _numbers(fields.get("cat_threshold", ""), np.int64)
    for node, (feature, kind, threshold) in enumerate(
        zip(tree.features, kinds, thresholds, strict=True)
    ):
        values = rows[:, feature].astype(np.float64)
        missing = np.isnan(values)
        if kind & 1:
            bits = words[bounds[int(threshold)] : bounds[int(threshold) + 1]]
            codes = np.where(missing | (values < 0), len(bits) * 32, values).astype(np.int64)
            codes = np.minimum(codes, len(bits) * 32)
            left[node] = np.append(bits, 0)[codes // 32] >> (codes % 32) & 1
            continue
        values[missing] = 0.0
        left[node] = values <= threshold
        rule = kind >> 2 & 3
        if rule == 1:
            missing = np.abs(values) <= 1e-35
        if rule:
            left[node, missing] = bool(kind & 2)
    return left


def _xgboost_tree(fields: Mapping[str, Any]) -> tuple[Tree, NDArray[np.int64]]:
    """A tree, and the number of each of its inner nodes in XGBoost's own order."""
    left, right = (np.array(fields[f"{side}_children"]) for side in ("left", "right"))
    inner = np.flatnonzero(left >= 0)
    leaves = np.flatnonzero(left < 0)
    numbers = np.zeros(len(left), dtype=np.int64)
    numbers[inner], numbers[leaves] = np.arange(len(inner)), ~np.arange(len(leaves))
    features = np.array(fields["split_indices"], dtype=np.int64)[inner]
    # The text is the shortest that gives the number in single precision.
    values = np.array(fields["split_conditions"], dtype=np.float32)[leaves].astype(np.float64)
    return Tree(features, numbers[left[inner]], numbers[right[inner]], values), inner


def _xgboost_goes_left(
    fields: Mapping[str, Any], nodes: NDArray[np.int64], rows: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Whether each row goes left at each inner node, shape (inner nodes, rows), as XGBoost decides.

    A level that a node lists goes right, every other one left.
    """
    spans = zip(
        fields["categories_nodes"], fields["categories_segments"], fields["categories_sizes"],
        strict=True,
    )  # fmt: skip
    listed = {node: fields["categories"][start : start + size] for node, start, size in spans}
    left = np.zeros((len(nodes), len(rows)), dtype=np.bool_)
    for place, node in enumerate(nodes.tolist()):
        values = rows[:, fields["split_indices"][node]]
        if node in listed:
            left[place] = ~np.isin(values, listed[node])
        else:
            left[place] = values < np.float32(fields["split_conditions"][node])
        left[place, np.isnan(values)] = bool(fields["default_left"][node])
    return left
