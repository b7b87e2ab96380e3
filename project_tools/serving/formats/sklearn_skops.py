"""Forests and linear models as they are served: the fitted preparation, then the model.

Rows are encoded, as for every model: a category is the position of its level, a null is NaN. The
fitted transformers are applied to that matrix, so that a score needs no data frame.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from importlib.util import find_spec
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from project_tools.errors import ArtefactError, TrainingError
from project_tools.models.preparation import LevelCodes, LevelIndicators
from project_tools.serving.formats.base import (
    SKLEARN_REQUIREMENTS,
    Floats,
    RawModel,
    Scale,
    not_installed,
    spread,
)
from project_tools.serving.formats.skops_file import read_skops_file, write_skops
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.shap_library import import_shap

_FILE = "model.skops"
#: The time of an exact explanation grows with leaves x depth² of each tree.
MOST_DEPTH, MOST_LEAVES = 24, 2_048
#: Training rows over which a linear model's contributions are measured: their mean is the base.
MEAN_ROWS = 20_000
_PAYLOAD = ("preparation", "model", "background")
#: Turns columns of the encoded matrix into columns of the model's matrix.
_Step = Callable[[NDArray[np.float32]], Any]


@dataclass(frozen=True, slots=True)
class MatrixPreparation:
    """A fitted preparation for encoded rows.

    ``sources`` is, for each column of the prepared matrix, the feature that it comes from.
    """

    steps: tuple[tuple[_Step, NDArray[np.intp]], ...]
    sources: NDArray[np.intp]
    features: int

    @classmethod
    def of(
        cls, fitted: ColumnTransformer, features: Sequence[ServedFeature]
    ) -> "MatrixPreparation":
        """Made from the transformer of the training; ``ArtefactError`` for other features or levels."""
        positions = {feature.name: at for at, feature in enumerate(features)}
        steps, sources = [], []
        for _, transformer, columns in fitted.transformers_:
            if transformer == "drop":
                continue
            for name in columns:
                if name not in positions:
                    raise ArtefactError(
                        f"{_FILE} takes a feature that features.json does not name: {name!r}"
                    )
            at = np.array([positions[name] for name in columns], dtype=np.intp)
            step, widths = _step(transformer, [features[i] for i in at])
            steps.append((step, at))
            sources.append(np.repeat(at, widths))
        if sorted({i for s in sources for i in s.tolist()}) != list(range(len(features))):
            raise ArtefactError(f"{_FILE} does not take the features that features.json names")
        return cls(tuple(steps), np.concatenate(sources), len(features))

    def prepare(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """The model's matrix of encoded rows, float32 without nulls."""
        parts = [np.asarray(step(rows[:, at]), dtype=np.float32) for step, at in self.steps]
        return np.ascontiguousarray(np.hstack(parts))

    def by_feature(self, parts: Floats) -> Floats:
        """Contributions of columns, shape (rows, columns), summed for the feature they come from."""
        summed = np.zeros((self.features, len(parts)))
        np.add.at(summed, self.sources, parts.T)
        return np.asarray(summed.T)


def _step(transformer: Any, features: Sequence[ServedFeature]) -> tuple[_Step, Any]:
    """A branch as a step on its columns of the encoded matrix, and how many columns each becomes."""
    first = transformer.steps[0][1] if isinstance(transformer, Pipeline) else transformer
    if not isinstance(first, LevelIndicators | LevelCodes):
        _check_kinds(features, "number")
        return transformer.transform, 1
    _check_kinds(features, "category")
    if first.levels_ != {feature.name: list(feature.levels) for feature in features}:
        raise ArtefactError(f"{_FILE} was trained on other levels than features.json names")
    if isinstance(first, LevelIndicators):
        return first.of_codes, [len(feature.levels) for feature in features]
    later = transformer.steps[1:] if first is not transformer else []
    return _chain([first.of_codes, *(step.transform for _, step in later)]), 1


def _chain(steps: Sequence[_Step]) -> _Step:
    """One step that applies the steps one after the other."""
    return lambda rows: reduce(lambda matrix, step: step(matrix), steps, rows)


