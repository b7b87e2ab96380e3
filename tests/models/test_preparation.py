"""Each choice of a preparation, worked by hand on a few rows."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, rankdata, skew

from project_tools.errors import SettingError
from project_tools.models.preparation import (
    IMPUTATIONS,
    SCALINGS,
    NearestRowsImputer,
    PercentileClipper,
    PreparationPlan,
    make_preparation,
)

PLAIN = PreparationPlan(scaling="none", imputation="zero", clip=False, one_hot=True)
NULL = float("nan")


def numbers(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"amount": np.array(values, dtype="float32")})


def prepared(plan: PreparationPlan, train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    preparation = make_preparation(plan, train)
    assert preparation is not None
    return np.asarray(preparation.fit(train).transform(rows))


def column(plan: PreparationPlan, train: pd.DataFrame, *values: float) -> list[float]:
    return prepared(plan, train, numbers(*values))[:, 0].tolist()


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("none", [10, 20, 40]),
        ("min-max", [0, 1, 1]),  # beyond the training values: the end of the range
        ("standard", [-1, 1, 5]),  # mean 15, standard deviation 5
    ],
)
def test_scaling(scaling: str, expected: list[float]) -> None:
    plan = PLAIN.with_choices(scaling=scaling)
    assert column(plan, numbers(10, 20), 10, 20, 40) == pytest.approx(expected)


def test_power_scaling_straightens_what_is_skewed_and_keeps_the_order() -> None:
    incomes = np.sort(np.exp(np.random.default_rng(0).normal(12, 1, 2_000)))
    train = numbers(*incomes)
    scaled = np.array(column(PLAIN.with_choices(scaling="power"), train, *incomes))
    assert skew(incomes) > 3
    assert abs(skew(scaled)) < skew(incomes) / 10
    assert scaled.mean() == pytest.approx(0, abs=1e-3)
    assert scaled.std() == pytest.approx(1, abs=1e-3)
    assert (np.diff(scaled) >= 0).all()


def test_normal_scores_are_the_normal_quantiles_of_ranks() -> None:
    incomes = np.exp(np.random.default_rng(0).normal(12, 2, 4_000))
    plan = PLAIN.with_choices(scaling="normal-scores")
    scores = np.array(column(plan, numbers(*incomes), *incomes))
    expected = norm.ppf((rankdata(incomes) - 0.5) / len(incomes))  # scipy's, of all rows
    inside = np.abs(expected) < 2.3
    np.testing.assert_allclose(scores[inside], expected[inside], atol=0.03)
    assert abs(skew(scores)) < 0.02
    # Beyond the training values: the score of the last half step, and no infinity.
    low, high = column(plan, numbers(*incomes), -1e9, 1e12)
    assert [low, high] == pytest.approx(norm.ppf([0.5 / 257, 1 - 0.5 / 257]), abs=1e-5)


@pytest.mark.parametrize(
    ("train", "value", "score"),
    [
        ([5.0] * 10, 5, 0),  # one value alone
        ([0.0] * 50 + [1.0] * 50, 0, norm.ppf(0.25)),  # equal values share their middle rank
        ([0.0] * 50 + [1.0] * 50, 1, norm.ppf(0.75)),
        ([0.0] * 75 + [1.0] * 25, 0, norm.ppf(0.375)),
    ],
)
def test_normal_scores_of_equal_values(train: list[float], value: float, score: float) -> None:
    plan = PLAIN.with_choices(scaling="normal-scores")
    assert column(plan, numbers(*train), value) == pytest.approx(
        [score], abs=0.015
    )  # half a quantile


@pytest.mark.parametrize(("imputation", "expected"), [("zero", 0), ("median", 20)])
def test_imputation(imputation: str, expected: float) -> None:
    plan = PLAIN.with_choices(imputation=imputation)
    assert column(plan, numbers(10, 20, 60, NULL), NULL, 60) == [expected, 60]


@pytest.mark.parametrize(
    ("scaling", "expected"),
    [
        ("min-max", [0, 0.5, 1]),  # scaled first, 10 would be 0 and the null equal to it
        ("standard", [-1.2247, 0, 1.2247]),  # scaled first, the null would be the mean
    ],
)
def test_nulls_are_imputed_before_numbers_are_scaled(scaling: str, expected: list[float]) -> None:
    plan = PLAIN.with_choices(scaling=scaling, imputation="zero")
    found = column(plan, numbers(NULL, 10, 20), NULL, 10, 20)
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("imputation", IMPUTATIONS)
@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_matrix_is_complete_and_as_wide_whatever_is_chosen(scaling: str, imputation: str) -> None:
    random = np.random.default_rng(1)
    X = pd.DataFrame({
        "a": random.normal(size=40).astype("float32"),
        "never known": np.full(40, np.nan, dtype="float32"),
        "constant": np.full(40, 3, dtype="float32"),
        "work": pd.Categorical(random.choice(["x", "y"], 40), categories=["x", "y", "z"]),
    })  # fmt: skip
    X.loc[::3, "a"] = np.nan
    X.loc[1, "a"], X.loc[2, "a"] = np.inf, -np.inf
    X.loc[0, "work"] = None
    found = prepared(PreparationPlan(scaling, imputation), X, X)
    assert found.dtype == np.float32
    assert found.shape == (40, 3 + 3)
    assert np.isfinite(found).all()
    assert (found[:, 1] == 0).all()  # a column without a single value


def test_an_infinity_is_a_null_before_anything_is_learnt() -> None:
    values = [*range(1, 100), np.inf, -np.inf, -np.inf]
    plan = PLAIN.with_choices(imputation="median", clip=True)
    found = column(plan, numbers(*values), np.inf, -np.inf, 50)
    assert found == pytest.approx([50, 50, 50])
    with_none = column(plan, numbers(*range(1, 100)), 1e9, -1e9)
    assert column(plan, numbers(*values), 1e9, -1e9) == pytest.approx(with_none)


@pytest.mark.parametrize(
    ("train", "low", "high"),
    [
        (range(1001), 1, 999),
        (range(-1001, 0), -1000, -2),  # a bound below 0 is not drawn towards it
        (range(500, 1501), 501, 1499),
    ],
)
def test_clipping_at_the_training_percentiles(train: range, low: float, high: float) -> None:
    plan = PLAIN.with_choices(clip=True)
    assert column(plan, numbers(*train), -1e6, 1e6) == pytest.approx([low, high], abs=0.01)
    assert column(PLAIN, numbers(*train), -1e6, 1e6) == [-1e6, 1e6]


def test_a_null_is_not_clipped() -> None:
    clipper = PercentileClipper().fit(np.array([[1.0], [2.0], [np.nan]]))
    assert np.isnan(clipper.transform(np.array([[np.nan]]))).all()


def work(*levels: str | None) -> pd.DataFrame:
    return pd.DataFrame({"work": pd.Categorical(levels, categories=["cook", "driver", "nurse"])})


def test_one_hot_has_a_column_for_each_level_of_the_dtype() -> None:
    train = work("cook", "driver", "cook")
    found = prepared(PLAIN, train, work("driver", "nurse", None))
    assert found.tolist() == [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    other = pd.DataFrame({"work": pd.Categorical(["pilot", "cook"])})  # pilot: no level here
    assert prepared(PLAIN, train, other).tolist() == [[0, 0, 0], [1, 0, 0]]


def test_without_one_hot_a_category_is_the_position_of_its_level() -> None:
    plan = PLAIN.with_choices(one_hot=False)
    found = prepared(plan, work("cook", "driver"), work("driver", "nurse", None))
    assert found.tolist() == [[1], [2], [-1]]
    scaled = prepared(plan.with_choices(scaling="min-max"), work("cook", "nurse"), work("driver"))
    assert scaled.tolist() == [[0.5]]


def test_the_nearest_rows_fill_a_null() -> None:
    """Two groups: who is near is told by the known value, however large the unknown one is."""
    rows = [[1, 100], [1.1, 110], [9, 900], [9.1, 930]]
    imputer = NearestRowsImputer(neighbours=2, reference=100).fit(np.array(rows, dtype="float32"))
    found = imputer.transform(np.array([[1.05, NULL], [9.05, NULL], [5, 7]], dtype="float32"))
    np.testing.assert_allclose(found[:, 1], [105, 915, 7])


def test_the_largest_amounts_do_not_choose_the_neighbours_alone() -> None:
    train = np.array([[0, 1_000_000, 10], [10, 1_010_000, 20], [0, 3_000_000, 10]], dtype="float32")
    imputer = NearestRowsImputer(neighbours=1, reference=100).fit(train)
    # By the raw amounts the second row is nearest (5,000 apart); in deviations the first is.
    found = imputer.transform(np.array([[0, 1_006_000, NULL]], dtype="float32"))
    assert found[0, 2] == 10


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ([[1, NULL], [2, 5], [3, 9], [4, 11]], 9),  # the nearest does not know: the median
        ([[1, NULL], [2, NULL]], 0),  # nobody does
    ],
)
def test_where_the_nearest_do_not_know_it_is_the_median(
    train: list[list[float]], expected: float
) -> None:
    imputer = NearestRowsImputer(neighbours=1, reference=100).fit(np.array(train, dtype="float32"))
    assert imputer.transform(np.array([[1, NULL]], dtype="float32"))[0, 1] == expected


def test_a_knn_imputation_compares_with_a_bounded_number_of_rows() -> None:
    values = np.random.default_rng(2).normal(size=(500, 2)).astype("float32")
    imputer = NearestRowsImputer(neighbours=3, reference=50, seed=4).fit(values)
    assert imputer.reference_.shape == (50, 2)
    again = NearestRowsImputer(neighbours=3, reference=50, seed=4).fit(values)
    np.testing.assert_array_equal(imputer.reference_, again.reference_)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"scaling": "minmax"}, "unknown scaling 'minmax'; choose one of .*did you mean 'min-max'"),
        ({"imputation": "mean"}, "unknown imputation 'mean'; choose one of zero, median, knn"),
    ],
)
def test_a_choice_that_there_is_not(choice: dict[str, str], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        PreparationPlan(**choice)
