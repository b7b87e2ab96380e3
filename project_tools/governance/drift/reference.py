"""The reference that new rows are compared with: frozen bins and counts, kept as JSON.

It holds counts of rows and a few quantiles of each column, nothing about one client, and is small
enough to travel with the model.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, ConfigDict, FiniteFloat, TypeAdapter, ValidationError

from project_tools.errors import FeatureError
from project_tools.evaluation.metrics import FN_COST
from project_tools.governance.drift.rows import Decisions, Numbers, Source
from project_tools.serving.columns import PROBABILITY
from project_tools.system.files import replacing

Counts = npt.NDArray[np.int64]
#: What the JSON file says it is, and the version of its layout.
FORMAT, VERSION = "credit_drift_reference", 1
#: Bins of a number: tenths of the reference's values. The two distributions are compared on
#: cells, which are four times as fine.
BINS, CELLS = 10, 40
#: Levels with a smaller share of the reference share one bin.
LEAST_SHARE = 0.01
#: With fewer rows a tenth expects fewer than 5, and the tests do not hold (W. Cochran, Some
#: Methods for Strengthening the Common χ² Tests, Biometrics 10, 1954).
LEAST_ROWS = 5 * BINS
#: Cells with this share of a tenth are a bin: the quantiles of equal values are not exact.
_NEARLY = 0.95
MISSING, OTHER = "not known", "other levels"
_STRICT = ConfigDict(extra="forbid")


def _rising(edges: tuple[float, ...]) -> tuple[float, ...]:
    if (np.diff(np.array(edges, dtype=np.float32)) <= 0).any():
        raise ValueError("the edges do not rise")
    return edges


@dataclass(frozen=True, slots=True)
class NumberBins:
    """Rows of a number by cell ``(edge, next edge]``; the first and the last cell are open."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    edges: Annotated[tuple[FiniteFloat, ...], AfterValidator(_rising)]
    counts: tuple[int, ...]
    missing: int

    @classmethod
    def of(cls, name: str, values: Numbers) -> Self:
        """Cells between the 1/40 quantiles; a value of more than one cell gets a cell of its own."""
        present = np.sort(values[~np.isnan(values)])
        edges = _edges(present)
        cumulated = np.searchsorted(present, edges, side="right")
        counts = np.diff(cumulated, prepend=0, append=len(present))
        shortest = tuple(float(str(edge)) for edge in edges)  # the digits that a float32 needs
        return cls(name, shortest, tuple(map(int, counts)), len(values) - len(present))

    def count(self, values: Numbers) -> tuple[Counts, int]:
        """New rows in each cell, and new rows without a value."""
        present = values[~np.isnan(values)]
        cells = np.searchsorted(np.array(self.edges, dtype=np.float32), present, side="left")
        return np.bincount(cells, minlength=len(self.counts)), len(values) - len(present)

    @property
    def starts(self) -> list[int]:
        """The first cell of each bin. A bin holds about a tenth of the rows that have a value.

        A cell with a tenth or more is a bin alone, so that a frequent value is not mixed with the
        values on both sides of it.
        """
        tenth = _NEARLY * sum(self.counts) / BINS
        starts, held = [0], 0
        for cell, count in enumerate(self.counts):
            if cell > starts[-1] and (held >= tenth or count >= tenth):
                starts.append(cell)
                held = 0
            held += count
        if len(starts) > 1 and held < tenth / 2:
            last_full = starts[-1] - starts[-2] == 1 and self.counts[starts[-2]] >= tenth
            if not last_full:
                starts.pop()  # the few rows at the end join the bin before them
        return starts

    @property
    def labels(self) -> list[str]:
        """The values of each bin in words: ``0 to < 1`` is above 0 and below 1."""
        narrow = np.array(self.edges, dtype=np.float32)
        just_below = np.append(narrow[:-1] == _below(narrow[1:]), False)
        places = [start - 1 for start in self.starts[1:]]
        # An edge that lies just below the next one is shown as "< next".
        ends = [
            f"< {_digits(self.edges[p + 1])}" if just_below[p] else _digits(self.edges[p])
            for p in places
        ]
        if not ends:
            return ["all"]
        first = ends[0] if ends[0].startswith("<") else f"≤ {ends[0]}"
        between = [
            f"= {high}" if low == f"< {high}" else f"{low.removeprefix('< ')} to {high}"
            for low, high in pairwise(ends)
        ]
        last = ends[-1]
        return [first, *between, f"≥ {last[2:]}" if last.startswith("<") else f"> {last}"]


