"""The reference of a model: what a client's score, reasons and values are compared with.

It is made once, when the model is written, and holds no ids: a sample of training clients as one
byte a feature, the usual value of those who repaid, and the mean contributions of the clients just
on either side of the threshold. It never leaves the API; only counts and percentiles do.
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
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.json_files import Number, Probability, Text, checked

if TYPE_CHECKING:  # an inspection reads a reference and needs no model
    from project_tools.serving.model import ServedModel

Floats = NDArray[np.float64]
REFERENCE, SAMPLE = "reference.json", "reference.npz"
#: Training clients in the sample, and its bytes as packed, at most.
MOST_CLIENTS, MOST_BYTES = 3_000, 2_000_000
#: A number is one of so many quantiles; a byte also holds the levels of a category, and null.
QUANTILES, NULL = 100, 255
#: The share of the granted clients who are the just-accepted, and how many these are.
SHARE, LEAST, MOST = 0.1, 50, 500
#: Displays of a feature that happens or not, or of the share of times that it happened.
_SHARES = ("percent", "yes_no")
_DAMAGED = f"{SAMPLE} holds no sample of this model's features; export the model again"


@dataclass(frozen=True, slots=True)
class Side:
    """The clients nearest to the threshold on one side of it: their number and their means.

    ``contributions`` are in the model's order and, like ``raw_score``, on the model's scale.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    clients: Annotated[int, Field(strict=True, ge=LEAST, le=MOST)]
    raw_score: Number
    contributions: tuple[Number, ...]


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
            size = len(sample.to_bytes())
            if size <= MOST_BYTES:
                return sample
            count = int(0.95 * count * MOST_BYTES / size)

    def __len__(self) -> int:
        return len(self.defaulted)

    def column(self, at: int) -> Floats:
        """One feature of all clients as the model takes it, NaN for null; numbers to a hundredth."""
        values = np.full(NULL + 1, np.nan)
        values[: len(self.values[at])] = self.values[at]
        return np.asarray(values[self.codes[at]])

    def to_bytes(self) -> bytes:
        """The packed arrays; the same sample always gives the same bytes."""
        file = io.BytesIO()
        lengths = np.array([len(values) for values in self.values], dtype=np.uint8)
        np.savez_compressed(
            file,
            defaulted=self.defaulted,
            codes=self.codes,
            lengths=lengths,
            values=np.concatenate([*self.values, np.zeros(0, np.float32)]),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes, features: Sequence[ServedFeature]) -> Self:
        """The inverse of ``to_bytes``; ``ArtefactError`` for other content or other features."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                defaulted, codes = arrays["defaulted"], arrays["codes"]
                lengths, values = arrays["lengths"], arrays["values"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as why:
            raise ArtefactError(_DAMAGED) from why
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


@dataclass(frozen=True, slots=True)
class _Facts:
    """``reference.json``; ``model`` is the SHA-256 of the model's file.

    ``band`` holds the probabilities between which a client is near the threshold: the threshold
    ± 1.96 standard errors of the calibration curve there.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    model: Text
    usual: Mapping[Text, Number | None]
    accepted: Side | None
    refused: Side | None
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
        """The data of ``reference.json``, and the bytes of the sample."""
        facts = _Facts(
            model_digest, self.usual, self.accepted, self.refused, self.band, self.curves
        )
        return asdict(facts), self.sample.to_bytes()

    @classmethod
    def from_files(
        cls, data: Any, sample: bytes, features: Sequence[ServedFeature], model_digest: str
    ) -> Self:
        """The reference in the two files; ``ArtefactError`` for that of another model."""
        facts = checked(_FACTS, data, REFERENCE, private=True)
        if facts.model != model_digest:
            raise ArtefactError(
                f"{REFERENCE} is the reference of another model (its file's SHA-256 begins with "
                f"{facts.model[:12]}, not {model_digest[:12]}); export the model again"
            )
        names = [feature.name for feature in features]
        sides = [side for side in (facts.accepted, facts.refused) if side is not None]
        if list(facts.usual) != names or any(len(s.contributions) != len(names) for s in sides):
            raise ArtefactError(f"{REFERENCE} tells of other features than features.json names")
        read = Sample.from_bytes(sample, features)
        return cls(facts.usual, facts.accepted, facts.refused, facts.band, read, facts.curves)


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
    sides = Neighbours.of(model.probabilities(scores), threshold)
    repaid = clients.training[~clients.defaulted]
    return Reference(
        usual={
            feature.name: _usual(feature, catalogue[feature.name], repaid[:, at])
            for at, feature in enumerate(model.features)
        },
        accepted=_side(model, clients.held_out, scores, sides.just_accepted),
        refused=_side(model, clients.held_out, scores, sides.just_refused),
        band=clients.band,
        sample=Sample.of(model.features, clients.training, clients.defaulted),
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
    model: "ServedModel", rows: NDArray[np.float32], scores: Floats, at: NDArray[np.intp]
) -> Side | None:
    if not len(at):
        return None
    means = model.contributions(rows[at])[:, :-1].mean(axis=0)
    return Side(len(at), float(scores[at].mean()), tuple(means.tolist()))
