"""The value of a feature as people read it: in the unit that its label says, never as a raw code.

It needs no engine, so that an answer about a client imports nothing heavy.
"""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from project_tools.features.definitions.bands import BANDS, Bands
from project_tools.features.wording.english import ENGLISH_VALUES
from project_tools.features.wording.wording import Display, ValueWords

#: The age ranges count 365 days as a year; so does every age shown.
YEAR = 365
MONTH = 365 / 12
#: From here on a time is shown in months, then in years, not in days.
_MONTHS_FROM, _YEARS_FROM = 60, 730
#: The displays that a sentence for speech may hold.
SPOKEN: frozenset[Display] = frozenset((
    "level", "band", "yes_no", "age", "years", "when_days", "when_months", "hour", "days",
    "days_earlier", "months", "hours_later", "money", "percent", "count", "score", "rating",
))  # fmt: skip

_SQUARES = {"days²": "squared day", "months²": "squared month", "currency²": "squared amount"}
_MINUS = "\N{MINUS SIGN}"


def displayed(
    value: float | str | None, row: Mapping[str, Any], words: ValueWords = ENGLISH_VALUES
) -> str:
    """The value of a feature in words; ``row`` is the feature's row of the catalogue, as JSON.

    A missing value, and a number that is not finite, is said to be not known. ``ValueError`` for a
    display that this version does not know.

    >>> displayed(-15000.0, {"name": "DAYS_BIRTH", "display": "age", "unit": "days"})
    '41 years'
    >>> displayed(None, {"name": "AMT_CREDIT", "display": "money", "unit": "currency"})
    'not known'
    """
    display = row["display"]
    if display not in _SHOWN:
        raise ValueError(f"{display!r} is no display; the displays are {', '.join(_SHOWN)}")
    if value is None:
        return words.missing
    if isinstance(value, str):
        return words.levels.get(row["name"], {}).get(value, value)
    if not math.isfinite(value):
        return words.missing
    if display == "band":
        return next(
            (text for band, text in band_words(BANDS[row["name"]], words).items() if band == value),
            plain(value, words),
        )
    if display == "number":
        return _number_in(value, row["unit"], words)
    return _SHOWN[display](value, words)


def band_words(bands: Bands, words: ValueWords = ENGLISH_VALUES) -> dict[int, str]:
    """Each band in words, by its number.

    >>> band_words(Bands((6, 12), "months"))
    {0: 'not known', 1: 'up to 6 months', 2: 'over 6, up to 12 months', 3: 'over 12 months'}
    """
    first, *_ = bounds = bands.bounds
    unit = words.units[bands.unit.removesuffix("s")][1]
    inner = enumerate(pairwise((*bounds, *([bands.highest] if bands.highest else []))), 2)
    said = {
        0: words.missing,
        1: words.phrases["up to"].format(high=first, unit=unit),
        **{n: words.phrases["between"].format(low=a, high=b, unit=unit) for n, (a, b) in inner},
    }
    if bands.highest is None:
        return {**said, len(bounds) + 1: words.phrases["over"].format(low=bounds[-1], unit=unit)}
    return {**said, 0: words.phrases["over or missing"].format(low=bands.highest, unit=unit)}


def plain(number: float, words: ValueWords = ENGLISH_VALUES) -> str:
    """A finite number to four figures, or in groups of three without a fraction.

    >>> plain(1234567.8), plain(0.123456), plain(-0.0), plain(999.96), plain(1e30)
    ('1,234,568', '0.1235', '0', '1,000', '1e+30')
    """
    size = abs(number)
    if size >= 1e15:  # noqa: PLR2004  (no person reads more digits)
        text = f"{size:.4g}"
    elif size >= 999.95 or size == int(size):  # noqa: PLR2004  (four figures before the point)
        text = f"{size:,.0f}"
    else:
        text = f"{size:.4g}"
    text = text.translate({ord(","): words.thousands, ord("."): words.point})
    return f"{_MINUS}{text}" if number < 0 else text


def percent(share: float, words: ValueWords = ENGLISH_VALUES) -> str:
    """A share as percent with one decimal; only 0 and 1 are shown as 0 % and 100 %.

    >>> [percent(p) for p in (0.2741, 0.0001, 0.9999, 1.0, 134.0)]
    ['27.4 %', 'under 0.1 %', 'over 99.9 %', '100 %', '13,400 %']
    """
    if 0 < share < 0.0005:  # noqa: PLR2004  (it would be shown as 0 %)
        return words.phrases["tiny"].format(number=f"{plain(0.1, words)}{words.percent}")
    if 0.9995 <= share < 1:  # noqa: PLR2004  (it would be shown as 100 %)
        return words.phrases["nearly all"].format(number=f"{plain(99.9, words)}{words.percent}")
    return f"{plain(_rounded(100 * share), words)}{words.percent}"


