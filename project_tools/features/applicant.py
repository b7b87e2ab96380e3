"""One applicant: from raw records to all features, by the definitions of the batch.

The pipeline becomes a program of NumPy calls, made once; each applicant then costs one run of it.
Records are not kept, and no error repeats their values.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from project_tools.features.engines.arrays import Array
from project_tools.features.engines.engine import FrameTables
from project_tools.features.engines.on_numpy import NumpyEngine
from project_tools.features.engines.program import Place, Program
from project_tools.features.pipeline import compute, feature_names
from project_tools.features.records import Columns, Records, read_records
from project_tools.features.state import FeatureState, LookUp
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import FLOAT32_MOST

Value = float | str | None
#: Number of a text that is no level and in no condition or group.
_OTHER_TEXT = -1.0


class Applicants:
    """Computes the features of one applicant after the other with a fitted state.

    To make one takes a fraction of a second, for the program. Threads may share it.
    """

    def __init__(self, state: FeatureState) -> None:
        self.names = feature_names()
        self._levels = {name: frozenset(levels) for name, levels in state.levels_.items()}
        self._program = _program(state)
        #: The number of each text, and of null.
        self.codes: dict[Any, float] = {None: math.nan, **self._program.codes}
        self._texts = {code: text for text, code in self._program.codes.items()}
        self._inputs = [
            (table, name, TABLES[table].column(name).kind, place)
            for (table, name), place in self._program.inputs.items()
        ]

    @classmethod
    def load(cls, directory: Path) -> Self:
        """From the folder of a fitted state; ``FeatureError`` if it is damaged."""
        return cls(FeatureState.load(directory))

    def features(self, records: Records) -> dict[str, Value]:
        """All features by name: numbers rounded to float32 as in the batch, levels as text, None for null.

        ``records`` is what ``read_records`` takes; it raises ``RecordsError``.
        """
        return self.named(self.numbers(read_records(records).columns))

    def numbers(self, columns: Columns) -> NDArray[np.float32]:
        """All features in the order of ``names``, as the batch writes them; NaN for null.

        Numbers beyond float32 are null, -0 is 0. A level is the number of its text in ``codes``.
        """
        doubles = self._program.run(dict(self._values(columns)))
        with np.errstate(over="ignore"):
            rounded = doubles.astype("float32") + np.float32(0)
        rounded[~(np.abs(doubles) <= FLOAT32_MOST)] = np.nan
        return rounded

    def named(self, numbers: NDArray[np.float32]) -> dict[str, Value]:
        """``numbers`` by name, levels as text."""
        values: dict[str, Value] = {
            name: None if math.isnan(number) else number
            for name, number in zip(self.names, numbers.tolist(), strict=True)
        }
        for name, levels in self._levels.items():
            code = values[name]
            text = None if code is None else self._texts.get(code)  # type: ignore[arg-type]  # a number until here
            values[name] = text if text in levels else None
        return values

    def _values(self, tables: Columns) -> Iterator[tuple[Place, Array]]:
        """The columns that the program needs, as doubles: null is NaN, a text its code, a key its place
        among the keys of that name.
        """
        keys: dict[str, dict[Any, float]] = {}
        for table, name, kind, place in self._inputs:
            values: Any = tables[table][name] if table in tables else ()
            match kind:
                case "text":
                    values = [self.codes.get(value, _OTHER_TEXT) for value in values]
                case "key":
                    if name not in keys:
                        keys[name] = _places(columns.get(name, ()) for columns in tables.values())
                    values = [keys[name][value] for value in values]
            yield place, np.asarray(values, dtype="float64")


def _program(state: FeatureState) -> Program:
    """The pipeline's steps; its outputs are the features in their order."""
    program = Program()
    engine = NumpyEngine(program)
    for levels in state.levels_.values():
        for level in levels:
            program.code(level)
    tables = {name: engine.table(name, table.column_names) for name, table in TABLES.items()}
    own, *others = compute(FrameTables(tables), engine, LookUp(state, engine), quiet=True)
    places = engine.beside(own, others).to_native().places
    program.finish(places[name] for name in feature_names())
    return program


def _places(columns: Iterable[Iterable[Any]]) -> dict[Any, float]:
    """The place of each key in the order of all, as a double could not hold the key itself."""
    known = {key for keys in columns for key in keys}
    return {key: float(place) for place, key in enumerate(sorted(known))}
