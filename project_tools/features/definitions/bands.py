"""Bounds of the bands that numbers are sorted into. Expressions, peers and words read them here.

This module imports no engine, so that answers about a group can name its bounds cheaply.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bands:
    """Bands of a number, numbered 1, 2, 3 … from the lowest; a band contains its upper bound.

    Band 0 is for a missing value, and for a value above ``highest`` where there is one.
    """

    bounds: tuple[int, ...]
    unit: str
    #: The largest plausible value, if the last band ends.
    highest: int | None = None


AGE = Bands((27, 40, 50, 65), "years", highest=99)
DURATION = Bands((6, 12, 18, 24, 30, 36), "months")
#: The features that hold the number of a band.
BANDS = {"AGE_RANGE": AGE, "CREDIT_TO_ANNUITY_GROUP": DURATION}
