"""The reference of a model: what a client's score, reasons and values are compared with.

It is made once, when the model is written, and holds no ids: a sample of training clients as one
byte a feature, the usual value of those who repaid, and what exact values against the clients just on
either side of the threshold need of them: counts by leaf of the trees, or mean contributions. It
never leaves the API; only counts and percentiles do.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter

from project_tools.errors import ArtefactError
from project_tools.evaluation.curves import Curves
from project_tools.serving.formats.interventional import MOST_LEAVES, Background, LeafCounts
from project_tools.serving.formats.trees import Trees
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.json_files import Number, Probability, Text, checked

if TYPE_CHECKING:  # an inspection reads a reference and needs no model
    from project_tools.serving.model import ServedModel

Floats = NDArray[np.float64]
REFERENCE, SAMPLE = "reference.json", "reference.npz"
#: Training clients in the sample, and the bytes of the arrays as packed, at most.
MOST_CLIENTS, MOST_BYTES = 3_000, 2_000_000
#: Of these, those of one side's counts. Where they are more, fewer clients are counted.
MOST_SIDE_BYTES = 500_000
#: A number is one of so many quantiles; a byte also holds the levels of a category, and null.
QUANTILES, NULL = 100, 255
#: The share of the granted clients who are the just-accepted, and how many these are.
SHARE, LEAST, MOST = 0.1, 50, 500
#: Displays of a feature that happens or not, or of the share of times that it happened.
_SHARES = ("percent", "yes_no")
_DAMAGED = (
    f"{SAMPLE} does not fit this model: its sample or counts are others; export the model again"
)


@dataclass(frozen=True, slots=True)
class SideFacts:
    """The clients nearest to the threshold on one side of it: their number and their mean score.

    ``contributions`` are the means of theirs, in the model's order; like ``raw_score`` on the
    model's scale. Null where leaves are counted.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    clients: Annotated[int, Field(strict=True, ge=LEAST, le=MOST)]
    raw_score: Number
    contributions: tuple[Number, ...] | None


@dataclass(frozen=True, slots=True)
class Side:
    """One side as it is compared with: exact values against its clients, or mean contributions.

    For a linear model the distance from the means is exact; for a forest, and for boosted trees
    that are too large to be counted, it is near.
    """

    clients: int
    raw_score: float
    against: Background | Floats

    @classmethod
    def of(cls, facts: SideFacts, counts: LeafCounts | None, trees: Trees | None) -> Self:
        """The side of these facts; ``ArtefactError`` for counts of other trees or clients."""
        if facts.contributions is not None:
            return cls(facts.clients, facts.raw_score, np.array(facts.contributions))
        if counts is None or trees is None or not counts.fit(trees, facts.clients):
            raise ArtefactError(_DAMAGED)
        background = Background.of(trees, counts, facts.clients)
        return cls(facts.clients, facts.raw_score, background)

    @property
    def counts(self) -> LeafCounts | None:
        """The counts by leaf; None where mean contributions take their place."""
        return self.against.counts if isinstance(self.against, Background) else None

    @property
    def facts(self) -> SideFacts:
        """What is written beside the counts."""
        means = None if isinstance(self.against, Background) else tuple(self.against.tolist())
        return SideFacts(self.clients, self.raw_score, means)

    def parts(self, model: "ServedModel", rows: NDArray[np.float32]) -> Floats:
        """What sets each feature of encoded rows apart from the side's, shape (rows, features)."""
        if isinstance(self.against, Background):
            return self.against.values(rows)
        return model.contributions(rows)[:, :-1] - self.against


