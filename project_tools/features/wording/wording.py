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
#: How the value of a feature is displayed (``wording.display``). Raw values that count back from the
#: application are negative; they are displayed as "3 years ago". ``scale`` has no unit at all.
Display = Literal[
    "level", "band", "yes_no", "rating", "age", "years", "when_days", "when_months", "hour", "days",
    "days_earlier", "months", "hours_later", "money", "percent", "count", "score", "ratio", "scale",
    "number", "money_per_day", "share_of_time", "days_per_payment", "money_per_payment",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Noun:
    """The words for a column: ``short`` for a label, ``long`` for a sentence that clients understand.

    Both hold ``{level}`` if the column is only counted by its levels.
    """

    short: str
    long: str
    kind: Kind = "quantity"


@dataclass(frozen=True, slots=True)
class Template:
    """Patterns of a label and a sentence, with fields for ``str.format``."""

    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ValueWords:
    """The words for values in one language."""

    missing: str
    yes: str
    no: str
    #: Singular and plural of each unit.
    units: Mapping[str, tuple[str, str]]
    #: Phrases by name, with fields for ``str.format``.
    phrases: Mapping[str, str]
    #: The levels of each category in words, by feature.
    levels: Mapping[str, Mapping[str, str]]
    #: Between groups of three digits, before the fraction, and after a number in percent.
    thousands: str = ","
    point: str = "."
    percent: str = " %"
    #: A number below this one takes the singular; 1 does everywhere.
    singular_below: float = 0


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
    #: What fills a noun's field ``{level}``, by history, column and level.
    levels: Mapping[str, Mapping[str, Mapping[str, str]]]
    #: End of a sentence by display (none for the others), and by unit for the squared units.
    endings: Mapping[Display, str]
    squares: Mapping[str, str]
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

    def level(self, history: str, column: str, level: str) -> Noun:
        """The words for the rows of a history that have a level; ``KeyError`` if there are none."""
        words, noun = self.levels[history][column][level], self.noun(column, history)
        return Noun(noun.short.format(level=words), noun.long.format(level=words), noun.kind)

    def ending(self, display: Display, unit: str) -> str:
        """The end of a sentence about numbers that are displayed in this way.

        Raises ``KeyError`` for an unknown squared unit.
        """
        squared = display == "number" and unit
        return self.squares[unit] if squared else self.endings.get(display, "")

    def concept(self, name: str) -> str:
        """The concept of a feature, such as "Income", under which it is explained.

        Raises ``ValueError`` if no start of a name in ``concepts`` matches.
        """
        if name.endswith(tuple(f"_{end}" for end in self.building_statistics)):
            return self.building_concept
        starts = [start for start in self.concepts if name.startswith(start)]
        return self.concepts[max(starts, key=len)]
