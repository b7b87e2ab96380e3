"""Answers about a client's features, and about features in general."""

from pydantic import RootModel

from api.answers.base import Answer, ClientId, Share, Value
from project_tools.serving.inputs import Kind


class FeatureText(Answer):
    """What a feature is, in words."""

    name: str
    label: str
    sentence: str
    unit: str
    concept: str


class ClientFeature(FeatureText):
    """A feature of one client; ``value`` is null where it is missing, ``displayed`` is it in words."""

    value: Value
    displayed: str
    importance: Share


class ClientFeatures(Answer):
    """All features of a client, the most important first."""

    id: ClientId
    features: list[ClientFeature]


class CatalogueFeature(FeatureText):
    """A feature of all clients."""

    kind: Kind


class Catalogue(RootModel[list[CatalogueFeature]]):
    """Every feature of the clients."""
