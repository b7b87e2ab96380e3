"""A setting that a person gives: completed by the family's start, refused where it is wrong."""

from dataclasses import replace
from typing import Any

import pytest

from project_tools.errors import SettingError
from project_tools.models.families import Dimension, get_family
from project_tools.models.setting import complete_setting
from project_tools.serving.formats.sklearn_skops import MOST_DEPTH

LIGHTGBM, FOREST = get_family("lightgbm"), get_family("random_forest")
#: A family with a parameter that has an effect beside one option of another alone.
CONDITIONAL = replace(
    LIGHTGBM,
    space=dict(LIGHTGBM.space)
    | {
        "sampling": Dimension("bagging", scale="choice", options=("bagging", "goss")),
        "top_rate": Dimension(0.2, 0.1, 0.5, when=("sampling", "goss")),
        "balanced": Dimension(True, scale="choice", options=(True, False)),
    },
)


def test_what_is_not_given_is_the_start_and_the_profile_s() -> None:
    found = complete_setting(FOREST, "demo", {"max_samples": 1.0})
    assert found["max_samples"] == 1.0
    rest = {name: value for name, value in found.items() if name != "max_samples"}
    wanted = FOREST.start("demo")
    assert rest == {name: value for name, value in wanted.items() if name != "max_samples"}
    assert complete_setting(FOREST, "full", {}) == FOREST.start("full")


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({"num_leaves": 20}, 20),
        ({"num_leaves": 20.0}, 20),  # a whole number in JSON's other form
        ({"num_leaves": 4}, 4),  # the bounds are inside
        ({"num_leaves": 256}, 256),
        ({"reg_lambda": 1}, 1.0),
        ({"early_stopping_rounds": 0}, 0),
        ({"n_estimators": 7}, 7),
    ],
)
def test_a_good_value_is_taken_as_its_kind(given: dict[str, Any], becomes: float) -> None:
    (name,) = given
    found = complete_setting(LIGHTGBM, "full", given)[name]
    assert (found, type(found)) == (becomes, type(becomes))


@pytest.mark.parametrize(
    ("rows", "given", "says"),
    [
        (LIGHTGBM, {"num_leafs": 20}, "unknown parameter of lightgbm 'num_leafs'.*did you mean 'num_leaves'"),
        (LIGHTGBM, {"num_leaves": 3}, "num_leaves is 3; it takes a whole number from 4 to 256"),
        (LIGHTGBM, {"num_leaves": 257}, "num_leaves is 257"),
        (LIGHTGBM, {"num_leaves": 20.5}, "num_leaves is 20.5; it takes a whole number"),
        (LIGHTGBM, {"num_leaves": "20"}, "num_leaves is '20'"),
        (LIGHTGBM, {"num_leaves": True}, "num_leaves is True"),
        (LIGHTGBM, {"num_leaves": None}, "num_leaves is None"),
        (LIGHTGBM, {"num_leaves": [20]}, r"num_leaves is \[20\]"),
        (LIGHTGBM, {"learning_rate": float("nan")}, "learning_rate is nan; it takes a number from 0.003 to 0.2"),
        (LIGHTGBM, {"learning_rate": 10**400}, "learning_rate is 1000"),
        (LIGHTGBM, {"n_estimators": 0}, "n_estimators is 0; it takes a whole number from 1 to 100,000"),
        (LIGHTGBM, {"n_estimators": 1e300}, "n_estimators is 1e"),
        (LIGHTGBM, {"early_stopping_rounds": -1}, "a whole number from 0"),
        (LIGHTGBM, {"watched_share": 0.1}, "unknown parameter of lightgbm 'watched_share'"),
        (get_family("logistic_l2"), {"tol": 1.0}, "tol is 1.0; it takes a number between 0 and 1"),
        (FOREST, {"max_samples": 1.01}, "max_samples is 1.01; it takes a number from 0.3 to 1"),
        (FOREST, {"criterion": "ginny"}, "unknown criterion 'ginny'; choose one of gini, log_loss; did you mean 'gini'"),
        (FOREST, {"bootstrap": 1}, "bootstrap is 1; it takes true"),
        (FOREST, {"bootstrap": False}, "bootstrap is False; it takes true"),
        (FOREST, {"max_depth": MOST_DEPTH + 1}, f"max_depth is 25; it takes a whole number from 1 to {MOST_DEPTH}"),
        (CONDITIONAL, {"top_rate": 0.3}, "top_rate has an effect only where sampling is 'goss'; it is 'bagging'"),
        (CONDITIONAL, {"balanced": 1}, "unknown balanced '1'"),
    ],
)  # fmt: skip
def test_a_wrong_one_is_one_line(rows: Any, given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingError, match=says) as refused:
        complete_setting(rows, "full", given)
    assert "\n" not in str(refused.value)


def test_a_condition_that_holds_brings_its_parameter() -> None:
    assert "top_rate" not in complete_setting(CONDITIONAL, "full", {})
    assert complete_setting(CONDITIONAL, "full", {"sampling": "goss"})["top_rate"] == 0.2
    both = complete_setting(CONDITIONAL, "full", {"sampling": "goss", "top_rate": 0.3})
    assert both["top_rate"] == 0.3


@pytest.mark.parametrize("rows", [LIGHTGBM, FOREST])
def test_a_family_takes_its_completed_start(rows: Any) -> None:
    from tests.helpers.every_family import clients  # noqa: PLC0415  (a frame to make it for)

    rows.make(complete_setting(rows, "demo", {}), seed=1, jobs=1, X=clients("train").X)