def _rounded(number: float) -> float:
    """One decimal; whole from a hundred on."""
    return round(number, 0 if abs(number) >= 100 else 1)  # noqa: PLR2004  (three figures)


def _length(number: float, unit: str, words: ValueWords) -> str:
    """A number with its unit: "1 day", "2.5 days"."""
    text = plain(number, words)
    one = text == "1" or abs(number) < words.singular_below
    return f"{text} {words.units[unit][not one]}"


def _time(days: float, words: ValueWords) -> str:
    """A number of days, at least 0, in days, months or years."""
    if days < _MONTHS_FROM:
        return _length(round(days), "day", words)
    if days < _YEARS_FROM:
        return _length(round(days / MONTH), "month", words)
    return _length(_rounded(days / YEAR), "year", words)


def _from_application(number: float, length: str, same: str, words: ValueWords) -> str:
    if same:
        return words.phrases[same]
    return words.phrases["ahead" if number > 0 else "ago"].format(length=length)


def _when_days(value: float, words: ValueWords) -> str:
    same = "" if round(value) else "same day"
    return _from_application(value, _time(abs(value), words), same, words)


def _when_months(value: float, words: ValueWords) -> str:
    shown = _rounded(abs(value))
    same = "" if shown else "same month"
    return _from_application(value, _length(shown, "month", words), same, words)


def _age(value: float, words: ValueWords) -> str:
    """Completed years; a day after the application is no birth and is shown as such a day."""
    if value > 0:
        return _when_days(value, words)
    return _length(math.floor(-value / YEAR), "year", words)


def _hour(value: float, words: ValueWords) -> str:
    minutes = round(60 * value)
    if not 0 <= value <= 24:  # noqa: PLR2004  (no hour of a day)
        return plain(value, words)
    return f"{minutes // 60}:{minutes % 60:02d}"


def _signed(more: str, less: str, none: str, length: Callable[[float, ValueWords], str]) -> "_Show":
    """Shows the sign of a number by a phrase, so that no number is negative."""

    def show(value: float, words: ValueWords) -> str:
        if round(value, 2) == 0:
            return words.phrases[none]
        return words.phrases[more if value > 0 else less].format(length=length(abs(value), words))

    return show


def _number_in(value: float, unit: str, words: ValueWords) -> str:
    return _length(value, _SQUARES[unit], words) if unit in _SQUARES else plain(value, words)


def _money(value: float, words: ValueWords) -> str:
    """Whole from a hundred on; the tables do not say which currency it is."""
    return plain(round(value) if abs(value) >= 100 else round(value, 2), words)  # noqa: PLR2004


def _yes_no(value: float, words: ValueWords) -> str:
    if value in {0, 1}:
        return words.yes if value else words.no
    return plain(value, words)


_Show = Callable[[float, ValueWords], str]


def _phrase(name: str, factor: float = 1) -> _Show:
    return lambda value, words: words.phrases[name].format(number=plain(factor * value, words))


def _in(unit: str) -> _Show:
    return lambda value, words: _length(round(value, 2), unit, words)


_SHOWN: Mapping[str, _Show] = {
    "level": plain,
    "band": plain,
    "yes_no": _yes_no,
    "rating": _phrase("rating"),
    "age": _age,
    "years": _in("year"),
    "when_days": _when_days,
    "when_months": _when_months,
    "hour": _hour,
    "days": _in("day"),
    "days_earlier": _signed("earlier", "later", "as planned", _in("day")),
    "months": _in("month"),
    "hours_later": _signed("later", "earlier", "same hour", _in("hour")),
    "money": _money,
    "percent": percent,
    "count": lambda value, words: plain(round(value, 2), words),
    "score": lambda value, words: plain(round(value, 3), words),
    "ratio": plain,
    "scale": _phrase("scale"),
    "number": plain,
    "money_per_day": _phrase("per day", -1),
    "share_of_time": lambda value, words: percent(-YEAR * value, words),
    "days_per_payment": _signed("rises", "falls", "level", _in("day")),
    "money_per_payment": _signed("rises", "falls", "level", _money),
}
