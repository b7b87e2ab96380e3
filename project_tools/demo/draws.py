"""Random draws that the modules of the clients' histories share."""

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from project_tools.demo.figures import Flags, Numbers, Whole

#: Days between two due dates.
MONTH = 30.4375
#: Earliest day and month of the histories, counted from the application.
FIRST_DAY, FIRST_MONTH = -2922, -96


def owners(random: np.random.Generator, has: Flags, extra: Numbers, shape: float) -> Whole:
    """Positions of the clients that own the rows; each client with ``has`` owns at least one.

    The number of rows beyond the first is a gamma-Poisson draw with mean ``extra``: it has a long
    tail, the longer the smaller ``shape`` is.
    """
    rate = extra * random.gamma(shape, 1 / shape, len(has))
    return np.repeat(np.arange(len(has)), has * (1 + random.poisson(rate)))


def spread(counts: Whole) -> tuple[Whole, Whole]:
    """Positions of rows that are repeated ``counts`` times, and the number of each repetition from 0.

    >>> [x.tolist() for x in spread(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    of = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return of, np.arange(len(of)) - np.repeat(starts, counts)


def leaning(random: np.random.Generator, lean: Numbers, strength: float) -> Numbers:
    """Probabilities, uniform over all rows, that grow with ``lean`` (standard normal).

    ``strength`` is the correlation of their normal quantiles with ``lean``.
    """
    noise = np.sqrt(1 - strength**2) * random.standard_normal(len(lean))
    return np.asarray(ndtr(strength * lean + noise))


def draw(random: np.random.Generator, shares: Sequence[float], rows: int) -> Whole:
    """Positions in ``shares``, drawn independently with these shares as weights."""
    edges = np.cumsum(np.asarray(shares, dtype=float))
    at = np.searchsorted(edges / edges[-1], random.random(rows), side="right")
    return np.minimum(at, len(shares) - 1)


def cents(values: Numbers, grid: float = 4.5) -> Numbers:
    """Amounts rounded to multiples of ``grid``, as in the real tables' anonymised currency.

    >>> cents(np.array([10.0, 11.0])).tolist()
    [9.0, 9.0]
    """
    return np.round(values / grid) * grid


def identities(random: np.random.Generator, first: int, reserved: int, rows: int) -> Whole:
    """Distinct ids in random order, from ``first`` on, out of those ``reserved`` for a chunk."""
    return first + random.permutation(max(reserved, rows))[:rows]
