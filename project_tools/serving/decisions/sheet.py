"""The printable sheet of a decision: one A4 page for the client, without script or another resource."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from project_tools.features.wording.languages import VALUE_WORDS
from project_tools.serving.decisions.reasons import RecordedReasons
from project_tools.serving.decisions.record import Decision
from project_tools.serving.explanation import Reason
from project_tools.serving.reasons.languages import words_of

_MINUS = "\N{MINUS SIGN}"


def page(decision: Decision, reasons: RecordedReasons, offers: str | None = None) -> str:
    """The sheet in the language of the reasons.

    ``offers`` says in a sentence or two which amounts and terms would have been accepted; without it
    the sheet has no such part. ``SettingError`` for a language without words.
    """
    language, found = reasons.language, reasons.decision
    spoken, values = words_of(language), VALUE_WORDS[language]
    words, phrases = spoken.sheet, spoken.phrases

    def percent(number: float) -> str:
        return f"{number:.1f}{values.percent}".replace(".", values.point)

    def said(side: Iterable[Reason]) -> list[tuple[str, str]]:
        return [
            (f"{_MINUS if r.points < 0 else '+'}{abs(r.points):.1f}".replace(".", values.point), r.text)
            for r in side
        ]  # fmt: skip

    reference = found.reference
    risk = phrases["risk"].format(risk=percent(found.risk), limit=percent(100 * decision.threshold))
    beside = phrases[reference.compared_with].format(risk=percent(reference.risk))
    average = reference.compared_with == "average"
    return _environment().get_template("sheet.html.j2").render(
        language=language,
        words=words,
        number=decision.id,
        who=words["applicant"] if decision.client is None
        else words["client"].format(client=decision.client),
        decided=_decided(decision.time, words["decided"], words["months"].split()),
        granted=found.granted,
        verdict=phrases["granted" if found.granted else "refused"],
        risk=f"{risk} {beside}",
        near=phrases["near"] if decision.near else "",
        own=said(found.reasons),
        other=said(found.other_side),
        nothing=phrases["none"],
        note=words["average_note" if average else "points_note"],
        offers=offers,
        model=words["version"].format(name=decision.model_name, version=decision.model_version),
        digest=decision.model,
        seal=decision.seal,
    )  # fmt: skip


def _decided(time: str, text: str, months: list[str]) -> str:
    when = datetime.fromisoformat(time)
    return text.format(
        day=when.day, month=months[when.month - 1], year=when.year, hour=f"{when.hour:02}",
        minute=f"{when.minute:02}",
    )  # fmt: skip


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("project_tools.serving.decisions"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
