"""An XGBoost model as it is served: log-odds, and the contributions of TreeSHAP, both its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import xgboost
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.serving.formats.base import Floats, Scale, check_names
from project_tools.serving.formats.interventional import Tree, tree_values
from project_tools.serving.inputs import ServedFeature

if TYPE_CHECKING:  # a process that only scores imports no pandas
    import pandas as pd

_FILE = "model.ubj"
_TYPES = {"number": ("q", "float", "int", "i"), "category": ("c",)}
#: Single precision loses at most this share of the sum of all magnitudes.
_ROUNDING = 1e-4


class Trees(Protocol):
    """A fitted estimator that holds XGBoost's trees, of which the first ``rounds_`` count."""

    booster_: xgboost.Booster
    rounds_: int


@dataclass(frozen=True, slots=True)
class XGBoostModel:
    """XGBoost's trees; every prediction takes one thread."""

    booster: xgboost.Booster
    scale: ClassVar[Scale] = "log-odds"
    precision: ClassVar[float] = 1e-6

    def raw_scores(self, rows: NDArray[np.float32]) -> Floats:
        """Log-odds before calibration, one for each encoded row."""
        # In place: a DMatrix of one row costs three times as long as its score.
        return np.asarray(self.booster.inplace_predict(rows, predict_type="margin"), np.float64)

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """What each feature adds to the log-odds, shape (rows, features + 1); the base is last.

        XGBoost adds them up in single precision, so their sum differs from its own score by about
        1e-6 of their size. That rounding is spread over them in proportion to their size. A larger
        difference is no rounding: it stays, and the check of the sum refuses it.
        """
        # The features were compared when the model was read; comparing them again costs a millisecond.
        matrix = xgboost.DMatrix(rows, nthread=1)
        own = self.booster.predict(matrix, pred_contribs=True, validate_features=False)
        parts = np.asarray(own, np.float64)
        sizes = np.abs(parts)
        total = sizes.sum(axis=1)
        lost = self.raw_scores(rows) - parts.sum(axis=1)
        share = np.where(np.abs(lost) <= _ROUNDING * total, lost / np.where(total > 0, total, 1), 0)
        return np.asarray(parts + sizes * share[:, None])

    def exact_contributions(
        self, rows: NDArray[np.float32], background: NDArray[np.float32]
    ) -> Floats:
        """The interventional Shapley values of rows against background rows, shape (rows, features)."""
        total = np.zeros(rows.shape)
        learner = json.loads(self.booster.save_raw("json"))["learner"]
        for fields in learner["gradient_booster"]["model"]["trees"]:
            tree, nodes = _tree(fields)
            sides = _goes_left(fields, nodes, rows), _goes_left(fields, nodes, background)
            total += tree_values(tree, *sides, rows.shape[1])
        return total


def write(estimator: Trees, training: "pd.DataFrame") -> bytes:
    """The estimator's kept trees in XGBoost's own binary JSON; training rows are not needed."""
    del training
    booster = estimator.booster_
    if estimator.rounds_ != booster.num_boosted_rounds():
        booster = booster[: estimator.rounds_]
    return bytes(booster.save_raw("ubj"))


def read(content: bytes, features: Sequence[ServedFeature]) -> XGBoostModel:
    """The model in XGBoost's own binary JSON; ``ArtefactError`` if it takes other features."""
    booster = _booster(content)
    check_names(_FILE, booster.feature_names or [], features)
    types = booster.feature_types or ["q"] * len(features)
    for feature, kind in zip(features, types, strict=True):
        if kind not in _TYPES[feature.kind]:
            raise ArtefactError(f"{_FILE} does not take {feature.model_name!r} as a {feature.kind}")
    return XGBoostModel(booster)


def _tree(fields: Mapping[str, Any]) -> tuple[Tree, NDArray[np.int64]]:
    """A tree, and the number of each of its inner nodes in XGBoost's own order."""
    left, right = (np.array(fields[f"{side}_children"]) for side in ("left", "right"))
    inner = np.flatnonzero(left >= 0)
    leaves = np.flatnonzero(left < 0)
    numbers = np.zeros(len(left), dtype=np.int64)
    numbers[inner], numbers[leaves] = np.arange(len(inner)), ~np.arange(len(leaves))
    features = np.array(fields["split_indices"], dtype=np.int64)[inner]
    values = np.array(fields["split_conditions"], dtype=np.float64)[leaves]
    return Tree(features, numbers[left[inner]], numbers[right[inner]], values), inner


def _goes_left(
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


def _booster(content: bytes) -> xgboost.Booster:
    try:
        booster = xgboost.Booster()
        booster.load_model(bytearray(content))
        booster.set_param({"nthread": 1})
        learner: dict[str, Any] = json.loads(booster.save_config())["learner"]
        objective, trees = learner["objective"]["name"], learner["gradient_booster"]["name"]
    except (xgboost.core.XGBoostError, ValueError, TypeError, KeyError) as why:
        raise ArtefactError(f"{_FILE} is no XGBoost model; export the model again") from why
    if objective != "binary:logistic":
        raise ArtefactError(f"{_FILE} predicts {objective}; only two classes can be served")
    if trees != "gbtree":
        raise ArtefactError(f"{_FILE} holds a {trees}; only boosted trees (gbtree) can be served")
    return booster
