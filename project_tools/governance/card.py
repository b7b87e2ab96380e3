"""The model card: what a risk officer signs. Facts of one training, and their Markdown.

The facts travel with the artefact as ``card.json``. The registry numbers a version only after its
card was written, so the export writes the card again, with the number and the alias.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from project_tools.errors import ArtefactError
from project_tools.evaluation.calibration import CALIBRATIONS
from project_tools.evaluation.metrics import Estimate, Interval, interval_text
from project_tools.evaluation.reliability import CalibrationLine, ReliabilityBin
from project_tools.evaluation.threshold import break_even_probability
from project_tools.governance.segment_tables import NOTES, compact_markdown, markdown_table
from project_tools.governance.segments import ExclusionCost, Segment, SegmentReport
from project_tools.models.final_evaluation import CostPoint
from project_tools.serving.folder import CARD_JSON
from project_tools.serving.manifest import UNREGISTERED

#: The layout of ``card.json``.
VERSION = 1


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
    """The feature file and its sources by SHA-256; ``excluded`` names the withheld features."""

    source: str
    digest: str
    raw_digest: str
    split_digest: str
    state_digest: str
    training: Clients
    test: Clients
    features: int
    excluded: tuple[str, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """All facts of the card: figures of whole groups of clients, nothing about one client.

    ``metric`` is the score that chose the threshold, ``granted`` the share of the test clients
    whose credit is granted.
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
            return TypeAdapter(cls).validate_python(plain)
        except ValidationError as why:
            place = ".".join(map(str, why.errors()[0]["loc"]))
            raise _no_card(f"{place}: {why.errors()[0]['msg']}") from why
        except (ValueError, TypeError, KeyError, AttributeError) as why:
            raise _no_card(str(why)) from why

    def of_version(self, name: str, version: str, alias: str = "") -> Self:
        """The same card of a registered version."""
        return replace(self, name=name, version=version, alias=alias)

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