@dataclass(frozen=True, slots=True)
class Sample:
    """Training clients of both classes, without ids.

    ``codes``, shape (features, clients), hold the place of each value in the feature's ``values``,
    which ascend; of a category these are the positions of its levels. ``NULL`` stands for null.
    """

    defaulted: NDArray[np.bool_]
    codes: NDArray[np.uint8]
    values: tuple[NDArray[np.float32], ...]

    @classmethod
    def of(
        cls,
        features: Sequence[ServedFeature],
        rows: NDArray[np.float32],
        defaulted: NDArray[np.bool_],
        most_bytes: int = MOST_BYTES,
    ) -> Self:
        """The sample of encoded rows, evenly thinned to what the limits of its size allow."""
        count = min(len(rows), MOST_CLIENTS)
        while True:
            kept = np.unique(np.linspace(0, len(rows) - 1, count).round().astype(int))
            columns = [_coded(f, rows[kept, at]) for at, f in enumerate(features)]
            sample = cls(
                defaulted[kept],
                np.array([codes for codes, _ in columns], dtype=np.uint8),
                tuple(values for _, values in columns),
            )
            size = len(_packed(sample.arrays()))
            if size <= most_bytes:
                return sample
            count = int(0.95 * count * most_bytes / size)

    def __len__(self) -> int:
        return len(self.defaulted)

    def column(self, at: int) -> Floats:
        """One feature of all clients as the model takes it, NaN for null; numbers to a hundredth."""
        values = np.full(NULL + 1, np.nan)
        values[: len(self.values[at])] = self.values[at]
        return np.asarray(values[self.codes[at]])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The sample as it is stored."""
        return {
            "defaulted": self.defaulted,
            "codes": self.codes,
            "lengths": np.array([len(values) for values in self.values], dtype=np.uint8),
            "values": np.concatenate([*self.values, np.zeros(0, np.float32)]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], features: Sequence[ServedFeature]) -> Self:
        """The inverse of ``arrays``; ``ArtefactError`` for other content or other features."""
        names = ("defaulted", "codes", "lengths", "values")
        if not arrays.keys() >= {*names}:
            raise ArtefactError(_DAMAGED)
        defaulted, codes, lengths, values = (arrays[name] for name in names)
        sound = (
            (defaulted.dtype, codes.dtype, lengths.dtype, values.dtype)
            == (np.bool_, np.uint8, np.uint8, np.float32)
            and defaulted.ndim == 1
            and codes.shape == (len(features), len(defaulted))
            and lengths.shape == (len(features),)
            and values.shape == (int(lengths.sum()),)
            and bool(np.isfinite(values).all())
            and bool(((codes < lengths[:, None]) | (codes == NULL)).all())
        )
        if not sound:
            raise ArtefactError(_DAMAGED)
        return cls(defaulted, codes, tuple(np.split(values, np.cumsum(lengths, dtype=int)[:-1])))


def _coded(
    feature: ServedFeature, column: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The codes of a column, and the values that they stand for."""
    present = column[~np.isnan(column)]
    if feature.kind == "category":
        values = np.arange(min(len(feature.levels), NULL), dtype=np.float32)
    else:
        values = np.unique(present)
        if len(values) > QUANTILES:
            shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
            values = np.unique(np.quantile(present, shares, method="nearest"))
    if not len(values):
        return np.full(len(column), NULL, np.uint8), values
    # A value gets the code of the nearest of the values.
    middles = (values[:-1].astype(np.float64) + values[1:]) / 2
    codes = np.searchsorted(middles, np.nan_to_num(column), side="left").astype(np.uint8)
    beyond = feature.kind == "category" and column >= len(values)
    codes[np.isnan(column) | beyond] = NULL
    return codes, values


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The same arrays always give the same bytes."""
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _unpacked(content: bytes) -> Mapping[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as why:
        raise ArtefactError(_DAMAGED) from why


def _count_arrays(accepted: Side | None, refused: Side | None) -> dict[str, NDArray[Any]]:
    """The counts of both sides as they are stored."""
    arrays = {}
    for name, side in (("accepted", accepted), ("refused", refused)):
        counts = None if side is None else side.counts
        for part, array in ({} if counts is None else counts.arrays()).items():
            arrays[f"{name}.{part}"] = array
    return arrays


def _counts(arrays: Mapping[str, NDArray[Any]], name: str) -> LeafCounts | None:
    own = {
        key.removeprefix(f"{name}."): array
        for key, array in arrays.items()
        if key.startswith(f"{name}.")
    }
    return LeafCounts.from_arrays(own)


@dataclass(frozen=True, slots=True)
class _Facts:
    """``reference.json``; ``model`` is the SHA-256 of the model's file.

    ``band`` holds the probabilities between which a client is near the threshold: the threshold
    ± 1.96 standard errors of the calibration curve there.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    model: Text
    usual: Mapping[Text, Number | None]
    accepted: SideFacts | None
    refused: SideFacts | None
    band: tuple[Probability, Probability] | None
    curves: Curves | None = None


_FACTS = TypeAdapter(_Facts)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a model compares a client with.

    ``usual`` is, by feature, the usual value of the clients who repaid: the median, or the mean of a
    share; null for a category and where nobody has a value. ``accepted`` and ``refused`` are the
    just-accepted and the just-refused; null where there are fewer than 50. ``curves`` are those of the
    test clients.
    """

    usual: Mapping[str, float | None]
    accepted: Side | None
    refused: Side | None
    band: tuple[float, float] | None
    sample: Sample
    curves: Curves | None = None

    def near(self, probability: float) -> bool:
        """Whether a probability cannot be told from the threshold, given the calibration's error."""
        return self.band is not None and self.band[0] <= probability <= self.band[1]

    def to_files(self, model_digest: str) -> tuple[dict[str, Any], bytes]:
        """The data of ``reference.json``, and the bytes of sample and counts."""
        accepted, refused = (
            None if side is None else side.facts for side in (self.accepted, self.refused)
        )
        facts = _Facts(model_digest, self.usual, accepted, refused, self.band, self.curves)
        arrays = self.sample.arrays() | _count_arrays(self.accepted, self.refused)
        return asdict(facts), _packed(arrays)

    @classmethod
    def from_files(cls, data: Any, content: bytes, model: "ServedModel", model_digest: str) -> Self:
        """The reference in the two files; ``ArtefactError`` for that of another model."""
        facts = checked(_FACTS, data, REFERENCE, private=True)
        if facts.model != model_digest:
            raise ArtefactError(
                f"{REFERENCE} is the reference of another model (its file's SHA-256 begins with "
                f"{facts.model[:12]}, not {model_digest[:12]}); export the model again"
            )
        names = [feature.name for feature in model.features]
        sides = [side for side in (facts.accepted, facts.refused) if side is not None]
        means = [side.contributions for side in sides if side.contributions is not None]
        if list(facts.usual) != names or any(len(m) != len(names) for m in means):
            raise ArtefactError(f"{REFERENCE} tells of other features than features.json names")
        arrays = _unpacked(content)
        trees = model.raw.trees() if len(means) < len(sides) else None
        accepted, refused = (
            None if side is None else Side.of(side, _counts(arrays, name), trees)
            for name, side in (("accepted", facts.accepted), ("refused", facts.refused))
        )
        sample = Sample.from_arrays(arrays, model.features)
        return cls(facts.usual, accepted, refused, facts.band, sample, facts.curves)


