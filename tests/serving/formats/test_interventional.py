"""Exact interventional values, against the coalitions themselves and against shap."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import lightgbm
import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from project_tools.serving.formats import interventional, lightgbm_text, xgboost_ubj
from project_tools.serving.formats.interventional import Background, LeafCounts
from project_tools.serving.formats.trees import Nodes, Trees
from project_tools.serving.inputs import ServedFeature
from project_tools.serving.model import ServedModel
from project_tools.serving.shap_library import import_shap
from tests.helpers.every_family import clients, content_of
from tests.helpers.walk import Tree, over_coalitions, tree_values, walked


def exact(model, rows, background):
    """The values as they are computed when a background is fixed."""
    trees = model.trees()
    return Background.of(trees, LeafCounts.of(trees, background), len(background)).values(rows)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_they_are_the_values_of_the_coalitions_with_categories_and_nulls(name, tmp_path):
    content = content_of(name, tmp_path / "state")
    model = ServedModel.read(content.model, content.features, content.calibration)
    rows = model.encoder.encode_frame(clients("test").X)
    own, background = rows[np.isnan(rows).any(axis=1)][:3], rows[40:47]
    assert any(feature.kind == "category" for feature in content.features)
    found = exact(model.raw, own, background)
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
    found = exact(model, own, background)
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
        assert exact(model, own, background) == pytest.approx(expected, abs=1e-5)


def test_a_tree_of_one_leaf_explains_nothing():
    rows, labels = numbers(missing=True)
    trees = lightgbm_of(rows, labels, min_data_in_leaf=500)
    model = lightgbm_text.read(trees.model_to_string().encode(), FEATURES)
    assert not exact(model, rows[:3], rows[5:9]).any()


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_they_equal_the_walk_over_each_pair(name, tmp_path):
    content = content_of(name, tmp_path / "state")
    model = ServedModel.read(content.model, content.features, content.calibration)
    rows = model.encoder.encode_frame(clients("test").X)
    rows[::7, 2] = np.nan
    own, background = rows[:40], rows[40:]
    assert exact(model.raw, own, background) == pytest.approx(
        walked(model.raw, own, background), abs=1e-12
    )


def test_a_level_that_no_node_knows_and_a_level_beyond_them_go_where_the_model_sends_them():
    rng = np.random.default_rng(5)
    levels, number = rng.integers(0, 70, 900), rng.normal(size=900)
    labels = rng.random(900) < np.where(levels % 3 == 0, 0.8, 0.2)
    rows = np.column_stack([levels, number]).astype(np.float32)
    rows[::9, 0] = np.nan
    features = [
        ServedFeature("f0", "f0", "category", tuple(map(str, range(90)))),
        ServedFeature("f1", "f1", "number", ()),
    ]
    trees = lightgbm.train(
        {"objective": "binary", "verbose": -1, "min_data_in_leaf": 5, "max_cat_to_onehot": 4},
        lightgbm.Dataset(rows, labels, feature_name=["f0", "f1"], categorical_feature=["f0"]),
        10,
    )
    boosted = xgboost.train(
        {"objective": "binary:logistic", "max_cat_to_onehot": 4},
        xgboost.DMatrix(
            rows, labels, feature_names=["f0", "f1"], feature_types=["c", "float"],
            enable_categorical=True,
        ),
        10,
    )  # fmt: skip
    own = np.array([[3, 0.5], [69, 0], [np.nan, -1], [80, 2]], np.float32)
    for model in (
        lightgbm_text.read(trees.model_to_string().encode(), features),
        xgboost_ubj.read(bytes(boosted.save_raw("ubj")), features),
    ):
        for row, values in zip(own, exact(model, own, rows[:60]), strict=True):
            assert values == pytest.approx(over_coalitions(model, row, rows[:60]), abs=1e-6)


@st.composite
def random_trees(draw):
    """Trees over eight features, several of them again on one path, with nulls that go either way."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        inner = draw(st.integers(0, 12))
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        left, right, open_ends = np.zeros(inner, int), np.zeros(inner, int), []
        for node in range(inner):
            if node:
                at, children = open_ends.pop(int(rng.integers(len(open_ends))))
                children[at] = node
            open_ends += [(node, left), (node, right)]
        for leaf, (at, children) in enumerate(open_ends):
            children[at] = ~leaf
        few = draw(st.integers(1, 8))  # features that repeat
        parts.append((rng.integers(0, few, inner), left, right, rng.normal(size=inner + 1), rng))
    return parts


