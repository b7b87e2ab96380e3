"""A LightGBM model as it is served: log-odds, and the contributions of TreeSHAP, both its own."""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import lightgbm
import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError
from project_tools.serving.formats.base import Floats, Scale, check_names
from project_tools.serving.formats.interventional import Tree, tree_values
from project_tools.serving.inputs import ServedFeature

if TYPE_CHECKING:  # a process that only scores imports no pandas
    import pandas as pd

_FILE = "model.txt"
#: The bits of a node's ``decision_type``; from the third on, what counts as missing: 0 nothing,
#: 1 zero and null, 2 null. A number up to ``_ZERO`` is zero. A category's levels are bits of words.
_CATEGORY, _DEFAULT_LEFT, _MISSING_RULE = 1, 2, 2
_ZERO_IS_MISSING, _ZERO, _WORD = 1, 1e-35, 32
#: Constants of LightGBM's c_api.h.
_FLOAT32, _RAW_SCORE = 0, 1


class Trees(Protocol):
    """A fitted estimator that gives its kept trees in LightGBM's text."""

    def model_text(self) -> str:
        """The text of the trees that count, without those that early stopping left behind."""


@dataclass(frozen=True, slots=True)
class LightGBMModel:
    """LightGBM's trees.

    Every prediction takes one thread: LightGBM's pool costs more than a row, and hangs for ever
    in a process that was forked after its parent had used it.
    """

    booster: lightgbm.Booster
    scale: ClassVar[Scale] = "log-odds"
    precision: ClassVar[float] = 1e-9
    _one_row: "_OneRow" = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_one_row", _OneRow(self.booster))

    def raw_scores(self, rows: NDArray[np.float32]) -> Floats:
        """Log-odds before calibration, one for each encoded row."""
        if len(rows) == 1:
            return self._one_row.raw_score(rows)
        return np.asarray(self.booster.predict(rows, raw_score=True, num_threads=1), np.float64)

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """What each feature adds to the log-odds, shape (rows, features + 1); the base is last."""
        return np.asarray(self.booster.predict(rows, pred_contrib=True, num_threads=1), np.float64)

    def exact_contributions(
        self, rows: NDArray[np.float32], background: NDArray[np.float32]
    ) -> Floats:
        """The interventional Shapley values of rows against background rows, shape (rows, features)."""
        total = np.zeros(rows.shape)
        for block in self.booster.model_to_string().split("\nTree=")[1:]:
            fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            tree = _tree(fields)
            sides = _goes_left(tree, fields, rows), _goes_left(tree, fields, background)
            total += tree_values(tree, *sides, rows.shape[1])
        return total


class _OneRow:
    """LightGBM's own way to score one row after the other, without a new predictor for each.

    ``Booster.predict`` takes 50 µs for a row of 188 trees and leaves the caches cold, this takes 9;
    the scores have the same bits. Python's package does not offer it, so this calls the C library,
    which lets one thread at a time use a configuration.
    """

    def __init__(self, booster: lightgbm.Booster) -> None:
        self._booster = booster  # owns what the configuration points to
        self._library = lightgbm.basic._LIB  # type: ignore[attr-defined]  # noqa: SLF001  (see above)
        self._width = booster.num_feature()
        self._configuration = ctypes.c_void_p()
        self._check(
            self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
                booster._handle,  # noqa: SLF001
                ctypes.c_int(_RAW_SCORE),
                ctypes.c_int(0),
                ctypes.c_int(booster.best_iteration),
                ctypes.c_int(_FLOAT32),
                ctypes.c_int32(self._width),
                ctypes.c_char_p(b"num_threads=1"),
                ctypes.byref(self._configuration),
            )
        )

    def __del__(self) -> None:
        self._library.LGBM_FastConfigFree(self._configuration)

    def raw_score(self, row: NDArray[np.float32]) -> Floats:
        """The log-odds of one row, shape (1, features); the result has the shape (1,)."""
        if row.shape != (1, self._width) or row.dtype != np.float32:
            raise ValueError(f"a row has the shape (1, {self._width}) and float32")
        row, score, length = np.ascontiguousarray(row), np.empty(1), ctypes.c_int64()
        self._check(
            self._library.LGBM_BoosterPredictForMatSingleRowFast(
                self._configuration,
                ctypes.c_void_p(row.ctypes.data),
                ctypes.byref(length),
                ctypes.c_void_p(score.ctypes.data),
            )
        )
        return score

    def _check(self, status: int) -> None:
        if status:
            raise lightgbm.basic.LightGBMError(self._library.LGBM_GetLastError().decode())


def write(estimator: Trees, training: "pd.DataFrame") -> bytes:
    """The estimator's kept trees in LightGBM's own text; training rows are not needed."""
    del training
    return estimator.model_text().encode()


def read(content: bytes, features: Sequence[ServedFeature]) -> LightGBMModel:
    """The model in LightGBM's own text; ``ArtefactError`` if it takes other features."""
    booster = _booster(content.decode("utf-8", "replace"))
    check_names(_FILE, booster.feature_name(), features)
    levels = [list(f.levels) for f in features if f.kind == "category"]
    # In another order the same levels would stand for other codes.
    if booster.pandas_categorical not in (None, [], levels):
        raise ArtefactError(f"{_FILE} was trained on other levels than features.json names")
    return LightGBMModel(booster)


def _numbers(text: str, kind: type) -> NDArray[Any]:
    return np.array(text.split(), dtype=kind)


def _tree(fields: Mapping[str, str]) -> Tree:
    return Tree(
        _numbers(fields.get("split_feature", ""), np.int64),
        _numbers(fields.get("left_child", ""), np.int64),
        _numbers(fields.get("right_child", ""), np.int64),
        _numbers(fields["leaf_value"], np.float64),
    )


def _goes_left(
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
        if kind & _CATEGORY:
            bits = words[bounds[int(threshold)] : bounds[int(threshold) + 1]]
            codes = np.where(missing | (values < 0), len(bits) * _WORD, values).astype(np.int64)
            codes = np.minimum(codes, len(bits) * _WORD)
            left[node] = np.append(bits, 0)[codes // _WORD] >> (codes % _WORD) & 1
            continue
        values[missing] = 0.0
        left[node] = values <= threshold
        rule = kind >> _MISSING_RULE & 3
        if rule == _ZERO_IS_MISSING:
            missing = np.abs(values) <= _ZERO
        if rule:
            left[node, missing] = bool(kind & _DEFAULT_LEFT)
    return left


def _booster(text: str) -> lightgbm.Booster:
    try:
        booster = lightgbm.Booster(model_str=text)
        objective = booster.dump_model(num_iteration=1)["objective"]
    except (lightgbm.basic.LightGBMError, ValueError, TypeError, KeyError) as why:
        raise ArtefactError(f"{_FILE} is no LightGBM model; export the model again") from why
    if objective != "binary sigmoid:1":
        raise ArtefactError(f"{_FILE} predicts {objective}; only two classes can be served")
    return booster
