"""Reasons as they are recorded where they were issued: with their facts, in the words that were said.

They are computed from the recorded input alone, so that a replay can compute them again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from project_tools.serving.artefact import Artefact
from project_tools.serving.decisions.record import NewEvent
from project_tools.serving.explanation import (
    DecisionReasons,
    Explanation,
    decision_reasons,
    explanation_of,
    scored_parts,
)
from project_tools.serving.formats.base import Scale
from project_tools.serving.inputs import Value


@dataclass(frozen=True, slots=True)
class ScoredInput:
    """A recorded input as the model scores it: its values, score, and contributions with the base."""

    artefact: Artefact
    row: Mapping[str, Value]
    raw_scores: NDArray[np.float64]
    parts: NDArray[np.float64]

    @classmethod
    def of(cls, artefact: Artefact, content: bytes) -> Self:
        """The bytes of an encoded row, scored; ``ArtefactError`` if its parts do not add up."""
        encoded = np.frombuffer(content, np.float32).reshape(1, -1)
        row = artefact.model.encoder.decode(encoded)
        return cls(artefact, row, *scored_parts(artefact, row, encoded))

    def contributions(self, language: str) -> Explanation:
        """The contributions of all features, by concept, in the words of a language."""
        return explanation_of(self.artefact, self.row, self.raw_scores, self.parts, language)


class RecordedReasons(BaseModel):
    """The reasons for one decision in one language; ``currency`` is the name that the sentences say.

    A later release only adds fields, with defaults.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)

    language: str
    currency: str
    decision: DecisionReasons
    scale: Scale
    base: float
    raw_score: float

    @classmethod
    def of(cls, scored: ScoredInput, language: str, currency: str) -> Self:
        """The reasons for the decision on an input; ``SettingError`` for a language without words."""
        found = decision_reasons(
            scored.artefact, scored.row, scored.raw_scores, scored.parts,
            language=language, currency=currency,
        )  # fmt: skip
        return cls(
            language=language,
            currency=currency,
            decision=found,
            scale=scored.artefact.model.scale,
            base=float(scored.parts[0, -1]),
            raw_score=float(scored.raw_scores[0]),
        )

    def event(self, decision_id: str, key_id: str) -> NewEvent:
        """The event that records them, once about a decision in this language."""
        return NewEvent(
            "reasons", {"language": self.language}, subject=decision_id,
            content=self.model_dump_json().encode(), key_id=key_id, first=self.language,
        )  # fmt: skip
