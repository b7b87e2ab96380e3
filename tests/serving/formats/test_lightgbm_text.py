"""A LightGBM model as it is served: the quick way to score one row is LightGBM's own."""

import threading

import lightgbm
import numpy as np
import pytest

from project_tools.serving.formats import lightgbm_text
from project_tools.serving.inputs import ServedFeature

NAMES = [f"f{n}" for n in range(6)]
FEATURES = [ServedFeature(name, name, "number", ()) for name in NAMES]


def rows_and_labels():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(500, 6)).astype(np.float32)
    labels = rng.random(500) < 1 / (1 + np.exp(-2 * rows[:, 0] * rows[:, 1] - rows[:, 2]))
    rows[rng.random(rows.shape) < 0.2] = np.nan
    return rows, labels


def booster_of(rows, labels):
    data = lightgbm.Dataset(rows, labels, feature_name=NAMES)
    parameters = {"objective": "binary", "num_leaves": 15, "min_data_in_leaf": 5, "verbose": -1}
    return lightgbm.train(parameters, data, 40)


@pytest.fixture(scope="module")
def model():
    return lightgbm_text.read(booster_of(*rows_and_labels()).model_to_string().encode(), FEATURES)


def test_one_row_gets_the_bits_of_lightgbm_s_own_prediction(model):
    rows, _ = rows_and_labels()
    expected = model.booster.predict(rows, raw_score=True)
    alone = np.concatenate([model.raw_scores(rows[n : n + 1]) for n in range(len(rows))])
    assert np.array_equal(alone, expected)
    assert np.array_equal(model.raw_scores(rows), expected)
    strided = np.asfortranarray(rows)[7:8]
    assert model.raw_scores(strided)[0] == expected[7]


def test_rounds_after_the_best_one_do_not_count():
    rows, labels = rows_and_labels()
    booster = booster_of(rows, labels)
    booster.best_iteration = 9
    early = lightgbm_text.LightGBMModel(booster)
    assert early.raw_scores(rows[:1])[0] == booster.predict(rows[:1], raw_score=True)[0]
    assert early.raw_scores(rows[:1]) != booster.predict(rows[:1], raw_score=True, num_iteration=40)


def test_threads_that_share_a_model_get_their_own_row_s_score(model):
    rows, _ = rows_and_labels()
    expected = model.raw_scores(rows)
    wrong = []

    def score(first):
        for n in range(first, len(rows), 8):
            if model.raw_scores(rows[n : n + 1])[0] != expected[n]:
                wrong.append(n)  # noqa: PERF401  (threads share the list)

    threads = [threading.Thread(target=score, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    "row",
    [np.zeros((1, 5), np.float32), np.zeros((1, 6))],
    ids=["one feature less", "double precision"],
)
def test_a_row_of_another_form_is_refused(model, row):
    with pytest.raises(ValueError, match=r"a row has the shape \(1, 6\) and float32"):
        model.raw_scores(row)
