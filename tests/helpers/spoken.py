"""The rule of a sentence that is said to a client, and where a sentence breaks it."""

import re

from project_tools.serving.reasons.sentences import SAYABLE, Fact
from project_tools.serving.reasons.spoken import quantity

MOST_WORDS, MOST_NUMBERS, MOST_FIGURES = 20, 2, 2
FORBIDDEN = {
    "en": ("variance", "spread", "median", "average of", "ratio", "log", "not known", "feature"),
    "fr": (
        "variance", "écart", "dispersion", "médiane", "moyenne de", "moyenne des", "ratio", "rapport",
        "log", "non connu", "non connue", "pas connu", "inconnu", "inconnue", "variable",
        "caractéristique",
    ),
}  # fmt: skip
#: Words that claim a side of the usual value.
LOW = {"en": ("low", "lower", "only", "fewer"), "fr": ("bas", "basse", "seulement", "au plus")}
HIGH = {
    "en": ("high", "higher", "up to"),
    "fr": ("élevé", "élevée", "jusqu\N{RIGHT SINGLE QUOTATION MARK}à"),
}
# The English words are none in any language.
FORBIDDEN = {language: (*words, *FORBIDDEN["en"]) for language, words in FORBIDDEN.items()}
#: What looks like a code (every feature's name that is no word has a "_") or like an open place.
_CODE = re.compile(r"\b[A-Z]{4,}\b|XNA|\bnan\b|\binf\b|[_{}\[\]²]")
_NUMBER = re.compile(r"\d+(?:[.,\u202f]\d+)*")


def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """Finds a word or phrase that stands by itself."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)


_FORBIDDEN, _LOW, _HIGH = (
    {language: _any_of(words) for language, words in table.items()}
    for table in (FORBIDDEN, LOW, HIGH)
)
_FRENCH_SPACE = re.compile(r"[^\u202f][;!?]|[^\u00a0][:%]|\d \d|'")
_NO_ELISION = re.compile(
    r"\b(?:[ldnscmt]e|la|que) (?:un|une|il|elle|on|[aeiouéèê]\w+)\b", re.IGNORECASE
)


def faults(text: str, language: str, fact: Fact | None = None) -> list[str]:
    """What a person would not say."""
    numbers = _NUMBER.findall(text)
    broken = {
        "a forbidden word": _FORBIDDEN[language].search(text),
        "too many words": len(re.findall(r"[^\W\d]+|\d+", _NUMBER.sub("0", text))) > MOST_WORDS,
        "too many numbers": len(numbers) > MOST_NUMBERS,
        "too many figures": any(
            len(re.sub(r"\D", "", number).strip("0")) > MOST_FIGURES for number in numbers
        ),
        "a negative number": re.search(r"[-\N{MINUS SIGN}]\s?\d", text),
        "a raw code": _CODE.search(text),
        "no sentence": not re.fullmatch(r"[A-ZÀÉ0-9](?:[^.]|(?<=\d)\.(?=\d))*[.]", text)
        or "  " in text,
        "no French space": language == "fr" and _FRENCH_SPACE.search(text),
        "no elision": language == "fr" and _NO_ELISION.search(text),
        **(_claims(text, language, fact) if fact else {}),
    }
    return [what for what, so in broken.items() if so]


def _claims(text: str, language: str, fact: Fact) -> dict[str, bool]:
    """What is claimed about the usual value and is not so; times are compared by their length."""
    if fact.value is None or isinstance(fact.value, str) or fact.missing or fact.usual is None:
        return {}
    said = SAYABLE[fact.feature].spoken
    if said in {"band", "hour"}:
        return {}
    value, usual = quantity(fact.value, said), quantity(fact.usual, said)
    if value is None or usual is None:
        return {}
    low, high = abs(value.size) < abs(usual.size), abs(value.size) > abs(usual.size)
    return {
        "low, and not below the usual": bool(_LOW[language].search(text)) and not low,
        "high, and not above the usual": bool(_HIGH[language].search(text)) and not high,
    }
