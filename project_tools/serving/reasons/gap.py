"""The gap between a client and those next to the threshold, by concept, in points of risk.

A refused client is compared with the just-accepted, a granted one with the just-refused: the exact
interventional values of a concept's features against these clients are the concept's part of the
gap. The parts add up to the difference of the scores. All functions take many clients at once, so
that an answer and a whole portfolio get the same numbers, bit for bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from project_tools.serving.formats.base import spread_rounding
from project_tools.serving.model import ServedModel
from project_tools.serving.reasons.concepts import PROTECTED
from project_tools.serving.reference import Reference, Side

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: With whom a client is compared; ``average`` is the model's own base, the average training client.
ComparedWith = Literal["just_accepted", "just_refused", "average"]
#: As many reasons as a person takes in, and as lending law asks for.
MOST_REASONS = 4
#: A reason is at least this share of all that pushes the score the same way.
MATERIAL = 0.1
#: Points of risk are shown with one decimal.
UNIT = 0.1
#: Below this gap of the scores the points follow from the slope of the calibration.
_NO_GAP = 1e-9
#: Step of the score over which that slope is measured.
_STEP = 1e-4


@dataclass(frozen=True, slots=True)
class ConceptIndex:
    """The model's features by concept: ``codes`` in one order, the features sorted by it.

    ``starts`` is where the features of each concept begin in ``order``; ``of_features`` is each
    feature's code, in the model's order.
    """

    codes: tuple[str, ...]
    of_features: tuple[str, ...]
    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, codes: Sequence[str]) -> Self:
        """The index of features whose concepts have these codes, in the model's order."""
        distinct = tuple(sorted(set(codes)))
        places = np.array([distinct.index(code) for code in codes], dtype=np.intp)
        order = np.argsort(places, kind="stable")
        starts = np.searchsorted(places[order], np.arange(len(distinct)))
        return cls(distinct, tuple(codes), order, starts)

    def members(self, code: str) -> list[int]:
        """The positions of a concept's features, in the model's order."""
        at = self.codes.index(code)
        end = self.starts[at + 1] if at + 1 < len(self.codes) else len(self.order)
        return [int(position) for position in self.order[self.starts[at] : end]]

    def sums(self, parts: Floats) -> Floats:
        """Contributions of features, shape (rows, features), summed by concept.

        A product of matrices would round otherwise for other numbers of rows.
        """
        return np.asarray(np.add.reduceat(parts[:, self.order], self.starts, axis=1))


@dataclass(frozen=True, slots=True)
class Baseline:
    """Whom clients of one decision are compared with, and their mean score.

    ``clients`` is their number; 0 where it is the average client of the training.
    """

    compared_with: ComparedWith
    clients: int
    raw_score: float

    @classmethod
    def of(cls, reference: Reference | None, base: float, *, granted: bool) -> Self:
        """The mirror side of the threshold, or the average client where the reference lacks it."""
        side = _mirror(reference, granted=granted)
        if side is None:
            return cls("average", 0, base)
        return cls("just_refused" if granted else "just_accepted", side.clients, side.raw_score)


def _mirror(reference: Reference | None, *, granted: bool) -> Side | None:
    if reference is None:
        return None
    return reference.refused if granted else reference.accepted


def feature_parts(
    model: ServedModel,
    reference: Reference | None,
    rows: NDArray[np.float32],
    raw_scores: Floats,
    *,
    granted: bool,
) -> Floats:
    """What each feature adds to the gap of encoded clients who all got the same decision.

    The shape is (clients, features + 1); the last is the baseline's score, and all add up to the
    client's. Without a baseline these are the model's own contributions.
    """
    side = _mirror(reference, granted=granted)
    if side is None:
        return model.contributions(rows)
    parts = side.parts(model, rows)
    lost = raw_scores - side.raw_score - parts.sum(axis=1)
    parts = spread_rounding(parts, lost, model.raw.precision)
    return np.hstack([parts, np.full((len(rows), 1), side.raw_score)])


