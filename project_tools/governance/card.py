"""The model card: what a risk officer signs. Facts of one training, and their Markdown.

The facts travel with the artefact as ``card.json``: the registry gives a version its number only
after the card was written, so the export renders both forms anew with the number and the alias.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from project_tools.errors import ArtefactError
from project_tools.evaluation.metrics import Z_95
from project_tools.governance.segment_tables import NOTES, compact_markdown
from project_tools.governance.segments import ExclusionCost, Segment, SegmentReport
from project_tools.serving.folder import CARD_JSON
from project_tools.serving.manifest import UNREGISTERED

#: The layout of ``card.json``.
VERSION = 1
METHODS = {"platt": "Platt's curve", "beta": "the beta curve"}


@dataclass(frozen=True, slots=True)
class Clients:
    """How many clients there were, and how many of them had difficulties to repay."""

    clients: int
    defaulted: int

    @property
    def rate(self) -> float:
        return self.defaulted / self.clients


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The feature file and what it was made from, by SHA-256; ``excluded`` features were withheld."""

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
    """A score out of fold (with its standard error) and on test clients (with its 95 % interval)."""

    name: str
    label: str
    out_of_fold: float
    out_of_fold_se: float
    test: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A tenth of the test clients: mean probability, rate of default and its standard error."""

    clients: int
    predicted: float
    observed: float
    se: float


@dataclass(frozen=True, slots=True)
class CalibrationFacts:
    """How true the probabilities are on test clients: Cox's line, and the reliability curve."""

    method: str
    slope: float
    slope_se: float
    intercept: float
    intercept_se: float
    curve: tuple[CurvePoint, ...]


@dataclass(frozen=True, slots=True)
class CostFacts:
    """The loss a test client at one cost of a missed defaulter, by the model and without one."""

    fn_cost: float
    best: float
    best_se: float
    served: float
    approve_all: float
    refuse_all: float


@dataclass(frozen=True, slots=True)
class ExclusionFacts:
    """What withholding the protected columns costs, out of fold, on so many training clients.

    ``trained`` is how many each of the two models learnt from, ``withheld`` whether this card's
    model does without the columns.
    """

    clients: int
    trained: int
    withheld: bool
    cost: ExclusionCost


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """All that the card says; figures of whole groups of clients, nothing of one client.

    ``metric`` is the score by which the threshold was found, ``granted`` the share of the test
    clients who are granted a credit.
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
    costs: tuple[CostFacts, ...]
    granted: float
    segments: SegmentReport
    exclusion: ExclusionFacts | None
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]

    def to_json(self) -> str:
        """The facts, for ``card.json``."""
        return json.dumps({"card": VERSION, **asdict(self)}, indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse; ``ArtefactError`` for what is none."""
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
        return next(row for row in self.results if row.name == name)

    @property
    def title(self) -> str:
        """Which model this is, in a line."""
        alias = f" ({self.alias})" if self.alias else ""
        number = "not yet registered" if self.version == UNREGISTERED else f"version {self.version}"
        return f"{self.name}, {number}{alias}"

    @property
    def cost(self) -> CostFacts:
        """The costs nearest to the model's own weight of a missed defaulter."""
        return min(self.costs, key=lambda row: abs(row.fn_cost - self.fn_cost))


def _no_card(why: str) -> ArtefactError:
    return ArtefactError(
        f"{CARD_JSON} holds no model card of this release ({why}); train the model again"
    )


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the card: its heading and its Markdown; ``anchor`` names it for the page."""

    anchor: str
    title: str
    markdown: str


def markdown(card: Card) -> str:
    """The whole card as Markdown."""
    head = f"# Model card: {card.title}\n\n{summary(card)}"
    parts = [f"## {part.title}\n\n{part.markdown}" for part in sections(card)]
    return "\n\n".join([head, *parts]) + "\n"


def summary(card: Card) -> str:
    """What the model does and what that is worth, in one paragraph."""
    auc, loss = card.result("AUC"), card.result("loss_of_income")
    return (
        f"A {card.family} model that estimates the probability that an applicant will have "
        f"difficulties to repay, and refuses above **{_percent(card.threshold)}**. On "
        f"{card.data.test.clients:,} test clients who had no part in its making, AUC is "
        f"**{auc.test:.3f}** ({auc.low:.3f} to {auc.high:.3f}), and wrong decisions cost "
        f"**{loss.test:.3f}** refused good clients per client ({loss.low:.3f} to {loss.high:.3f}); "
        f"granting everybody costs {_approve_all(card):.3f}."
    )


def sections(card: Card) -> list[Section]:
    """The card's parts, in the order in which they are read."""
    return [
        Section("purpose", "Purpose", _purpose(card)),
        Section("decision", "Threshold and cost", _decision(card)),
        Section("figures", "Figures", _figures(card)),
        Section("calibration", "Calibration", _calibration(card)),
        Section("limits", "Limits", _limits(card)),
        Section("segments", "Segments", _segments(card)),
        Section("protected", "Protected columns", _protected(card)),
        Section("data", "Data", _data(card)),
        Section("making", "How it was made", _making(card)),
    ]


def _purpose(_card: Card) -> str:
    return (
        "**For** deciding on applications for consumer credit of this lender, with a person who "
        "announces the decision and names its main reasons.\n\n"
        "**Not for** other products or lenders, prices and limits, collection, or the detection of "
        "fraud: none of these was looked at."
    )


