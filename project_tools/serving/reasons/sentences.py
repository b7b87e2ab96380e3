"""A reason as one sentence that can be said aloud, in the words of one language."""

import math
from dataclasses import dataclass

from project_tools.errors import FeatureError
from project_tools.serving.reasons.concepts import BY_CODE, CONCEPTS, Direction, Sayable
from project_tools.serving.reasons.languages import words_of
from project_tools.serving.reasons.spoken import quantity

#: Every feature whose value a sentence may say.
SAYABLE = {name: said for concept in CONCEPTS for name, said in concept.sayable.items()}


@dataclass(frozen=True, slots=True)
class Fact:
    """A feature's value as the reason gives it: ``None`` where the value is missing.

    ``usual`` is the usual value of those who repaid; ``None`` for a category, or if it is not there.
    """

    feature: str
    value: float | str | None
    usual: float | None = None


def says(fact: Fact, direction: Direction) -> bool:
    """Whether a sentence may give the fact as a reason in this direction.

    The value, as it is said, lies on the side of the usual value that moves the risk so; a missing
    value and a level always may. False for a feature that is not sayable.
    """
    said = SAYABLE.get(fact.feature)
    if said is None:
        return False
    if isinstance(fact.value, str) or is_missing(fact):
        return True
    if said.zero and fact.value == 0 and (said.riskier == "either" or direction == "lowers"):
        return True
    return _lies_on_the_side(said, direction, fact)


def is_missing(fact: Fact) -> bool:
    """Whether the value is not there."""
    return fact.value is None or (isinstance(fact.value, float) and math.isnan(fact.value))


def _lies_on_the_side(said: Sayable, direction: Direction, fact: Fact) -> bool:
    value = quantity(float(fact.value or 0), said.spoken)
    if said.spoken in {"band", "hour"}:
        return value is not None
    usual = None if fact.usual is None else quantity(fact.usual, said.spoken)
    if value is None or usual is None or (value.size == 0 and fact.value != 0):
        return False
    if said.riskier == "either":
        return value.size != usual.size
    above = said.riskier == ("high" if direction == "raises" else "low")
    return value.size > usual.size if above else value.size < usual.size


def sentence(
    code: str, direction: Direction, fact: Fact | None, language: str = "en", currency: str = ""
) -> str:
    """The sentence of a concept that moves the risk in a direction, with a fact or without a value.

    Raises ``FeatureError`` for a code that is no concept, for a fact of another concept, and for one
    that does not speak in this direction; ``SettingError`` for a language without words.
    """
    if code not in BY_CODE:
        raise FeatureError(f"{code!r} is no concept")
    words = words_of(language)
    if fact is None:
        return str(getattr(words.concepts[code], direction))
    if fact.feature not in BY_CODE[code].sayable or not says(fact, direction):
        raise FeatureError(f"{fact.feature} is no fact that {direction} the risk under {code!r}")
    del currency
    return str(getattr(words.concepts[code], direction))
