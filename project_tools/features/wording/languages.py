"""The languages in which features and their values are described."""

from collections.abc import Mapping

from project_tools.features.wording.english import ENGLISH, ENGLISH_VALUES
from project_tools.features.wording.french import FRENCH, FRENCH_VALUES
from project_tools.features.wording.wording import ValueWords, Wording

WORDINGS: Mapping[str, Wording] = {"en": ENGLISH, "fr": FRENCH}
VALUE_WORDS: Mapping[str, ValueWords] = {"en": ENGLISH_VALUES, "fr": FRENCH_VALUES}