def _decision(card: Card) -> str:
    even = 1 / (1 + card.fn_cost)
    return (
        f"A client whose probability is above {card.threshold:.4f} is a risk. A missed defaulter is "
        f"weighed as {card.fn_cost:g} refused good clients, which for true probabilities makes "
        f"{even:.4f} the break-even. The threshold is the exact best one, by "
        f"{card.metric.replace('_', ' ')}, on out-of-fold probabilities of the training clients; "
        f"the test clients did not move it."
    )


def _figures(card: Card) -> str:
    rows = [["score", "out of fold", "test", "95 % interval"]]
    rows += [
        [
            row.label,
            f"{row.out_of_fold:.4f} ± {row.out_of_fold_se:.4f}",
            f"{row.test:.4f}",
            f"{row.low:.4f} to {row.high:.4f}",
        ]
        for row in card.results
    ]
    cost = card.cost
    note = (
        f"Without a model, at a cost of {cost.fn_cost:g}: granting everybody {cost.approve_all:.4f}, "
        f"refusing everybody {cost.refuse_all:.4f}. ± is one standard error; intervals by bootstrap."
    )
    return f"{table(rows)}\n\n{note}"


def _calibration(card: Card) -> str:
    found = card.calibration
    low, high = _ends(found.slope, found.slope_se)
    bottom, top = _ends(found.intercept, found.intercept_se)
    gap = card.segments.overall.gap
    said = "" if gap is None else f" On average they lie {_points(gap.value)} the observed rate."
    return (
        f"Probabilities are calibrated by {METHODS.get(found.method, found.method)}, fitted out of "
        f"fold. On test clients the slope is {found.slope:.2f} ({low:.2f} to {high:.2f}) and the "
        f"intercept {found.intercept:+.2f} ({bottom:+.2f} to {top:+.2f}); true probabilities have 1 "
        f"and 0.{said}"
    )


def _limits(card: Card) -> str:
    low = [one for one in card.segments.segments if one.below_four_fifths]
    silent = [one for one in card.segments.segments if one.default_rate is None]
    items = [
        "Outcomes are known only of credits that were granted: nothing is known of applicants whom "
        "this lender has always refused.",
        "Training and test clients were drawn at random from one time. How well the model holds "
        "later is not known from them: that takes `drift`, and outcomes.",
        "Intervals hold for clients like these; they do not cover a change of the population.",
        " ".join([_below(low), *_too_small(silent)]),
        "A model that is compared with others on the same test clients, and chosen by that, "
        "flatters itself a little.",
    ]  # fmt: skip
    return "\n".join(f"- {item}" for item in items)


def _below(low: Sequence[Segment]) -> str:
    if not low:
        return "No group is accepted less than four fifths as often as the best of its kind."
    return (
        f"Accepted less than four fifths as often as the best group of their kind: {_named(low)}."
    )


def _too_small(silent: Sequence[Segment]) -> list[str]:
    if not silent:
        return []
    return [f"Too small for any figure: {_named(silent)}."]


def _named(groups: Sequence[Segment]) -> str:
    return ", ".join(f"{one.group} ({one.characteristic})" for one in groups)


def _segments(card: Card) -> str:
    return f"{compact_markdown(card.segments)}\n\n" + "\n".join(f"- {note}" for note in NOTES)


def _protected(card: Card) -> str:
    count, found = len(card.data.excluded), card.exclusion
    does = (
        f"Gender, family status, numbers of children and family members, and all that is computed "
        f"from them, are withheld from the model ({count} features) and kept for the audit above."
        if found is None or found.withheld
        else "The model sees gender, family status and what is computed from them."
    )
    if found is None:
        return f"{does if count else 'No feature was withheld.'} What withholding the protected columns costs was not measured: the data has none of them, or too few clients of one outcome."
    basis = f"Measured out of fold on {found.clients:,} training clients, by models of {found.trained:,} clients that are alike in all else, at the break-even threshold."
    return f"{does} {found.cost.sentence()} {basis}"


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
    return f"{table(rows)}\n\n{table(digests, numbers=False)}"


def _making(card: Card) -> str:
    facts = [
        ["", ""],
        ["trained", card.created],
        ["run", f"`{card.run_id}`"],
        ["code", f"`{card.commit}` ({card.tree} tree)"],
        ["kind", f"{card.family}, {card.data.features:,} features"],
        ["folds, seed", f"{card.folds}, {card.seed}"],
        ["parameters", ", ".join(f"{k} {_short(v)}" for k, v in sorted(card.parameters.items()))],
        ["versions", ", ".join(f"{k} {v}" for k, v in sorted(card.versions.items()))],
    ]
    return table(facts, numbers=False)


def table(rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    r"""A Markdown table, its first row the heads; all columns but the first hold ``numbers``.

    >>> print(table([["a", "b"], ["x|y", "1"]]))
    | a | b |
    | --- | ---: |
    | x\|y | 1 |
    """
    rule = ["---", *["---:" if numbers else "---"] * (len(rows[0]) - 1)]
    lines = [rows[0], rule, *rows[1:]]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _approve_all(card: Card) -> float:
    return card.fn_cost * card.data.test.rate


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(gap: float) -> str:
    """How far off a mean probability is, in words.

    >>> _points(0.0123), _points(-0.004)
    ('1.2 points above', '0.4 points below')
    """
    return f"{100 * abs(gap):.1f} points {'above' if gap >= 0 else 'below'}"


def _ends(value: float, se: float) -> tuple[float, float]:
    return value - Z_95 * se, value + Z_95 * se


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
