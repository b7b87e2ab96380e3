"""Which features may be shown: protected ones, and what is computed from them, only where it is asked."""

from project_tools.features.columns import PROTECTED_COLUMNS
from project_tools.serving.artefact import Artefact
from project_tools.serving.clients import ClientStore


def is_protected(artefact: Artefact, name: str) -> bool:
    """Whether a feature is, or is computed from, a protected column.

    A feature that the catalogue does not describe counts as one.
    """
    about = artefact.catalogue.get(name)
    return about is None or not {*PROTECTED_COLUMNS}.isdisjoint(about["columns"])


def shown_names(artefact: Artefact, store: ClientStore, *, protected: bool) -> list[str]:
    """The features of the clients in the file's order, the protected ones only where ``protected``."""
    return [name for name in store.names if protected or not is_protected(artefact, name)]
