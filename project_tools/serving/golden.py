"""Golden rows: inputs whose scores are written down, so that a model proves it is still the same."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from project_tools.errors import ArtefactError, FeatureError
from project_tools.serving.inputs import Value
from project_tools.serving.model import ServedModel

#: Contributions are this close to the score that they add up to, or the model is not served.
SUMS_TO = 1e-6


def golden_rows(
    model: ServedModel, rows: Sequence[Mapping[str, Value]], threshold: float
) -> dict[str, Any]:
    """What ``golden.json`` holds: rows as the model takes them, and their scores.

    The threshold is written beside them, so that one typed into the manifest by hand is found.
    Raises ``ArtefactError`` for a model whose contributions do not add up to its score.
    """
    if not rows:
        raise ArtefactError("an artefact needs golden rows; give one or more")
    encoded = model.encoder.encode_rows(rows)
    scores = _scores(model, encoded)
    _check_sums(model, encoded, scores["raw_score"])
    return {
        "threshold": float(threshold),
        "rows": [_plain(model, row) for row in encoded.tolist()],
        **{name: values.tolist() for name, values in scores.items()},
    }


def check_golden(model: ServedModel, golden: Any, threshold: float) -> None:
    """``ArtefactError`` unless the model gives its golden rows the scores written down for them."""
    if not isinstance(golden, dict) or not isinstance(golden.get("rows"), list):
        raise ArtefactError("golden.json holds no rows; export the model again")
    if golden.get("threshold") != threshold:
        raise ArtefactError(
            "manifest.json: 'threshold' is not the one that golden.json was made with; "
            "export the model again"
        )
    for name, found in _scores(model, _matrix(model, golden["rows"])).items():
        _compare(model, name, golden.get(name), found.tolist())


def _scores(model: ServedModel, rows: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    raw = model.raw_scores(rows)
    uncalibrated, calibrated = model.uncalibrated(raw), model.probabilities(raw)
    return {"raw_score": raw, "raw": uncalibrated, "calibrated": calibrated}


def _plain(model: ServedModel, encoded: list[float]) -> list[Value]:
    """A row as people write it, so that what checks it goes the whole way from level to score."""
    return [
        None if math.isnan(v) else feature.levels[int(v)] if feature.kind == "category" else v
        for feature, v in zip(model.features, encoded, strict=True)
    ]


def _matrix(model: ServedModel, rows: list[Any]) -> NDArray[np.float32]:
    names = [feature.name for feature in model.features]
    if not rows or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        raise ArtefactError(f"golden.json holds no rows of {len(names)} features; export again")
    for feature, values in zip(model.features, zip(*rows, strict=True), strict=True):
        texts = {value for value in values if isinstance(value, str)}
        if not texts <= set(feature.levels):
            raise ArtefactError(f"golden.json: {feature.name!r} has a level that it does not have")
    try:
        return model.encoder.encode_rows([dict(zip(names, row, strict=True)) for row in rows])
    except FeatureError as why:
        raise ArtefactError(f"golden.json: {why}") from why


def _compare(model: ServedModel, name: str, expected: Any, found: list[float]) -> None:
    if not isinstance(expected, list) or len(expected) != len(found):
        raise ArtefactError(f"golden.json: {name!r} has not one number for each row")
    # The same trees give the same sums; another processor may round the last digits otherwise.
    close = {"rel_tol": model.raw.precision, "abs_tol": model.raw.precision / 1000}
    for row, (one, other) in enumerate(zip(expected, found, strict=True), start=1):
        if not isinstance(one, int | float) or not math.isclose(one, other, **close):
            raise ArtefactError(
                f"{model.file} gives golden row {row} another {name!r} than golden.json says; "
                "export the model again"
            )


def _check_sums(model: ServedModel, rows: NDArray[np.float32], raw: NDArray[np.float64]) -> None:
    if not np.isfinite(raw).all():
        raise ArtefactError(f"{model.file} gives a golden row a score that is not finite")
    sums = model.contributions(rows).sum(axis=1)
    if not np.allclose(sums, raw, rtol=SUMS_TO, atol=SUMS_TO):
        worst = float(np.abs(sums - raw).max())
        raise ArtefactError(
            f"the contributions of {model.file} miss its score by up to {worst:.1e} on the golden "
            "rows; a model whose explanation is not exact is not served"
        )
