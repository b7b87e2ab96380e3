"""What the words of one language consist of; ``english`` and ``french`` are such tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from project_tools.serving.reasons.spoken import Quantity


@dataclass(frozen=True, slots=True)
class ConceptWords:
    """A concept's name, and its sentences without a value for each direction."""

    label: str
    raises: str
    lowers: str


@dataclass(frozen=True, slots=True)
class Said:
    """The sentences of a feature: its value raises or lowers the risk, is missing, or is 0.

    ``{value}`` and ``{usual}`` are the places for numbers; what follows a colon, as in
    ``{value:loan|loans}``, is for ``Words.say``. A part in brackets is left out if the usual value
    is 0 or not there.
    """

    raises: str
    lowers: str
    missing: str
    zero: str = ""

    @classmethod
    def flag(cls, yes: str, no: str, missing: str) -> Self:
        """Of a flag that speaks for itself: ``yes`` raises the risk, ``no`` lowers it."""
        return cls(yes, no, missing, no)


@dataclass(frozen=True, slots=True)
class Words:
    """All words of one language that a reason needs."""

    concepts: Mapping[str, ConceptWords]
    facts: Mapping[str, Said]
    #: The levels of each category and band, by feature.
    levels: Mapping[str, Mapping[str, str]]
    #: A quantity in words; the noun's forms or another hint of the place; the currency.
    say: Callable[[Quantity, str, str], str]
    #: Puts the spaces that the language wants at signs and in numbers.
    spaces: Callable[[str], str]
    #: What stands around the reasons: the decision, the risk, with whom it is compared, the sides.
    phrases: Mapping[str, str]
    #: What is said where a protected concept is a principal reason.
    blocked: str
    #: The texts of the printable sheet around the reasons.
    sheet: Mapping[str, str]
