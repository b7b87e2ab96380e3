"""What a comparison with peers says, by language."""

# ruff: noqa: RUF001  (French has its own apostrophe)

from collections.abc import Mapping
from typing import Any

from project_tools.features.definitions.bands import BANDS
from project_tools.features.wording.display import band_words
from project_tools.features.wording.languages import VALUE_WORDS
from project_tools.serving.clients import Column
from project_tools.serving.feature_words import FeatureWords
from project_tools.serving.inputs import Value

#: Sentences and parts of them, by language.
SENTENCES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "left out": "“{label}” is left out",
        "may differ": "“{label}” may differ by one",
        "and": " and ",
        "backed off": "Fewer than {least} clients agree in everything, so {parts}.",
        "too small": "Fewer than {least} clients with a known outcome are like this one. That is too few "
        "to compare.",
        "not known": "This client's value of “{label}” is not known, so there is no such group.",
        "no reference": "The model's reference does not hold “{label}”, so it cannot be compared.",
        "span": "{low} to {high}",
        "others": "other values",
    },
    "fr": {
        "left out": "« {label} » n’est pas pris en compte",
        "may differ": "« {label} » peut différer d’une tranche",
        "and": " et ",
        "backed off": "Moins de {least} clients sont pareils en tout : {parts}.",
        "too small": "Moins de {least} clients dont l’issue est connue ressemblent à celui-ci. C’est trop "
        "peu pour comparer.",
        "not known": "La valeur de « {label} » n’est pas connue pour ce client : ce groupe n’existe pas.",
        "no reference": "La référence du modèle ne contient pas « {label} », qui ne peut être comparé.",
        "span": "de {low} à {high}",
        "others": "autres valeurs",
    },
}


class Said:
    """The words of an answer in its language."""

    def __init__(self, words: FeatureWords) -> None:
        self._words, self._sentences = words, SENTENCES[words.language]
        self._values = VALUE_WORDS[words.language]

    def __call__(self, name: str, **places: Any) -> str:
        """A sentence, or a part of one, with its places filled."""
        return self._sentences[name].format(**places)

    def span(self, low: str, high: str) -> str:
        """Both ends of a bar, or its one value."""
        return low if low == high else self("span", low=low, high=high)

    def label(self, name: str) -> str:
        """The label of a feature."""
        return str(self._words.describe(name)["label"])

    def display(self, name: str, value: Value) -> str:
        """A value of a feature."""
        return self._words.display(value, self._words.describe(name))

    def criterion(self, name: str, value: Value) -> dict[str, Any]:
        """A criterion of a group: the label of the feature, and the client's value of it."""
        about = self._words.describe(name)
        if value is not None and about.get("display"):
            value = self._words.display(value, about)
        elif isinstance(value, float) and name in BANDS:  # a model of before displays were declared
            value = band_words(BANDS[name], self._values).get(int(value), value)
        return {"label": about["label"], "value": value}

    def feature(self, column: Column, row: Mapping[str, Value]) -> dict[str, Any]:
        """A compared feature, and the client's value of it."""
        about, value = self._words.describe(column.name), row[column.name]
        return {
            "name": column.name,
            "label": about["label"],
            "unit": about["unit"],
            "kind": column.kind,
            "client_value": value,
            "displayed": self._words.display(value, about),
        }
