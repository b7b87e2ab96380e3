"""The texts of an MLproject become settings, or one line that names parameter, text and choices."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from project_tools.errors import SettingError
from project_tools.models.families import get_family
from project_tools.runs.parameters import (
    PARAMETERS,
    FinalSettings,
    SearchSettings,
    VariantSettings,
    as_resumed,
)


class Every(SearchSettings, FinalSettings):
    """All parameters at once."""


@pytest.mark.parametrize(
    ("name", "text", "takes"),
    [
        ("folds", "1", "a whole number, 2 or more"),
        ("folds", "own", "a whole number, 2 or more"),  # it has a default of its own
        ("folds", " 5", "a whole number, 2 or more"),  # pydantic alone would read this and the next
        ("folds", "5.0", "a whole number, 2 or more"),
        ("folds", "1_000", "a whole number, 2 or more"),
        ("folds", "--5", "a whole number, 2 or more"),
        ("folds", "", "a whole number, 2 or more"),
        ("seed", "-1", "a whole number, 0 or more"),
        ("trials", "0", "'own' or a whole number, 1 or more"),
        ("jobs", "0", r"'own' \(all cores\) or a whole number, 1 or more"),
        ("fn_cost", "inf", "a number above 0"),
        ("fn_cost", "nan", "a number above 0"),
        ("fn_cost", "0", "a number above 0"),
        ("time_limit", "soon", "'own' or a number above 0"),
        ("clip", "1", "'own' or 'yes' or 'no'"),  # as pydantic alone would read this and the next
        ("clip", "Yes", "'own' or 'yes' or 'no'"),
        ("spark", "own", "'yes' or 'no'"),
        ("families", "all,lightgbm", "each family once, or 'all' alone; all is one of several"),
        ("parameters", '{"a": 1, "a": 2}', "'own' or JSON such as .*; a is given twice"),
    ],
)
def test_a_wrong_text_is_one_line_with_what_the_parameter_takes(
    name: str, text: str, takes: str
) -> None:
    says = rf"^parameter {name} is {re.escape(repr(text))}; it takes {takes}"
    with pytest.raises(SettingError, match=says) as refused:
        Every.from_texts({name: text})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("families", "lightgbm, xgboost", ("lightgbm", "xgboost")),
        ("exclude", "none", ()),
        ("exclude", " a ,b,", ("a", "b")),
        ("jobs", "3", 3),
        ("clip", "false", False),
        ("trials", "own", None),
        ("time_limit", "1.5", 1.5),
        ("run", "abc", "abc"),
        ("parameters", '{"num_leaves": 31}', {"num_leaves": 31}),
        ("receipt", "/a/b.json", Path("/a/b.json")),
    ],
)
def test_a_text_becomes_a_value(name: str, text: str, value: object) -> None:
    assert getattr(Every.from_texts({name: text}), name) == value


def test_a_parameter_of_another_entry_point_is_refused() -> None:
    with pytest.raises(SettingError, match=r"unknown parameter 'trial'.*did you mean 'trials'"):
        SearchSettings.from_texts({"trial": "3"})
    with pytest.raises(SettingError, match="unknown parameter 'receipt'"):
        VariantSettings.from_texts({"receipt": "a.json"})


def test_settings_are_not_changed_in_place() -> None:
    settings = FinalSettings.from_texts({"jobs": "1"})
    with pytest.raises(ValidationError, match="Instance is frozen"):
        settings.jobs = 2  # type: ignore[misc]
    assert settings.model_copy(update={"jobs": 2}).jobs == 2
    assert settings.jobs == 1


def test_the_preparation_asked_for_takes_the_place_of_the_familys_own() -> None:
    settings = SearchSettings.from_texts({"scaling": "power", "clip": "no"})
    assert settings.preparation == {"scaling": "power", "clip": False}
    plan = get_family("logistic_l2").with_choices(**settings.preparation).plan
    assert plan is not None
    assert (plan.scaling, plan.clip) == ("power", False)
    own = get_family("logistic_l2").plan
    assert own is not None
    assert plan.imputation == own.imputation


def test_a_resumed_search_takes_over_what_was_not_typed() -> None:
    texts = {name: PARAMETERS[name].default for name in SearchSettings.model_fields}
    held = texts | {"folds": "3", "jobs": "1"}
    resumed = as_resumed(texts | {"trials": "9"}, held)
    assert (resumed["folds"], resumed["trials"]) == ("3", "9")
    assert resumed["jobs"] == "own"  # of one start
    with pytest.raises(SettingError, match="resume: seed is '2', and was '1' in the search"):
        as_resumed(texts | {"seed": "2"}, held)
