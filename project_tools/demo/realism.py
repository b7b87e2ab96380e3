"""How far demonstration tables are from the real tables' figures: nulls, levels, quantiles,
correlations and how well each column alone tells defaults.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from project_tools.demo.figures import Numbers


@dataclass(frozen=True, slots=True)
class Distance:
    """One distance of a column (or a pair): what is measured, here and in the real tables."""

    kind: str
    table: str
    column: str
    here: float
    real: float

    @property
    def gap(self) -> float:
        return self.here - self.real


def distances(
    table: str, rows: pl.DataFrame, figures: Mapping[str, Mapping[str, Any]]
) -> Iterator[Distance]:
    """The distances of each column from its figures (``null``, ``levels``, ``knots``)."""
    for column, known in figures.items():
        values = rows[column]
        yield Distance(
            "null share", table, column, values.null_count() / max(len(values), 1), known["null"]
        )
        found = values.drop_nulls()
        if found.is_empty():
            continue
        if "levels" in known and not found.dtype.is_numeric():
            yield from _levels(table, column, found.cast(pl.String), known["levels"])
        if "knots" in known:
            yield _quantile(table, column, found.cast(pl.Float64).to_numpy(), *known["knots"])


def _levels(
    table: str, column: str, values: pl.Series, shares: Mapping[str, float]
) -> Iterator[Distance]:
    counts = values.value_counts()
    here = dict(zip(counts.to_series(0), (counts["count"] / len(values)).to_list(), strict=True))
    for level, share in shares.items():
        yield Distance("level share", table, f"{column} = {level}", here.get(level, 0.0), share)


def _quantile(table: str, column: str, values: Numbers, at: Any, knots: Any) -> Distance:
    """The worst known quantile: the share of rows at or below its value, against its probability.

    Where many rows share the value, any probability that they cover is right.
    """
    ordered = np.sort(values)
    wanted = np.asarray(at, dtype=float)
    slack = 1e-6 * np.abs(np.asarray(knots, dtype=float))
    below = np.searchsorted(ordered, np.asarray(knots) - slack, side="left") / len(values)
    upto = np.searchsorted(ordered, np.asarray(knots) + slack, side="right") / len(values)
    nearest = np.clip(wanted, below, upto)
    inner = (wanted > 0) & (wanted < 1)
    worst = int(np.argmax(np.abs(nearest - wanted) * inner))
    return Distance("quantile", table, column, float(nearest[worst]), float(wanted[worst]))


def rank_distances(rows: pl.DataFrame, pairs: list[tuple[str, str, float]]) -> list[Distance]:
    """Spearman's correlation of each pair, over the rows that know both."""
    names = sorted({name for a, b, _ in pairs for name in (a, b)})
    found = rows.select(names).cast(pl.Float64).to_pandas().corr("spearman")
    place = {name: at for at, name in enumerate(found.columns)}
    ranks = found.to_numpy(dtype=float)
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
    """Share of pairs of a defaulted and another client that the values order rightly.

    Nulls (NaN) are left out; ties count half.

    >>> auc(np.array([1.0, 2.0, 3.0, np.nan]), np.array([0, 1, 1, 0]))
    1.0
    """
    known = np.isfinite(values)
    ranks = pl.Series(values[known]).rank().to_numpy()
    bad = target[known] == 1
    n = int(bad.sum())
    return float((ranks[bad].sum() - n * (n + 1) / 2) / (n * (len(bad) - n)))


def auc_distances(rows: pl.DataFrame, aucs: Mapping[str, float]) -> list[Distance]:
    """The AUC of each column alone, the strongest first."""
    target = rows["TARGET"].to_numpy()
    strongest = sorted(aucs, key=lambda name: -abs(aucs[name] - 0.5))
    return [
        Distance(
            "AUC alone", "application_train", name,
            auc(rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy(), target), aucs[name],
        )
        for name in strongest
    ]  # fmt: skip
