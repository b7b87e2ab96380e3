"""The API's answers, as far as the dashboard reads them.

``model_validate_json`` raises a ``ValueError`` where an answer is not as it is declared here. A test
compares these classes with the API's OpenAPI document.
"""

import base64
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    RootModel,
    WithJsonSchema,
    model_validator,
)
from service.scale import ScoreScale, scale_of

PICTURE_PREFIX = "data:image/png;base64,"


def _capitalised(label: str) -> str:
    """A label as it is written at the beginning of a line, in a table, list or axis."""
    return label[:1].upper() + label[1:]


def _png(text: object) -> bytes:
    if not isinstance(text, str) or not text.startswith(PICTURE_PREFIX):
        raise ValueError("the picture is not a PNG")
    return base64.b64decode(text.removeprefix(PICTURE_PREFIX), validate=True)


#: A number in the answer, a text in the dashboard.
ClientId = Annotated[
    str, Field(coerce_numbers_to_str=True, strict=False), WithJsonSchema({"type": "integer"})
]
Label = Annotated[str, AfterValidator(_capitalised)]
Png = Annotated[bytes, PlainValidator(_png, json_schema_input_type=str)]
Share = Annotated[float, Field(ge=0, le=1)]
Value = float | str | None


class Answer(BaseModel):
    """A JSON object of the API. Keys that the dashboard does not read may be there too."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class Model(Answer):
    """The model that answers; two models may have one name and version, but not one ``digest``."""

    name: str
    version: str
    digest: str


class Version(Answer):
    """What the API serves; no model if none is loaded."""

    model: Model | None


class ClientIds(Answer):
    """The first ids that match a search, and how many match in all."""

    ids: tuple[ClientId, ...]
    total: int


class Prediction(Answer):
    """The decision on a client. ``margin`` is probability minus threshold."""

    client: ClientId = Field(alias="id")
    probability: Share = Field(alias="proba_risk_class")
    label: Literal["risk", "no_risk"] = Field(alias="class")
    threshold: Share
    margin: float
    model: Model

    @property
    def refused(self) -> bool:
        return self.label == "risk"


class Feature(Answer):
    """One feature of a client; ``importance`` is its share in the model, from 0 to 1."""

    name: str
    label: Label
    sentence: str
    unit: str
    value: Value
    displayed: str = ""
    concept: str
    importance: float


class ClientFeatures(Answer):
    """All features of a client."""

    features: tuple[Feature, ...]


class Contribution(Answer):
    """What one feature adds to the score: above 0 raises the risk."""

    label: Label
    value: Value
    displayed: str = ""
    unit: str
    contribution: float


class ConceptContribution(Answer):
    """What the features of one concept add to the score together."""

    concept: str
    contribution: float
    features: tuple[Contribution, ...]


class Reason(Answer):
    """A sentence to be said, and the percentage points by which its concept moves the risk."""

    text: str
    points: float


class ConceptPoints(Answer):
    """A concept, and the percentage points by which it moves the risk."""

    concept: str
    points: float


class Comparison(Answer):
    """Whom the client is compared with: how many they are, and their risk in percent.

    ``note`` says why it is the average client, where it is.
    """

    compared_with: Literal["just_accepted", "just_refused", "average"]
    clients: int
    risk: float
    note: str | None


class Explanation(Answer):
    """The reasons for the decision in sentences, and the contributions behind them.

    ``reference.risk`` and the points of all ``concepts`` add up to ``risk``, in percent. ``base`` and
    the contributions of all ``groups`` add up to ``raw_score``, on one scale. ``blocked`` says why
    there are no reasons, where none may be given.
    """

    risk: float
    reference: Comparison
    reasons: tuple[Reason, ...]
    other_side: tuple[Reason, ...]
    concepts: tuple[ConceptPoints, ...]
    blocked: str | None
    scale_name: Literal["log-odds", "probability"] = Field(alias="scale")
    base: float
    raw_score: float
    groups: tuple[ConceptContribution, ...]

    @property
    def in_points(self) -> tuple[ConceptContribution, ...]:
        """The concepts as contributions in percentage points of risk, without their features."""
        return tuple(
            ConceptContribution(concept=one.concept, contribution=one.points, features=())
            for one in self.concepts
        )

    @property
    def scale(self) -> ScoreScale:
        return scale_of(self.scale_name, self.base)

    @model_validator(mode="after")
    def _has_a_scale(self) -> Self:
        scale_of(self.scale_name, self.base)
        return self


class Picture(Answer):
    """A PNG that the API drew, and what it shows in words."""

    png: Png = Field(alias="image")
    alt: str


class Metric(Answer):
    """A metric of the model, its standard error where there is one, and the rows it is of."""

    value: float
    se: float | None = None
    on: str


class Importance(Answer):
    """A feature's share in the model, from 0 to 1."""

    name: str
    label: Label
    importance: float


