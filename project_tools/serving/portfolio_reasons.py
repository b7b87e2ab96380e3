"""The reasons of many decisions as columns: codes and points, the numbers of ``GET /explanation``."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from project_tools.serving.artefact import Artefact
from project_tools.serving.explanation import check_sums
from project_tools.serving.reasons.gap import MOST_REASONS, feature_parts, gaps

_NUMBERS = range(1, MOST_REASONS + 1)
#: Whom a client is compared with, the codes of the reasons and their points of risk, the weightiest
#: first, and whether a protected concept leaves none.
REASONS_SCHEMA = pa.schema({
    "compared_with": pa.string(),
    **{f"reason_{n}": pa.string() for n in _NUMBERS},
    **{f"points_{n}": pa.float64() for n in _NUMBERS},
    "blocked": pa.bool_(),
})  # fmt: skip


def reason_columns(
    artefact: Artefact, encoded: NDArray[np.float32], raw_scores: NDArray[np.float64]
) -> dict[str, list[Any]]:
    """The columns of ``REASONS_SCHEMA`` for encoded clients with these scores.

    Raises ``ArtefactError`` if contributions do not add up to a score.
    """
    count, model, reference = len(encoded), artefact.model, artefact.reference
    refused = model.probabilities(raw_scores) > artefact.threshold
    compared = np.empty(count, dtype=object)
    blocked = np.zeros(count, dtype=np.bool_)
    codes = np.full((count, MOST_REASONS), None, dtype=object)
    points = np.full((count, MOST_REASONS), None, dtype=object)
    for granted in (True, False):
        at = np.flatnonzero(refused != granted)
        if not len(at):
            continue
        scores = raw_scores[at]
        parts = feature_parts(model, reference, encoded[at], scores, granted=granted)
        check_sums(parts, scores)
        found = gaps(model, artefact.index, reference, scores, parts, granted=granted)
        compared[at], blocked[at] = found.baseline.compared_with, found.blocked
        names = np.array(found.index.codes, dtype=object)
        pushes = -found.gaps if granted else found.gaps
        order = np.argsort(-pushes, axis=1, kind="stable")[:, :MOST_REASONS]
        shown = np.take_along_axis(found.principal, order, axis=1) & ~found.blocked[:, None]
        of_code, of_points = names[order], np.take_along_axis(found.points, order, axis=1)
        of_points = of_points.astype(object)
        of_code[~shown] = of_points[~shown] = None
        width = order.shape[1]  # a model of few concepts has fewer
        codes[at, :width], points[at, :width] = of_code, of_points
    return {
        "compared_with": compared.tolist(),
        **{f"reason_{n}": codes[:, n - 1].tolist() for n in _NUMBERS},
        **{f"points_{n}": points[:, n - 1].tolist() for n in _NUMBERS},
        "blocked": blocked.tolist(),
    }
