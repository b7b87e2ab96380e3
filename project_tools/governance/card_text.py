"""The text of a model card: Markdown that follows from its facts."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from project_tools.evaluation.calibration import CALIBRATIONS
from project_tools.evaluation.metrics import Estimate, interval_text, signed_interval
from project_tools.evaluation.threshold import break_even_probability
from project_tools.governance.card import SAYS, Card
from project_tools.governance.segment_tables import NOTES, compact_markdown, markdown_table
from project_tools.governance.segments import Figure, Segment, figure_text
from project_tools.governance.verdicts import summary_of, verdict_on, verdicts

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


_LABEL = (
    "A client **had difficulties** (TARGET 1) if at least one of the first instalments of the credit "
    "was paid later than the lender's limit of days. Everybody else is TARGET 0. It is no "
    "default in the sense of capital rules, and it says nothing about what was lost."
)
_FAILURES = (
    "It cannot tell applicants whom this lender has always refused: no outcome of theirs is known.",
    "External scores that are exchanged between clients pass a check of each feature by itself; the "
    "joint check of `drift` finds them.",
    "Statistics of similar clients count a training client in its own group, so that they are "
    "slightly too good on training clients.",
    "A client without any history (thin file) is scored by the application alone.",
    "A level of a category that no training client had counts as missing.",
)
_OVERSIGHT = (
    "The model recommends; a person decides and announces. The person may override in both "
    "directions and notes the reason. An override needs a fact that the model does not see, or sees "
    "wrongly; gender and family status are never a reason. If more than 1 in 20 decisions of a month "
    "are overridden, the owner examines why."
)
_MONITORING = (
    "Every month `drift` compares new applicants with the training clients. An alarm of the score, or "
    "of a feature that drives the model, goes to the owner.",
    "When outcomes arrive, calibration and loss are measured on them. The model is trained again if "
    "the calibration slope or the mean probability leaves the limits of `promote` beyond the error.",
    "It is trained again after a change of a raw table, of the product or of the lending policy, and "
    "at least once a year.",
    "The cost of a missed defaulter is reviewed once a year; the table of costs shows what a change does.",
)


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


def facts_json(card: Card) -> str:
    """``card.json``: the facts, and what the other two forms say of them, by section."""
    says = {"summary": summary(card)} | {p.anchor: p.markdown for p in sections(card)}
    judged = [asdict(one) | {"excluded": one.excluded} for one in verdicts(card)]
    plain = json.loads(card.to_json()) | {SAYS: {"sections": says, "verdicts": judged}}
    return json.dumps(plain, indent=1, allow_nan=False) + "\n"


def whose_clients(card: Card) -> str:
    """On which clients the card was made, in one sentence; empty if an older release wrote it."""
    if card.data.invented is None:
        return ""
    if card.data.invented:
        return (
            "**Every client behind these figures is invented: the model was trained and judged on "
            "demonstration tables.** "
        )
    return (
        f"The clients are those of {card.data.source}, made from raw tables that are not the "
        f"demonstration's (SHA-256 {card.data.raw_digest[:12]}…). "
    )


def summary(card: Card) -> str:
    """On whom the model was made, what it does and how good it is, in one paragraph."""
    auc, loss = card.result("AUC"), card.result("loss_of_income")
    return (
        f"{whose_clients(card)}A {card.family} model. It estimates the probability that an applicant will have "
        f"difficulties repaying, and refuses above **{_percent(card.threshold)}**. On "
        f"{card.data.test.clients:,} test clients that were not used to build it, AUC is "
        f"**{auc.test:.3f}** ({interval_text(auc.interval, 3)}), and wrong decisions cost "
        f"**{loss.test:.3f}** refused good clients per client ({interval_text(loss.interval, 3)}); "
        f"granting everybody costs {card.fn_cost * card.data.test.rate:.3f}."
    )


def sections(card: Card) -> list[Section]:
    """The sections of the card, in the order in which they are read."""
    return [
        Section("purpose", "Purpose", _PURPOSE),
        Section("label", "What the label means", _LABEL),
        Section("people", "Owner and approver", _people(card)),
        Section("decision", "Threshold and cost", _decision(card)),
        Section("figures", "Figures", _figures(card)),
        Section("lines", "Beside simple rules", _lines(card)),
        Section("drivers", "What drives it", _drivers(card)),
        Section("calibration", "Calibration", _calibration(card)),
        Section("verdicts", "Verdicts", _verdicts(card)),
        Section("sensitivity", "Sensitivity to threshold and cost", _sensitivity(card)),
        Section("limits", "Limits", _limits(card)),
        Section("failures", "Known failures", _bullets(_FAILURES)),
        Section("oversight", "Oversight and override", _OVERSIGHT),
        Section("monitoring", "Monitoring and retraining", _bullets(_MONITORING)),
        Section("changes", "Changes since the last version", _changes(card)),
        Section("segments", "Segments", f"{compact_markdown(card.segments)}\n\n{_bullets(NOTES)}"),
        Section("protected", "Protected columns", _protected(card)),
        Section("monotone", "Monotone in the external scores", _monotone(card)),
        Section("data", "Data", _data(card)),
        Section("making", "How it was made", _making(card)),
    ]


def _decision(card: Card) -> str:
    return (
        f"A client whose probability is above {card.threshold:.4f} is a risk. A missed defaulter is "
        f"weighed as {card.fn_cost:g} refused good clients; if the probabilities are true, the "
        f"break-even is {break_even_probability(card.fn_cost):.4f}. {_chosen(card)} The test clients had "
        "no influence on it."
    )


def _chosen(card: Card) -> str:
    choice = card.threshold_choice
    if choice is None:
        return (
            f"The threshold is the exact best one by {card.metric.replace('_', ' ')} on out-of-fold "
            "probabilities of the training clients."
        )
    interval = signed_interval(choice.gain.interval)
    gain = f"{choice.gain.value:+.4f} of loss a client on other folds {interval}"
    if choice.taken == "exact":
        return f"The exact best threshold out of fold was taken, because it saves {gain}."
    return (
        f"The break-even was taken: the exact best threshold out of fold, {choice.exact:.4f}, saves "
        f"{gain}, which is not beyond the error."
    )


def _figures(card: Card) -> str:
    rows = [["score", "out of fold", "test", "95 % interval", "verdict"]]
    rows += [
        [
            row.label,
            f"{row.out_of_fold:.4f} ± {row.out_of_fold_se:.4f}",
            f"{row.test:.4f}",
            interval_text(row.interval),
            verdict_on(card, row),
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


def _monotone(card: Card) -> str:
    cost = card.monotone
    if cost is None:
        return "The model is not constrained to be monotone, or the cost was not measured."
    figures = (
        f"{figure.value:+.4f} {of} {signed_interval(figure.interval)}"
        for of, figure in (
            ("of AUC lost", cost.auc_lost),
            ("added to the loss of income", cost.loss_added),
            ("added to the log loss", cost.log_loss_added),
        )
    )
    unseen = f", and the trees do not see {', '.join(cost.withheld)}" if cost.withheld else ""
    return (
        f"A higher external score never raises the risk: {len(cost.features)} features are "
        f"constrained{unseen}. "
        f"This costs {', '.join(figures)}, paired and out of fold on {cost.clients:,} training clients."
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


def _people(card: Card) -> str:
    return markdown_table(
        [
            ["", ""],
            ["owner", card.owner or "not named; set CREDIT_OWNER when the model is trained"],
            ["approver", card.approver or "nobody yet; `promote` records who approves a version"],
        ],
        numbers=False,
    )


def _lines(card: Card) -> str:
    if not card.lines:
        return "An older release trained this model: no reference lines were measured."
    auc, loss = card.result("AUC"), card.result("loss_of_income")
    own = (Figure(row.test, row.low, row.high) for row in (loss, auc))
    rows = [["on the test clients", "loss of income", "AUC"]]
    rows += [
        [f"{one.name}: {one.detail}", figure_text(one.loss), figure_text(one.auc)]
        for one in card.lines
    ]
    rows.append(["**this model**", *map(figure_text, own)])
    return markdown_table(rows)


def _drivers(card: Card) -> str:
    if not card.drivers:
        return "This model has no exact explanation, or an older release trained it."
    rows = [["feature", "share"]]
    rows += [[f"{one.label} (`{one.name}`)", _percent(one.share)] for one in card.drivers]
    return (
        f"{markdown_table(rows)}\n\nThe share of a feature is its mean absolute contribution to the "
        "score, over training clients, of the sum of all."
    )


def _verdicts(card: Card) -> str:
    judged = verdicts(card)
    outside = [one.text for one in judged if one.excluded]
    text = summary_of(judged)
    return f"{text}\n\n{_bullets(outside)}" if outside else text


def _sensitivity(card: Card) -> str:
    costs = [
        ["cost of a missed defaulter", "loss, threshold of that cost", "loss, threshold served"]
    ]
    costs += [
        [f"{row.fn_cost:g}", f"{row.best:.4f} ± {row.best_se:.4f}", f"{row.served:.4f}"]
        for row in card.costs
        if row.fn_cost in {2, 3, 5, 8, 10, 15, 20} or row is card.cost
    ]
    if not card.sensitivity:
        return markdown_table(costs)
    rows = [["threshold", "granted", "loss of income"]]
    rows += [
        [f"{one.threshold:.4f}", _percent(one.granted), figure_text(one.loss)]
        for one in card.sensitivity
    ]
    return f"{markdown_table(rows)}\n\n{markdown_table(costs)}"


def _changes(card: Card) -> str:
    return (
        _bullets(card.changes) if card.changes else "There is no earlier version to compare with."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