def _check_kinds(features: Sequence[ServedFeature], kind: str) -> None:
    for feature in features:
        if feature.kind != kind:
            raise ArtefactError(
                f"{_FILE} takes {feature.name!r} as a {kind}, features.json does not"
            )


@dataclass(slots=True)
class ForestModel:
    """A random forest: its probability, explained by shap's exact values of the trees."""

    preparation: MatrixPreparation
    forest: RandomForestClassifier
    scale: ClassVar[Scale] = "probability"
    precision: ClassVar[float] = 1e-6
    _explainer: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def raw_scores(self, rows: NDArray[np.float32]) -> Floats:
        """The mean of the trees' probabilities of default, for each encoded row.

        Tree by tree: scikit-learn's own way sets up a pool of workers for every call, which
        takes ten times as long as a row. The sums are the same, bit for bit.
        """
        matrix, total = self.preparation.prepare(rows), np.zeros(len(rows))
        for tree in self.forest.estimators_:
            total += tree.tree_.predict(matrix)[:, 1]
        return np.asarray(total / len(self.forest.estimators_))

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """What each feature adds to the probability, shape (rows, features + 1); the base is last."""
        explainer = self._prepared()
        values = explainer.shap_values(self.preparation.prepare(rows), check_additivity=False)
        parts = self.preparation.by_feature(np.asarray(values, np.float64)[:, :, 1])
        base = np.full((len(rows), 1), float(explainer.expected_value[1]))
        return np.hstack([parts, base])

    def trees(self) -> None:
        """No exact values leaf by leaf."""

    def _prepared(self) -> Any:
        with self._lock:
            if self._explainer is None:
                shap, _ = import_shap()
                self._explainer = shap.TreeExplainer(
                    self.forest, feature_perturbation="tree_path_dependent"
                )
            return self._explainer


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A logistic regression: each column adds its weight x distance from the mean to the log-odds.

    These are the exact Shapley values of a linear model if the features are independent.
    ``background`` is the training clients' mean of each prepared column.
    """

    preparation: MatrixPreparation
    weights: Floats
    intercept: float
    background: Floats
    scale: ClassVar[Scale] = "log-odds"
    precision: ClassVar[float] = 1e-6

    def raw_scores(self, rows: NDArray[np.float32]) -> Floats:
        """Log-odds before calibration, one for each encoded row.

        Summed row by row in one order: a product of matrices rounds otherwise for other numbers
        of rows.
        """
        matrix = self.preparation.prepare(rows).astype(np.float64)
        return np.asarray((matrix * self.weights).sum(axis=1) + self.intercept)

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """What each feature adds to the log-odds, shape (rows, features + 1); the base is last."""
        matrix = self.preparation.prepare(rows).astype(np.float64)
        parts = self.preparation.by_feature(self.weights * (matrix - self.background))
        base = self.intercept + float((self.weights * self.background).sum())
        return np.hstack([parts, np.full((len(rows), 1), base)])

    def trees(self) -> None:
        """No exact values leaf by leaf."""


@runtime_checkable
class Sampler(Protocol):
    """A step that balances the classes in training, and does nothing to a row that is scored."""

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """The rows and labels to fit on."""


def write(estimator: Pipeline, training: pd.DataFrame) -> bytes:
    """The skops file of a pipeline: a fitted preparation, perhaps a sampler, and a model.

    A linear model is stored with the mean of prepared training rows. ``TrainingError`` for other
    steps, ``ArtefactError`` for types that are not trusted.
    """
    steps = [step for _, step in estimator.steps if not isinstance(step, Sampler)]
    if len(steps) != 2 or not isinstance(steps[0], ColumnTransformer):  # noqa: PLR2004  (see below)
        raise TrainingError(
            f"the model is not served: its steps are {', '.join(type(s).__name__ for s in steps)}, "
            "and a preparation and a model are expected"
        )
    preparation, model = steps
    means = None
    if isinstance(model, LogisticRegression):
        rows = preparation.transform(spread(training, MEAN_ROWS))
        means = rows.mean(axis=0, dtype=np.float64)
    return write_skops(dict(zip(_PAYLOAD, (preparation, model, means), strict=True)))


def read(content: bytes, features: Sequence[ServedFeature]) -> RawModel:
    """The model in a skops file; ``ArtefactError`` for a file that is not trusted, sound and ours."""
    payload = read_skops_file(_FILE, content)
    if set(payload) != set(_PAYLOAD) or type(payload["preparation"]) is not ColumnTransformer:
        raise ArtefactError(f"{_FILE} holds no model with its preparation; export the model again")
    try:
        preparation = MatrixPreparation.of(payload["preparation"], features)
        return _model(payload, preparation)
    except (AttributeError, TypeError, ValueError, KeyError, IndexError) as why:
        raise ArtefactError(f"{_FILE} holds no fitted model; export the model again") from why


def _model(payload: dict[str, Any], preparation: MatrixPreparation) -> RawModel:
    model, columns = payload["model"], len(preparation.sources)
    if np.asarray(model.classes_).tolist() != [0, 1]:
        raise ArtefactError(f"{_FILE} predicts other classes than 0 and 1")
    if type(model) is RandomForestClassifier:
        _check_forest(model, columns)
        if find_spec("shap") is None:  # its explanations would fail, one after the other
            raise not_installed("shap", SKLEARN_REQUIREMENTS)
        model.n_jobs = 1
        return ForestModel(preparation, model)
    if type(model) is LogisticRegression:
        weights = np.asarray(model.coef_, np.float64)
        background = np.asarray(payload["background"], np.float64)
        intercept = np.asarray(model.intercept_, np.float64)
        shapes = ((weights, (1, columns)), (background, (columns,)), (intercept, (1,)))
        for array, shape in shapes:
            if array.shape != shape or not np.isfinite(array).all():
                raise ArtefactError(
                    f"{_FILE} holds weights that are not finite, or not one a column"
                )
        return LinearModel(preparation, weights[0], float(intercept[0]), background)
    raise ArtefactError(f"{_FILE} holds a {type(model).__name__}; it is not served")


def _check_forest(forest: RandomForestClassifier, columns: int) -> None:
    if not forest.estimators_:
        raise ArtefactError(f"{_FILE} holds a forest without trees")
    for tree in (estimator.tree_ for estimator in forest.estimators_):
        # First of all checks: this count says how far the tree's arrays are read.
        if not 0 < tree.node_count == tree.capacity:
            raise ArtefactError(f"{_FILE}: a tree has another number of nodes than it says")
        if (tree.n_features, tree.n_outputs, tree.max_n_classes) != (columns, 1, 2):
            raise ArtefactError(f"{_FILE}: a tree takes other columns than the preparation makes")
        _check_tree(tree)


def _check_tree(tree: Any) -> None:
    """scikit-learn follows a tree's indices unchecked, so that a false one ends the process."""
    nodes, left, right = np.arange(tree.node_count), tree.children_left, tree.children_right
    leaf = left == -1
    inner = ~leaf
    sound = (
        (right[leaf] == -1).all()
        and (left[inner] > nodes[inner]).all()  # parents come first, so that every path ends
        and (right[inner] > nodes[inner]).all()
        and max(left.max(), right.max()) < tree.node_count
        and ((tree.feature[inner] >= 0) & (tree.feature[inner] < tree.n_features)).all()
        and np.isfinite(tree.threshold[inner]).all()
        and np.isfinite(tree.value).all()
        and ((tree.value >= 0) & (tree.value <= 1)).all()
        and np.isfinite(tree.weighted_n_node_samples).all()
    )
    if not sound:
        raise ArtefactError(f"{_FILE}: a tree's nodes lead nowhere; export the model again")
    depth, leaves = _depth(left, right), int(leaf.sum())
    if depth > MOST_DEPTH or leaves > MOST_LEAVES:
        raise ArtefactError(
            f"{_FILE}: a tree has depth {depth} and {leaves:,} leaves; exact explanations take at "
            f"most {MOST_DEPTH} and {MOST_LEAVES:,}: train with max_depth and max_leaf_nodes"
        )


def _depth(left: NDArray[Any], right: NDArray[Any]) -> int:
    """The edges from the root to the deepest leaf; children come after their parents."""
    depth = [0] * len(left)
    for node, (one, other) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        if one != -1:
            depth[one] = depth[other] = depth[node] + 1
    return max(depth)
