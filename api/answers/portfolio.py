"""The answer about all decisions together: what they accept and cost, and whether the clients drift."""

from pydantic import Field

from api.answers.base import Answer, Count, Probability
from api.answers.model import ModelName


class Share(Answer):
    """A share of the clients, and its 95 % interval."""

    value: Probability
    low: Probability
    high: Probability


class Cost(Answer):
    """The cost of wrong decisions for each client, and its 95 % interval; a refused good client costs 1."""

    value: float = Field(ge=0)
    low: float = Field(ge=0)
    high: float = Field(ge=0)


class Point(Answer):
    """What a threshold accepts and costs, where a missed defaulter costs ``fn_cost``."""

    threshold: Probability
    fn_cost: float = Field(gt=0)
    acceptance: Share
    cost: Cost


class Curves(Answer):
    """The served model over its test clients, ``defaulted`` of them with a default.

    ``by_threshold`` has the served cost ratio, ``by_cost`` each ratio at its break-even threshold,
    ``as_served`` each ratio at the served threshold.
    """

    clients: Count
    defaulted: Count
    by_threshold: tuple[Point, ...]
    by_cost: tuple[Point, ...]
    as_served: tuple[Point, ...]


class Overrides(Answer):
    """The overrides of people: waiting for another person, confirmed and rejected by one."""

    pending: Count
    confirmed: Count
    rejected: Count


class ModelDecisions(Answer):
    """The recorded decisions of one model, each client's last one alone.

    ``acceptance`` is the share granted. ``near`` counts the decisions near the threshold;
    ``near_unknown`` those of which the model did not say it. ``reviewed`` counts those with a review,
    ``overrides`` what became of the last review where it was one. ``first`` and ``last`` are times.
    """

    model: ModelName
    clients: Count
    granted: Count
    acceptance: Probability
    near: Count
    near_unknown: Count
    reviewed: Count
    overrides: Overrides
    first: str
    last: str


class Drift(Answer):
    """The last result of ``credit drift`` over the recorded decisions, and its time (UTC, ISO 8601).

    ``model`` is the digest of the model that made them, ``reference`` the SHA-256 of what they were
    compared with. There is drift where a figure alarms. ``expected_auc`` holds if the probabilities
    are true.
    """

    time: str
    model: str
    decisions: Count
    reference: str
    drift: bool
    alarms: list[str]
    expected_auc: float | None


class Portfolio(Answer):
    """What the served model accepts and costs, what was decided, and whether the clients drift.

    ``curves`` and ``drift`` are null where they are not there; ``notes`` then says why.
    """

    model: ModelName
    threshold: Probability
    fn_cost: float
    curves: Curves | None
    decisions: list[ModelDecisions]
    drift: Drift | None
    notes: list[str]
