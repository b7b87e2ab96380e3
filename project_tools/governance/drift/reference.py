"""The reference that new rows are compared with: bins and counts, frozen, as plain JSON.

It holds counts of rows and a few quantiles of each column, nothing of one client, and is small
enough to travel with the model.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from project_tools.errors import FeatureError
from project_tools.evaluation.metrics import FN_COST
from project_tools.governance.drift.rows import Decisions, Kind, Numbers, Source
from project_tools.system.files import replacing

Counts = npt.NDArray[np.int64]
#: What the JSON file says it is, and the version of its layout.
FORMAT, VERSION = "credit_drift_reference", 1
#: Bins of a number: tenths of the reference's known values. Its cells, on which the two
#: distributions are compared, are four times as fine.
BINS, CELLS = 10, 40
#: A level with a smaller share of the reference shares one bin with all others like it.
LEAST_SHARE = 0.01
#: Rows with which each tenth expects 5, the least at which the tests hold (W. Cochran, Some
#: Methods for Strengthening the Common χ² Tests, Biometrics 10, 1954).
LEAST_ROWS = 5 * BINS
#: A group of cells is a tenth when this much of one is in it: quantiles of ties are not exact.
_NEARLY = 0.95
MISSING, OTHER = "not known", "other levels"


@dataclass(frozen=True, slots=True)
class NumberBins:
    """A number's cells, ``(edge, next edge]`` with both ends open, and its rows in each."""

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int

    @classmethod
    def of(cls, name: str, values: Numbers) -> Self:
        """Cells between the 1/40 quantiles; a value that fills a cell alone has it to itself."""
        known = np.sort(values[~np.isnan(values)])
        edges = _edges(known)
        cumulated = np.searchsorted(known, edges, side="right")
        counts = np.diff(cumulated, prepend=0, append=len(known))
        shown = tuple(float(str(edge)) for edge in edges)  # the shortest digits of the float32
        return cls(name, shown, tuple(map(int, counts)), len(values) - len(known))

    def count(self, values: Numbers) -> tuple[Counts, int]:
        """Rows of other values in each cell, and those without a value."""
        known = values[~np.isnan(values)]
        cells = np.searchsorted(np.array(self.edges, dtype=np.float32), known, side="left")
        return np.bincount(cells, minlength=len(self.counts)), len(values) - len(known)

    @property
    def starts(self) -> list[int]:
        """Where each bin begins among the cells: a bin holds a tenth of the known rows.

        A cell of a tenth or more is a bin alone, so that such a value can be left on both sides.
        """
        tenth = _NEARLY * sum(self.counts) / BINS
        starts, held = [0], 0
        for cell, count in enumerate(self.counts):
            if cell > starts[-1] and (held >= tenth or count >= tenth):
                starts.append(cell)
                held = 0
            held += count
        if len(starts) > 1 and held < tenth / 2 and not self._full(starts[-2], starts[-1], tenth):
            starts.pop()  # a remainder, which goes to the bin before it
        return starts

    def _full(self, start: int, end: int, tenth: float) -> bool:
        return end - start == 1 and self.counts[start] >= tenth

    @property
    def labels(self) -> list[str]:
        """What each bin holds, in words: ``0 to < 1`` is above 0 and below 1."""
        return [
            self._label(a, b) for a, b in zip(self.starts, [*self.starts[1:], None], strict=True)
        ]

    def _label(self, start: int, end: int | None) -> str:
        low = self._shown(start - 1) if start else None
        high = None if end is None else self._shown(end - 1)
        if low is None and high is None:
            return "all"
        if high is None:
            return f"> {low}"  # the last edge of all has none to lie just below
        if low is None:
            return high if high.startswith("<") else f"≤ {high}"
        return f"= {high}" if low == f"< {high}" else f"{low.removeprefix('< ')} to {high}"

    def _shown(self, place: int) -> str:
        """An edge in four digits; one that lies just below the next as "< next"."""
        edge, following = self.edges[place], self.edges[place + 1 : place + 2]
        if following and np.float32(edge) == _below(np.float32(following[0])):
            return f"< {_digits(following[0])}"
        return _digits(edge)


@dataclass(frozen=True, slots=True)
class LevelBins:
    """A category's levels, the most frequent first, and its rows of each."""

    name: str
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int

    @classmethod
    def of(cls, name: str, counts: Mapping[str, int], missing: int) -> Self:
        """Of the rows of each level."""
        order = sorted(counts, key=lambda level: (-counts[level], level))
        return cls(name, tuple(order), tuple(counts[level] for level in order), missing)

    def count(self, counts: Mapping[str, int]) -> tuple[Counts, int]:
        """Rows of other data of each level, and of levels that the reference does not know."""
        found = np.array([counts.get(level, 0) for level in self.levels], dtype=np.int64)
        return found, sum(counts.values()) - int(found.sum())

    @property
    def frequent(self) -> int:
        """How many levels, the first ones, have a bin of their own."""
        least = LEAST_SHARE * (sum(self.counts) + self.missing)
        return sum(count >= least for count in self.counts)

    @property
    def labels(self) -> list[str]:
        """What each bin holds, in words."""
        return [*self.levels[: self.frequent], OTHER]


@dataclass(frozen=True, slots=True)
class ScoreBins:
    """The reference's decisions: their probabilities, how many were granted, what they cost."""

    probability: NumberBins
    granted: int
    cost_mean: float
    cost_variance: float
    fn_cost: float

    @classmethod
    def of(cls, decisions: Decisions, fn_cost: float) -> Self:
        """Of decisions, at the cost of a missed defaulter."""
        costs = decisions.expected_costs(fn_cost)
        return cls(
            NumberBins.of("proba_risk_class", decisions.p.astype(np.float32)),
            int(decisions.granted.sum()),
            float(costs.mean()),
            float(costs.var(ddof=1)),
            float(fn_cost),
        )


