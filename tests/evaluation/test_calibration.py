"""Curves that keep the order, the choice between them, and how true probabilities are."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import root
from sklearn.linear_model import LogisticRegression

from project_tools.errors import ArtefactError, TrainingError
from project_tools.evaluation.calibration import (
    CALIBRATIONS,
    BetaCalibration,
    PlattCalibration,
    calibration_from_dict,
)
from project_tools.evaluation.calibration_fit import (
    FITS,
    LEAST_SLOPE,
    fit_beta,
    fit_platt,
    least_log_loss,
    near_band,
    softened,
)
from project_tools.evaluation.reliability import (
    calibration_line,
    choose_calibration,
    reliability_curve,
    reliability_figure,
)


def clients(rows: int = 4_000, seed: int = 0):
    """True probabilities of default and what became of the clients."""
    chance = np.random.default_rng(seed)
    truth = chance.beta(1, 8, rows)
    return truth, (chance.random(rows) < truth).astype(int)


def logit(p):
    return np.log(p / (1 - p))


FAULTY = {
    "true": lambda p: p,
    "too extreme": lambda p: 1 / (1 + np.exp(-2 * logit(p) - 1)),
    "bent": lambda p: p**0.3,
    "turned": lambda p: 1 - p,
    "all alike": lambda p: np.full(len(p), 0.3),
    "0 and 1": np.round,
}


@pytest.mark.parametrize("method", FITS)
@pytest.mark.parametrize("fault", FAULTY)
def test_every_curve_is_strictly_increasing_and_inside_0_and_1(method, fault):
    truth, y = clients()
    curve = FITS[method](FAULTY[fault](truth), y)
    calibrated = curve.apply(np.linspace(0.001, 0.999, 999))
    assert (np.diff(calibrated) > 0).all()
    assert (calibrated > 0).all()
    assert (calibrated < 1).all()


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(list(FITS)),
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=30),
)
def test_whatever_the_rows_a_curve_never_turns_the_order(method, rows):
    p, y = np.array([r[0] for r in rows]), np.array([int(r[1]) for r in rows])
    y[0], y[1] = 0, 1
    curve = FITS[method](p, y)
    assert (np.diff(curve.apply(np.linspace(0, 1, 101))) >= 0).all()
    assert curve.apply(0.9) > curve.apply(0.1)


def columns_of(method, p):
    """What a curve weighs: Platt's the log-odds, beta ln p and -ln(1 - p); and 1."""
    kept = np.clip(p, 1e-12, 1 - 1e-12)
    parts = [logit(kept)] if method == "platt" else [np.log(kept), -np.log1p(-kept)]
    return np.column_stack([*parts, np.ones(len(p))])


@pytest.mark.parametrize("method", FITS)
@pytest.mark.parametrize("fault", ["true", "too extreme", "bent"])
def test_a_fit_solves_the_score_equations(method, fault):
    """A second way: a root of the gradient, from zero, in place of a least loss."""
    truth, y = clients()
    p = FAULTY[fault](truth)
    columns, target = columns_of(method, p), softened(y)

    def score(weights):
        return columns.T @ (1 / (1 + np.exp(-columns @ weights)) - target) / len(y)

    solved = root(score, np.zeros(columns.shape[1]), tol=1e-13)
    expected = 1 / (1 + np.exp(-columns @ solved.x))
    assert np.abs(score(solved.x)).max() < 1e-11
    assert FITS[method](p, y).apply(p) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("method", FITS)
@pytest.mark.parametrize("fault", [*FAULTY, "separable"])
def test_no_allowed_weight_lowers_the_loss_of_a_fit(method, fault):
    """Karush, Kuhn and Tucker: no slope along a free weight, none down from a bound inwards."""
    truth, y = clients()
    p = np.where(y == 1, 0.9, 0.1) if fault == "separable" else FAULTY[fault](truth)
    curve = FITS[method](p, y)
    *slopes, _ = list(curve.to_dict().values())[1:]
    if slopes == [LEAST_SLOPE, LEAST_SLOPE]:  # neither beta weight is above 0: Platt's curve
        assert curve.log_odds(p) == pytest.approx(fit_platt(p, y).log_odds(p))
        return
    gradient = columns_of(method, p).T @ (curve.apply(p) - softened(y)) / len(y)
    bound = LEAST_SLOPE if method == "platt" else 0
    for slope, along in zip(slopes, gradient[:-1], strict=True):
        assert along > -1e-9
        assert slope == bound or along < 1e-9
    assert abs(gradient[-1]) < 1e-9
    assert np.isfinite(slopes).all()


def test_of_equally_good_weights_the_nearest_to_the_start_are_taken():
    """One probability for all: any slope fits as well, with an intercept of its own."""
    _, y = clients()
    x, start = logit(0.3), np.array([1.0, 0.0])
    columns = np.tile([x, 1.0], (len(y), 1))
    found = least_log_loss(columns, softened(y), start)
    moved = found - start
    assert moved[0] == pytest.approx(x * moved[1])  # at right angles to (1, -x), which fits alike
    assert 1 / (1 + np.exp(-columns[0] @ found)) == pytest.approx(softened(y).mean())