class ModelCard(Answer):
    """The model card to read, and as a page to save or print."""

    markdown: str
    html: str


class ModelInfo(Answer):
    """The model's figures."""

    name: str
    version: str
    kind: str = Field(alias="type")
    threshold: Share = Field(alias="decision_threshold")
    fn_cost: float
    trained: str
    digest: str
    metrics: dict[str, Metric]
    importances: tuple[Importance, ...] = Field(alias="importance")


class Criterion(Answer):
    """A feature that all clients of a group share, and its value."""

    label: Label
    value: Value


class PeerFeature(Answer):
    """A feature that is compared, with the client's own value."""

    name: str
    label: Label
    unit: str
    kind: str
    client_value: Value
    displayed: str = ""


class ClassSizes(Answer):
    """How many clients repaid and how many defaulted; a text where they are fewer than ten."""

    repaid: int | Literal["fewer than 10"]
    defaulted: int | Literal["fewer than 10"]


class Missing(Answer):
    """How many clients of each class have no value; None for a class without counts."""

    repaid: int | None = 0
    defaulted: int | None = 0

    @property
    def total(self) -> int:
        return (self.repaid or 0) + (self.defaulted or 0)


class Tick(Answer):
    """A place on an axis of numbers, and its value in words."""

    value: float
    displayed: str


class Distribution(Answer):
    """Counts of a group per class: by ``edges`` (one more than counts) or by ``levels``.

    A class of fewer than ten clients has none. ``bars`` says in words what each count is of. ``missing`` clients have no value and are in none
    of the counts.
    """

    bars: tuple[str, ...]
    edges: tuple[float, ...] = ()
    ticks: tuple[Tick, ...] = ()
    levels: tuple[str, ...] = ()
    repaid: tuple[int, ...] | None
    defaulted: tuple[int, ...] | None
    missing: Missing = Missing()

    @model_validator(mode="after")
    def _has_a_count_per_place(self) -> Self:
        places = _places(self.edges, self.levels)
        counts = [one for one in (self.repaid, self.defaulted) if one is not None]
        if {len(self.bars), *map(len, counts)} != {places}:
            raise ValueError("as many counts as bins or levels are needed")
        return self


class Joint(Answer):
    """Counts of a group per class by two features; rows of a table run along x.

    A cell of fewer than ten clients has none.
    """

    x_bars: tuple[str, ...]
    x_edges: tuple[float, ...] = ()
    x_ticks: tuple[Tick, ...] = ()
    x_levels: tuple[str, ...] = ()
    y_bars: tuple[str, ...]
    y_edges: tuple[float, ...] = ()
    y_ticks: tuple[Tick, ...] = ()
    y_levels: tuple[str, ...] = ()
    repaid: tuple[tuple[int | None, ...], ...] = Field(alias="counts_repaid")
    defaulted: tuple[tuple[int | None, ...], ...] = Field(alias="counts_defaulted")

    @model_validator(mode="after")
    def _has_a_count_per_cell(self) -> Self:
        width = _places(self.x_edges, self.x_levels)
        height = _places(self.y_edges, self.y_levels)
        if (len(self.x_bars), len(self.y_bars)) != (width, height):
            raise ValueError("as many bars in words as bins or levels are needed")
        for table in (self.repaid, self.defaulted):
            if [len(row) for row in table] != [height] * width:
                raise ValueError(f"a table of {width} by {height} counts is needed")
        return self


class Peers(Answer):
    """A client's group: its size, its default rate, and one or two features in it."""

    too_small: Literal[False]
    n: int | Literal["10 or more"]
    n_by_class: ClassSizes
    default_rate: Share | None
    criteria: tuple[Criterion, ...]
    features: tuple[PeerFeature, ...]
    distributions: tuple[Distribution, ...]
    joint: Joint | None = None


class NoPeers(Answer):
    """There is nothing to show; ``sentence`` says why: a small group, or a missing value."""

    too_small: Literal[True]
    sentence: str


class PeersAnswer(RootModel[Annotated[Peers | NoPeers, Field(discriminator="too_small")]]):
    """A client's group, or why there is none."""


def _places(edges: Sequence[float], levels: Sequence[str]) -> int:
    """The number of bins or levels of an axis."""
    return len(levels) or max(len(edges) - 1, 0)
