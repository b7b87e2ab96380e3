"""The sheet: what it says in each language, and that it fits one A4 page."""

import re
from dataclasses import replace
from html import unescape

from project_tools.serving.decisions.reasons import RecordedReasons
from project_tools.serving.decisions.record import Decision
from project_tools.serving.decisions.sheet import page
from project_tools.serving.explanation import Comparison, DecisionReasons, Reason
from project_tools.serving.reasons.concepts import CONCEPTS
from project_tools.serving.reasons.languages import LANGUAGES

SEAL = "ab" * 32
MINUS = "\N{MINUS SIGN}"
OFFERS = "60 % of the amount over 24 or 36 months would have been accepted. " * 4
DECISION = Decision(
    7, "01" * 16, "2026-08-05T07:04:59.000001+00:00", "k", 314159, "cd" * 32, "credit_scoring", "12",
    1 / 6, "", 0.4567, 1.5, "risk", True, "{}", SEAL,
)  # fmt: skip


def made(language: str, *, granted: bool = False, count: int = 4) -> RecordedReasons:
    """Reasons with sentences as long as any, twenty long words."""
    words = LANGUAGES[language]
    longest = sorted((words.concepts[c.code].raises for c in CONCEPTS), key=len)[-4:]

    def side(direction: str, sign: int) -> tuple[Reason, ...]:
        return tuple(
            Reason(f"c{n}", "x", direction, f"{text:·<110} <&>", sign * (12.3 - n), sign * 0.5)  # type: ignore[arg-type]
            for n, text in enumerate(longest[:count])
        )

    sides = side("raises", 1), side("lowers", -1)
    own, other = reversed(sides) if granted else sides
    reference = Comparison("just_accepted", 200, 14.2, -1.0, None)
    found = DecisionReasons(granted, 45.7, reference, own, other, (), None)
    return RecordedReasons(
        language=language, currency="", decision=found, scale="log-odds", base=0.0, raw_score=1.5
    )


def told(text: str) -> str:
    """What a reader sees of a page."""
    body = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_english_sheet_says_it_all() -> None:
    seen = told(page(DECISION, made("en"), OFFERS))
    for text in (
        "Client 314159", "Decided on 5 August 2026 at 07:04 UTC", "We cannot grant this loan today.",
        "Risk 45.7 %, limit 16.7 %. The clients just accepted: 14.2 %.", "Near the limit",
        "What would have been accepted 60 %", "01" * 16, f"7-{SEAL}", "cd" * 32,
        "credit_scoring, version 12", "article 18 of Directive (EU) 2023/2225",
    ):  # fmt: skip
        assert text in seen
    against, other = seen.split("What speaks for the loan")
    assert [*re.findall(r"\+\d+\.\d", against)] == ["+12.3", "+11.3", "+10.3", "+9.3"]
    assert [*re.findall(rf"{MINUS}\d+\.\d", other)] == [
        f"{MINUS}{points}" for points in ("12.3", "11.3", "10.3", "9.3")
    ]
    assert "<&>" in seen
    assert "<&>" not in page(DECISION, made("en"))  # escaped
    assert "What would have been accepted" not in page(DECISION, made("en"))


def test_the_french_sheet_speaks_french() -> None:
    text = page(replace(DECISION, client=None, near=False), made("fr", granted=True, count=0))
    seen = told(text)
    for part in (
        "Demandeur sans numéro de client", "Décidé le 5 août 2026 à 07 h 04 UTC",
        "Nous pouvons accorder ce prêt.", "45,7", "rien de notable", "directive (UE) 2023/2225",
    ):  # fmt: skip
        assert part in seen
    assert '<html lang="fr">' in text
    assert "Près de la limite" not in seen
    order = [seen.index(side) for side in ("en faveur du prêt", "contre le prêt")]
    assert order == sorted(order)  # the granted client first reads what speaks for the loan


def test_the_languages_have_the_same_texts() -> None:
    english = LANGUAGES["en"].sheet
    for words in LANGUAGES.values():
        assert words.sheet.keys() == english.keys()
        for name, text in words.sheet.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english[name])), name
        assert len(words.sheet["months"].split()) == 12


def test_it_loads_and_runs_nothing() -> None:
    text = page(DECISION, made("en"), OFFERS)
    assert re.search(r"<script|<img|<link|src=|href=|url\(|@import|https?:", text) is None
    assert "default-src 'none'" in text
