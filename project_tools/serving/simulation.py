"""What would be decided on a known client with other values of the application.

Nothing here is recorded. The features that depend on a changed value are computed again by the
pipeline's definitions, to the bit where the client store holds the doubles that they need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError, FeatureError, abbreviated, nearest
from project_tools.features.amendment import Amendments, is_exact
from project_tools.features.catalogue import all_features
from project_tools.features.columns import ID, PROTECTED_COLUMNS
from project_tools.features.state import FeatureState
from project_tools.features.wording.languages import VALUE_WORDS, WORDINGS
from project_tools.serving.artefact import Artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.folder import STATE
from project_tools.serving.inputs import Value
from project_tools.serving.scoring import Score, Scorer, check_state
from project_tools.tables.declared import TABLES
from project_tools.tables.schema import Column

#: The columns of an application, as an applicant gives them.
COLUMNS: Mapping[str, Column] = {
    c.name: c for c in TABLES["application_test"].columns if c.name != ID
}
#: What the words say of a feature.
_TEXT = ("name", "label", "sentence", "unit", "concept")
#: Kinds of numbers that are whole, beside those that the tables are checked for.
_WHOLE = frozenset({"flag", "hour", "rating"})
#: Unknown names that an error speaks of: the search for the nearest right name takes milliseconds.
_MOST_UNKNOWN = 5


class ChangesError(FeatureError):
    """Changes of an application that cannot be made.

    ``errors`` says what is wrong with each column, by its name; what is wrong with unknown names lies
    under an empty text. No text repeats a value or an unknown name.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        named = abbreviated([name for name in errors if name]) or "a name"
        super().__init__(f"the application cannot be changed in this way: {named}")
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class Client:
    """A known client: the features rounded and as doubles, and the model's input."""

    id: int
    row: Mapping[str, Value]
    doubles: Mapping[str, Value]
    encoded: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Simulated:
    """A client's features after changes: the model's input, shape (changes, features).

    ``exact``: no value was computed from a rounded one, so that all have the bits of the pipeline.
    """

    encoded: NDArray[np.float32]
    numbers: Mapping[str, NDArray[np.float32]]
    texts: Mapping[str, Sequence[Value]]
    exact: bool

    def row(self, known: Mapping[str, Value], at: int = 0) -> dict[str, Value]:
        """One row of features as the client store would give it; ``known`` is the client's own."""
        row = dict(known)
        for name, column in self.numbers.items():
            row[name] = None if np.isnan(column[at]) else float(str(column[at]))
        return row | {name: values[at] for name, values in self.texts.items()}


