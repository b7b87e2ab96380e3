"""Bands of age and duration: their numbers, and the prose that repeats their bounds."""

import itertools

import narwhals as nw
import polars as pl
import pytest

from project_tools.features.catalogue import all_features
from project_tools.features.definitions.application import band
from project_tools.features.definitions.bands import AGE, BANDS, DURATION, Bands


@pytest.mark.parametrize(
    ("bands", "value", "number"),
    [
        (AGE, 27.0, 1),  # a band contains its upper bound
        (AGE, 27.001, 2),
        (AGE, 50.0, 3),
        (AGE, 65.0, 4),
        (AGE, 99.0, 5),
        (AGE, 99.001, 0),  # above the largest plausible age
        (AGE, None, 0),
        (DURATION, 6.0, 1),
        (DURATION, 6.5, 2),
        (DURATION, 36.0, 6),
        (DURATION, 36.001, 7),  # the last band is open
        (DURATION, 1e9, 7),
        (DURATION, None, 0),
    ],
)
def test_a_value_gets_the_number_of_its_band(
    bands: Bands, value: float | None, number: int
) -> None:
    frame = nw.from_native(pl.DataFrame({"x": [value]}, schema={"x": pl.Float64}))
    assert frame.select(band(nw.col("x"), bands)).to_native().item() == number


def test_the_words_of_the_duration_group_hold() -> None:
    """Each range is half a year, but the last one: it holds all that is above 36 months."""
    sentence = all_features()["CREDIT_TO_ANNUITY_GROUP"].sentence
    assert (
        "1 up to 6, 2 up to 12, 3 up to 18, 4 up to 24, 5 up to 30, 6 up to 36, 7 above" in sentence
    )
    assert len(DURATION.bounds) + 1 == 7
    assert DURATION.unit == "months"
    assert {high - low for low, high in itertools.pairwise((0, *DURATION.bounds))} == {6}


def test_the_bands_are_of_features() -> None:
    assert BANDS.keys() <= all_features().keys()