@dataclass(frozen=True, slots=True)
class LevelBins:
    """Rows of a category by level, the most frequent first."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    name: str
    levels: tuple[str, ...]
    counts: tuple[int, ...]
    missing: int

    @classmethod
    def of(cls, name: str, counts: Mapping[str, int], missing: int) -> Self:
        """The bins of a category with these rows of each level."""
        order = sorted(counts, key=lambda level: (-counts[level], level))
        return cls(name, tuple(order), tuple(counts[level] for level in order), missing)

    def count(self, counts: Mapping[str, int]) -> tuple[Counts, int]:
        """New rows of each level, and new rows of levels that the reference does not have."""
        rows = np.array([counts.get(level, 0) for level in self.levels], dtype=np.int64)
        return rows, sum(counts.values()) - int(rows.sum())

    @property
    def frequent(self) -> int:
        """The number of levels, from the first, that have a bin of their own."""
        least = LEAST_SHARE * (sum(self.counts) + self.missing)
        return sum(count >= least for count in self.counts)

    @property
    def labels(self) -> list[str]:
        """The level of each bin."""
        return [*self.levels[: self.frequent], OTHER]


@dataclass(frozen=True, slots=True)
class ScoreBins:
    """The reference's decisions: probabilities, number granted, mean and variance of the costs."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    probability: NumberBins
    granted: int
    cost_mean: FiniteFloat
    cost_variance: FiniteFloat
    fn_cost: FiniteFloat

    @classmethod
    def of(cls, decisions: Decisions, fn_cost: float) -> Self:
        """The bins of decisions, whose costs follow from the cost of a missed defaulter."""
        costs = decisions.expected_costs(fn_cost)
        return cls(
            NumberBins.of(PROBABILITY, decisions.p.astype(np.float32)),
            int(decisions.granted.sum()),
            float(costs.mean()),
            float(costs.var(ddof=1)),
            float(fn_cost),
        )


Bins = NumberBins | LevelBins


@dataclass(frozen=True, slots=True)
class DriftReference:
    """Frozen bins of features, of decisions, or of both; ``digest`` is the file's SHA-256."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT
    source: str
    digest: str
    rows: int
    features: tuple[Bins, ...]
    score: ScoreBins | None

    @classmethod
    def of(
        cls, source: Source, decisions: Decisions | None = None, fn_cost: float = FN_COST
    ) -> Self:
        """Freeze the rows of a source and its decisions, if it has any.

        Raises ``FeatureError`` for fewer rows than the tests need.
        """
        check_rows(source.rows, source.name, "reference")
        if decisions is None and source.has_decisions:
            decisions = source.decisions()
        features: tuple[Bins, ...] = tuple(
            LevelBins.of(name, *source.levels(name))
            if kind == "category"
            else NumberBins.of(name, source.numbers(name))
            for name, kind in source.kinds.items()
        )
        score = None if decisions is None else ScoreBins.of(decisions, fn_cost)
        return cls(source.name, source.digest, source.rows, features, score)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        with replacing(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")

    def to_json(self) -> str:
        """The text that ``from_json`` reads; a feature has ``edges`` or ``levels``, by its kind."""
        plain = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return json.dumps(plain, allow_nan=False) + "\n"

    @classmethod
    def load(cls, path: Path) -> Self:
        """The reference in a JSON file; ``FeatureError`` for any other file."""
        try:
            content = path.read_bytes()
        except OSError as why:
            raise FeatureError(f"{path} is not there or cannot be read") from why
        return cls.from_json(content, str(path))

    @classmethod
    def from_json(cls, content: str | bytes, source: str) -> Self:
        """The reference in the text of ``to_json``; ``FeatureError``, with ``source``, for another."""
        try:
            plain = json.loads(content)
        except ValueError as why:
            raise FeatureError(f"{source} is damaged or no JSON file; freeze it anew") from why
        if not isinstance(plain, dict) or plain.pop("format", None) != FORMAT:
            raise FeatureError(f"{source} is no reference of drift; make one with drift --freeze")
        if (version := plain.pop("version", None)) != VERSION:
            raise FeatureError(
                f"{source} is a reference of version {version}, this program reads version {VERSION}; "
                "freeze it anew"
            )
        try:
            reference: Self = TypeAdapter(cls).validate_python(plain)
        except ValidationError as why:
            place = ".".join(map(str, why.errors()[0]["loc"]))
            raise FeatureError(
                f"{source} is a damaged reference ({place}); freeze it anew"
            ) from why
        score = () if reference.score is None else (reference.score.probability,)
        for bins in (*reference.features, *score):
            cells = len(bins.edges) + 1 if isinstance(bins, NumberBins) else len(bins.levels)
            fits = len(bins.counts) == cells and sum(bins.counts) + bins.missing == reference.rows
            if not fits or min((*bins.counts, bins.missing)) < 0:
                raise FeatureError(
                    f"{source}: the counts of {bins.name} do not fit; freeze it anew"
                )
        return reference


def check_rows(rows: int, name: str, what: str) -> None:
    """``FeatureError`` for too few rows; it names the number needed and the reason."""
    if rows < LEAST_ROWS:
        raise FeatureError(
            f"{name} has {rows} rows, too few as {what}: {LEAST_ROWS} are needed, so that each tenth "
            "of a number's values expects 5; with fewer, chance and drift look alike"
        )


def _edges(present: Numbers) -> Numbers:
    """Distinct quantiles of sorted values, and the number just below each that repeats."""
    if not len(present):
        return present
    places = np.ceil(np.arange(1, CELLS) / CELLS * len(present)).astype(int) - 1
    quantiles, repeats = np.unique(present[np.maximum(places, 0)], return_counts=True)
    return np.unique(np.concatenate([quantiles, _below(quantiles[repeats > 1])]))


def _below(values: Numbers) -> Numbers:
    """The next smaller float32, but no subnormal one: some libraries take those for 0."""
    return values - np.maximum(np.spacing(np.abs(values)), np.finfo(np.float32).tiny)


def _digits(value: float) -> str:
    """A number in four digits.

    >>> _digits(123456.0), _digits(-0.0123456), _digits(3.0)
    ('123,500', '-0.01235', '3')
    """
    short = float(f"{value:.4g}")
    return f"{short:,.0f}" if short.is_integer() and abs(short) < 1e15 else f"{short:,}"  # noqa: PLR2004  (whole numbers that are exact)
