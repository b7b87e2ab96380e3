"""Every feature in words: all of them, unique, true to its number, without a word of the program's."""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import get_args

import pytest

from project_tools.features.catalogue import FeatureInfo, all_features, catalogue
from project_tools.features.definitions import application
from project_tools.features.pipeline import HISTORIES, feature_names
from project_tools.features.rows import Share
from project_tools.features.wording.display import SPOKEN, displayed
from project_tools.features.wording.english import ENGLISH, ENGLISH_VALUES
from project_tools.features.wording.languages import VALUE_WORDS, WORDINGS
from project_tools.features.wording.wording import Display, Noun, Template, ValueWords, Wording
from project_tools.tables.declared import TABLES

INFOS = all_features()


@dataclass(frozen=True)
class Language:
    """What the tests need of a language beside its words."""

    #: A label stands beside its number in a table; a sentence is read in one breath.
    longest_label: int
    longest_sentence: int
    #: The end of a sentence about a time.
    of_application: str
    #: The words that MODEL.md bars from speech.
    barred: re.Pattern[str]

    @property
    def code(self) -> str:
        return next(code for code, language in LANGUAGES.items() if language is self)

    @property
    def wording(self) -> Wording:
        return WORDINGS[self.code]

    @property
    def values(self) -> ValueWords:
        return VALUE_WORDS[self.code]

    @property
    def infos(self) -> Mapping[str, FeatureInfo]:
        return all_features(self.wording)


LANGUAGES = {
    "en": Language(
        110, 235, "of the application.",
        re.compile(
            r"variance|spread|median|average|ratio\b|log\b|²|standard deviation|kurtosis|trend", re.IGNORECASE
        ),
    ),
    "fr": Language(
        125, 235, "de la demande.",
        re.compile(
            r"variance|dispersion|médiane|moyenne|ratio\b|log\b|²|écart type|kurtosis|tendance", re.IGNORECASE
        ),
    ),
}  # fmt: skip
#: The units that each display can show; a display that is not listed shows a number without unit.
UNITS_OF: dict[str, frozenset[str]] = {
    "age": frozenset({"days"}),
    "years": frozenset({"years"}),
    "when_days": frozenset({"days"}),
    "when_months": frozenset({"months"}),
    "hour": frozenset({"hour"}),
    "days": frozenset({"days"}),
    "days_earlier": frozenset({"days"}),
    "months": frozenset({"months"}),
    "hours_later": frozenset({"hours"}),
    "money": frozenset({"currency"}),
    "days_per_payment": frozenset({"days per payment"}),
    "money_per_payment": frozenset({"currency per payment"}),
    "number": frozenset({"", "days²", "months²", "currency²"}),
}
#: Words of the program: with an underscore, or of capitals as the tables' columns have them.
CODE = re.compile(r"\w*_\w*|\b[A-Z]{2,}\w*")
UNITS = {
    "", "currency", "currency²", "currency per payment", "days", "days²", "days per payment",
    "months", "months²", "years", "hour", "hours",
}  # fmt: skip
COLUMNS = {name: {column.name for column in table.columns} for name, table in TABLES.items()} | {
    "application": {column.name for column in TABLES["application_train"].columns}
}


def test_all_features_are_described_in_their_order() -> None:
    assert list(INFOS) == list(feature_names())