def flat(parts):
    """The trees one after the other, as a model's format gives them."""
    nodes, leaves, columns = 0, 0, []
    for features, left, right, values, rng in parts:
        moved = [np.where(c >= 0, c + nodes, c - leaves) for c in (left, right)]
        limits = rng.normal(size=len(features))
        columns.append((features, limits, rng.random(len(features)) < 0.5, *moved, values))
        nodes, leaves = nodes + len(features), leaves + len(values)
    features, limits, null_left, left, right, values = map(
        np.concatenate, zip(*columns, strict=True)
    )
    none = np.zeros(0, np.int64)
    made = Nodes(
        features=features, thresholds=limits, null_left=null_left, zero_is_null=none > 0,
        left=left, right=right, categories=none, level_starts=none, level_counts=none,
        level_left=none > 0,
    )  # fmt: skip
    return made, values


@pytest.mark.parametrize("widest", [0, 2, 8])
@given(parts=random_trees(), seed=st.integers(0, 1_000))
@settings(max_examples=40, deadline=None)
def test_random_trees_give_what_the_walk_gives(widest, parts, seed):
    nodes, values = flat(parts)
    trees = Trees.of(nodes, values)
    rows = np.random.default_rng(seed).normal(size=(30, 8)).astype(np.float32)
    rows[rows > 1.2] = np.nan
    own, background = rows[:6], rows[6:]
    expected, done = np.zeros((6, 8)), 0
    for features, left, right, added, _ in parts:
        here = slice(done, done + len(features))
        sides = (nodes.go_left(rs)[here] for rs in (own, background))
        if len(features):
            expected += tree_values(Tree(features, left, right, added), *sides, 8)
        done += len(features)
    counts = LeafCounts.of(trees, background)
    assert counts.fit(trees, len(background))
    with pytest.MonkeyPatch.context() as patch:  # leaves without a table, and with
        patch.setattr(interventional, "WIDEST", widest)
        found = Background.of(trees, counts, len(background))
    assert found.values(own) == pytest.approx(expected, abs=1e-12)
    assert np.array_equal(found.values(own)[2], found.values(own[2:3])[0])


def test_tables_take_no_more_than_their_bytes(monkeypatch):
    rows, labels = numbers(missing=True)
    booster = lightgbm_of(rows, labels, num_leaves=200, min_data_in_leaf=1)
    model = lightgbm_text.read(booster.model_to_string().encode(), FEATURES)
    expected = exact(model, rows[:9], rows[300:400])
    trees = model.trees()
    counts = LeafCounts.of(trees, rows[300:400])
    for most in (0, 20_000, 200_000, interventional.TABLE_BYTES):
        monkeypatch.setattr(interventional, "TABLE_BYTES", most)
        made = Background.of(trees, counts, 100)
        held = sum(p.values.nbytes for p in made.parts if isinstance(p, interventional.Tables))
        assert held <= most
        assert held > most / 10 or most in (0, interventional.TABLE_BYTES)
        assert made.values(rows[:9]) == pytest.approx(expected, abs=1e-12)


def test_many_threads_get_the_same_bits():
    rows, labels = numbers(missing=True)
    model = lightgbm_text.read(lightgbm_of(rows, labels).model_to_string().encode(), FEATURES)
    trees = model.trees()
    made = Background.of(trees, LeafCounts.of(trees, rows[300:]), 300)
    expected = made.values(rows[:200])
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda n: made.values(rows[n : n + 1])[0], range(200)):
            assert any(np.array_equal(found, one) for one in expected)
        again = list(pool.map(lambda _: made.values(rows[:200]), range(8)))
    assert all(np.array_equal(one, expected) for one in again)


def test_a_path_of_more_than_64_features_is_not_counted():
    chain = np.arange(65)
    nodes, values = flat([
        (chain, np.append(chain[1:], ~65), ~chain, np.ones(66), np.random.default_rng(1))
    ])  # fmt: skip
    assert Trees.of(nodes, values) is None
    shorter = replace(nodes, features=np.append(chain[:-1], 0))
    assert Trees.of(shorter, values).widths.max() == 64
