"""Each way to display a value, with the odd numbers by name."""

import math

import pytest

from project_tools.features.definitions.bands import AGE, DURATION
from project_tools.features.wording.display import band_words, displayed


@pytest.mark.parametrize(
    ("display", "value", "text"),
    [
        ("age", -15000.0, "41 years"),
        ("age", -9855.0, "27 years"),  # 27 · 365: the upper bound of the first age range
        ("age", -364.0, "0 years"),
        ("age", 3.0, "in 3 days"),  # no birth: the value of a damaged table
        ("when_days", -1174.0, "3.2 years ago"),
        ("when_days", -729.0, "24 months ago"),
        ("when_days", -59.0, "59 days ago"),
        ("when_days", -1.0, "1 day ago"),
        ("when_days", -0.4, "on the day of the application"),  # an average
        ("when_days", 0.0, "on the day of the application"),
        ("when_days", 900.0, "in 2.5 years"),
        ("when_months", -37.0, "37 months ago"),
        ("when_months", -1.0, "1 month ago"),
        ("when_months", 0.0, "in the month of the application"),
        ("when_months", -10.25, "10.2 months ago"),
        ("years", 1.0, "1 year"),
        ("years", 12.0, "12 years"),
        ("hour", 10.5, "10:30"),
        ("hour", 0.0, "0:00"),
        ("hour", 23.999, "24:00"),
        ("hour", 25.0, "25"),
        ("days", 1.0, "1 day"),
        ("days", 2.25, "2.25 days"),
        ("days", 1e6, "1,000,000 days"),
        ("days_earlier", 30.0, "30 days earlier"),
        ("days_earlier", -30.0, "30 days later"),
        ("days_earlier", 0.0, "as planned"),
        ("months", 1.0, "1 month"),
        ("hours_later", -2.5, "2.5 hours earlier"),
        ("hours_later", 0.001, "at the same hour"),
        ("money", 1234567.5, "1,234,568"),
        ("money", 12.345, "12.35"),
        ("money", -45000.0, "\N{MINUS SIGN}45,000"),
        ("percent", 0.2741, "27.4 %"),
        ("percent", 0.0001, "under 0.1 %"),
        ("percent", 0.99999, "over 99.9 %"),
        ("percent", 1.0, "100 %"),
        ("percent", 1.5, "150 %"),
        ("percent", -0.03, "\N{MINUS SIGN}3 %"),
        ("count", 3.0, "3"),
        ("count", 2 / 3, "0.67"),
        ("score", 0.50612345, "0.506"),
        ("yes_no", 1.0, "yes"),
        ("yes_no", 0.0, "no"),
        ("rating", 2.0, "2 on a scale from 1 to 3"),
        ("scale", 0.0825, "0.0825 on a scale from 0 to 1"),
        ("ratio", 24.312345, "24.31"),
        ("money_per_day", -12.5, "12.5 per day"),  # income over days counted back
        ("share_of_time", -10 / (40 * 365), "25 %"),  # a car of 10 years, a client of 40
        ("days_per_payment", -0.3, "falls by 0.3 days per payment"),
        ("days_per_payment", 1.0, "rises by 1 day per payment"),
        ("days_per_payment", 1e-17, "does not change"),
        ("money_per_payment", 250.4, "rises by 250 per payment"),
    ],
)
def test_a_value_is_displayed(display: str, value: float, text: str) -> None:
    row = {"name": "X", "unit": "", "display": display}
    assert displayed(value, row).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_a_missing_value_is_said_to_be_not_known(value: float | None) -> None:
    assert displayed(value, {"name": "X", "unit": "days", "display": "days"}) == "not known"


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("days²", "12 squared days"),
        ("currency²", "12 squared amounts of money"),
        ("months²", "12 squared months"),
        ("", "12"),
    ],
)
def test_a_number_says_its_squared_unit(unit: str, text: str) -> None:
    assert displayed(12.0, {"name": "X", "unit": unit, "display": "number"}) == text


def test_a_display_of_a_later_version_is_refused() -> None:
    with pytest.raises(ValueError, match="'furlongs' is no display; the displays are level, band"):
        displayed(1.0, {"name": "X", "unit": "", "display": "furlongs"})


def test_levels_and_bands_are_shown_in_words() -> None:
    education = {"name": "NAME_EDUCATION_TYPE", "unit": "", "display": "level"}
    assert displayed("Secondary / secondary special", education) == "secondary school"
    age = {"name": "AGE_RANGE", "unit": "", "display": "band"}
    assert displayed(2.0, age) == "over 27, up to 40 years"
    assert displayed(0.0, age) == "over 99 years, or not known"
    assert displayed(6.5, age) == "6.5"
    assert band_words(AGE)[5] == "over 65, up to 99 years"
    assert band_words(DURATION)[7] == "over 36 months"
