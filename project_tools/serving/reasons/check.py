"""What the reasons claim, tested by exchanging a concept's features; and what the pictures show.

A reason claims that its concept sets a refused client apart from the just-accepted. So the
concept's features are replaced by those of just-accepted clients, one after the other, and the mean
risk must fall, the first reason's most of all. The pictures show the model's own contributions:
how often these name the same concepts is measured too. The clients are held in memory and not kept.
"""

import numpy as np
from numpy.typing import NDArray

from project_tools.serving.manifest import ReasonsCheck
from project_tools.serving.model import ServedModel
from project_tools.serving.reasons.gap import (
    MATERIAL,
    MOST_REASONS,
    ConceptIndex,
    feature_parts,
    gaps,
)
from project_tools.serving.reference import Neighbours, Reference

Floats = NDArray[np.float64]
#: Refused clients. A forest takes fewer: each of its scores takes a hundred times as long.
CLIENTS = {"log-odds": 200, "probability": 20}
#: Just-accepted clients that each is compared with: all, up to these. Over a hundred the mean risk is
#: so uncertain that a reason next to the least that is given may seem to have the wrong sign.
AGAINST = 300
#: Those of a forest or a linear model, whose rows are prepared first.
AGAINST_OF_SKOPS = 100
#: Clients whose exchanged rows are scored at a time.
_TOGETHER = 10


def check_reasons(
    model: ServedModel,
    index: ConceptIndex,
    reference: Reference,
    held_out: NDArray[np.float32],
    threshold: float,
) -> ReasonsCheck | None:
    """How true the reasons of refused held-out clients are; None where nobody is refused or accepted."""
    scores = model.raw_scores(held_out)
    sides = Neighbours.of(model.probabilities(scores), threshold)
    at = _evenly(sides.refused, CLIENTS[model.scale])
    most = AGAINST_OF_SKOPS if model.format == "skops" else AGAINST
    accepted = held_out[_evenly(sides.just_accepted, most)]
    if not len(at) or not len(accepted):
        return None
    rows, scores = held_out[at], scores[at]
    parts = feature_parts(model, reference, rows, scores, granted=False)
    ours = gaps(model, index, reference, scores, parts, granted=False)
    plain = index.sums(model.contributions(rows)[:, :-1])
    falls = risk_falls(model, index, rows, accepted)
    first = ours.gaps.argmax(axis=1)
    largest = falls.argmax(axis=1) == first
    clear = first_is_clear(ours.gaps)
    return ReasonsCheck(
        clients=len(at),
        against=len(accepted),
        plain_top_four=_in_common(plain, ours.gaps),
        plain_first_reason=float((plain.argmax(axis=1) == first).mean()),
        largest_fall=float(largest.mean()),
        clear=int(clear.sum()),
        largest_fall_clear=float(largest[clear].mean()) if clear.any() else None,
        reasons=int(ours.principal.sum()),
        falls=float((falls[ours.principal] > 0).mean()),
    )


def risk_falls(
    model: ServedModel,
    index: ConceptIndex,
    rows: NDArray[np.float32],
    others: NDArray[np.float32],
) -> Floats:
    """By how much the mean risk of each row falls with a concept's features of the others.

    The shape is (rows, concepts). Each row is scored once with the features of each of the others.
    """
    risks = model.probabilities(model.raw_scores(rows))
    falls = np.zeros((len(rows), len(index.codes)))
    for place, code in enumerate(index.codes):
        members = index.members(code)
        for start in range(0, len(rows), _TOGETHER):
            own = rows[start : start + _TOGETHER]
            exchanged = np.repeat(own[:, None], len(others), axis=1)
            exchanged[..., members] = others[:, members]
            scores = model.raw_scores(exchanged.reshape(-1, rows.shape[1]))
            after = model.probabilities(scores).reshape(len(own), -1).mean(axis=1)
            falls[start : start + _TOGETHER, place] = risks[start : start + _TOGETHER] - after
    return falls


def first_is_clear(parts: Floats) -> NDArray[np.bool_]:
    """Whether the first concept exceeds the second by a tenth of all that pushes the same way.

    >>> first_is_clear(np.array([[5.0, 2.0, -9.0], [5.0, 4.5, 0.0]]))
    array([ True, False])
    """
    pushes = np.maximum(parts, 0)
    ranked = np.sort(pushes, axis=1)
    second = ranked[:, -2] if ranked.shape[1] > 1 else 0.0
    return np.asarray(ranked[:, -1] - second >= MATERIAL * pushes.sum(axis=1))


def _in_common(one: Floats, other: Floats) -> float:
    """The mean share of the four concepts that push most which two rankings have in common."""
    most = min(MOST_REASONS, one.shape[1])
    firsts = (np.argsort(-parts, axis=1, kind="stable")[:, :most] for parts in (one, other))
    common = [len({*a} & {*b}) / most for a, b in zip(*map(np.ndarray.tolist, firsts), strict=True)]
    return float(np.mean(common))


def _evenly(positions: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    count = min(most, len(positions))
    places = np.unique(np.linspace(0, len(positions) - 1, count).round().astype(int))
    return np.asarray(positions[places])
