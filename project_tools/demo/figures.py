"""The calibration constants: figures of the real tables, read from plain data.

``figures/application.json`` and ``figures/history.json`` were written by
``scripts/calibrate_demo.py``, which names their source. They hold shares, quantiles and
correlations, and no client's row.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from project_tools.demo.frames import Text
from project_tools.tables.declared import TABLES

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
Side = Literal["train", "test"]

#: Probabilities of a column's quantiles; the first and last quantile are its extremes.
PROBABILITIES: Numbers = np.array([0, 0.005, *np.arange(1, 100) / 100, 0.995, 1])
#: Probability above which an amount follows a power law, up to its maximum in the real table.
_TAIL = 0.995


@dataclass(frozen=True)
class Marginal:
    """Distribution of one column in one of the two tables of applications.

    ``null`` is the share of nulls. The other values have quantiles (``knots``) at ``PROBABILITIES``,
    or, if ``knots`` is ``None``, a few ``values`` with their ``shares``.
    """

    null: float
    knots: Numbers | None
    values: tuple[float | str, ...]
    shares: Numbers

    def quantile(self, u: Numbers, *, heavy: bool = False) -> Numbers:
        """The values at the probabilities ``u``; ``heavy`` adds a power-law tail to the quantiles.

        >>> m = Marginal(0.0, None, (1.0, 2.0), np.array([0.25, 0.75]))
        >>> m.quantile(np.array([0.1, 0.9])).tolist()
        [1.0, 2.0]
        """
        if self.knots is None:
            return np.asarray(self.values, dtype=float)[self.position(u)]
        inner = np.interp(u, PROBABILITIES, self.knots)
        return self._with_tail(u, inner) if heavy else inner

    def position(self, u: Numbers) -> Whole:
        """The position in ``values`` at each probability."""
        edges = np.cumsum(self.shares)
        at = np.searchsorted(edges / edges[-1], u, side="right")
        return np.minimum(at, len(self.values) - 1)

    def _with_tail(self, u: Numbers, inner: Numbers) -> Numbers:
        if self.knots is None or self.knots[-4] <= 0:
            return inner
        before, start, end = self.knots[-5], self.knots[-2], self.knots[-1]
        slope = np.log(start / before) / np.log(0.03 / (1 - _TAIL))
        left = np.maximum(1 - u, 1e-12) / (1 - _TAIL)
        return np.where(u > _TAIL, np.minimum(start * left**-slope, end), inner)


@dataclass(frozen=True)
class Applications:
    """The applications' columns: their distributions and how they depend on each other.

    ``basis`` names the latent normal characters, ``correlation`` is their correlation and ``target``
    that of each with default. ``conditionals`` are shares that depend on another column.
    """

    marginals: Mapping[str, Mapping[str, Marginal]]
    basis: tuple[str, ...]
    correlation: Numbers
    target: Numbers
    conditionals: Mapping[str, Mapping[str, Any]]

    def of(self, name: str, side: Side) -> Marginal:
        """Distribution of a column in the table of training or of test applications."""
        return self.marginals[name][side]


def _marginal(figures: Mapping[str, Any]) -> Marginal:
    knots = figures.get("knots")
    levels = figures.get("levels", [])
    return Marginal(
        figures.get("null", 0.0),
        None if knots is None else np.array(knots, dtype=float),
        tuple(value for value, _ in levels),
        np.array([share for _, share in levels], dtype=float),
    )


def applications_from(figures: Mapping[str, Any]) -> Applications:
    """The figures of the applications from the content of ``application.json``."""
    size = len(figures["basis"])
    correlation = np.eye(size)
    lower = np.tril_indices(size, -1)
    correlation[lower] = np.concatenate([np.array(row) for row in figures["correlation"]])
    correlation.T[lower] = correlation[lower]
    return Applications(
        {
            name: {side: _marginal(of) for side, of in sides.items()}
            for name, sides in figures["columns"].items()
        },
        tuple(figures["basis"]),
        correlation,
        np.array(figures["target"]),
        figures["given"],
    )


def plain(name: str) -> dict[str, Any]:
    """The content of ``figures/<name>.json``."""
    path = files("project_tools.demo") / "figures" / f"{name}.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


@cache
def applications() -> Applications:
    """The figures from which the demonstration's applications are drawn."""
    return applications_from(plain("application"))


@cache
def history() -> Mapping[str, Any]:
    """The figures from which the other six tables are drawn, by table."""
    return plain("history")


def text_of(
    table: str, column: str, values: Sequence[float | str], position: Whole | Flags
) -> Text:
    """A text column whose rows hold the declared level ``values[position]``; the value "" is null."""
    levels = TABLES[table].column(column).levels
    codes = np.array([levels.index(str(v)) if v != "" else -1 for v in values], dtype=np.int32)
    return Text(levels, codes[position.astype(np.int64)])
