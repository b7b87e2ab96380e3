"""The dashboard's sentences and numbers, as a person can read them out on the telephone."""

import re

from service.answers import (
    Comparison,
    ConceptContribution,
    Explanation,
    Importance,
    Peers,
    Prediction,
    Reason,
    Value,
)
from service.scale import MINUS, ScoreScale

#: Keeps a number and its unit on one line.
SPACE = "\N{NO-BREAK SPACE}"
MISSING = "missing"

#: A decision is near the limit when fewer percentage points than this lie between.
NEAR_POINTS = 2.0

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$:~&^])")


def escaped(text: str) -> str:
    """The text with its Markdown characters escaped, so that no label is taken for formatting."""
    return _MARKDOWN.sub(r"\\\1", text)


def counted(number: int | str) -> str:
    """A number of clients, or the words in its place where they are few.

    >>> counted(4000), counted("fewer than 10")
    ('4,000', 'fewer than 10')
    """
    return number if isinstance(number, str) else thousands(number)


def percent(share: float) -> str:
    """A share as percent with one decimal; only 0 and 1 are shown as 0 % and 100 %.

    >>> percent(0.2741).replace(SPACE, " "), percent(0.0001).replace(SPACE, " ")
    ('27.4 %', 'under 0.1 %')
    """
    shown = f"{100 * share:.1f}"
    if shown == "0.0" and share > 0:
        return f"under 0.1{SPACE}%"
    if shown == "100.0" and share < 1:
        return f"over 99.9{SPACE}%"
    return f"{shown}{SPACE}%"


def near_limit(prediction: Prediction) -> bool:
    """Whether fewer than ``NEAR_POINTS`` percentage points lie between risk and limit."""
    return abs(100 * prediction.margin) < NEAR_POINTS


def verdict(prediction: Prediction) -> str:
    return "refused" if prediction.refused else "granted"


def distance(prediction: Prediction) -> str:
    """How far the risk is from the limit, in percentage points, and on which side."""
    side = "over" if prediction.refused else "under"
    points = f"{abs(100 * prediction.margin):.1f}"
    if points == "0.0":
        return f"less than 0.1 points {side}"
    return f"{points} points {side}"


def decision_sentence(prediction: Prediction) -> str:
    """The whole decision in words; it says all that the gauge shows."""
    near = "near the limit" if near_limit(prediction) else "not near the limit"
    return (
        f"Client {prediction.client}: {verdict(prediction)}. "
        f"Risk {percent(prediction.probability)}, limit {percent(prediction.threshold)}, "
        f"{distance(prediction)}; {near}."
    )


def unknown_client(text: str) -> str:
    return f"No client has the id {text}. Check the number, or type its first digits to search."


def matches_sentence(beginning: str, total: int, shown: int) -> str:
    """How many ids begin with these digits, and how many of them are listed."""
    if total == 0:
        return f"No client's id begins with {beginning}."
    clients = "1 client" if total == 1 else f"{thousands(total)} clients"
    whose = f"{clients} whose id begins with {beginning}" if beginning else clients
    return whose if shown == total else f"{whose}; the first {shown}"


def thousands(number: float) -> str:
    """A whole number in groups of three, as the API writes them.

    >>> thousands(1234567)
    '1,234,567'
    """
    return f"{number:,.0f}".replace("-", MINUS)


def are(number: int) -> str:
    """A number with its verb.

    >>> are(1), are(2)
    ('1 is', '2 are')
    """
    return f"{thousands(number)} {'is' if number == 1 else 'are'}"


def value_text(value: Value) -> str:
    """A feature's value: a text unchanged, a number to four figures, or the word for missing.

    >>> value_text(0.123456), value_text(None), value_text("Married")
    ('0.1235', 'missing', 'Married')
    """
    if value is None:
        return MISSING
    if isinstance(value, str):
        return value
    if value == 0 or abs(value) >= 999.95:  # noqa: PLR2004  (four figures before the point)
        return thousands(value)
    return f"{value:.4g}".replace("-", MINUS)


def value_with_unit(value: Value, unit: str) -> str:
    text = value_text(value)
    return f"{text}{SPACE}{unit}" if unit and isinstance(value, float) else text


def shown_value(value: Value, displayed: str, unit: str) -> str:
    """A value as the API displays it; the value with its unit where the API does not.

    >>> shown_value(-15000.0, "41 years", "days"), shown_value(None, "not known", "days")
    ('41 years', 'missing')
    """
    return MISSING if value is None else displayed or value_with_unit(value, unit)


def factor_sentence(group: ConceptContribution, scale: ScoreScale) -> str:
    """What a concept does to this client's risk."""
    word, number = scale.strength(group.contribution), scale.signed(group.contribution)
    if word == "hardly":
        return f"{group.concept}: hardly matters here ({number})."
    verb = "raises" if group.contribution > 0 else "lowers"
    return f"{group.concept}: {verb} the risk {word} ({number})."


def reason_line(reason: Reason, scale: ScoreScale) -> str:
    """A sentence to be said, and its points for the person who says it."""
    return f"{reason.text} ({scale.signed(reason.points)})"


#: With whom a client is compared.
COMPARED = {
    "just_accepted": "the {clients} clients just accepted",
    "just_refused": "the {clients} clients just refused",
    "average": "the average client",
}


def comparison_sentence(reference: Comparison, risk: float) -> str:
    """With whom the client is compared, and how the points add up."""
    who = COMPARED[reference.compared_with].format(clients=thousands(reference.clients))
    return (
        f"Compared with {who}, whose risk is {reference.risk:.1f}{SPACE}%; this client's is "
        f"{risk:.1f}{SPACE}%. The points of all subjects add up to the difference."
    )


def score_sentence(explanation: Explanation) -> str:
    """From the score of those with whom the client is compared to the client's own."""
    reference, scale = explanation.reference, explanation.scale
    who = COMPARED[reference.compared_with].format(clients=thousands(reference.clients))
    return (
        f"The mean score of {who} is {scale.signed(explanation.base)}; this client's is "
        f"{scale.signed(explanation.raw_score)}, before it is calibrated to the risk. The "
        f"subjects add up to the difference. {scale.reading}"
    )


def factors_alt(groups: tuple[ConceptContribution, ...], scale: ScoreScale) -> str:
    """The chart of main factors in words, for people who do not see it."""
    parts = "; ".join(f"{group.concept} {scale.signed(group.contribution)}" for group in groups)
    return f"In {scale.unit}, bars to the right raise the risk, to the left lower it: {parts}."


def importances_alt(importances: tuple[Importance, ...]) -> str:
    parts = "; ".join(f"{one.label} {percent(one.importance)}" for one in importances)
    return f"The features that weigh most in the model: {parts}."


def criteria_sentence(peers: Peers) -> str:
    """What the client's group has in common."""
    parts = "; ".join(f"{one.label}: {value_text(one.value)}" for one in peers.criteria)
    return f"All have in common: {parts}."


def model_changed(before: str, now: str) -> str:
    """The notice that the API serves another model than when the page was opened."""
    versions = f"version {before} to {now}" if before != now else f"another build of version {now}"
    return f"The model has changed since you opened this page ({versions}). What you see is new."