@dataclass(frozen=True, slots=True)
class Gaps:
    """Clients with one decision, against one baseline; arrays have the shape (clients, concepts).

    ``gaps`` are on the model's scale and add up to the score less the baseline's. ``points`` are
    percentage points of the calibrated probability, rounded so that they add up as shown.
    ``principal`` are the reasons for the decision, ``other_side`` what speaks against it;
    ``blocked`` (clients) is True where a protected concept is a principal reason: then no reason may
    be given.
    """

    granted: bool
    index: ConceptIndex
    baseline: Baseline
    raw_scores: Floats
    gaps: Floats
    points: Floats
    principal: Flags
    other_side: Flags
    blocked: Flags


def gaps(
    model: ServedModel,
    index: ConceptIndex,
    reference: Reference | None,
    raw_scores: Floats,
    of_features: Floats,
    *,
    granted: bool,
) -> Gaps:
    """The gaps of clients who all got the same decision, from their ``feature_parts``."""
    baseline = Baseline.of(reference, float(of_features[0, -1]), granted=granted)
    parts = index.sums(of_features[:, :-1])
    sign = -1 if granted else 1
    principal = material(sign * parts)
    protected = np.array([code == PROTECTED for code in index.codes])
    shown = shown_points(points(model, parts, raw_scores, baseline.raw_score))
    return Gaps(
        granted=granted,
        index=index,
        baseline=baseline,
        raw_scores=raw_scores,
        gaps=parts,
        points=shown,
        principal=principal,
        # Nobody says a reason of 0.0 points that the decision does not rest on.
        other_side=material(-sign * parts) & ~protected & (shown != 0),
        blocked=np.asarray((principal | passing(sign * parts))[:, protected].any(axis=1)),
    )


def passing(pushes: Floats) -> Flags:
    """Where a concept is at least a tenth of all that pushes the same way, above 0."""
    towards = np.maximum(pushes, 0)
    return np.asarray((towards > 0) & (towards >= MATERIAL * towards.sum(axis=1, keepdims=True)))


def material(pushes: Floats) -> Flags:
    """The reasons among the concepts that push above 0: the first, and up to three that pass.

    >>> material(np.array([[5.0, 0.5, -9.0, 4.0, 0.4], [-1.0, -1.0, -1.0, -1.0, -1.0]])).astype(int)
    array([[1, 0, 0, 1, 0],
           [0, 0, 0, 0, 0]])
    """
    rank = np.argsort(np.argsort(-pushes, axis=1, kind="stable"), axis=1, kind="stable")
    first = (rank == 0) & (pushes > 0)
    return np.asarray(first | (passing(pushes) & (rank < MOST_REASONS)))


def points(model: ServedModel, parts: Floats, raw_scores: Floats, reference: float) -> Floats:
    """Gaps in points of risk: with f from score to calibrated percent, f(score) less f(reference)
    is shared out in proportion to the gaps; without a gap, by the slope of f.
    """
    distance = raw_scores - reference
    none = np.abs(distance) < _NO_GAP
    ends = 100 * model.probabilities(np.append(raw_scores, reference))
    around = 100 * model.probabilities(np.array([reference - _STEP, reference + _STEP]))
    slope = (around[1] - around[0]) / (2 * _STEP)
    per_unit = np.where(none, slope, (ends[:-1] - ends[-1]) / np.where(none, 1.0, distance))
    return np.asarray(parts * per_unit[:, None])


def shown_points(exact: Floats) -> Floats:
    """Points with one decimal that add up to their rounded sum: the largest remainders go up.

    Sign and order stay as they are.

    >>> shown_points(np.array([[1.26, 1.26, -0.44]]))
    array([[ 1.3,  1.2, -0.4]])
    """
    units = exact / UNIT
    floors = np.floor(units)
    remainders = units - floors
    missing = np.round(units.sum(axis=1)) - floors.sum(axis=1)
    rank = np.argsort(np.argsort(-remainders, axis=1, kind="stable"), axis=1, kind="stable")
    return np.asarray(np.round((floors + (rank < missing[:, None])) * UNIT, 1) + 0.0)
