"""A client's past: recorded decisions with what differs between them, and notes."""

from typing import Literal

from api.answers.base import Answer, ClientId, Count, DecisionId, Probability
from api.answers.model import ModelName
from api.answers.predictions import RecordedDecision
from api.answers.reviews import Note


class FeatureChange(Answer):
    """A feature that had another value at the decision before, as people read it."""

    name: str
    label: str
    before: str
    after: str


class Former(Answer):
    """The client's decision before, by what may differ."""

    decision: DecisionId
    proba_risk_class: Probability
    label: Literal["risk", "no_risk"]
    model: ModelName


class DecisionChanges(Answer):
    """What differs from the client's decision before; what is equal is left out of ``changed``.

    ``features`` are the most important ones for the model, protected ones left out; ``more`` counts
    those that are not named. It is null where a row was erased, or a model is not archived here.
    """

    former: Former
    changed: list[Literal["model", "proba_risk_class", "class", "threshold"]]
    features: list[FeatureChange] | None
    more: Count


class PastDecision(Answer):
    """A recorded decision; ``changes`` is null for the client's first one."""

    kind: Literal["decision"]
    decision: RecordedDecision
    changes: DecisionChanges | None


class PastNote(Answer):
    """A note about the client."""

    kind: Literal["note"]
    note: Note


class History(Answer):
    """A page of a client's decisions and notes, the newest first.

    ``next`` is the ``before`` of the next page, null where nothing older is recorded.
    """

    id: ClientId
    entries: list[PastDecision | PastNote]
    next: int | None
