"""The languages in which a reason can be said."""

from collections.abc import Mapping

from project_tools.errors import SettingError, unknown
from project_tools.serving.reasons.english import ENGLISH
from project_tools.serving.reasons.french import FRENCH
from project_tools.serving.reasons.words import Words

#: Of the artefact's own catalogue, and of whoever asks for no language that is there.
DEFAULT_LANGUAGE = "en"
LANGUAGES: Mapping[str, Words] = {"en": ENGLISH, "fr": FRENCH}


def words_of(language: str) -> Words:
    """The words of a language; ``SettingError`` if there are none."""
    if language not in LANGUAGES:
        raise SettingError(unknown("language", language, LANGUAGES))
    return LANGUAGES[language]
