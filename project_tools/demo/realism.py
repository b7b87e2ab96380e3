"""Distances of demonstration tables from the real tables' figures.

They compare nulls, levels, quantiles, rank correlations, and the AUC of each column alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from project_tools.demo.figures import Numbers


@dataclass(frozen=True, slots=True)
class Distance:
    """A figure of a column or a pair of columns, here and in the real tables."""

    kind: str
    table: str
    column: str
    here: float
    real: float

    @property
    def gap(self) -> float:
        """The figure here minus the real one."""
        return self.here - self.real


def distances(
    table: str, rows: pl.DataFrame, figures: Mapping[str, Mapping[str, Any]]
) -> Iterator[Distance]:
    """The distances of each column of ``figures`` (``null``, ``levels``, ``knots``)."""
    for column, real in figures.items():
        values = rows[column]
        nulls = values.null_count() / max(len(values), 1)
        yield Distance("null share", table, column, nulls, real["null"])
        values = values.drop_nulls()
        if values.is_empty():
            continue
        if "levels" in real and not values.dtype.is_numeric():
            yield from _levels(table, column, values.cast(pl.String), real["levels"])
        if "knots" in real:
            yield _quantile(table, column, values.cast(pl.Float64).to_numpy(), *real["knots"])


def _levels(
    table: str, column: str, values: pl.Series, shares: Mapping[str, float]
) -> Iterator[Distance]:
    counts = values.value_counts()
    here = dict(zip(counts.to_series(0), (counts["count"] / len(values)).to_list(), strict=True))
    for level, share in shares.items():
        yield Distance("level share", table, f"{column} = {level}", here.get(level, 0.0), share)


def _quantile(table: str, column: str, values: Numbers, at: Any, knots: Any) -> Distance:
    """The quantile that is farthest off: the share of rows up to its value, and its probability.

    If many rows have this value, every probability that they cover counts as right.
    """
    ordered = np.sort(values)
    real = np.asarray(at, dtype=float)
    slack = 1e-6 * np.abs(np.asarray(knots, dtype=float))
    below = np.searchsorted(ordered, np.asarray(knots) - slack, side="left") / len(values)
    upto = np.searchsorted(ordered, np.asarray(knots) + slack, side="right") / len(values)
    nearest = np.clip(real, below, upto)
    inner = (real > 0) & (real < 1)
    worst = int(np.argmax(np.abs(nearest - real) * inner))
    return Distance("quantile", table, column, float(nearest[worst]), float(real[worst]))


def rank_distances(rows: pl.DataFrame, pairs: list[tuple[str, str, float]]) -> list[Distance]:
    """Spearman's correlation of each pair, over the rows that have both values."""
    names = sorted({name for a, b, _ in pairs for name in (a, b)})
    ranks = rows.select(names).cast(pl.Float64).to_pandas().corr("spearman").to_numpy(dtype=float)
    place = {name: at for at, name in enumerate(names)}
    return [
        Distance(
            "rank correlation",
            "application_train",
            f"{a} ~ {b}",
            float(ranks[place[a], place[b]]),
            real,
        )
        for a, b, real in pairs
        if np.isfinite(ranks[place[a], place[b]])
    ]


def auc(values: Numbers, target: Numbers) -> float:
    """Share of the pairs of a defaulter and a non-defaulter in which the defaulter's value is higher.

    Ties count half; nulls (NaN) are left out.

    >>> auc(np.array([1.0, 2.0, 3.0, np.nan]), np.array([0, 1, 1, 0]))
    1.0
    """
    finite = np.isfinite(values)
    ranks = pl.Series(values[finite]).rank().to_numpy()
    bad = target[finite] == 1
    n = int(bad.sum())
    return float((ranks[bad].sum() - n * (n + 1) / 2) / (n * (len(bad) - n)))


def auc_distances(rows: pl.DataFrame, aucs: Mapping[str, float]) -> list[Distance]:
    """The AUC of each column alone; the column with the strongest real one comes first."""
    target = rows["TARGET"].to_numpy()
    strongest = sorted(aucs, key=lambda name: -abs(aucs[name] - 0.5))
    return [
        Distance(
            "AUC alone", "application_train", name,
            auc(rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy(), target), aucs[name],
        )
        for name in strongest
    ]  # fmt: skip