class Simulator:
    """Simulates decisions on the known clients of one model; threads may share it."""

    def __init__(self, artefact: Artefact, store: ClientStore, amendments: Amendments) -> None:
        self.artefact, self.store, self.scorer = artefact, store, Scorer(artefact)
        self._amendments = amendments
        self._known = {*COLUMNS, *store.names, *(feature.name for feature in artefact.features)}
        self._places = {feature.name: at for at, feature in enumerate(artefact.features)}
        self._levels = {
            feature.name: {level: float(code) for code, level in enumerate(feature.levels)}
            for feature in artefact.features
            if feature.kind == "category"
        }
        #: The columns of the application that may change.
        self.changeable = {n: c for n, c in COLUMNS.items() if not self._obstacle(n)}

    @classmethod
    def load(cls, directory: Path, artefact: Artefact, store: ClientStore) -> Self:
        """By the feature state in the folder from which the artefact was loaded; ``ArtefactError``."""
        check_state(directory, artefact)
        try:
            state = FeatureState.load(directory / STATE)
            return cls(artefact, store, Amendments(state, store.names))
        except FeatureError as why:
            raise ArtefactError(str(why)) from why

    def of(self, artefact: Artefact) -> "Simulator":
        """The same simulator for an artefact that differs in its reference alone."""
        return Simulator(artefact, self.store, self._amendments)

    def described(self, language: str = "en") -> list[dict[str, Any]]:
        """The columns that may change, in words of a language, with what each takes."""
        infos, values = all_features(WORDINGS[language]), VALUE_WORDS[language]
        rows = []
        for name, column in self.changeable.items():
            info, limits = infos[name], range_of(column)
            said = values.levels.get(name, {})
            rows.append(
                {
                    **{key: getattr(info, key) for key in _TEXT},
                    "kind": info.kind,
                    "levels": [
                        {"value": level, "label": said.get(level, level)}
                        for level in (column.levels if limits is None else ())
                    ],
                    "nullable": column.nullable,
                    "whole": limits is not None and is_whole(column),
                    "range": None if limits is None else [float(limit) for limit in limits],
                }
            )
        return rows

    def client(self, client_id: int) -> Client:
        """A client to simulate; ``UnknownClientError``."""
        row = self.store.row(client_id)
        return Client(client_id, row, self.store.doubles(client_id), self.store.encoded(client_id))

    def moves(self, columns: Sequence[str]) -> bool:
        """Whether the clients have all that a change of these columns, or features, needs."""
        return self._amendments.needs(columns) <= {*self.store.names}

    def simulate(self, client: Client, changes: Mapping[str, Sequence[Value]]) -> Simulated:
        """The client with changes: as many rows as each changed column has values.

        A column is one of the application or a feature of the other tables.
        """
        numbers = self._amendments.amended(client.doubles, changes)
        texts = {
            name: values
            for name, values in changes.items()
            if name in COLUMNS and COLUMNS[name].kind == "text"
        }
        for name, values in changes.items():
            if name not in texts and name not in numbers:  # nothing else is computed from it
                numbers[name] = np.array(values, dtype="float64").astype(np.float32)
        rows = len(next(iter(changes.values()), (None,)))
        encoded = np.repeat(client.encoded, rows, axis=0)
        for name, column in numbers.items():
            if name in self._places:
                encoded[:, self._places[name]] = column
        for name, values in texts.items():
            if name in self._places:
                codes = self._levels[name]
                encoded[:, self._places[name]] = [
                    codes.get(value, np.nan) if isinstance(value, str) else np.nan
                    for value in values
                ]
        return Simulated(encoded, numbers, texts, self._is_exact([*changes]))

    def probabilities(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The calibrated probability of each row."""
        model = self.artefact.model
        return model.probabilities(model.raw_scores(rows))

    def score(self, row: NDArray[np.float32]) -> Score:
        """The score of one row, as a decision on it would be made."""
        return self.scorer.score_encoded(np.ascontiguousarray(row).reshape(1, -1))

    def checked(self, changes: Mapping[str, Any]) -> dict[str, list[Value]]:
        """The changes as values of columns; ``ChangesError`` names each column at fault."""
        errors: dict[str, str] = {}
        unknown = [number for number, name in enumerate(changes, 1) if name not in self._known]
        for name, value in changes.items():
            if name in self._known and (fault := self._obstacle(name) or _fault(name, value)):
                errors[name] = fault
        if unknown:
            names = [*changes]
            errors[""] = " ".join(
                f"Name {number} is no column of an application"
                f"{nearest(names[number - 1], [*self.changeable]) or '.'}"
                for number in unknown[:_MOST_UNKNOWN]
            )
        if errors:
            raise ChangesError(errors)
        return {
            name: [float(value) if isinstance(value, int) else value]
            for name, value in changes.items()
        }

    def _obstacle(self, name: str) -> str:
        """Why a column cannot be changed; empty if it can."""
        about = self.artefact.describe(name)
        if name in PROTECTED_COLUMNS or {*about.get("columns", ())} & {*PROTECTED_COLUMNS}:
            return "It is protected, or computed from what is protected: it cannot be changed."
        if name not in COLUMNS:
            return (
                "It is computed: change the columns of the application from which it is computed."
            )
        if name not in self.store.names:
            return "No feature of these clients is this column: it cannot be changed."
        if lacking := sorted(self._amendments.needs([name]) - {*self.store.names}):
            return f"It cannot be changed: the client store lacks {abbreviated(lacking)}."
        return ""

    def _is_exact(self, columns: Sequence[str]) -> bool:
        needed = self._amendments.needs(columns) - self.store.exact
        return all(is_exact(name) for name in needed)


def range_of(column: Column) -> tuple[float, float] | None:
    """The least and the greatest number of a column; None for a text.

    >>> range_of(COLUMNS["DAYS_BIRTH"]), range_of(COLUMNS["NAME_HOUSING_TYPE"])
    ((-1000000, 0), None)
    """
    if column.kind == "text":
        return None
    least, greatest = column.between
    return (
        -column.largest if least is None else least,
        column.largest if greatest is None else greatest,
    )


def is_whole(column: Column) -> bool:
    """Whether a fraction is refused."""
    return column.is_whole or column.kind in _WHOLE


def _fault(name: str, value: Any) -> str:
    """What is wrong with a new value; empty if the column takes it."""
    column = COLUMNS[name]
    if value is None:
        return "" if column.nullable else "It takes no null."
    limits = range_of(column)
    if limits is None:
        right = isinstance(value, str) and value in column.levels
        return "" if right else "It takes one of its levels; GET /features?changeable=1 lists them."
    if isinstance(value, bool) or not isinstance(value, float | int):
        return "It takes a number."
    if not limits[0] <= value <= limits[1]:
        return f"It takes a number from {limits[0]:,} to {limits[1]:,}."
    if is_whole(column) and value != int(value):
        return "It takes a whole number."
    return ""