@dataclass(frozen=True, slots=True)
class ReferenceClients:
    """The clients whom a reference is made of, as the model takes them.

    ``training`` are labelled training clients, ``defaulted`` their outcomes; ``held_out`` are the
    test clients, whose outcomes are used by the ``curves`` alone; ``band`` as in ``Reference``.
    """

    training: NDArray[np.float32]
    defaulted: NDArray[np.bool_]
    held_out: NDArray[np.float32]
    band: tuple[float, float] | None = None
    curves: Curves | None = None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Positions of held-out clients by their distance from the threshold, the nearest first."""

    granted: NDArray[np.intp]
    refused: NDArray[np.intp]

    @classmethod
    def of(cls, probabilities: Floats, threshold: float) -> Self:
        """All clients on either side of the threshold."""
        order = np.argsort(probabilities, kind="stable")
        risk = probabilities[order] > threshold
        return cls(order[~risk][::-1], order[risk])

    @property
    def just_accepted(self) -> NDArray[np.intp]:
        """The granted clients with the highest probabilities; none where fewer than 50 are granted."""
        return self.granted[: _size(len(self.granted))]

    @property
    def just_refused(self) -> NDArray[np.intp]:
        """The refused clients with the lowest probabilities; none where fewer than 50 are refused."""
        return self.refused[: _size(len(self.refused))]


def _size(clients: int) -> int:
    """How many of so many clients are just on one side.

    >>> [_size(n) for n in (49, 50, 800, 20_000)]
    [0, 50, 80, 500]
    """
    return 0 if clients < LEAST else min(max(LEAST, round(SHARE * clients)), MOST)


def compute_reference(
    model: "ServedModel",
    catalogue: Mapping[str, Mapping[str, Any]],
    clients: ReferenceClients,
    threshold: float,
) -> Reference:
    """The reference of a model with this threshold, over these clients."""
    scores = model.raw_scores(clients.held_out)
    at = Neighbours.of(model.probabilities(scores), threshold)
    trees = model.raw.trees()
    accepted, refused = (
        _side(model, trees, clients.held_out[side], scores[side])
        for side in (at.just_accepted, at.just_refused)
    )
    counted = len(_packed(_count_arrays(accepted, refused)))
    repaid = clients.training[~clients.defaulted]
    return Reference(
        usual={
            feature.name: _usual(feature, catalogue[feature.name], repaid[:, at])
            for at, feature in enumerate(model.features)
        },
        accepted=accepted,
        refused=refused,
        band=clients.band,
        sample=Sample.of(model.features, clients.training, clients.defaulted, MOST_BYTES - counted),
        curves=clients.curves,
    )


def _usual(
    feature: ServedFeature, about: Mapping[str, Any], column: NDArray[np.float32]
) -> float | None:
    present = column[~np.isnan(column)].astype(np.float64)
    if feature.kind == "category" or not len(present):
        return None
    # The median of a rare event is 0 for everybody; its mean is how often it happens.
    share = about.get("display") in _SHARES and present.min() >= 0 and present.max() <= 1
    return float(f"{present.mean() if share else np.median(present):.9g}")


def _side(
    model: "ServedModel", trees: Trees | None, rows: NDArray[np.float32], scores: Floats
) -> Side | None:
    """The side of these clients; of trees whose counts take too many bytes, of fewer of them."""
    count = len(rows)
    if not count:
        return None
    while trees is not None and len(trees.values) <= MOST_LEAVES and count >= LEAST:
        kept = np.linspace(0, len(rows) - 1, count).round().astype(int)
        counts = LeafCounts.of(trees, rows[kept])
        if len(_packed(counts.arrays())) <= MOST_SIDE_BYTES:
            background = Background.of(trees, counts, count)
            return Side(count, float(scores[kept].mean()), background)
        count //= 2
    means = model.contributions(rows)[:, :-1].mean(axis=0)
    return Side(len(rows), float(scores.mean()), means)
