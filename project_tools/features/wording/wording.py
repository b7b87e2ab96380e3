"""What one language says of features: a table of words, and nothing else.

``english`` is one such table; another language is one more. Whatever can be derived from the
declared rows (which statistic, over which rows, in which unit) is put together by ``catalogue``
from templates with the places ``{short}``, ``{long}``, ``{rows}``, ``{level}`` and ``{last}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: How a column is spoken of. ``quantity``: larger or smaller; ``date``: earlier or later; ``event``:
#: happens or not, so that a mean is a share; ``key``: counted.
Kind = Literal["quantity", "date", "event", "key"]


@dataclass(frozen=True, slots=True)
class Noun:
    """A column: a few words for a label, a phrase that a client understands for a sentence."""

    short: str
    long: str
    kind: Kind = "quantity"


@dataclass(frozen=True, slots=True)
class Template:
    """How a label and a sentence are put together."""

    label: str
    sentence: str


@dataclass(frozen=True, eq=False)
class Wording:
    """All words of one language."""

    #: Columns of the application, ratios and other features that stand for themselves.
    features: Mapping[str, Noun]
    #: Columns of each staged table, by the history's name.
    columns: Mapping[str, Mapping[str, Noun]]
    #: Columns of the building lived in, by stem; ``building_statistics`` says what their ends mean.
    building: Mapping[str, str]
    building_statistics: Mapping[str, str]
    building_noun: Template
    #: Templates by kind of the column and statistic.
    aggregates: Mapping[Kind, Mapping[str, Template]]
    trend: Template
    share: Template
    group: Mapping[str, Template]
    #: The rows of each subset, by the features' prefix.
    subsets: Mapping[str, str]
    #: The clients of each group, by the features' prefix.
    groups: Mapping[str, str]
    #: Levels whose published code says nothing to a person, by column.
    levels: Mapping[str, Mapping[str, str]]
    #: How a unit ends a sentence; that of a date as it is counted.
    units: Mapping[str, str]
    dates: Mapping[str, str]
    #: Concept by the start of a feature's name; the longest that fits counts.
    concepts: Mapping[str, str]
    building_concept: str

    def noun(self, column: str, history: str = "") -> Noun:
        """What the column is called; in a history's own words where it has them."""
        own = self.columns.get(history, {})
        return own.get(column) or self.features.get(column) or self._of_building(column)

    def _of_building(self, column: str) -> Noun:
        stem, _, end = column.rpartition("_")
        words = {"stem": self.building[stem], "statistic": self.building_statistics[end]}
        return Noun(
            self.building_noun.label.format(**words), self.building_noun.sentence.format(**words)
        )

    def level(self, column: str, level: str) -> str:
        return self.levels.get(column, {}).get(level, level)

    def unit(self, noun: Noun, unit: str) -> str:
        return (self.dates if noun.kind == "date" else {}).get(unit) or self.units[unit]

    def concept(self, name: str) -> str:
        """The subject under which a feature is explained."""
        if name.endswith(tuple(f"_{end}" for end in self.building_statistics)):
            return self.building_concept
        starts = [start for start in self.concepts if name.startswith(start)]
        return self.concepts[max(starts, key=len)]
