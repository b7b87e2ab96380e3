"""The files whose rows are compared: features or decisions, read column by column.

A file of **decisions** has the columns ``proba_risk_class`` (probability of default, 0 to 1) and
``class`` (``risk`` or ``no_risk``), as the API and the exported model name them; its other columns
are not compared. Every other file is one of **features**: all its columns except ``SK_ID_CURR``,
``TARGET`` and ``SPLIT`` are compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from project_tools.errors import FeatureError, SettingError, unknown
from project_tools.features.columns import INDEX_COLUMNS, SPLIT, TARGET
from project_tools.features.files import read_features
from project_tools.serving.columns import CLASS, PROBABILITY
from project_tools.serving.inputs import Kind
from project_tools.system.files import sha256

Numbers = npt.NDArray[np.float32]
#: The words of ``class``, and whether each grants the credit.
CLASSES = {"risk": False, "no_risk": True}
ENDINGS = (".parquet", ".pkl.gz", ".csv")
#: A column with more levels is free text, such as an id, and no category.
MOST_LEVELS = 1_000


@dataclass(frozen=True, slots=True)
class Decisions:
    """Probabilities of default, and whether each credit was granted."""

    p: npt.NDArray[np.float64]
    granted: npt.NDArray[np.bool_]

    def expected_costs(self, fn_cost: float) -> npt.NDArray[np.float64]:
        """The mean cost of each decision, if the probabilities are true.

        ``fn_cost``·p for a credit that is granted, 1 - p for one that is refused; the unit is one
        refused good client.

        >>> Decisions(np.array([0.1, 0.5]), np.array([True, False])).expected_costs(5)
        array([0.5, 0.5])
        """
        return np.where(self.granted, fn_cost * self.p, 1 - self.p)


@dataclass(frozen=True, slots=True)
class Source:
    """The rows of a file, or of one split of it; a column is read when a method needs it.

    ``kinds`` holds the columns that are compared; a column without any value has the kind None.
    """

    name: str
    digest: str
    rows: int
    kinds: dict[str, Kind | None]
    has_decisions: bool
    has_outcomes: bool
    _column: Callable[[str], pa.ChunkedArray]

    @classmethod
    def open(
        cls, path: Path, split: str | None = None, *, fallback_split: str | None = None
    ) -> Self:
        """The rows of a file: those of ``split`` if the file has that column, else all.

        A file whose rows are all of ``fallback_split`` gives these instead. Raises
        ``FeatureError`` for a file that is missing, damaged or of another format, for a column
        that is neither number nor category, and for two columns of one name; ``SettingError`` for
        a split without a row.
        """
        if not path.name.endswith(ENDINGS):
            raise FeatureError(f"{path.name} names no format; it takes {', '.join(ENDINGS)}")
        if not path.is_file():
            raise FeatureError(f"{path} is not there")
        schema, column = _parquet(path) if path.name.endswith(".parquet") else _frame(path)
        return cls._of(
            path.name, sha256(path), schema, column, split, fallback_split=fallback_split
        )

    @classmethod
    def of_frame(cls, frame: pd.DataFrame, name: str = "frame", split: str | None = None) -> Self:
        """The same for a frame in memory, whose index is ignored."""
        return cls._of(name, "", *_of_frame(frame), split)

    @classmethod
    def _of(
        cls,
        name: str,
        digest: str,
        schema: dict[str, pa.DataType],
        column: Callable[[str], pa.ChunkedArray],
        split: str | None,
        *,
        fallback_split: str | None = None,
    ) -> Self:
        if split is not None and SPLIT in schema:
            words = column(SPLIT).cast(pa.string())
            splits = sorted(pc.unique(words.drop_null()).to_pylist())
            split_read = fallback_split if splits == [fallback_split] else split
            if split_read not in splits:
                raise SettingError(f"{name}: {unknown('split', split, splits)}")
            mask = pc.fill_null(pc.equal(words, split_read), fill_value=False)
            rows, read = int(pc.sum(mask).as_py() or 0), lambda c: column(c).filter(mask)
        else:
            rows, read = len(column(next(iter(schema)))) if schema else 0, column
        decided = PROBABILITY in schema
        if decided and CLASS not in schema:
            raise FeatureError(f"{name} has {PROBABILITY} but no column {CLASS!r}; it needs both")
        kinds: dict[str, Kind | None] = {}
        if not decided:
            kinds = {c: _kind(c, t, name) for c, t in schema.items() if c not in INDEX_COLUMNS}
            if not kinds:
                raise FeatureError(
                    f"{name} has neither features nor decisions ({PROBABILITY} and {CLASS})"
                )
        return cls(name, digest, rows, kinds, decided, TARGET in schema, read)

    def numbers(self, column: str) -> Numbers:
        """A column as the model takes it: float32, NaN for null, infinity and overflow."""
        values = self._column(column).cast(pa.float64(), safe=False).to_numpy()
        with np.errstate(over="ignore"):
            narrow = np.asarray(values, dtype=np.float32)
        return np.where(np.isfinite(narrow), narrow, np.float32(np.nan))

    def outcomes(self) -> npt.NDArray[np.float64] | None:
        """1 for a default, 0 for a repaid loan, NaN for no outcome yet; ``None`` without any."""
        if not self.has_outcomes:
            return None
        column = self._column(TARGET)
        if _kind(TARGET, column.type, self.name) != "number":
            return None
        values = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
        if not np.isin(values[~np.isnan(values)], (0, 1)).all():
            raise FeatureError(f"{self.name}: {TARGET} is neither 0 nor 1 in some rows")
        return None if np.isnan(values).all() else values

    def levels(self, column: str) -> tuple[dict[str, int], int]:
        """The number of rows of each level that occurs, and the number of nulls."""
        text = self._column(column).cast(pa.string())
        counts = {pair["values"]: pair["counts"] for pair in text.value_counts().to_pylist()}
        missing = counts.pop(None, 0)
        if len(counts) > MOST_LEVELS:
            raise FeatureError(
                f"{self.name}: column {column} has {len(counts):,} different texts and is no "
                "category; leave it out"
            )
        return counts, missing

    def frame(self, columns: Sequence[str]) -> pd.DataFrame:
        """Some columns as a frame, for a model; ``FeatureError`` names the first missing one."""
        lacking = [name for name in columns if name not in self.kinds]
        if lacking:
            raise FeatureError(
                f"{self.name} lacks {len(lacking)} of the model's features, as {lacking[0]}"
            )
        return pd.DataFrame({name: self._column(name).to_pandas() for name in columns})

    def decisions(self) -> Decisions:
        """The decisions; ``FeatureError`` for no probability, or another word than the two."""
        column = self._column(PROBABILITY)
        if _kind(PROBABILITY, column.type, self.name) == "category":
            raise FeatureError(f"{self.name}: {PROBABILITY} is text, not a number from 0 to 1")
        p = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
        wrong = int((~((p >= 0) & (p <= 1))).sum())
        if wrong:
            raise FeatureError(
                f"{self.name}: {PROBABILITY} is no probability in {wrong:,} of {len(p):,} rows"
            )
        words = self._column(CLASS).cast(pa.string())
        valid = pc.is_in(words, pa.array(list(CLASSES)))
        if not pc.all(valid, min_count=0).as_py():
            count = len(words) - pc.sum(valid).as_py()
            raise FeatureError(
                f"{self.name}: {CLASS} is neither {' nor '.join(CLASSES)} in {count:,} of "
                f"{len(words):,} rows"
            )
        return Decisions(p, np.asarray(pc.equal(words, "no_risk").to_numpy(), dtype=np.bool_))


#: The type of each column, and the function that reads one.
Columns = tuple[dict[str, pa.DataType], Callable[[str], pa.ChunkedArray]]


def _parquet(path: Path) -> Columns:
    try:
        file = pq.ParquetFile(path, memory_map=True)
    except (OSError, pa.ArrowException) as why:
        raise FeatureError(f"{path} is damaged or no Parquet file") from why
    names = file.schema_arrow.names
    _check_unique(names, path.name)

    def column(name: str) -> pa.ChunkedArray:
        try:
            return file.read(columns=[name], use_pandas_metadata=False).column(0)
        except (OSError, pa.ArrowException) as why:
            raise FeatureError(f"{path}: column {name} is damaged") from why

    return dict(zip(names, file.schema_arrow.types, strict=True)), column


def _frame(path: Path) -> Columns:
    if path.name.endswith(".pkl.gz"):
        return _of_frame(read_features(path).frame)
    try:
        return _of_frame(pd.read_csv(path, encoding="utf-8"))
    except (ValueError, OSError) as why:  # pandas' own errors of parsing are ValueErrors
        raise FeatureError(f"{path} is empty, damaged or no CSV file") from why


def _of_frame(frame: pd.DataFrame) -> Columns:
    names = [str(name) for name in frame.columns]
    _check_unique(names, "the frame")
    series = dict(zip(names, (frame[name] for name in frame.columns), strict=True))

    def column(name: str) -> pa.ChunkedArray:
        return pa.chunked_array([pa.array(series[name], from_pandas=True)])

    return {name: _arrow_type(values) for name, values in series.items()}, column


def _arrow_type(values: "pd.Series[Any]") -> pa.DataType:
    if isinstance(values.dtype, pd.CategoricalDtype) or values.dtype == "str":
        return pa.string()
    if values.dtype == object:
        return pa.array(values, from_pandas=True).type
    return pa.array(values.head(0)).type


def _check_unique(names: Sequence[str], name: str) -> None:
    twice = sorted({n for n in names if names.count(n) > 1}) if len({*names}) < len(names) else []
    if twice:
        raise FeatureError(f"{name} has two columns of the name {twice[0]!r}")


def _kind(column: str, stored: pa.DataType, name: str) -> Kind | None:
    if pa.types.is_null(stored):
        return None
    if pa.types.is_dictionary(stored):
        stored = stored.value_type
    if pa.types.is_string(stored) or pa.types.is_large_string(stored):
        return "category"
    if pa.types.is_boolean(stored) or pa.types.is_integer(stored) or pa.types.is_floating(stored):
        return "number"
    raise FeatureError(
        f"{name}: column {column} is {stored}; only numbers and categories can be compared, so leave "
        "it out"
    )
