"""Exact interventional values, against the coalitions themselves and against shap."""

import itertools
from math import factorial

import lightgbm
import numpy as np
import pytest
import xgboost

from project_tools.serving.formats import lightgbm_text, xgboost_ubj
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.model import ServedModel
from project_tools.serving.shap_library import import_shap
from tests.helpers.every_family import clients, content_of


def over_coalitions(model, row, background):
    """Shapley values by their definition: the mean score of every coalition of features."""
    n = len(row)
    coalitions = np.array(list(itertools.product([False, True], repeat=n)))
    rows = np.where(coalitions[:, None, :], row, background[None]).reshape(-1, n)
    worth = model.raw_scores(rows.astype(np.float32)).reshape(len(coalitions), -1).mean(axis=1)
    at = {tuple(coalition): w for coalition, w in zip(coalitions.tolist(), worth, strict=True)}
    values = np.zeros(n)
    for coalition in coalitions[:, None].reshape(-1, n).tolist():
        size = sum(coalition)
        for feature in (f for f in range(n) if not coalition[f]):
            joined = [*coalition[:feature], True, *coalition[feature + 1 :]]
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            values[feature] += weight * (at[tuple(joined)] - at[tuple(coalition)])
    return values


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "logistic_l2"])
def test_they_are_the_values_of_the_coalitions_with_categories_and_nulls(name, tmp_path):
    content = content_of(name, tmp_path / "state")
    model = ServedModel.read(content.model, content.features, content.calibration)
    rows = model.encoder.encode_frame(clients("test").X)
    own, background = rows[np.isnan(rows).any(axis=1)][:3], rows[40:47]
    assert any(feature.kind == "category" for feature in content.features)
    found = model.raw.exact_contributions(own, background)
    for row, values in zip(own, found, strict=True):
        assert values == pytest.approx(over_coalitions(model, row, background), abs=1e-6)
    expected = model.raw_scores(own) - model.raw_scores(background).mean()
    assert found.sum(axis=1) == pytest.approx(expected, abs=1e-6)


NAMES = [f"f{n}" for n in range(8)]
FEATURES = [ServedFeature(name, name, "number", ()) for name in NAMES]


def numbers(missing):
    """Rows with zeros and, where asked for, nulls; and labels that several of them decide."""
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(600, 8)).round(1).astype(np.float32)
    logit = rows[:, 0] * rows[:, 1] + rows[:, 2] - (rows[:, 3] > 0) * rows[:, 4]
    labels = rng.random(600) < 1 / (1 + np.exp(-3 * logit))
    rows[rng.random(rows.shape) < 0.2] = 0
    if missing:
        rows[rng.random(rows.shape) < 0.15] = np.nan
    return rows, labels


def lightgbm_of(rows, labels, **parameters):
    setting = {"objective": "binary", "num_leaves": 31, "min_data_in_leaf": 5, "verbose": -1}
    data = lightgbm.Dataset(rows, labels, feature_name=NAMES)
    return lightgbm.train({**setting, **parameters}, data, 12)


@pytest.mark.parametrize(
    ("parameters", "missing"),
    [
        ({}, True),
        ({}, False),
        ({"zero_as_missing": True}, True),
        ({"use_missing": False}, True),
        ({"num_leaves": 200, "min_data_in_leaf": 1}, True),
    ],
)
def test_lightgbm_sends_each_row_as_our_reading_of_its_text_does(parameters, missing):
    rows, labels = numbers(missing)
    booster = lightgbm_of(rows, labels, **parameters)
    model = lightgbm_text.read(booster.model_to_string().encode(), FEATURES)
    own, background = rows[:4], rows[300:306]
    found = model.exact_contributions(own, background)
    for row, values in zip(own, found, strict=True):
        assert values == pytest.approx(over_coalitions(model, row, background), abs=1e-6)


def test_shap_gives_the_same_without_categories():
    rows, labels = numbers(missing=False)
    own, background = rows[:20], rows[300:350]
    trees = lightgbm_of(rows, labels)
    boosted = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 5},
        xgboost.DMatrix(rows, labels, feature_names=NAMES),
        12,
    )
    for booster, model in (
        (trees, lightgbm_text.read(trees.model_to_string().encode(), FEATURES)),
        (boosted, xgboost_ubj.read(bytes(boosted.save_raw("ubj")), FEATURES)),
    ):
        explainer = import_shap()[0].TreeExplainer(
            booster, data=background.astype(np.float64), feature_perturbation="interventional"
        )
        expected = explainer.shap_values(own, check_additivity=False)
        assert model.exact_contributions(own, background) == pytest.approx(expected, abs=1e-5)


def test_a_tree_of_one_leaf_explains_nothing():
    rows, labels = numbers(missing=True)
    trees = lightgbm_of(rows, labels, min_data_in_leaf=500)
    model = lightgbm_text.read(trees.model_to_string().encode(), FEATURES)
    assert not model.exact_contributions(rows[:3], rows[5:9]).any()


@pytest.mark.parametrize("name", ["random_forest", "forest of codes"])
def test_those_of_a_forest_add_up_to_the_difference_of_the_scores(name, tmp_path):
    content = content_of(name, tmp_path / "state")
    model = ServedModel.read(content.model, content.features, content.calibration)
    rows = model.encoder.encode_frame(clients("test").X)
    found = model.raw.exact_contributions(rows[:5], rows[40:60])
    expected = model.raw_scores(rows[:5]) - model.raw_scores(rows[40:60]).mean()
    assert found.sum(axis=1) == pytest.approx(expected, abs=1e-6)
