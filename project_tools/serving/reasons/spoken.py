"""Numbers as people say them: two significant figures, in the unit that one would use aloud.

The same in every language: two values are compared as they are said. ``english`` and ``french`` add
the words.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from project_tools.features.wording.display import MONTH, YEAR
from project_tools.serving.reasons.concepts import Spoken

#: ``of``: a share such as "one in six", or so many in 100; ``item``: a plain number of things.
Unit = Literal[
    "of", "percent", "point", "money", "item", "day", "week", "month", "year", "hour", "grade"
]
_DAYS: Mapping[str, float] = {"day": 1.0, "week": 7.0, "month": MONTH, "year": float(YEAR)}
#: From so many days on, a time is said in weeks, months, years.
_WEEKS, _MONTHS, _YEARS = 21, 60, 730
#: A share is said as "one in n" up to this n, if that differs from it by at most a tenth.
_LARGEST_N, _TOLERANCE = 50, 0.1


#: No hour, grade or time of a person's life is larger.
_LARGEST: Mapping[Spoken, float] = {
    "hour": 24, "band": 7, "rating": 3, "points": 1, "years": 99,
    **dict.fromkeys(("age", "ago", "since", "days"), 99.0 * YEAR),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as it is said, with its unit; ``of`` is the n of "one in n".

    ``when``: a point of time; the number is 0 or less, as it lies before the application.
    """

    number: float
    unit: Unit
    of: int = 1
    when: bool = False

    @property
    def size(self) -> float:
        """What two quantities of one kind are compared by."""
        return self.number * _DAYS.get(self.unit, 1.0) / self.of


def quantity(value: float, spoken: Spoken) -> Quantity | None:
    """The value as it is said; ``None`` if nobody would say it.

    Nobody says a negative amount, a day after the application as one before it, or hour 101.

    >>> quantity(0.17, "share"), quantity(-1100.0, "ago")
    (Quantity(number=1, unit='of', of=6, when=False), Quantity(number=-3, unit='year', of=1, when=True))
    """
    in_past = spoken in {"ago", "age", "since"}
    if not math.isfinite(value) or (value > 0 if in_past else value < 0):
        return None
    if abs(value) > _LARGEST.get(spoken, math.inf):
        return None
    return _QUANTITIES[spoken](value)


def two_figures(number: float) -> float:
    """The number to two significant figures, and no more than two after the point.

    >>> two_figures(406597.5), two_figures(0.1234), two_figures(0.001)
    (410000.0, 0.12, 0.0)
    """
    return round(float(f"{number:.2g}"), 2)


def _ago(days: float) -> Quantity:
    length = _length(-days)
    return Quantity(-length.number, length.unit, when=True)


def _length(days: float) -> Quantity:
    """A time, at least 0 days."""
    if days < _WEEKS:
        return Quantity(round(days), "day")
    if days < _MONTHS:
        return Quantity(round(days / 7), "week")
    if days < _YEARS:
        return Quantity(round(days / MONTH), "month")
    return Quantity(round(two_figures(days / YEAR)), "year")


def _share(share: float) -> Quantity:
    if share in {0.0, 1.0}:
        return Quantity(share, "of")
    percent = Quantity(two_figures(100 * share), "of", 100)
    if not 1 / (2 * _LARGEST_N) <= share <= 1:
        return percent
    small, n = min(share, 1 - share), round(1 / min(share, 1 - share))
    if n > _LARGEST_N or abs(1 / n - small) > _TOLERANCE * small:
        return percent
    return Quantity(1 if share == small else n - 1, "of", n)


def _percent(share: float) -> Quantity:
    return Quantity(two_figures(100 * share), "percent")


def _count(value: float) -> Quantity:
    return Quantity(two_figures(value), "item")


_QUANTITIES: Mapping[Spoken, Callable[[float], Quantity]] = {
    "points": lambda value: Quantity(round(100 * value), "point"),
    "share": _share,
    "percent": _percent,
    "money": lambda value: Quantity(round(two_figures(value)), "money"),
    "count": _count,
    "years": lambda value: Quantity(round(value), "year"),
    "days": _length,
    "hour": lambda value: Quantity(round(value), "hour"),
    "age": lambda value: Quantity(math.floor(-value / YEAR), "year"),
    "ago": _ago,
    "since": lambda value: _length(-value),
    "rating": lambda value: Quantity(round(value), "grade"),
    "flag": _count,
    "band": lambda value: Quantity(round(value), "grade"),
}
