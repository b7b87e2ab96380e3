"""Every feature belongs to one concept, by its lineage."""

import pytest

from project_tools.errors import FeatureError
from project_tools.features.catalogue import all_features, computed_from, protected, to_json
from project_tools.features.columns import PROTECTED_COLUMNS
from project_tools.features.definitions import across, application
from project_tools.serving.reasons.concepts import (
    BY_CODE,
    CONCEPTS,
    PROTECTED,
    concept_of,
    concepts_of,
    member_of,
)

CONCEPT_OF = concepts_of(to_json(all_features().values()))


def test_every_feature_has_a_concept_and_every_concept_has_features() -> None:
    assert set(CONCEPT_OF) == set(all_features())
    assert set(CONCEPT_OF.values()) == set(BY_CODE)
    assert len(BY_CODE) == len(CONCEPTS)


@pytest.mark.parametrize("code", BY_CODE)
def test_what_may_be_said_belongs_to_the_concept_and_is_a_plain_fact(code: str) -> None:
    assert BY_CODE[code].sayable
    for name in BY_CODE[code].sayable:
        assert CONCEPT_OF[name] == code, name
        assert all_features()[name].sayable, name


def test_a_statistic_of_similar_clients_belongs_to_the_concept_of_its_feature() -> None:
    members = {
        groups.name_of(column, statistic): column
        for groups in (*application.GROUPS, across.SAME_DURATION)
        for column, statistic in groups.pairs
    }
    assert {name for name in CONCEPT_OF if member_of(name) != name} == set(members)
    assert {name: member_of(name) for name in members} == members
    assert {name: CONCEPT_OF[name] for name in members} == {
        name: CONCEPT_OF[member] for name, member in members.items()
    }


def test_the_protected_features_and_what_is_computed_from_them_are_one_concept() -> None:
    of_them = {name for name, code in CONCEPT_OF.items() if code == PROTECTED}
    assert of_them == protected(all_features().values())
    for column in PROTECTED_COLUMNS:
        assert computed_from(column) <= of_them


def test_lineage_alone_makes_a_feature_protected() -> None:
    rows = {
        "INCOME_PER_HEAD": {
            "columns": ["AMT_INCOME_TOTAL", "CNT_FAM_MEMBERS"],
            "tables": ["application"],
        }
    }
    assert concept_of("INCOME_PER_HEAD", rows) == PROTECTED


def test_a_feature_of_a_new_column_of_the_application_is_refused_by_name() -> None:
    rows = {"SHOE_SIZE": {"columns": ["SHOE_SIZE"], "tables": ["application"]}}
    with pytest.raises(FeatureError, match="'SHOE_SIZE' belongs to no concept"):
        concept_of("SHOE_SIZE", rows)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("GROUP1_INCOME_STD", "income"),
        ("CTAR_CREDIT_TO_GOODS_RATIO_MEAN", "loan"),
        ("BUREAU_LL_STATUS_12345_MEAN", "overdue_elsewhere"),
        ("BUREAU_CREDIT_DAYS_CREDIT_MAX", "dates_elsewhere"),
        ("BUREAU_CREDIT_TYPE_Mortgage_MEAN", "loans_elsewhere"),
        ("REFUSED_AMT_CREDIT_MAX", "earlier_decisions"),
        ("12_TREND_DPD", "late_payments"),
        ("12_TREND_PAID_OVER_AMOUNT", "amounts_paid"),
        ("LATE_PAYMENT_SUM", "late_payments"),
        ("ANNUITY_TO_INCOME_RATIO", "burden"),
        ("ID_TO_BIRTH_RATIO", "papers_and_phone"),
        ("APARTMENTS_MEDI", "home"),
        ("HOUR_APPR_DIFFERENCE", "time_of_application"),
    ],
)
def test_the_concept_of_a_feature(name: str, code: str) -> None:
    assert CONCEPT_OF[name] == code
