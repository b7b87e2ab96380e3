"""The features of a model in words of one language: label, sentence, concept, and how a value is shown.

English words come from the artefact. Other languages come from this release's catalogue; a feature that
it does not declare keeps the artefact's words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from project_tools.features.wording.display import displayed
from project_tools.features.wording.languages import VALUE_WORDS, WORDINGS
from project_tools.serving.artefact import Artefact
from project_tools.serving.explanation import display_as
from project_tools.serving.inputs import Value

ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class FeatureWords:
    """What a model's features are called in a language of ``WORDINGS``."""

    artefact: Artefact
    language: str = ENGLISH

    def describe(self, name: str) -> Mapping[str, Any]:
        """The catalogue's row of a feature in the language."""
        row = self.artefact.describe(name)
        if self.language == ENGLISH:
            return row
        # Only an answer in another language pays for the definitions of all features.
        from project_tools.features.catalogue import all_features  # noqa: PLC0415

        words = all_features(WORDINGS[self.language]).get(name)
        if words is None:
            return row
        said = {"label": words.label, "sentence": words.sentence, "concept": words.concept}
        return {**row, **said}

    def display(self, value: Value, about: Mapping[str, Any]) -> str:
        """A value as its row of the catalogue says; a row of an older model shows it in English."""
        if not about.get("display"):
            return display_as(value, about)
        return displayed(value, about, VALUE_WORDS[self.language])