def test_applying_a_curve_needs_numpy_alone():
    code = "import sys, project_tools.evaluation.calibration; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "numpy" in loaded
    assert not loaded & {"scipy", "sklearn", "pandas"}


def test_the_beta_curve_is_the_most_likely_one():
    truth, y = clients()
    p = FAULTY["bent"](truth)
    columns = np.column_stack([np.log(p), -np.log1p(-p)])
    target = softened(y)
    # The same problem by scikit-learn: each row twice, weighted by its softened label.
    by_library = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(
        np.vstack([columns, columns]),
        np.repeat([1, 0], len(y)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    found = fit_beta(p, y)
    expected = [*by_library.coef_[0], *by_library.intercept_]
    assert [found.a, found.b, found.c] == pytest.approx(expected, rel=1e-3)


def test_a_weight_below_0_is_set_to_0():
    # Few default among the likeliest: b would be negative, and the curve would turn near 1.
    chance = np.random.default_rng(3)
    p = chance.uniform(0.01, 0.99, 5_000)
    y = (chance.random(5_000) < np.minimum(p, 0.4)).astype(int)
    columns = np.column_stack([np.log(p), -np.log1p(-p)])
    free = LogisticRegression(C=np.inf, max_iter=10_000).fit(columns, y)
    assert free.coef_[0][1] < 0
    found = fit_beta(p, y)
    assert found.b == 0
    assert found.a > 0


@pytest.mark.parametrize(
    "curve", [PlattCalibration(0.7, -1.5), BetaCalibration(2.5, 0.0, -0.25)], ids=list(CALIBRATIONS)
)
def test_a_curve_comes_back_from_its_plain_data(curve):
    plain = json.loads(json.dumps(curve.to_dict()))
    assert calibration_from_dict(plain) == curve
    p = np.linspace(0.01, 0.99, 50)
    np.testing.assert_array_equal(calibration_from_dict(plain).apply(p), curve.apply(p))


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({"method": "isotonic"}, "unknown calibration 'isotonic'; choose one of platt, beta"),
        ({"method": "Beta", "a": 1, "b": 1, "c": 0}, "did you mean 'beta'"),
        ({}, "unknown calibration 'None'"),
        ({"method": "beta", "a": 1, "b": 1}, "holds method 'beta', a and b and c"),
        ({"method": "beta", "a": 1, "b": 1, "c": 0, "d": 1}, "holds method 'beta'"),
        ({"method": "beta", "a": "1", "b": 1, "c": 0}, "are numbers"),
        ({"method": "beta", "a": True, "b": 1, "c": 0}, "are numbers"),
        ({"method": "beta", "a": -1, "b": 1, "c": 0}, "not below 0"),
        ({"method": "beta", "a": 0, "b": 0, "c": 0}, "one of them above"),
        ({"method": "beta", "a": math.nan, "b": 1, "c": 0}, "must be finite"),
        ({"method": "platt", "slope": 0, "intercept": 0}, "slope above 0"),
        ({"method": "platt", "slope": math.inf, "intercept": 0}, "must be finite"),
    ],
)
def test_what_is_no_curve_is_refused(plain, words):
    with pytest.raises(ArtefactError, match=words):
        calibration_from_dict(plain)


@pytest.mark.parametrize(
    ("fault", "method"),
    [
        ("true", "platt"),  # a tie: Platt has a parameter less
        ("too extreme", "platt"),  # straight in the logit
        ("bent", "beta"),
        ("all alike", "platt"),
    ],
)
def test_the_curve_is_chosen_on_rows_that_did_not_fit_it(fault, method):
    truth, y = clients(20_000)
    p = FAULTY[fault](truth)
    found = choose_calibration(y, p)
    assert found.method == method == found.calibration.to_dict()["method"]
    assert found.calibration == FITS[method](p, y)  # the curve itself is fitted on all rows
    assert found.gain == pytest.approx(found.loss["platt"] - found.loss["beta"], abs=1e-12)
    assert (found.gain > 2 * found.gain_se) is (method == "beta")
    in_sample = {
        name: np.mean(np.logaddexp(0, logit(q)) - y * logit(q))
        for name, q in ((name, fit(p, y).apply(p)) for name, fit in FITS.items())
    }
    assert found.loss["beta"] > in_sample["beta"]  # judged where it was not fitted


