"""From features to a decision: the same as the library's own way over a data frame."""

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import lightgbm
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.tests.served import THRESHOLD, Served, model_name
from project_tools.errors import ArtefactError, FeatureError
from project_tools.serving.clients import ClientStore
from project_tools.serving.inputs import Encoder, ServedFeature, served_features
from project_tools.serving.scoring import Scorer, _load_pyfunc

NUMBER = ServedFeature("A", "A", "number", ())
CATEGORY = ServedFeature("C", "C", "category", ("x", "y"))


@pytest.fixture(scope="module")
def store(served, artefact):
    return ClientStore.open(served.clients, artefact)


def by_the_library(served: Served, ids) -> np.ndarray:
    """Log-odds as LightGBM gives them for a pandas frame with categories."""
    booster = lightgbm.Booster(model_str=served.content.model.content.decode())
    frame = served.frame.set_index("SK_ID_CURR").loc[ids]
    X = frame[[f.name for f in served.content.features]].rename(columns=model_name)
    return booster.predict(X, raw_score=True, num_threads=1)


def test_every_client_is_scored_as_by_the_library(served, artefact, store):
    ids = served.ids("test") + served.ids("new")
    found = [Scorer(artefact).score(store.row(i)).raw_score for i in ids]
    np.testing.assert_array_equal(found, by_the_library(served, ids))


def test_the_probability_is_calibrated_and_decided_by_the_threshold(served, artefact, store):
    slope, intercept = 0.9, -0.4  # the invented calibration
    labels = set()
    for client_id in served.ids("test")[:50]:
        score = Scorer(artefact).score(store.row(client_id))
        expected = 1 / (1 + math.exp(-(slope * score.raw_score + intercept)))
        assert score.decision.probability == pytest.approx(expected, rel=1e-12)
        assert score.decision.threshold == THRESHOLD
        assert score.decision.granted == (not expected > THRESHOLD)
        labels.add(score.decision.label)
    assert labels == {"risk", "no_risk"}


def test_threads_share_a_scorer(served, artefact, store):
    scorer, ids = Scorer(artefact), served.ids("test")[:60]
    alone = [scorer.score(store.row(i)) for i in ids]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda i: scorer.score(store.row(i)), ids))
    assert together == alone


@pytest.mark.parametrize(
    ("value", "same_as"),
    [
        ("Astronauts", None),  # a level that training did not know
        ("", None),
        ("drivers", None),  # another spelling is another level
        (math.nan, None),
    ],
)
def test_an_unknown_level_counts_as_null(artefact, store, served, value, same_as):
    row = dict(store.row(served.ids()[0]))
    scorer = Scorer(artefact)
    unknown, null = (scorer.score({**row, "OCCUPATION_TYPE": v}) for v in (value, same_as))
    assert unknown == null
    assert scorer.score({**row, "OCCUPATION_TYPE": "Drivers"}) != null


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e39, -1e39, 10**400, math.nan, pd.NA])
def test_a_number_that_float32_cannot_hold_is_null(value):
    assert np.isnan(Encoder([NUMBER]).encode({"A": value})).all()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"A": 1.0}, "'C' is missing"),
        ({"C": "x"}, "'A' is missing"),
        ({"A": "secret", "C": "x"}, "'A' takes a number or null"),
        ({"A": [1], "C": "x"}, "'A' takes a number or null"),
        ({"A": 1, "C": 7.25}, "'C' takes one of its levels"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_without_repeating_it(row, words):
    with pytest.raises(FeatureError, match=words) as caught:
        Encoder([NUMBER, CATEGORY]).encode(row)
    assert "secret" not in str(caught.value)
    assert "7.25" not in str(caught.value)


def test_the_order_of_a_row_and_what_else_it_holds_change_nothing():
    encoder = Encoder([NUMBER, CATEGORY])
    expected = [[2.0, 1.0]]
    assert encoder.encode({"A": 2, "C": "y"}).tolist() == expected
    assert encoder.encode({"more": 5, "C": "y", "A": 2}).tolist() == expected


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_goes_in_as_it_is_whatever_its_digits(value):
    shortest = float(str(np.float32(value)))
    encoder = Encoder([NUMBER])
    assert encoder.encode({"A": value})[0, 0] == encoder.encode({"A": shortest})[0, 0] == value


def test_a_frame_gives_what_its_rows_give():
    frame = pd.DataFrame(
        {"C": pd.Categorical(["y", None, "x"]), "A": np.array([1, np.nan, np.inf], "float32")}
    )
    rows = Encoder([NUMBER, CATEGORY]).encode_frame(frame)
    np.testing.assert_array_equal(rows, [[1, 1], [np.nan, np.nan], [np.nan, 0]])
    with pytest.raises(FeatureError, match=r"'A' is missing \(1 in all\)"):
        Encoder([NUMBER]).encode_frame(frame[["C"]])


@given(
    st.lists(st.floats(), min_size=1, max_size=8), st.lists(st.sampled_from(["x", "y", "z", None]))
)
def test_a_whole_column_goes_in_as_value_by_value(numbers, levels):
    """By the column's type, as one by one: overflow, infinities, and levels that are none."""
    number, category = Encoder([NUMBER]), Encoder([CATEGORY])
    columns = pd.DataFrame({"A": np.array(numbers)})
    one_by_one = number.encode_rows({"A": value} for value in numbers)
    np.testing.assert_array_equal(number.encode_frame(columns), one_by_one)
    columns = pd.DataFrame({"C": pd.Categorical(levels, categories=["z", "y", "x"])})
    one_by_one = category.encode_rows({"C": level} for level in levels)
    np.testing.assert_array_equal(category.encode_frame(columns), one_by_one)


def test_features_are_read_off_a_training_matrix():
    X = pd.DataFrame({"a:b": [1.0], "C": pd.Categorical(["y"], categories=["x", "y"])})
    assert served_features(X, ["a_b", "C"]) == [ServedFeature("a:b", "a_b", "number", ()), CATEGORY]
    with pytest.raises(ArtefactError, match="takes 1 features, its matrix has 2"):
        served_features(X, ["a_b"])


def test_mlflows_loader_gives_the_scores_of_the_api(served, artefact, store):
    ids = served.ids("test")[:20]
    frame = served.frame.set_index("SK_ID_CURR").loc[ids]
    found = _load_pyfunc(str(served.model)).predict(frame, {"unused": 1})
    scores = [Scorer(artefact).score(store.row(i)) for i in ids]
    assert list(found.index) == ids
    assert list(found["class"]) == [s.decision.label for s in scores]
    np.testing.assert_array_equal(found["raw_score"], [s.raw_score for s in scores])
    np.testing.assert_array_equal(
        found["proba_risk_class"], [s.decision.probability for s in scores]
    )


def test_neither_mlflow_nor_shap_is_imported_to_score():
    heavy = "sorted({'mlflow', 'shap', 'hyperopt', 'matplotlib'} & {*sys.modules})"
    code = f"import sys, project_tools.serving.scoring, project_tools.serving.clients, project_tools.serving.pictures; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