_PURPOSE = (
    "**For** decisions on applications for consumer credit of this lender. A person announces the "
    "decision and names its main reasons.\n\n"
    "**Not for** other products or lenders, prices and limits, collection, or the detection of "
    "fraud: the model was not examined for any of these."
)
_WITHHELD = (
    "Gender, family status, the numbers of children and family members, and all features that are "
    "computed from them are withheld from the model ({} features). They are kept for the audit "
    "above."
)
_SEEN = "The model sees gender, family status and the features that are computed from them."


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the card: its heading, its Markdown, and its name on the page (``anchor``)."""

    anchor: str
    title: str
    markdown: str


def markdown(card: Card) -> str:
    """The whole card as Markdown."""
    head = f"# Model card: {card.title}\n\n{summary(card)}"
    parts = [f"## {part.title}\n\n{part.markdown}" for part in sections(card)]
    return "\n\n".join([head, *parts]) + "\n"


def summary(card: Card) -> str:
    """What the model does and how good it is, in one paragraph."""
    auc, loss = card.result("AUC"), card.result("loss_of_income")
    return (
        f"A {card.family} model. It estimates the probability that an applicant will have "
        f"difficulties repaying, and refuses above **{_percent(card.threshold)}**. On "
        f"{card.data.test.clients:,} test clients that were not used to build it, AUC is "
        f"**{auc.test:.3f}** ({auc.low:.3f} to {auc.high:.3f}), and wrong decisions cost "
        f"**{loss.test:.3f}** refused good clients per client ({loss.low:.3f} to {loss.high:.3f}); "
        f"granting everybody costs {card.fn_cost * card.data.test.rate:.3f}."
    )


def sections(card: Card) -> list[Section]:
    """The sections of the card, in the order in which they are read."""
    return [
        Section("purpose", "Purpose", _PURPOSE),
        Section("decision", "Threshold and cost", _decision(card)),
        Section("figures", "Figures", _figures(card)),
        Section("calibration", "Calibration", _calibration(card)),
        Section("limits", "Limits", _limits(card)),
        Section("segments", "Segments", f"{compact_markdown(card.segments)}\n\n{_bullets(NOTES)}"),
        Section("protected", "Protected columns", _protected(card)),
        Section("data", "Data", _data(card)),
        Section("making", "How it was made", _making(card)),
    ]


def _decision(card: Card) -> str:
    return (
        f"A client whose probability is above {card.threshold:.4f} is a risk. A missed defaulter is "
        f"weighed as {card.fn_cost:g} refused good clients; if the probabilities are true, the "
        f"break-even is {break_even_probability(card.fn_cost):.4f}. The threshold is the exact best "
        f"one by {card.metric.replace('_', ' ')} on out-of-fold probabilities of the training "
        "clients. The test clients had no influence on it."
    )


def _figures(card: Card) -> str:
    rows = [["score", "out of fold", "test", "95 % interval"]]
    rows += [
        [
            row.label,
            f"{row.out_of_fold:.4f} ± {row.out_of_fold_se:.4f}",
            f"{row.test:.4f}",
            interval_text(row.interval),
        ]
        for row in card.results
    ]
    cost = card.cost
    note = (
        f"Without a model, at a cost of {cost.fn_cost:g}: granting everybody {cost.approve_all:.4f}, "
        f"refusing everybody {cost.refuse_all:.4f}. ± is one standard error. Intervals are for the "
        "population that the labelled clients were drawn from; a dash stands where none would be true."
    )
    return f"{markdown_table(rows)}\n\n{note}"


def _calibration(card: Card) -> str:
    line, gap = card.calibration, card.segments.overall.gap
    low, high = Estimate(line.slope, line.slope_se).interval
    bottom, top = Estimate(line.intercept, line.intercept_se).interval
    curve = CALIBRATIONS[line.method].label if line.method in CALIBRATIONS else line.method
    text = (
        f"Probabilities are calibrated by {curve}, fitted out of "
        f"fold. On test clients the slope is {line.slope:.2f} ({low:.2f} to {high:.2f}) and the "
        f"intercept {line.intercept:+.2f} ({bottom:+.2f} to {top:+.2f}); true probabilities have 1 "
        "and 0."
    )
    if gap is None:
        return text
    side = "above" if gap.value >= 0 else "below"
    return f"{text} On average they lie {100 * abs(gap.value):.1f} points {side} the observed rate."


def _limits(card: Card) -> str:
    low = [one for one in card.segments.segments if one.below_four_fifths]
    small = [one for one in card.segments.segments if one.default_rate is None]
    groups = "No group is accepted less than four fifths as often as the best of its kind."
    if low:
        groups = (
            "Accepted less than four fifths as often as the best group of their kind: "
            f"{_names(low)}."
        )
    if small:
        groups += f" Too small for any figure: {_names(small)}."
    return _bullets([
        "Outcomes are known only for credits that were granted. Nothing is known about applicants "
        "whom this lender has always refused.",
        "Training and test clients were drawn at random from one period. They do not show how well "
        "the model holds later: that takes the command `drift`, and later outcomes.",
        "Intervals hold for clients like these; they do not cover a change of the population.",
        groups,
        "If a model is chosen because it was the best of several on these test clients, its "
        "figures are slightly too good.",
    ])  # fmt: skip


def _names(groups: Sequence[Segment]) -> str:
    return ", ".join(f"{one.group} ({one.characteristic})" for one in groups)


def _bullets(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _protected(card: Card) -> str:
    count, measured = len(card.data.excluded), card.exclusion
    if measured is None:
        return (
            f"{_WITHHELD.format(count) if count else 'No feature was withheld.'} What withholding "
            "the protected columns costs was not measured: the data has none of them, or too few "
            "clients of one outcome."
        )
    return (
        f"{_WITHHELD.format(count) if measured.withheld else _SEEN} {measured.cost.sentence()} "
        f"Measured out of fold on {measured.clients:,} training clients. The two models were fitted "
        f"on {measured.trained:,} clients and differ in nothing else; both decide at the break-even "
        "threshold."
    )


def _data(card: Card) -> str:
    data = card.data
    rows = [["", "clients", "had difficulties", "share"]]
    for name, one in (("training", data.training), ("test", data.test)):
        rows.append([name, f"{one.clients:,}", f"{one.defaulted:,}", _percent(one.rate)])
    digests = [["SHA-256 of", ""]] + [
        [name, f"`{digest or 'unknown'}`"]
        for name, digest in (
            (f"the feature file ({data.source})", data.digest),
            ("the raw tables", data.raw_digest),
            ("the split of clients", data.split_digest),
            ("the fitted feature state", data.state_digest),
        )
    ]
    return f"{markdown_table(rows)}\n\n{markdown_table(digests, numbers=False)}"


def _making(card: Card) -> str:
    parameters = [
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in sorted(card.parameters.items())
    ]
    facts = [
        ["", ""],
        ["trained", card.created],
        ["run", f"`{card.run_id}`"],
        ["code", f"`{card.commit}` ({card.tree} tree)"],
        ["kind", f"{card.family}, {card.data.features:,} features"],
        ["folds, seed", f"{card.folds}, {card.seed}"],
        ["parameters", ", ".join(parameters)],
        ["versions", ", ".join(f"{k} {v}" for k, v in sorted(card.versions.items()))],
    ]
    return markdown_table(facts, numbers=False)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
