"""The model card: what a risk officer signs. The facts of one training.

The facts travel with the artefact as ``card.json``. The registry numbers a version only after its
card was written, so the export writes the card again, with the number and the alias.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from project_tools.errors import ArtefactError
from project_tools.evaluation.metrics import Estimate, Interval
from project_tools.evaluation.reliability import CalibrationLine, ReliabilityBin
from project_tools.evaluation.threshold_choice import ThresholdChoice
from project_tools.governance.segments import ExclusionCost, Figure, SegmentReport
from project_tools.models.final_evaluation import CostPoint
from project_tools.serving.folder import CARD_JSON
from project_tools.serving.manifest import UNREGISTERED

#: The layout of ``card.json``.
VERSION = 1
#: The key of the card's sections in its JSON: text that follows from the facts.
SAYS = "says"


@dataclass(frozen=True, slots=True)
class Clients:
    """Number of clients, and how many of them had difficulties repaying."""

    clients: int
    defaulted: int

    @property
    def rate(self) -> float:
        return self.defaulted / self.clients


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The feature file and its sources by SHA-256; ``excluded`` names the withheld features.

    The clients were drawn from ``labelled`` ones. ``invented``: they are those of the demonstration.
    Both are None in the card of an older release.
    """

    source: str
    digest: str
    raw_digest: str
    split_digest: str
    state_digest: str
    training: Clients
    test: Clients
    features: int
    excluded: tuple[str, ...]
    labelled: int | None = None
    invented: bool | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A score out of fold with its standard error, and on test clients with its 95 % interval.

    ``low`` and ``high`` are None for a score without an interval.
    """

    name: str
    label: str
    out_of_fold: float
    out_of_fold_se: float
    test: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval on test clients, if the score has one."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, slots=True)
class CalibrationFacts(CalibrationLine):
    """How true the probabilities of test clients are: the line, the curve in tenths, the method."""

    method: str
    curve: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class ExclusionFacts:
    """The cost of withholding the protected columns, out of fold, judged on ``clients``.

    Each of the two models was fitted on ``trained`` clients. ``withheld``: the card's own model
    does not use the columns.
    """

    clients: int
    trained: int
    withheld: bool
    cost: ExclusionCost


@dataclass(frozen=True, slots=True)
class MonotoneFacts:
    """What the constraint costs, on ``clients`` held out of fits on ``trained`` clients.

    ``auc_lost``, ``loss_added`` and ``log_loss_added`` are above 0 if it has a cost; their errors are
    paired. ``features`` are those in which the risk may only fall, ``withheld`` those that the trees
    do not see because they move with the scores in no single direction.
    """

    features: tuple[str, ...]
    clients: int
    trained: int
    auc_lost: Estimate
    loss_added: Estimate
    log_loss_added: Estimate
    withheld: tuple[str, ...] = ()

    @property
    def metrics(self) -> dict[str, float]:
        """The figures by the names under which a run logs them."""
        figures = {
            "auc_lost": self.auc_lost, "loss_added": self.loss_added,
            "log_loss_added": self.log_loss_added,
        }  # fmt: skip
        values = {f"monotone.{name}": figure.value for name, figure in figures.items()}
        return values | {f"monotone.{name}.se": figure.se for name, figure in figures.items()}


@dataclass(frozen=True, slots=True)
class Driver:
    """A feature that drives the model: its share of all mean absolute contributions."""

    name: str
    label: str
    share: float


@dataclass(frozen=True, slots=True)
class LineFigures:
    """A reference line on the test clients: its loss of income with interval, and its AUC."""

    name: str
    detail: str
    loss: Figure
    auc: Figure


@dataclass(frozen=True, slots=True)
class ThresholdPoint:
    """The share granted and the loss of income on the test clients at another threshold."""

    threshold: float
    granted: float
    loss: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """All facts of the card: figures of whole groups of clients, nothing about one client.

    ``metric`` is the score that chose the threshold, ``granted`` the share of the test clients
    whose credit is granted. ``owner`` and ``approver`` are names, empty if nobody is named;
    ``changes`` says what differs from the version before. The facts from ``owner`` on are empty in
    the card of an older release.
    """

    name: str
    version: str
    alias: str
    run_id: str
    created: str
    commit: str
    tree: str
    family: str
    data: DataFacts
    threshold: float
    fn_cost: float
    metric: str
    folds: int
    seed: int
    results: tuple[Result, ...]
    calibration: CalibrationFacts
    costs: tuple[CostPoint, ...]
    granted: float
    segments: SegmentReport
    exclusion: ExclusionFacts | None
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]
    owner: str = ""
    approver: str = ""
    threshold_choice: ThresholdChoice | None = None
    drivers: tuple[Driver, ...] = ()
    lines: tuple[LineFigures, ...] = ()
    sensitivity: tuple[ThresholdPoint, ...] = ()
    changes: tuple[str, ...] = ()
    monotone: MonotoneFacts | None = None

    def to_json(self) -> str:
        """The facts, for ``card.json``."""
        plain = TypeAdapter(Card).dump_python(self)
        return json.dumps({"card": VERSION, **plain}, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The card in the text of a ``card.json``; ``ArtefactError`` for any other text."""
        try:
            plain = json.loads(text)
            if plain.pop("card") != VERSION:
                raise ValueError("another release wrote it")
            plain.pop(SAYS, None)
            return TypeAdapter(cls).validate_python(plain)
        except ValidationError as why:
            place = ".".join(map(str, why.errors()[0]["loc"]))
            raise _no_card(f"{place}: {why.errors()[0]['msg']}") from why
        except (ValueError, TypeError, KeyError, AttributeError) as why:
            raise _no_card(str(why)) from why

    def of_version(self, name: str, version: str, alias: str = "", approver: str = "") -> Self:
        """The same card of a registered version, and of the person who approved it."""
        approver = approver or self.approver
        return replace(self, name=name, version=version, alias=alias, approver=approver)

    def result(self, name: str) -> Result:
        """The score of that name."""
        return next(row for row in self.results if row.name == name)

    @property
    def title(self) -> str:
        """Name, version and alias of the model, in one line."""
        alias = f" ({self.alias})" if self.alias else ""
        number = "not yet registered" if self.version == UNREGISTERED else f"version {self.version}"
        return f"{self.name}, {number}{alias}"

    @property
    def cost(self) -> CostPoint:
        """The losses at the cost that is nearest to the model's own cost of a missed defaulter."""
        return min(self.costs, key=lambda row: abs(row.fn_cost - self.fn_cost))


def _no_card(why: str) -> ArtefactError:
    return ArtefactError(
        f"{CARD_JSON} holds no model card of this release ({why}); train the model again"
    )
