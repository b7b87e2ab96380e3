"""Golden rows: inputs beside their scores, by which a model proves that it is still the same."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter

from project_tools.errors import ArtefactError, FeatureError
from project_tools.serving.inputs import Value
from project_tools.serving.json_files import Number, checked

if TYPE_CHECKING:  # an inspection counts the rows and needs no model
    from project_tools.serving.model import ServedModel

GOLDEN = "golden.json"
#: Contributions are this close to the score that they add up to, or the model is not served.
SUMS_TO = 1e-6


@dataclass(frozen=True, slots=True)
class Golden:
    """``golden.json``: rows of values in the model's order, and three scores for each row."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")
    threshold: Number
    rows: list[list[Any]]
    raw_score: list[Number]
    raw: list[Number]
    calibrated: list[Number]

    @classmethod
    def from_data(cls, data: Any) -> "Golden":
        """The golden rows in the data of ``golden.json``; ``ArtefactError`` for other data."""
        return checked(_GOLDEN, data, GOLDEN, private=True)


_GOLDEN = TypeAdapter(Golden)


def golden_rows(
    model: "ServedModel", rows: Sequence[Mapping[str, Value]], threshold: float
) -> dict[str, Any]:
    """The data of ``golden.json``: rows as the model takes them, and their scores.

    The threshold is written beside them, so that one that is typed into the manifest is refused.
    Raises ``ArtefactError`` for a model whose contributions do not add up to its score.
    """
    if not rows:
        raise ArtefactError("an artefact needs golden rows; give one or more")
    encoded = model.encoder.encode_rows(rows)
    scores = _scores(model, encoded)
    raw, sums = scores["raw_score"], model.contributions(encoded).sum(axis=1)
    if not np.isfinite(raw).all():
        raise ArtefactError(f"{model.file} gives a golden row a score that is not finite")
    if not np.allclose(sums, raw, rtol=SUMS_TO, atol=SUMS_TO):
        raise ArtefactError(
            f"the contributions of {model.file} miss its score by up to "
            f"{np.abs(sums - raw).max():.1e} on the golden rows; a model whose explanation is not "
            "exact is not served"
        )
    return {
        "threshold": float(threshold),
        # As people write them, so that a check goes the whole way from level to score.
        "rows": [
            [
                None if math.isnan(v) else f.levels[int(v)] if f.kind == "category" else v
                for f, v in zip(model.features, row, strict=True)
            ]
            for row in encoded.tolist()
        ],
        **{name: values.tolist() for name, values in scores.items()},
    }


def check_golden(model: "ServedModel", golden: Golden, threshold: float) -> None:
    """``ArtefactError`` unless the model gives the golden rows the scores written beside them."""
    if golden.threshold != threshold:
        raise ArtefactError(
            f"manifest.json: 'threshold' is not the one that {GOLDEN} was made with; "
            "export the model again"
        )
    # The same trees give the same sums; another processor may round the last digits otherwise.
    close = {"rel_tol": model.raw.precision, "abs_tol": model.raw.precision / 1000}
    for name, scores in _scores(model, _matrix(model, golden.rows)).items():
        expected = getattr(golden, name)
        if len(expected) != len(scores):
            raise ArtefactError(f"{GOLDEN}: {name!r} has not one number for each row")
        for row, (one, other) in enumerate(zip(expected, scores.tolist(), strict=True), start=1):
            if not math.isclose(one, other, **close):
                raise ArtefactError(
                    f"{model.file} gives golden row {row} another {name!r} than {GOLDEN} says; "
                    "export the model again"
                )


def _scores(model: "ServedModel", rows: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    raw = model.raw_scores(rows)
    uncalibrated, calibrated = model.uncalibrated(raw), model.probabilities(raw)
    return {"raw_score": raw, "raw": uncalibrated, "calibrated": calibrated}


def _matrix(model: "ServedModel", rows: list[list[Any]]) -> NDArray[np.float32]:
    names = [feature.name for feature in model.features]
    if not rows or any(len(row) != len(names) for row in rows):
        raise ArtefactError(
            f"{GOLDEN} holds no rows of {len(names)} features; export the model again"
        )
    for feature, values in zip(model.features, zip(*rows, strict=True), strict=True):
        levels = {value for value in values if isinstance(value, str)}
        if not levels <= set(feature.levels):
            raise ArtefactError(
                f"{GOLDEN} gives {feature.name!r} a level that it does not have; "
                "export the model again"
            )
    try:
        return model.encoder.encode_rows([dict(zip(names, row, strict=True)) for row in rows])
    except FeatureError as why:
        raise ArtefactError(f"{GOLDEN}: {why}; export the model again") from why
