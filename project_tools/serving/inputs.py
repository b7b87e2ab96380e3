"""The features of a served model: their order, their levels, and the numbers that the model takes."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import ConfigDict

from project_tools.errors import ArtefactError, FeatureError
from project_tools.serving.json_files import Text

if TYPE_CHECKING:  # a process that only scores imports no pandas
    import pandas as pd

#: A feature as people read it: a number, a level, or null.
Value = float | str | None
Kind = Literal["number", "category"]
#: Named one by one: asking whether a value can be made a float takes a hundred times as long.
_NUMBERS = (float, int, np.number)
#: The largest number that the model takes.
LARGEST = float(np.finfo(np.float32).max)
#: From here on a number rounds to infinity as float32: its largest value and half a step more.
_OVERFLOW = LARGEST * (1 + 2.0**-25)


@dataclass(frozen=True, slots=True)
class ServedFeature:
    """One input of the model: our name, the name in the model's own file, its kind and levels.

    The two names differ where the model's format refuses a character; they are paired here, so
    that the renaming can be undone whatever its rule was.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    name: Text
    model_name: Text
    kind: Kind
    levels: tuple[Text, ...]


def served_features(X: "pd.DataFrame", model_names: Sequence[str]) -> list[ServedFeature]:
    """The features of a training matrix, in its order, beside the model's names for them."""
    if len(model_names) != X.shape[1]:
        raise ArtefactError(
            f"the model takes {len(model_names)} features, its matrix has {X.shape[1]}"
        )
    import pandas as pd  # noqa: PLC0415  (only a process that has a frame has pandas)

    features = []
    for (name, kind), model_name in zip(X.dtypes.items(), model_names, strict=True):
        if isinstance(kind, pd.CategoricalDtype):
            levels = tuple(map(str, kind.categories))
            features.append(ServedFeature(str(name), model_name, "category", levels))
        else:
            features.append(ServedFeature(str(name), model_name, "number", ()))
    return features


class Encoder:
    """Turns rows of values into rows of float32: a category becomes the position of its level.

    Null, an unknown level, NaN, infinity and a number beyond float32 all become NaN: the model was
    trained to read NaN as a missing value.
    """

    def __init__(self, features: Sequence[ServedFeature]) -> None:
        self.features = tuple(features)
        self._codes = [
            {level: float(code) for code, level in enumerate(f.levels)}
            if f.kind == "category"
            else None
            for f in self.features
        ]

    def encode(self, row: Mapping[str, Value]) -> NDArray[np.float32]:
        """One row, shape (1, features); ``FeatureError`` names a feature that the row lacks."""
        values = np.empty((1, len(self.features)), dtype=np.float32)
        for position, (feature, codes) in enumerate(zip(self.features, self._codes, strict=True)):
            if feature.name not in row:
                raise FeatureError(f"feature {feature.name!r} is missing; give it, or null for it")
            values[0, position] = _number(feature, codes, row[feature.name])
        return values

    def decode(self, row: NDArray[np.float32]) -> dict[str, Value]:
        """The values of one encoded row by feature name: numbers by their shortest digits, null for NaN."""
        values: dict[str, Value] = {}
        for feature, number in zip(self.features, row.reshape(-1), strict=True):
            if math.isnan(number):
                values[feature.name] = None
            elif feature.kind == "category":
                values[feature.name] = feature.levels[int(number)]
            else:
                values[feature.name] = float(str(number))
        return values

    def code(self, position: int, value: Value) -> np.float32:
        """One value of the feature at a position, as ``encode`` gives it."""
        return np.float32(_number(self.features[position], self._codes[position], value))

    def encode_rows(self, rows: Iterable[Mapping[str, Value]]) -> NDArray[np.float32]:
        """Several rows, shape (rows, features)."""
        encoded = [self.encode(row) for row in rows]
        none = np.empty((0, len(self.features)), dtype=np.float32)
        return np.concatenate([none, *encoded])

    def encode_frame(self, frame: "pd.DataFrame") -> NDArray[np.float32]:
        """A pandas frame with at least these columns, shape (rows, features)."""
        missing = [f.name for f in self.features if f.name not in frame]
        if missing:
            raise FeatureError(f"feature {missing[0]!r} is missing ({len(missing)} in all)")
        values = np.empty((len(frame), len(self.features)), dtype=np.float32)
        for position, (feature, codes) in enumerate(zip(self.features, self._codes, strict=True)):
            values[:, position] = _column(feature, codes, frame[feature.name])
        return values

    def encode_table(self, table: pa.Table) -> NDArray[np.float32]:
        """An Arrow table with at least these columns, shape (rows, features)."""
        values = np.empty((len(table), len(self.features)), dtype=np.float32)
        for position, feature in enumerate(self.features):
            column = table.column(feature.name)
            if feature.kind == "category":
                levels = pa.array(feature.levels, pa.string())
                codes = pc.index_in(column.cast(pa.string()), levels)
                column = codes.cast(pa.float64())
            values[:, position] = _narrow(column.cast(pa.float64(), safe=False).to_numpy())
        return values


def _narrow(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """As float32, with NaN for what is not finite there."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return np.where(np.isfinite(narrow), narrow, np.float32(np.nan))


def _column(
    feature: ServedFeature, codes: Mapping[str, float] | None, column: "pd.Series[Any]"
) -> NDArray[np.floating[Any]] | list[float]:
    """Each value as ``_number`` gives it; the whole column at once where its type allows that."""
    import pandas as pd  # noqa: PLC0415  (only a process that has a frame has pandas)

    if codes is None and isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu":
        return _narrow(column.to_numpy().astype(np.float64))
    if codes is not None and isinstance(column.dtype, pd.CategoricalDtype):
        levels = [_number(feature, codes, level) for level in column.cat.categories]
        return np.array([*levels, math.nan])[column.cat.codes]  # null is -1: the last
    return [_number(feature, codes, value) for value in column.astype(object)]


def _number(feature: ServedFeature, codes: Mapping[str, float] | None, value: Any) -> float:
    if value is None:
        return math.nan
    if codes is not None and isinstance(value, str):
        return codes.get(value, math.nan)
    if isinstance(value, str) or not isinstance(value, _NUMBERS):
        if "pandas" in sys.modules and value is sys.modules["pandas"].NA:
            return math.nan
        raise FeatureError(f"feature {feature.name!r} takes a {feature.kind} or null")
    try:
        number = float(value)
    except OverflowError:  # a whole number that is too large even for float64
        return math.nan
    if not abs(number) < _OVERFLOW:  # NaN too
        return math.nan
    if codes is not None:
        raise FeatureError(f"feature {feature.name!r} takes one of its levels, or null")
    return number
