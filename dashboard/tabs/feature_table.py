"""The client's features as a table: searched, filtered, in order of importance."""

from collections.abc import Iterable

import pandas as pd
from service.answers import Feature
from words.english import shown_value

COLUMNS = ("Feature", "This client", "Subject", "Importance", "What it is", "Name")


def search(
    features: Iterable[Feature], text: str = "", concept: str | None = None, missing: bool = False
) -> list[Feature]:
    """The features whose label, name, sentence or value holds every word of the text.

    ``concept`` keeps the features of that concept, ``missing`` those without a value.
    """
    words = text.casefold().split()
    return [
        feature
        for feature in features
        if all(word in _searched(feature) for word in words)
        and concept in {None, feature.concept}
        and not (missing and feature.value is not None)
    ]


def feature_rows(features: Iterable[Feature]) -> pd.DataFrame:
    """One row per feature, in the given order; a missing value is written as a word."""
    rows = [(f.label, _value(f), f.concept, f.importance, f.sentence, f.name) for f in features]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def concepts(features: Iterable[Feature]) -> list[str]:
    """The concepts in the order of their first, that is most important, feature."""
    return list(dict.fromkeys(feature.concept for feature in features))


def choices(features: Iterable[Feature]) -> dict[str, str]:
    """The label of each feature by name; a label that is not unique has the name added."""
    labels: dict[str, list[str]] = {}
    for feature in features:
        labels.setdefault(feature.label, []).append(feature.name)
    return {
        name: label if len(names) == 1 else f"{label} ({name})"
        for label, names in labels.items()
        for name in names
    }


def _searched(feature: Feature) -> str:
    parts = (feature.label, feature.name, feature.sentence, _value(feature))
    return " ".join(parts).casefold()


def _value(feature: Feature) -> str:
    return shown_value(feature.value, feature.displayed, feature.unit)
