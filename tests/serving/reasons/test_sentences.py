"""What is said about a decision: words, numbers, and what is claimed about the usual value."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from project_tools.errors import FeatureError, SettingError
from project_tools.features.catalogue import all_features
from project_tools.serving.reasons.concepts import BY_CODE, CONCEPTS, Direction, Spoken
from project_tools.serving.reasons.languages import LANGUAGES
from project_tools.serving.reasons.sentences import SAYABLE, Fact, says, sentence
from tests.helpers.spoken import faults

DIRECTIONS: tuple[Direction, ...] = ("raises", "lowers")
CODE_OF = {name: concept.code for concept in CONCEPTS for name in concept.sayable}
_DAYS = (0.0, -1.0, -5.0, -40.0, -200.0, -400.0, -1100.0, -15000.0)
_SHARES = (0.0, 0.004, 0.061, 1 / 6, 0.38, 0.5, 0.9, 1.0)
_AMOUNTS = (0.0, 0.4, 7.0, 4500.0, 123456.7, 4050000.0)
#: Raw values that reach every unit, by how they are said.
VALUES: dict[Spoken, tuple[float, ...]] = {
    "points": (0.0, 0.0004, 0.231, 0.55, 0.97, 1.0),
    "share": _SHARES, "percent": (*_SHARES, 1.24, 134.0), "money": _AMOUNTS,
    "count": (0.0, 0.3, 1.0, 2.0, 2.5, 10.0, 37.0, 1234.0),
    "age": (-7000.0, -9000.0, -25000.0), "ago": _DAYS, "since": _DAYS,
    "years": (0.0, 1.0, 9.0, 64.0), "days": tuple(-day for day in _DAYS),
    "hour": (0.0, 1.0, 9.0, 12.0, 14.0, 23.0), "rating": (1.0, 2.0, 3.0),
    "flag": (0.0, 0.2, 1.0), "band": tuple(map(float, range(8))),
}  # fmt: skip


def facts_of(name: str) -> list[Fact]:
    """Facts of a feature: every level, or numbers on both sides of the usual value; and none."""
    said = SAYABLE[name].spoken
    values = all_features()[name].levels if said == "level" else ()
    numbers = itertools.product(VALUES[said], (*VALUES[said], None)) if not values else ()
    return [Fact(name, None), *(Fact(name, v) for v in values), *(Fact(name, *n) for n in numbers)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", BY_CODE)
def test_what_is_said_can_be_said_aloud(code: str, language: str) -> None:
    broken = {}
    for direction in DIRECTIONS:
        for fact in (None, *itertools.chain.from_iterable(map(facts_of, BY_CODE[code].sayable))):
            if fact is None or says(fact, direction):
                text = sentence(code, direction, fact, language, "EUR")
                if wrong := faults(text, language, fact):
                    broken[text] = wrong
    assert broken == {}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("code", BY_CODE)
def test_every_concept_speaks_with_a_value_without_one_and_of_a_missing_one(
    code: str, direction: Direction, language: str
) -> None:
    facts = [fact for name in BY_CODE[code].sayable for fact in facts_of(name)]
    said = [fact for fact in facts if says(fact, direction)]
    values = {sentence(code, direction, f, language) for f in said if not f.missing}
    missing = {sentence(code, direction, f, language) for f in said if f.missing}
    without = {sentence(code, direction, None, language)}
    assert values
    assert missing
    assert values - missing
    assert not (values | missing) & without


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_words_for_what_may_be_said_and_for_nothing_else(language: str) -> None:
    words = LANGUAGES[language]
    assert set(words.concepts) == set(BY_CODE)
    assert set(words.facts) == set(SAYABLE)
    assert {name for name, texts in words.facts.items() if texts.zero} == {
        name for name, said in SAYABLE.items() if said.zero
    }
    labels = [concept.label for concept in words.concepts.values()]
    assert len(set(labels)) == len(labels)
    for name, said in SAYABLE.items():
        if said.spoken == "level":
            assert set(words.levels[name]) >= set(all_features()[name].levels)
    assert not faults(words.blocked, language)


@pytest.mark.parametrize("name", [n for n, said in SAYABLE.items() if said.spoken != "level"])
def test_a_number_is_given_as_a_reason_on_its_side_of_the_usual_value_alone(name: str) -> None:
    said = SAYABLE[name]
    for fact in facts_of(name):
        both = [direction for direction in DIRECTIONS if says(fact, direction)]
        if fact.missing or said.spoken in {"band", "hour"}:
            assert len(both) in {0, 2}
        elif said.riskier != "either":
            assert len(both) <= 1, fact
        if fact.usual is not None and fact.value == fact.usual and fact.value != 0:
            assert both == [] or said.spoken in {"band", "hour"}


@given(
    st.sampled_from(sorted(n for n, said in SAYABLE.items() if said.spoken in VALUES)),
    st.floats(-1e6, 1e9),
    st.floats(-1e6, 1e9),
    st.sampled_from(DIRECTIONS),
)
@settings(max_examples=150, deadline=None)
def test_any_number_is_said_well_or_not_at_all(
    name: str, value: float, usual: float, direction: Direction
) -> None:
    fact = Fact(name, value, usual)
    if says(fact, direction):
        for language in LANGUAGES:
            text = sentence(CODE_OF[name], direction, fact, language, "EUR")
            assert not faults(text, language, fact), text


def test_the_longest_name_of_a_currency_leaves_a_sentence_short_enough() -> None:
    fact = Fact("BUREAU_LAST6M_AMT_CREDIT_MAX_OVERDUE_MAX", 4500.0, 120000.0)
    for language in LANGUAGES:
        text = sentence("overdue_elsewhere", "lowers", fact, language, "CHF")
        assert not faults(text, language, fact), text


@pytest.mark.parametrize(
    ("code", "direction", "fact", "english", "french"),
    [
        (
            "external_scores", "raises", Fact("EXT_SOURCE_2", 0.2341, 0.5512),
            "Your score at the second credit bureau is low: 23 points; 55 is usual.",
            "Votre score auprès du deuxième organisme de crédit est bas : 23 points, contre 55 "
            "habituellement.",
        ),
        (
            "external_scores", "raises", Fact("EXT_SOURCE_3", math.nan, 0.55),
            "We have no score from the third bureau.",
            "Nous n’avons aucun score du troisième organisme de crédit.",
        ),
        (
            "late_payments", "raises", Fact("INS_LATE_PAYMENT_MEAN", 0.1712, 0.07),
            "One in six of your payments to us came late; one in fourteen is usual.",
            "Vous nous avez payé en retard une fois sur six, contre une sur quatorze habituellement.",
        ),
        (
            "late_payments", "lowers", Fact("INS_DPD_MAX", 0.0, 0.0),
            "You have never paid us late.", "Vous ne nous avez jamais payé en retard.",
        ),
        (
            "employment", "raises", Fact("DAYS_EMPLOYED", -250.0, -1800.0),
            "You have been in your present job for only eight months; five years is usual.",
            "Vous occupez votre emploi depuis seulement huit mois, contre cinq ans habituellement.",
        ),
        (
            "papers_and_phone", "lowers", Fact("DAYS_ID_PUBLISH", -4000.0, -3000.0),
            "You last changed your identity card 11 years ago; eight years ago is usual.",
            "Vous avez renouvelé votre pièce d’identité il y a 11 ans, contre huit ans "
            "habituellement.",
        ),
        (
            "employment", "raises", Fact("OCCUPATION_TYPE", "Drivers"),
            "Your occupation, driver, counts against you.",
            "Votre profession, chauffeur, joue contre vous.",
        ),
        (
            "employment", "lowers", Fact("ORGANIZATION_TYPE", "XNA"),
            "You told us of no employer.", "Vous ne nous avez indiqué aucun employeur.",
        ),
        (
            "loan", "raises", Fact("AMT_CREDIT", 406597.5, 270000.0),
            "You are asking for 410,000 euros; 270,000 is usual.",
            "Vous demandez 410 000 euros, contre 270 000 habituellement.",
        ),
        (
            "debt_elsewhere", "lowers", None,
            "What you still owe to other lenders counts in your favour.",
            "Ce que vous devez encore à d’autres prêteurs joue en votre faveur.",
        ),
    ],
)  # fmt: skip
def test_the_sentence_of_a_fact(
    code: str, direction: Direction, fact: Fact | None, english: str, french: str
) -> None:
    said = [sentence(code, direction, fact, language, "EUR") for language in ("en", "fr")]
    assert [text.replace("\u00a0", " ").replace("\u202f", " ") for text in said] == [
        english,
        french,
    ]


def test_a_level_that_has_no_words_is_not_said_as_its_code() -> None:
    fact = Fact("OCCUPATION_TYPE", "ASTRONAUT_2")
    assert sentence("employment", "raises", fact) == "Your situation at work counts against you."


@pytest.mark.parametrize(
    ("code", "fact", "message"),
    [
        ("shoe_size", None, "'shoe_size' is no concept"),
        ("age", Fact("AMT_CREDIT", 1.0, 2.0), "AMT_CREDIT is no fact that raises the risk"),
        ("external_scores", Fact("EXT_SOURCE_2", 0.9, 0.5), "EXT_SOURCE_2 is no fact that raises"),
        ("external_scores", Fact("EXT_SOURCES_VAR", 0.1, 0.0), "EXT_SOURCES_VAR is no fact"),
    ],
)
def test_what_is_no_reason_is_refused(code: str, fact: Fact | None, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        sentence(code, "raises", fact)


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingError, match="unknown language 'de'; choose one of en, fr"):
        sentence("age", "raises", None, "de")


def test_the_rule_finds_what_a_person_would_not_say() -> None:
    bad = {
        "The average of your payments is -1,093 days.": {"a forbidden word", "a negative number",
                                                          "too many figures"},
        "EXT_SOURCE_2 is 3 of 4 of 5.": {"a raw code", "too many numbers"},
        "One two three four five six seven eight nine ten one two three four five six seven eight "
        "nine ten one.": {"too many words"},
    }  # fmt: skip
    assert {text: set(faults(text, "en")) for text in bad} == bad
    assert faults("Votre score: 23 %.", "fr") == ["no French space"]
    assert faults("Un retard de un jour.", "fr") == ["no elision"]
    low = Fact("EXT_SOURCE_2", 0.9, 0.5)
    assert faults("Your score is low.", "en", low) == ["low, and not below the usual"]