Bins = NumberBins | LevelBins


@dataclass(frozen=True, slots=True)
class DriftReference:
    """Frozen bins of features, of decisions, or of both; ``digest`` is the file's SHA-256."""

    source: str
    digest: str
    rows: int
    features: tuple[Bins, ...] = ()
    score: ScoreBins | None = None

    @classmethod
    def of(
        cls, source: Source, decisions: Decisions | None = None, fn_cost: float = FN_COST
    ) -> Self:
        """Freeze the rows of a source and, where there are any, its decisions.

        Raises ``FeatureError`` for fewer rows than the tests can bear.
        """
        check_rows(source.rows, source.name, "reference")
        if decisions is None and source.has_decisions:
            decisions = source.decisions()
        features = tuple(_bins(source, name, kind) for name, kind in source.kinds.items())
        score = None if decisions is None else ScoreBins.of(decisions, fn_cost)
        return cls(source.name, source.digest, source.rows, features, score)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        with replacing(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")

    def to_json(self) -> str:
        """What ``load`` reads."""
        plain = {"format": FORMAT, "version": VERSION, **self.to_dict()}
        return json.dumps(plain, allow_nan=False) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Plain data; a feature says by ``edges`` or ``levels`` which kind it is."""
        return asdict(self)

    @classmethod
    def load(cls, path: Path) -> Self:
        """The reference in a JSON file; ``FeatureError`` for anything else."""
        try:
            plain = json.loads(path.read_bytes())
        except OSError as why:
            raise FeatureError(f"{path} is not there or cannot be read") from why
        except ValueError as why:
            raise FeatureError(f"{path} is damaged or no JSON file; freeze it anew") from why
        if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
            raise FeatureError(f"{path} is no reference of drift; make one with drift --freeze")
        if (found := plain.pop("version", None)) != VERSION:
            raise FeatureError(
                f"{path} is a reference of version {found}, this program reads version {VERSION}; "
                "freeze it anew"
            )
        return cls.from_dict(plain, path.name)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], source: str = "the reference") -> Self:
        """The inverse of ``to_dict``; ``FeatureError`` where counts and bins do not fit."""
        try:
            score = plain["score"]
            loaded = cls(
                source=str(plain["source"]),
                digest=str(plain["digest"]),
                rows=int(plain["rows"]),
                features=tuple(map(_loaded, plain["features"])),
                score=None
                if score is None
                else ScoreBins(**{**score, "probability": _number(score["probability"])}),
            )
        except (KeyError, TypeError, ValueError) as why:
            raise FeatureError(f"{source} is a damaged reference; freeze it anew") from why
        loaded._check(source)
        return loaded

    def _check(self, source: str) -> None:
        bins = [*self.features, *([] if self.score is None else [self.score.probability])]
        for one in bins:
            cells = len(one.edges) + 1 if isinstance(one, NumberBins) else len(one.levels)
            fits = len(one.counts) == cells and sum(one.counts) + one.missing == self.rows
            if not fits or min((*one.counts, one.missing)) < 0:
                raise FeatureError(f"{source}: the counts of {one.name} do not fit; freeze it anew")


def check_rows(rows: int, name: str, what: str) -> None:
    """``FeatureError`` for too few rows, which says how many it takes and why."""
    if rows < LEAST_ROWS:
        raise FeatureError(
            f"{name} has {rows} rows, too few as {what}: it takes {LEAST_ROWS}, so that each tenth "
            "of a number's values expects 5; below that, chance and drift look alike"
        )


def _bins(source: Source, name: str, kind: Kind | None) -> Bins:
    if kind == "category":
        return LevelBins.of(name, *source.levels(name))
    return NumberBins.of(name, source.numbers(name))


def _loaded(row: Mapping[str, Any]) -> Bins:
    if "edges" in row:
        return _number(row)
    levels = tuple(map(str, row["levels"]))
    return LevelBins(str(row["name"]), levels, tuple(map(int, row["counts"])), int(row["missing"]))


def _number(row: Mapping[str, Any]) -> NumberBins:
    edges = tuple(map(float, row["edges"]))
    if not np.isfinite(edges).all() or (np.diff(np.array(edges, dtype=np.float32)) <= 0).any():
        raise ValueError("edges must rise")
    return NumberBins(str(row["name"]), edges, tuple(map(int, row["counts"])), int(row["missing"]))


def _edges(known: Numbers) -> Numbers:
    """Distinct quantiles of sorted values, and the number just below each that fills a cell."""
    if not len(known):
        return known
    places = np.ceil(np.arange(1, CELLS) / CELLS * len(known)).astype(int) - 1
    quantiles, repeats = np.unique(known[np.maximum(places, 0)], return_counts=True)
    atoms = quantiles[repeats > 1]
    return np.unique(np.concatenate([quantiles, _below(atoms)]))


def _below(value: Any) -> Any:
    """The next smaller float32, but no subnormal one: some libraries take those for 0."""
    return np.float32(value) - np.maximum(
        np.spacing(np.abs(np.float32(value))), np.finfo(np.float32).tiny
    )


def _digits(value: float) -> str:
    """Four digits.

    >>> _digits(123456.0), _digits(-0.012345), _digits(3.0)
    ('123,500', '-0.01235', '3')
    """
    short = float(f"{value:.4g}")
    return f"{short:,.0f}" if short.is_integer() and abs(short) < 1e15 else f"{short:,}"  # noqa: PLR2004  (whole numbers that are exact)
