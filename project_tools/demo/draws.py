"""Small draws that the rooms of the history share."""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from project_tools.demo.figures import Flags, Numbers, Whole
from project_tools.demo.frames import Text
from project_tools.tables.declared import TABLES

#: Length of a month between two due dates, in days.
MONTH = 30.4375
#: The first day and month that the histories reach back to.
FIRST_DAY, FIRST_MONTH = -2922, -96


def owners(random: np.random.Generator, has: Flags, extra: Numbers, shape: float) -> Whole:
    """Positions of the clients that own the rows: each that ``has`` any, once and again.

    The number beyond the first is a gamma-Poisson draw with mean ``extra``: a long tail.
    """
    rate = extra * random.gamma(shape, 1 / shape, len(has))
    return np.repeat(np.arange(len(has)), has * (1 + random.poisson(rate)))


def spread(counts: Whole) -> tuple[Whole, Whole]:
    """For rows repeated ``counts`` times: which row each comes from, and its number from 0.

    >>> [x.tolist() for x in spread(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    of = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return of, np.arange(len(of)) - np.repeat(starts, counts)


def leaning(random: np.random.Generator, lean: Numbers, strength: float) -> Numbers:
    """Probabilities, uniform over all rows, that are the higher the more the row leans."""
    noise = np.sqrt(1 - strength**2) * random.standard_normal(len(lean))
    return np.asarray(ndtr(strength * lean + noise))


def level(table: str, column: str, names: Sequence[str], position: Whole | Flags) -> Text:
    """A text column whose rows hold the declared level ``names[position]``; "" is null."""
    levels = TABLES[table].column(column).levels
    codes = np.array([levels.index(name) if name else -1 for name in names], dtype=np.int32)
    return Text(levels, codes[position.astype(np.int64)])


def draw(random: np.random.Generator, shares: Sequence[float], rows: int) -> Whole:
    """Positions drawn independently with the given shares."""
    edges = np.cumsum(np.asarray(shares, dtype=float))
    at = np.searchsorted(edges / edges[-1], random.random(rows), side="right")
    return np.minimum(at, len(shares) - 1)


def cents(values: Numbers, grid: float = 4.5) -> Numbers:
    """Amounts brought to the grid that the anonymised currency leaves."""
    return np.round(values / grid) * grid


def identities(random: np.random.Generator, first: int, room: int, rows: int) -> Whole:
    """Distinct ids in no order, out of the ``room`` that a chunk has."""
    return first + random.permutation(max(room, rows))[:rows]
