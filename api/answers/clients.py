"""Answers about a client's features, and about features in general."""

from typing import Annotated, Literal

from pydantic import Field, RootModel

from api.answers.base import Answer, ClientId, Share, Value
from project_tools.serving.inputs import Kind


class FeatureText(Answer):
    """What a feature is, in words."""

    name: str
    label: str
    sentence: str
    unit: str
    concept: str


class ClientFeature(Answer):
    """A feature of one client; ``value`` is null where it is missing, ``displayed`` is it in words.

    Beside the name, the fields that were asked for: by default all but ``sentence``.
    """

    name: str
    label: str = ""
    sentence: str = ""
    unit: str = ""
    concept: str = ""
    value: Value = None
    displayed: str = ""
    importance: Share = 0.0


#: What a feature of a client may be asked for.
ClientField = Literal["label", "sentence", "unit", "concept", "value", "displayed", "importance"]


class ClientFeatures(Answer):
    """Features of a client, the most important first."""

    id: ClientId
    features: list[ClientFeature]


class CatalogueFeature(FeatureText):
    """A feature of all clients."""

    kind: Kind


class InputFeature(CatalogueFeature):
    """A feature that the served model takes: a category is one of ``levels``, a number lies in ``range``.

    ``dtype`` is the type as which the model reads it; null is a missing value where it is ``nullable``.
    """

    dtype: Literal["float32", "string"]
    levels: list[str]
    nullable: bool
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None


class Level(Answer):
    """A level of a category as it is sent, and in words."""

    value: str
    label: str


class ChangeableColumn(CatalogueFeature):
    """A column of the application that may change: to one of ``levels``, or to a number in ``range``.

    ``whole``: a fraction is refused; ``nullable``: null is taken.
    """

    levels: list[Level]
    nullable: bool
    whole: bool
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None


class Catalogue(RootModel[list[InputFeature] | list[ChangeableColumn] | list[CatalogueFeature]]):
    """Every feature of the clients, those that the served model takes, or those that may change."""
