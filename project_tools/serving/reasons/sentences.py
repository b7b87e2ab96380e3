"""A reason as one sentence that can be said aloud, in the words of one language."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from project_tools.errors import FeatureError
from project_tools.serving.reasons.concepts import BY_CODE, CONCEPTS, Direction, Sayable
from project_tools.serving.reasons.languages import words_of
from project_tools.serving.reasons.spoken import Quantity, quantity

#: Every feature whose value a sentence may say.
SAYABLE = {name: said for concept in CONCEPTS for name, said in concept.sayable.items()}
#: Levels by which the tables say that they do not know.
_NO_LEVEL = frozenset({"XNA", "Unknown"})
#: A value that speaks for no side is said where it differs so much from the usual one.
_APART = 0.1
#: A part of a sentence that is left out without a usual value.
_OPTIONAL = re.compile(r"\[([^]]*)\]")


@dataclass(frozen=True, slots=True)
class Fact:
    """A feature's value as the reason gives it: ``None`` where the value is missing.

    ``usual`` is the usual value of those who repaid; ``None`` for a category, or if it is not there.
    """

    feature: str
    value: float | str | None
    usual: float | None = None

    @property
    def missing(self) -> bool:
        """Whether the value is not there."""
        if isinstance(self.value, str):
            return self.value in _NO_LEVEL
        return self.value is None or math.isnan(self.value)


def says(fact: Fact, direction: Direction) -> bool:
    """Whether a sentence may give the fact as a reason in this direction.

    The value, as it is said, lies on the side of the usual value that moves the risk so. A missing
    value, a level and a 0 that has a sentence of its own need no usual value. False for a feature
    that is not sayable.
    """
    said = SAYABLE.get(fact.feature)
    if said is None:
        return False
    if isinstance(fact.value, str):
        return said.spoken == "level"
    if fact.value is None or fact.missing:
        return True
    if fact.value == 0:
        return said.zero and (said.riskier == "either" or direction == _direction_of("low", said))
    return _lies_on_the_side(said, direction, fact.value, fact.usual)


def _direction_of(side: str, said: Sayable) -> Direction:
    """What a value on a side of the usual one does."""
    return "raises" if said.riskier == side else "lowers"


def _lies_on_the_side(
    said: Sayable, direction: Direction, value: float, usual: float | None
) -> bool:
    own = quantity(value, said.spoken)
    if said.spoken in {"band", "hour"}:
        return own is not None
    ordinary = None if usual is None else quantity(usual, said.spoken)
    if own is None or ordinary is None or own.size == ordinary.size or own.number == 0:
        return False
    if said.riskier == "either":
        return abs(own.size - ordinary.size) >= _APART * abs(ordinary.size)
    side = "high" if own.size > ordinary.size else "low"
    return direction == _direction_of(side, said)


def sentence(
    code: str, direction: Direction, fact: Fact | None, language: str = "en", currency: str = ""
) -> str:
    """The sentence of a concept that moves the risk in a direction, with a fact or without a value.

    Raises ``FeatureError`` for a code that is no concept, and for a fact that is none of the concept
    or does not speak in this direction; ``SettingError`` for a language without words.

    >>> sentence("external_scores", "raises", Fact("EXT_SOURCE_2", 0.231, 0.55))
    'Your score at the second credit bureau is low: 23 points; 55 is usual.'
    >>> sentence("external_scores", "raises", Fact("EXT_SOURCE_2", None))
    'We have no score from the second bureau.'
    """
    if code not in BY_CODE:
        raise FeatureError(f"{code!r} is no concept")
    words = words_of(language)
    without_value = getattr(words.concepts[code], direction)
    if fact is None:
        return words.spaces(without_value)
    if fact.feature not in BY_CODE[code].sayable or not says(fact, direction):
        raise FeatureError(f"{fact.feature} is no fact that {direction} the risk under {code!r}")
    texts, said = words.facts[fact.feature], SAYABLE[fact.feature]
    if fact.value is None or fact.missing:
        return words.spaces(texts.missing)
    if said.spoken in {"level", "band"}:
        key = fact.value if isinstance(fact.value, str) else f"{fact.value:g}"
        level = words.levels[fact.feature].get(key)
        text = without_value if level is None else getattr(texts, direction)
        return _finished(text.format(value=level), words.spaces)
    assert not isinstance(fact.value, str)  # noqa: S101  (says refused it)
    if fact.value == 0 and texts.zero:
        return words.spaces(texts.zero)
    value = quantity(fact.value, said.spoken)
    usual = None if fact.usual is None else quantity(fact.usual, said.spoken)
    text = getattr(texts, direction)
    text = _OPTIONAL.sub(r"\1" if usual is not None and usual.size else "", text)
    places = {
        "value": _Place(value, words.say, currency),
        "usual": _Place(usual, words.say, currency),
    }
    return _finished(text.format(**places), words.spaces)


def _finished(text: str, spaces: Callable[[str], str]) -> str:
    return spaces(text[:1].upper() + text[1:])


@dataclass(frozen=True, slots=True)
class _Place:
    """A quantity that is put into words where the sentence has its place for it."""

    quantity: Quantity | None
    say: Callable[[Quantity, str, str], str]
    currency: str

    def __format__(self, hint: str) -> str:
        return "" if self.quantity is None else self.say(self.quantity, hint, self.currency)