@pytest.mark.parametrize(
    ("a", "b", "free"), [(-0.15, 2.5, "b"), (2.5, -0.15, "a")], ids=["a at 0", "b at 0"]
)
def test_a_beta_curve_at_its_boundary_gives_way_to_platt(a, b, free):
    """With b at 0 no probability lies above 1 / (1 + e^-c): .635 in a committed model."""
    chance = np.random.default_rng(4)
    p = chance.uniform(0.02, 0.98, 20_000)
    log_odds = a * np.log(p) - b * np.log1p(-p) - (1 if free == "b" else -1)
    y = (chance.random(20_000) < 1 / (1 + np.exp(-log_odds))).astype(int)
    curve = fit_beta(p, y)
    assert [name for name in "ab" if getattr(curve, name) > 0] == [free]
    found = choose_calibration(y, p)
    assert found.gain > 2 * found.gain_se  # beta would have been taken for its log loss
    assert found.calibration == fit_platt(p, y)


def test_a_choice_needs_two_clients_of_each_class():
    with pytest.raises(TrainingError, match="two clients of each class; there are 1 of one"):
        choose_calibration(np.array([0, 0, 1]), np.array([0.1, 0.2, 0.3]))
    assert (
        choose_calibration(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4])).method == "platt"
    )


def test_the_choice_is_the_same_whoever_comes_first():
    truth, y = clients(3_000)
    p, order = FAULTY["bent"](truth), np.random.default_rng(1).permutation(3_000)
    one, other = choose_calibration(y, p), choose_calibration(y[order], p[order])
    assert one.method == other.method
    assert one.calibration.apply(p) == pytest.approx(other.calibration.apply(p), rel=1e-6)
    assert choose_calibration(y, p) == one  # and the same every time


@pytest.mark.parametrize(
    ("slope", "intercept"), [(1, 0), (0.5, 0), (2, 0), (1, 0.7)], ids=["true", "", "", "too low"]
)
def test_the_calibration_line_finds_the_slope_and_the_intercept(slope, intercept):
    chance = np.random.default_rng(5)
    x = chance.normal(-1.5, 1.2, 30_000)
    y = chance.random(30_000) < 1 / (1 + np.exp(-(slope * x + intercept)))
    found = calibration_line(y, 1 / (1 + np.exp(-x)))
    assert abs(found.slope - slope) < 3 * found.slope_se < 0.15
    assert abs(found.intercept - intercept) < 3 * found.intercept_se < 0.2


def test_the_error_of_a_slope_is_what_repetition_shows():
    slopes, errors = [], []
    for seed in range(60):
        truth, y = clients(1_500, seed)
        line = calibration_line(y, truth)
        slopes.append(line.slope)
        errors.append(line.slope_se)
    assert np.mean(errors) == pytest.approx(np.std(slopes), rel=0.3)


def test_a_line_needs_both_classes():
    with pytest.raises(TrainingError, match="both classes; one is missing"):
        calibration_line(np.zeros(5), np.full(5, 0.1))


def test_a_reliability_curve_by_hand():
    y = np.array([0, 0, 1, 0, 1, 1, 0])
    p = np.array([0.1, 0.2, 0.3, 0.4, 0.9, 0.8, 0.7])
    low, high = reliability_curve(y, p, bins=2)
    assert (low.clients, high.clients) == (4, 3)
    assert (low.predicted, low.observed) == pytest.approx((0.25, 0.25))
    assert (high.predicted, high.observed) == pytest.approx((0.8, 2 / 3))
    wilson = math.sqrt(0.25 * 0.75 / 4 + 1 / 64) / (1 + 1 / 4)
    assert low.se == pytest.approx(wilson)
    assert reliability_curve(np.zeros(3), p[:3], bins=1)[0].se > 0  # none defaulted: not certain


def test_true_probabilities_lie_on_the_line_of_their_curve():
    truth, y = clients(40_000)
    misses = [(b.observed - b.predicted) / b.se for b in reliability_curve(y, truth)]
    assert max(map(abs, misses)) < 3.5
    assert np.std(misses) < 2


def test_a_reliability_curve_is_drawn_without_pyplot():
    truth, y = clients()
    figure = reliability_figure({"test clients": reliability_curve(y, truth)})
    axes = figure.axes[0]
    assert axes.get_xlabel() == "predicted probability of default"
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [
        "true probabilities",
        "test clients",
    ]
    drawn = axes.containers[0].lines[0].get_xydata()
    assert drawn == pytest.approx(
        np.array([(b.predicted, b.observed) for b in reliability_curve(y, truth)])
    )


@pytest.mark.parametrize("method", FITS)
def test_the_band_of_a_threshold_holds_the_true_curve_as_often_as_it_says(method):
    held, threshold = 0, 1 / 6
    for seed in range(150):
        truth, y = clients(1_500, seed)
        shown = 1 / (1 + np.exp(-(0.8 * logit(truth) - 0.3)))  # both curves can undo this
        curve = FITS[method](shown, y)
        low, high = near_band(curve, shown, threshold)
        assert 0 <= low < threshold < high <= 1
        crossing = shown[np.argmin(np.abs(curve.apply(shown) - threshold))]
        held += low <= 1 / (1 + np.exp(-(logit(crossing) + 0.3) / 0.8)) <= high
    assert 0.89 <= held / 150 <= 0.99  # .95 ± 3 standard errors of 150 draws
