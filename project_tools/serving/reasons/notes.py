"""What is said where a client is compared with the average client, and not with the threshold's."""

from collections.abc import Mapping

from project_tools.serving.reasons.gap import ComparedWith
from project_tools.serving.reference import LEAST

#: By language: the model holds no reference, too few granted clients, too few refused ones.
_NOTES: Mapping[str, tuple[str, str, str]] = {
    "en": (
        "This model holds no reference, so the client is compared with the average client.",
        f"Fewer than {LEAST} test clients of this model were granted a loan, so the client is "
        "compared with the average client.",
        f"Fewer than {LEAST} test clients of this model were refused a loan, so the client is "
        "compared with the average client.",
    ),
    "fr": (
        "Aucune référence pour ce modèle\N{NO-BREAK SPACE}: le client est comparé au client moyen.",
        f"Moins de {LEAST} clients de test de ce modèle ont obtenu un prêt, le client est donc "
        "comparé au client moyen.",
        f"Moins de {LEAST} clients de test de ce modèle se sont vu refuser un prêt, le client est "
        "donc comparé au client moyen.",
    ),
}


def note(compared_with: ComparedWith, language: str, *, granted: bool, held: bool) -> str | None:
    """Why a client is compared with the average client; None where he is not.

    ``held``: the model holds a reference. Raises ``KeyError`` for a language without words.
    """
    if compared_with != "average":
        return None
    none, few_granted, few_refused = _NOTES[language]
    return none if not held else few_refused if granted else few_granted
