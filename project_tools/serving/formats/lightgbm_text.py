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
from project_tools.serving.formats.trees import Nodes, Trees
from project_tools.serving.inputs import ServedFeature

if TYPE_CHECKING:  # a process that only scores imports no pandas
    import pandas as pd

_FILE = "model.txt"
#: The bits of a node's ``decision_type``; from the third on, what counts as missing: 0 nothing,
#: 1 zero and null, 2 null. A category's levels are bits of words.
_CATEGORY, _DEFAULT_LEFT, _MISSING_RULE = 1, 2, 2
_ZERO_IS_MISSING, _WORD = 1, 32
#: Constants of LightGBM's c_api.h.
_FLOAT32, _RAW_SCORE = 0, 1


class TextTrees(Protocol):
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

    def trees(self) -> Trees | None:
        """The trees as LightGBM's own text tells them."""
        blocks = [_fields(block) for block in self.booster.model_to_string().split("\nTree=")[1:]]
        return _trees(blocks)


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


def write(estimator: TextTrees, training: "pd.DataFrame") -> bytes:
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


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _trees(blocks: Sequence[Mapping[str, str]]) -> Trees | None:
    def column(name: str, kind: type) -> NDArray[Any]:
        return np.fromstring(" ".join(block.get(name, "") for block in blocks), kind, sep=" ")

    def lengths(name: str) -> NDArray[np.int64]:
        return np.array([len(block.get(name, "").split()) for block in blocks], np.int64)

    values, leaves, inner = column("leaf_value", np.float64), lengths("leaf_value"), lengths("split_feature")  # fmt: skip
    first_node, first_leaf = (np.repeat(np.cumsum(n) - n, inner) for n in (inner, leaves))
    left, right = (
        np.where(child >= 0, child + first_node, child - first_leaf)
        for child in (column("left_child", np.int64), column("right_child", np.int64))
    )
    kinds, thresholds = column("decision_type", np.int64), column("threshold", np.float64)
    rule, default_left = kinds >> _MISSING_RULE & 3, kinds & _DEFAULT_LEFT != 0
    is_category = kinds & _CATEGORY != 0
    # A category's threshold is its place in ``cat_boundaries``, which counts words of 32 levels.
    bounds, words = column("cat_boundaries", np.int64), column("cat_threshold", np.int64)
    of_bounds, of_words = lengths("cat_boundaries"), lengths("cat_threshold")
    tree = np.repeat(np.arange(len(blocks)), inner)[is_category]
    at = (np.cumsum(of_bounds) - of_bounds)[tree] + thresholds[is_category].astype(np.int64)
    starts = (np.cumsum(of_words) - of_words)[tree] + bounds[at]
    counts = bounds[at + 1] - bounds[at]
    listed = [
        _levels(words[start : start + count]) for start, count in zip(starts, counts, strict=True)
    ]
    return Trees.of(
        Nodes(
            features=column("split_feature", np.int64),
            thresholds=thresholds,
            null_left=np.where(rule == 0, thresholds >= 0, default_left) & ~is_category,
            zero_is_null=rule == _ZERO_IS_MISSING,
            left=left,
            right=right,
            categories=np.flatnonzero(is_category),
            level_starts=np.cumsum(counts * _WORD + 1) - (counts * _WORD + 1),
            level_counts=counts * _WORD,
            level_left=np.concatenate([*listed, np.zeros(0, np.bool_)]),
        ),
        values,
    )


def _levels(words: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each level is among the bits of the words; then that no other one is."""
    bits = words[:, None] >> np.arange(_WORD) & 1
    return np.append(bits.ravel() == 1, False)


def _booster(text: str) -> lightgbm.Booster:
    try:
        booster = lightgbm.Booster(model_str=text)
        objective = booster.dump_model(num_iteration=1)["objective"]
    except (lightgbm.basic.LightGBMError, ValueError, TypeError, KeyError) as why:
        raise ArtefactError(f"{_FILE} is no LightGBM model; export the model again") from why
    if objective != "binary sigmoid:1":
        raise ArtefactError(f"{_FILE} predicts {objective}; only two classes can be served")
    return booster
