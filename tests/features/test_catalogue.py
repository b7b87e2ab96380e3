"""Every feature in words: all of them, unique, without a word of the program's."""

import re
from dataclasses import replace

import pytest

from project_tools.features.catalogue import FeatureInfo, all_features, catalogue
from project_tools.features.pipeline import feature_names
from project_tools.features.wording.english import ENGLISH
from project_tools.features.wording.wording import Noun, Template
from project_tools.tables.declared import TABLES

INFOS = all_features()
#: Words of the program: with an underscore, or of capitals as the tables' columns have them.
CODE = re.compile(r"\w*_\w*|\b[A-Z]{2,}\w*")
UNITS = {
    "", "currency", "currency²", "currency per instalment", "days", "days²", "days per instalment",
    "months", "months²", "years", "hour", "hours",
}  # fmt: skip
COLUMNS = {name: {column.name for column in table.columns} for name, table in TABLES.items()} | {
    "application": {column.name for column in TABLES["application_train"].columns}
}


def test_all_features_are_described_in_their_order() -> None:
    assert list(INFOS) == list(feature_names())


@pytest.mark.parametrize("info", INFOS.values(), ids=lambda info: info.name)
def test_a_feature_is_described(info: FeatureInfo) -> None:
    assert info.concept
    assert info.unit in UNITS
    for words in (info.label, info.sentence, info.concept):
        assert not CODE.findall(words)
        assert "{" not in words
        assert "  " not in words
    assert info.label[0].islower() or info.label[0].isdigit()
    assert info.sentence[0].isupper()
    assert info.sentence.endswith(".")
    assert len(info.sentence.split()) >= 4
    assert set(info.tables) <= COLUMNS.keys()
    assert info.columns
    for column in info.columns:
        assert any(column in COLUMNS[table] for table in info.tables), column


@pytest.mark.parametrize("what", ["label", "name"])
def test_no_two_features_are_called_the_same(what: str) -> None:
    said = [getattr(info, what).casefold() for info in INFOS.values()]
    assert sorted(said) == sorted(set(said))


def test_as_many_concepts_as_a_person_takes_in() -> None:
    assert 20 <= len({info.concept for info in INFOS.values()}) <= 30


def test_the_words_hold_nothing_that_no_feature_says() -> None:
    """A noun, subset, group, level or concept that is left over is a word for nothing."""
    said = "\n".join(f"{info.label}\n{info.sentence}" for info in INFOS.values()).casefold()
    nouns = [noun for table in ENGLISH.columns.values() for noun in table.values()]
    words = [noun.short for noun in (*ENGLISH.features.values(), *nouns) if noun.kind != "key"]
    levels = [word for levels in ENGLISH.levels.values() for word in levels.values()]
    rows = [*ENGLISH.subsets.values(), *ENGLISH.groups.values()]
    unsaid = [word for word in (*words, *levels, *rows) if word.casefold() not in said]
    assert unsaid == []
    assert {info.concept for info in INFOS.values()} == {
        *ENGLISH.concepts.values(), ENGLISH.building_concept
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "label", "sentence", "unit", "tables"),
    [
        (
            "INS_18M_DPD_MEAN",
            "average days past due, instalments of the last 18 months",
            "Days by which a payment came after its due date: the average over instalments of the "
            "last 18 months, in days.",
            "days",
            ("installments_payments",),
        ),
        (
            "PREV_LATE_DAYS_DECISION_MIN",
            "earliest day of the decision, earlier loans with a late instalment",
            "Day on which the application was decided: the earliest among earlier loans with a "
            "late instalment, in days counted from this application (negative: before it).",
            "days",
            ("previous_application", "installments_payments"),
        ),
        (
            "PREV_PRODUCT_COMBINATION_POS household with interest_MEAN",
            "share with product “household goods with interest”, all earlier applications",
            "Applications for the product “household goods with interest”: their share among all "
            "earlier applications.",
            "",
            ("previous_application",),
        ),
        (
            "12_TREND_PAID_OVER_AMOUNT",
            "trend of amount paid above the instalment, last 12 instalments",
            "What was paid above the instalment (negative: less was paid): by how much it rises "
            "(negative: falls) from one instalment to the next, over the last 12 instalments, as "
            "an amount of money.",
            "currency per instalment",
            ("installments_payments",),
        ),
        (
            "BUREAU_LL_STATUS_12345_MEAN",
            "average usual share of late months of loans of that record length, "
            "all loans elsewhere",
            "The usual share of months with any delay among loans with an equally long record: "
            "the average over all loans elsewhere.",
            "",
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
        units={**ENGLISH.units, "days": ", in Tagen"},
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
