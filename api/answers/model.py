"""Answers about the model: its name, its figures and its card."""

from pydantic import ConfigDict

from api.answers.base import Answer, Probability, Share


class ModelName(Answer):
    """Which model answers; ``digest`` is the SHA-256 of its manifest."""

    name: str
    version: str
    digest: str


class Metric(Answer):
    """A metric of the model, its standard error where there is one, and the rows it is of."""

    # An artefact may note more about a metric.
    model_config = ConfigDict(extra="allow")

    value: float
    se: float | None = None
    on: str


class Importance(Answer):
    """A feature's share of the model's importance."""

    name: str
    label: str
    importance: Share


class ModelInfo(Answer):
    """The model in short. A client whose probability is above the threshold is a risk.

    ``stage`` is the alias under the name that the first dashboard reads; ``importance`` has the
    features of ``sorted_features_by_importance`` in the same order.
    """

    name: str
    alias: str
    stage: str
    version: str
    type: str
    decision_threshold: Probability
    fn_cost: float
    trained: str
    data_digest: str
    digest: str
    metrics: dict[str, Metric]
    sorted_features_by_importance: list[str]
    importance: list[Importance]


class ModelCard(Answer):
    """The model card in both of its forms."""

    markdown: str
    html: str
