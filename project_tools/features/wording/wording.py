"""The words for the features in one language, as a table without any logic of a feature.

``english`` is such a table; another language is another module. ``catalogue`` derives the statistic,
the rows and the unit of a feature from its declaration, and fills the templates' fields ``{short}``,
``{long}``, ``{rows}``, ``{level}`` and ``{last}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

#: How the values of a column are described. ``quantity``: larger or smaller; ``date``: earlier or
#: later; ``event``: it happens or not, so that a mean is a share; ``key``: they are only counted.
Kind = Literal["quantity", "date", "event", "key"]


@dataclass(frozen=True, slots=True)
class Noun:
    """The words for a column: ``short`` for a label, ``long`` for a sentence that clients understand."""

    short: str
    long: str
    kind: Kind = "quantity"


@dataclass(frozen=True, slots=True)
class Template:
    """Patterns of a label and a sentence, with fields for ``str.format``."""

    label: str
    sentence: str


@dataclass(frozen=True, eq=False)
class Wording:
    """All words of one language."""

    #: Columns of the application, ratios and other features that are not aggregates.
    features: Mapping[str, Noun]
    #: Columns of each history, by its name.
    columns: Mapping[str, Mapping[str, Noun]]
    #: Columns of the client's building by the start of their name, and statistics by its end.
    building: Mapping[str, str]
    building_statistics: Mapping[str, str]
    building_noun: Template
    #: Templates by kind of the column and statistic.
    aggregates: Mapping[Kind, Mapping[str, Template]]
    trend: Template
    share: Template
    group: Mapping[str, Template]
    #: The rows of each subset, by the prefix of its features.
    subsets: Mapping[str, str]
    #: The clients of each group, by the prefix of its features.
    groups: Mapping[str, str]
    #: Words for levels whose published code is hard to understand, by column.
    levels: Mapping[str, Mapping[str, str]]
    #: End of a sentence for each unit, and for units of dates.
    units: Mapping[str, str]
    dates: Mapping[str, str]
    #: Concept by the start of a feature's name; the longest matching start decides.
    concepts: Mapping[str, str]
    building_concept: str

    def noun(self, column: str, history: str = "") -> Noun:
        """The words for a column, those of the history first; ``KeyError`` if there are none."""
        own = self.columns.get(history, {})
        if noun := own.get(column) or self.features.get(column):
            return noun
        stem, _, end = column.rpartition("_")
        words = {"stem": self.building[stem], "statistic": self.building_statistics[end]}
        return Noun(
            self.building_noun.label.format(**words), self.building_noun.sentence.format(**words)
        )

    def level(self, column: str, level: str) -> str:
        """The words for a level of a column; the level itself if there are none."""
        return self.levels.get(column, {}).get(level, level)

    def unit(self, noun: Noun, unit: str) -> str:
        """The end of a sentence about numbers in a unit; ``KeyError`` for an unknown unit."""
        return (self.dates if noun.kind == "date" else {}).get(unit) or self.units[unit]

    def concept(self, name: str) -> str:
        """The concept of a feature, such as "Income", under which it is explained.

        Raises ``ValueError`` if no start of a name in ``concepts`` matches.
        """
        if name.endswith(tuple(f"_{end}" for end in self.building_statistics)):
            return self.building_concept
        starts = [start for start in self.concepts if name.startswith(start)]
        return self.concepts[max(starts, key=len)]
