"""An XGBoost model as it is served: log-odds, and the contributions of TreeSHAP, both its own."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import xgboost
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.serving.formats.base import Floats, Scale, check_names, spread_rounding
from project_tools.serving.formats.trees import Nodes, Trees
from project_tools.serving.inputs import ServedFeature

if TYPE_CHECKING:  # a process that only scores imports no pandas
    import pandas as pd

_FILE = "model.ubj"
_TYPES = {"number": ("q", "float", "int", "i"), "category": ("c",)}


class KeptTrees(Protocol):
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
        return spread_rounding(parts, self.raw_scores(rows) - parts.sum(axis=1), self.precision)

    def trees(self) -> Trees | None:
        """The trees as XGBoost's own JSON tells them."""
        learner = json.loads(self.booster.save_raw("json"))["learner"]
        return _trees(learner["gradient_booster"]["model"]["trees"])


def write(estimator: KeptTrees, training: "pd.DataFrame") -> bytes:
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


def _trees(trees: Sequence[Mapping[str, Any]]) -> Trees | None:
    """XGBoost numbers inner nodes and leaves together; here each has numbers of its own."""

    def column(name: str, kind: type) -> NDArray[Any]:
        return np.concatenate([np.zeros(0, kind), *(np.array(tree[name], kind) for tree in trees)])

    sizes = np.array([len(tree["left_children"]) for tree in trees], np.int64)
    first = np.cumsum(sizes) - sizes
    children = [column(f"{side}_children", np.int64) for side in ("left", "right")]
    inner = children[0] >= 0
    numbers = np.where(inner, np.cumsum(inner) - 1, ~(np.cumsum(~inner) - 1))
    left, right = (numbers[(child + np.repeat(first, sizes))[inner]] for child in children)
    conditions = column("split_conditions", np.float32)
    categories, listed = [], []
    for offset, tree in zip(first.tolist(), trees, strict=True):
        spans = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)  # fmt: skip
        for node, start, size in spans:
            categories.append(numbers[offset + node])
            listed.append(_levels(tree["categories"][start : start + size]))
    counts = np.array([len(levels) - 1 for levels in listed], np.int64)
    return Trees.of(
        Nodes(
            features=column("split_indices", np.int64)[inner],
            # Less than the condition, in single precision.
            thresholds=np.nextafter(conditions[inner], np.float32(-np.inf)).astype(np.float64),
            null_left=column("default_left", np.int64)[inner] != 0,
            zero_is_null=np.zeros(0, np.bool_),
            left=left,
            right=right,
            categories=np.array(categories, np.int64),
            level_starts=np.cumsum(counts + 1) - (counts + 1),
            level_counts=counts,
            level_left=np.concatenate([*listed, np.zeros(0, np.bool_)]),
        ),
        conditions[~inner].astype(np.float64),
    )


def _levels(right: Sequence[int]) -> NDArray[np.bool_]:
    """Whether each level goes left: those that a node lists go right, every other one left."""
    left = np.ones(max(right) + 2, np.bool_)
    left[list(right)] = False
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