EXTREMES = (
    None, 0.0, -0.0, 1.0, -1.0, 2.5, 7.0, 1e-45, -1e-9, 0.9999, -21257.0, 3.4e38, -3.4e38,
    float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
#: Displays that show a raw negative number without a sign.
UNSIGNED = {
    "age", "when_days", "when_months", "days_earlier", "hours_later", "days_per_payment",
    "money_per_payment",
}  # fmt: skip


def in_words(info: FeatureInfo) -> tuple[str, ...]:
    return (info.label, info.sentence, info.concept)


def shown(info: FeatureInfo, language: Language) -> list[str]:
    """The extreme values as they are displayed."""
    row = asdict(info)
    return [displayed(value, row, language.values) for value in EXTREMES]


def shown_of_nothing(info: FeatureInfo, language: Language) -> set[str]:
    row = asdict(info)
    return {displayed(value, row, language.values) for value in (None, float("nan"), float("inf"))}


#: What holds for each feature.
RULES: dict[str, Callable[[FeatureInfo, Language], object]] = {
    "it has a concept": lambda info, _: info.concept,
    "its unit is one of the units": lambda info, _: info.unit in UNITS,
    "no word of the program": lambda info, _: not any(map(CODE.search, in_words(info))),
    "no template is left over": lambda info, _: not any("{" in words for words in in_words(info)),
    "no two spaces": lambda info, _: not any("  " in words for words in in_words(info)),
    "a label in the middle of a line": lambda info, _: (
        info.label[0].islower() or info.label[0].isdigit()
    ),
    "a sentence from its capital": lambda info, _: info.sentence[0].isupper(),
    "to its one full stop": lambda info, _: re.search(r"[^.]\.$", info.sentence),
    "of four words or more": lambda info, _: len(info.sentence.split()) >= 4,
    "its tables are raw tables": lambda info, _: set(info.tables) <= COLUMNS.keys(),
    "it has columns": lambda info, _: info.columns,
    "its columns are of its tables": lambda info, _: all(
        any(column in COLUMNS[table] for table in info.tables) for column in info.columns
    ),
    "its label is short": lambda info, of: len(info.label) <= of.longest_label,
    "its sentence is short": lambda info, of: len(info.sentence) <= of.longest_sentence,
    "its display is one of the displays": lambda info, _: info.display in get_args(Display),
    "its display is of its unit": lambda info, _: (
        info.unit in UNITS_OF.get(info.display or "level", {""})
    ),
    "categories alone are displayed as levels": lambda info, _: (
        (info.display == "level") == (info.kind == "category")
    ),
    "a time is counted from the application": lambda info, of: (
        info.display not in {"when_days", "when_months"}
        or info.sentence.endswith(of.of_application)
    ),
    "its sentence ends with its unit": lambda info, of: (
        info.display not in {"money", "percent", "age", "years"}
        or info.sentence.endswith(of.wording.endings[info.display] + ".")
    ),
    "a value is displayed without spaces around it": lambda info, of: all(
        text.strip() == text != "" for text in shown(info, of)
    ),
    "a value is displayed in a person's words": lambda info, of: (
        not any(re.search(r"nan|inf\b|None|\{", text) for text in shown(info, of))
    ),
    "a display that needs no sign has none": lambda info, of: (
        info.display not in UNSIGNED
        or not any("\N{MINUS SIGN}" in text or text.startswith("-") for text in shown(info, of))
    ),
    "what is missing is not known": lambda info, of: (
        shown_of_nothing(info, of) == {of.values.missing}
    ),
    "what is sayable has a spoken display": lambda info, _: (
        not info.sayable or info.display in SPOKEN
    ),
    "what is sayable is a plain fact": lambda info, of: (
        not info.sayable or not of.barred.search(f"{info.label} {info.sentence}")
    ),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", RULES)
def test_each_feature_keeps_to(rule: str, language: str) -> None:
    of = LANGUAGES[language]
    assert [name for name, info in of.infos.items() if not RULES[rule](info, of)] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("what", ["label", "name"])
def test_no_two_features_are_called_the_same(what: str, language: str) -> None:
    said = [getattr(info, what).casefold() for info in LANGUAGES[language].infos.values()]
    assert sorted(said) == sorted(set(said))


@pytest.mark.parametrize("language", LANGUAGES)
def test_as_many_concepts_as_a_person_takes_in(language: str) -> None:
    assert 20 <= len({info.concept for info in LANGUAGES[language].infos.values()}) <= 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_changes_words_alone(language: str) -> None:
    for name, info in LANGUAGES[language].infos.items():
        english = INFOS[name]
        same = replace(
            info, label=english.label, sentence=english.sentence, concept=english.concept
        )
        assert same == english


def keys(table: object) -> object:
    """The keys of a table of words, and of the tables in it; a noun is its kind."""
    if isinstance(table, Mapping):
        return {key: keys(value) for key, value in table.items()}
    return table.kind if isinstance(table, Noun) else None


def test_the_tests_hold_every_language() -> None:
    assert set(LANGUAGES) == set(WORDINGS) == set(VALUE_WORDS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_for_the_same_things(language: str) -> None:
    of = LANGUAGES[language]
    for words, english in ((of.wording, ENGLISH), (of.values, ENGLISH_VALUES)):
        for part in fields(words):
            assert keys(getattr(words, part.name)) == keys(getattr(english, part.name)), part.name


def test_french_stands_with_its_spaces_and_elisions() -> None:
    row = [text for info in LANGUAGES["fr"].infos.values() for text in (info.label, info.sentence)]
    row += [
        text for info in LANGUAGES["fr"].infos.values() for text in shown(info, LANGUAGES["fr"])
    ]
    wrong = re.compile(
        r"[^\u202f][;!?]|[^\u00a0\d][:%»]|«[^\u00a0]|'|\d,\d{3}\b(?!\d)|\d\.\d"
        r"|\b(?:[ldnsm]e|la|que) (?:un|une|il|elle|on|[aeiouéèê]\w+)\b",
        re.IGNORECASE,
    )
    assert [text for text in row if wrong.search(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_hold_nothing_that_no_feature_says(language: str) -> None:
    """A noun, subset, group, level or concept that is left over is a word for nothing."""
    wording, infos = LANGUAGES[language].wording, LANGUAGES[language].infos.values()
    said = "\n".join(f"{info.label}\n{info.sentence}" for info in infos).casefold()
    nouns = [noun for table in wording.columns.values() for noun in table.values()]
    words = [noun.short for noun in (*wording.features.values(), *nouns) if noun.kind != "key"]
    words = [word.split("{")[0].strip() for word in words]
    levels = [
        word
        for columns in wording.levels.values()
        for levels in columns.values()
        for word in levels.values()
    ]
    rows = [*wording.subsets.values(), *wording.groups.values()]
    unsaid = [word for word in (*words, *levels, *rows) if word.casefold() not in said]
    assert unsaid == []
    assert {info.concept for info in infos} == {
        *wording.concepts.values(), wording.building_concept
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "label", "sentence", "unit", "tables"),
    [
        (
            "INS_18M_DPD_MEAN",
            "average number of days past due, payments due in the last 18 months",
            "Days by which a payment came after its due date: the average over payments due in the "
            "last 18 months, in days.",
            "days",
            ("installments_payments",),
        ),
        (
            "PREV_LATE_DAYS_DECISION_MIN",
            "earliest day of the decision, earlier loans with a late payment",
            "Day on which the application was decided: the earliest among earlier loans with a "
            "late payment, counted from the day of the application.",
            "days",
            ("previous_application", "installments_payments"),
        ),
        (
            "PREV_PRODUCT_COMBINATION_POS household with interest_MEAN",
            "share for the product “household goods with interest”, all earlier applications",
            "Applications for the product “household goods with interest”: their share among all "
            "earlier applications, in percent.",
            "",
            ("previous_application",),
        ),
        (
            "12_TREND_PAID_OVER_AMOUNT",
            "trend of payment less its instalment, last 12 payments",
            "What was paid less the instalment that was due (negative: less was paid): by how "
            "much it rises or falls from one payment to the next, over the last 12 payments, as "
            "an amount of money.",
            "currency per payment",
            ("installments_payments",),
        ),
        (
            "BUREAU_LL_AMT_CREDIT_SUM_OVERDUE_MEAN",
            "average amount now overdue of comparable loans, all loans elsewhere",
            "What is overdue now, as it is usual for loans with an equally long record: the "
            "average over all loans elsewhere, as an amount of money.",
            "currency",
            ("bureau", "bureau_balance"),
        ),
        # A published name that reads the other way round than what it holds.
        (
            "CURRENT_TO_APPROVED_CREDIT_MAX_RATIO",
            "largest approved credit over the credit applied for",
            "The largest credit that we approved before, divided by the credit now applied for.",
            "",
            ("previous_application", "application"),
        ),
    ],
)
def test_words_are_put_together(
    name: str, label: str, sentence: str, unit: str, tables: tuple[str, ...]
) -> None:
    info = INFOS[name]
    assert (info.label, info.sentence, info.unit, info.tables) == (label, sentence, unit, tables)


def test_another_language_is_another_table() -> None:
    german = replace(
        ENGLISH,
        columns={**ENGLISH.columns, "instalments": {
            **ENGLISH.columns["instalments"], "DPD": Noun("Tage im Verzug", "Tage im Verzug"),
        }},
        subsets={**ENGLISH.subsets, "INS_18M_": "Raten der letzten 18 Monate"},
        aggregates={**ENGLISH.aggregates, "quantity": {
            **ENGLISH.aggregates["quantity"],
            "mean": Template("mittlere {short}, {rows}", "{long}: der Durchschnitt der {rows}"),
        }},
        endings={**ENGLISH.endings, "days": ", in Tagen"},
    )  # fmt: skip
    (info,) = catalogue(["INS_18M_DPD_MEAN"], german)
    assert info.label == "mittlere Tage im Verzug, Raten der letzten 18 Monate"
    assert (
        info.sentence
        == "Tage im Verzug: der Durchschnitt der Raten der letzten 18 Monate, in Tagen."
    )
    assert replace(info, label="", sentence="") == replace(
        INFOS["INS_18M_DPD_MEAN"], label="", sentence=""
    )


#: The levels that the shares count, as they are published.
LEVELS = {row.level for history in HISTORIES for row in history.rows if isinstance(row, Share)}
_SUPERLATIVES = "largest|smallest|highest|lowest|earliest|latest|longest|shortest|fewest|most|least"


@pytest.mark.parametrize(
    "pattern",
    [
        # two superlatives or two averages that meet
        rf"\b({_SUPERLATIVES}) ({_SUPERLATIVES}|last|first)\b",
        r"\b(average|median|middle|usual) (average|median|middle|usual)\b",
        r"\b(largest|smallest) (days|months|hours?|cash|least|highest|lowest)\b",
        r"\btotal (days|cash)\b",
        r"\bshare with (accompanied|client|way|outcome|state|kind)\b",
        r"\bany late months\b(?<!whether there are any late months)",
        # what the number of the label is not
        r"so it is negative|counted negative|negative: before|not granted|of the largest there",
        r"\bknown\b|\bseven groups\b|\byear of construction\b",
        r"\b(\w+) \1\b",
    ],
)
def test_no_feature_is_worded_like_this(pattern: str) -> None:
    worded = [
        f"{info.name}: {words}"
        for info in INFOS.values()
        for words in (info.label, info.sentence)
        if re.search(pattern, words)
    ]
    assert worded == []


def test_no_published_level_stands_in_words() -> None:
    codes = {level for level in LEVELS if level.casefold() not in ("high", "middle", "family")}
    assert len(codes) > 50
    for info in INFOS.values():
        words = f"{info.label} {info.sentence}"
        # "Approved", "Cash" and "Children" are codes as published, and words in lower case.
        assert not [code for code in codes if code != code.lower() and code in words[1:]], info.name
        assert not [code for code in codes if re.search(r"[_:+/-]", code) and code in words]


def test_rows_of_payments_are_not_called_instalments() -> None:
    """One instalment may be paid in parts, and each part is a row."""
    counted = [
        info.label
        for info in INFOS.values()
        if info.tables[0] == "installments_payments"
        and re.search(r"(all|last \d+|number of|late|with a) instalment|instalments of", info.label)
    ]
    assert counted == []


@pytest.mark.parametrize(
    ("name", "sayable"),
    [
        ("DAYS_BIRTH", True),
        ("EXT_SOURCE_2", True),
        ("AMT_CREDIT", True),
        ("INS_LATE_PAYMENT_MEAN", True),  # the share of an event
        ("PREV_NAME_CONTRACT_STATUS_Refused_MEAN", True),  # the share of a level
        ("BUREAU_SK_ID_BUREAU_NUNIQUE", True),
        ("LAST_LOAN_DPD_max", True),
        ("LAST_LOAN_DPD_std", False),
        ("INS_DPD_MEAN", False),  # an average
        ("INS_DPD_VAR", False),
        ("EXT_SOURCES_MEAN", False),
        ("CREDIT_TO_ANNUITY_RATIO", False),
        ("CTAR_DAYS_BIRTH_MEAN", False),
        ("GROUP1_INCOME_MEDIAN", False),
        ("12_TREND_DPD", False),
        ("APARTMENTS_AVG", False),
    ],
)
def test_what_is_sayable(name: str, sayable: bool) -> None:
    assert INFOS[name].sayable is sayable


def test_each_level_of_a_category_has_words() -> None:
    for name, levels in application.LEVELS.items():
        row = asdict(INFOS[name])
        texts = [displayed(level, row) for level in levels]
        assert len(set(texts)) == len(levels)
        assert [text for text in texts if re.search(r"[A-Z]{2,}|_|/|: ", text)] == []
        assert not set(texts) & (set(levels) - {"Other", "With parents"})
    assert displayed("a level of tomorrow", asdict(INFOS["CODE_GENDER"])) == "a level of tomorrow"


def test_a_row_of_an_older_version_has_no_display() -> None:
    old = asdict(INFOS["DAYS_BIRTH"])
    del old["display"], old["sayable"]
    info = FeatureInfo(**old)
    assert (info.display, info.sayable) == ("", False)


def test_two_names_of_one_number_say_so() -> None:
    late, above = (INFOS[f"LAST_LOAN_{name}_count"] for name in ("LATE_PAYMENT", "PAID_OVER"))
    for info in (late, above):
        assert "payments on the last loan with us" in info.label
        assert "as are the other shares of these rows" in info.sentence
    assert late.sentence != above.sentence


def test_the_bands_are_those_of_the_definitions() -> None:
    sentence = INFOS["CREDIT_TO_ANNUITY_GROUP"].sentence
    assert "6 up to 36, 7 above 36; 0 where it is missing" in sentence
