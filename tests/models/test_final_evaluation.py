"""The final evaluation: what it takes from out-of-fold probabilities, what from test clients."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from project_tools.errors import TrainingError
from project_tools.evaluation.judgement import evaluate
from project_tools.evaluation.metrics import METRICS, Draw, interval_text
from project_tools.evaluation.reliability import calibration_line
from project_tools.models.dataset import Dataset
from project_tools.models.final_evaluation import (
    FinalEvaluation,
    cost_curve,
    cost_figure,
    evaluate_finally,
    final_table,
)
from project_tools.models.training import TrainedModel
from tests.helpers.every_family import clients, trained


@cache
def judged(name: str = "lightgbm") -> tuple[TrainedModel, FinalEvaluation]:
    model = trained(name)
    return model, evaluate_finally(model, clients("train"), clients("test"))


@pytest.mark.parametrize("name", ["lightgbm", "random_forest"])
def test_every_score_has_an_interval_at_the_out_of_fold_threshold(name: str) -> None:
    model, test = trained(name), clients("test")
    p = model.probabilities(test.X)
    labelled = Draw.of(test.y, 5 * len(test))
    found = evaluate_finally(model, clients("train"), replace(test, labelled=5 * len(test)))
    assert found.scores == evaluate(test.y, p, model.threshold, model.fn_cost, draw=labelled)
    assert found.intervals == {name: METRICS[name].interval(s) for name, s in found.scores.items()}
    assert found.costs[4].best_se == pytest.approx(found.scores["loss_of_income"].se)
    assert found.line == calibration_line(test.y, p)
    assert (found.clients, found.defaulted) == (len(test), int(test.y.sum()))


def test_nothing_that_decides_moves_with_the_test_clients() -> None:
    """Other outcomes give other figures, but the same thresholds at every cost."""
    model, found = judged()
    test = clients("test")
    turned = replace(test, y=(1 - test.y).astype("int8"))
    other = evaluate_finally(model, clients("train"), turned)
    assert [p.threshold for p in other.costs] == [p.threshold for p in found.costs]
    assert other.scores["AUC"].value == pytest.approx(1 - found.scores["AUC"].value)


def test_the_curve_over_the_cost_by_a_second_way() -> None:
    model, found = judged()
    train, test = clients("train"), clients("test")
    oof, p = model.calibration.apply(model.oof), model.probabilities(test.X)
    assert [point.fn_cost for point in found.costs] == list(range(1, 21))

    def loss(y: Any, p: Any, cut: float, cost: float) -> float:
        return sum((0 if q > cut else cost) if d else float(q > cut) for d, q in zip(y, p, strict=True)) / len(y)  # fmt: skip

    for point in found.costs[::6]:
        losses = [loss(train.y, oof, cut, point.fn_cost) for cut in (0, *np.unique(oof))]
        # The model decides by the break-even, and so does the curve at each cost.
        assert point.threshold == pytest.approx(1 / (1 + point.fn_cost))
        (searched,) = cost_curve((train.y, oof), (test.y, p), model.threshold, [point.fn_cost])
        chosen = loss(train.y, oof, searched.threshold, point.fn_cost)
        assert chosen == pytest.approx(min(losses))
        assert point.best == pytest.approx(loss(test.y, p, point.threshold, point.fn_cost))
        assert point.served == pytest.approx(loss(test.y, p, model.threshold, point.fn_cost))
        assert point.approve_all == pytest.approx(loss(test.y, p, 1, point.fn_cost))
        assert point.refuse_all == pytest.approx(loss(test.y, p, -1, point.fn_cost))
    five = found.costs[4]
    assert (five.threshold, five.best) == (model.threshold, five.served)
    assert five.best == found.scores["loss_of_income"].value


def test_a_dearer_defaulter_lowers_the_threshold() -> None:
    random = np.random.default_rng(0)
    p = random.beta(1, 6, 3_000)
    y = (random.random(3_000) < p).astype("int8")
    cuts = [point.threshold for point in cost_curve((y, p), (y, p), 0.17)]
    assert cuts == sorted(cuts, reverse=True)
    assert cuts[4] == pytest.approx(1 / 6, abs=0.05)  # the break-even of a true probability


def test_the_reliability_curve_before_calibration_is_kept_beside_it() -> None:
    model, found = judged("random_forest")
    raw = model.raw_probabilities(clients("test").X)
    assert np.average(
        [b.predicted for b in found.raw_curve], weights=[b.clients for b in found.raw_curve]
    ) == pytest.approx(raw.mean())
    assert [b.predicted for b in found.curve] != [b.predicted for b in found.raw_curve]


def test_the_figure_draws_every_line() -> None:
    model, found = judged()
    figure = cost_figure(found.costs, model.fn_cost)
    (axes,) = figure.axes
    drawn = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    np.testing.assert_array_equal(drawn["approve all"], [p.approve_all for p in found.costs])
    np.testing.assert_array_equal(drawn["refuse all"], [p.refuse_all for p in found.costs])
    np.testing.assert_array_equal(drawn["model, served threshold"], [p.served for p in found.costs])
    labels = {text.get_text().partition(" (")[0] for text in axes.get_legend().get_texts()}
    assert labels == {
        "model, threshold of each cost", "model, served threshold", "approve all", "refuse all"
    }  # fmt: skip
    best = axes.containers[0].lines[0].get_ydata()
    np.testing.assert_array_equal(best, [p.best for p in found.costs])
    assert "cost of a missed defaulter" in axes.get_xlabel()


def test_the_table_says_every_score_its_interval_and_what_it_rests_on() -> None:
    model, found = judged()
    table = final_table(model, found)
    for name, score in found.scores.items():
        line = next(line for line in table.splitlines() if line.startswith(f"{name} "))
        assert f"{model.scores[name].value:.4f} ± {model.scores[name].se:.4f}" in line
        assert f"{score.value:.4f}   {interval_text(found.intervals[name])}" in line
    five = found.costs[4]
    assert f"approve all {five.approve_all:.4f}, refuse all {five.refuse_all:.4f}" in table
    assert f"slope {found.line.slope:.3f} ± {found.line.slope_se:.3f}" in table
    assert f"threshold {model.threshold:.4f}: the break-even; the exact best one" in table
    assert f"{found.clients:,} test clients" in table


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("trained on", r"clients of the split 'train' trained the model"),
        ("another state", r"made by another state than the model's"),
        ("other training clients", r"not those that the model was trained on"),
    ],
)
def test_what_would_make_the_figures_untrue_is_refused(change: str, says: str) -> None:
    model, training = trained("lightgbm"), clients("train")
    test = training if change == "trained on" else clients("test")
    if change == "another state":
        test = replace(test, meta=test.meta | {"state_digest": "0" * 64})
    if change == "other training clients":
        training = some_of(training)
    with pytest.raises(TrainingError, match=says) as refused:
        evaluate_finally(model, training, test)
    assert "\n" not in str(refused.value)


def some_of(data: Dataset) -> Dataset:
    return data.rows(np.arange(len(data) - 1))


def test_plain_figures_hold_no_client() -> None:
    _, found = judged()
    plain = found.to_dict()
    assert plain["scores"]["AUC"]["value"] == found.scores["AUC"].value
    longest = max(len(part) for part in plain.values() if isinstance(part, list))
    assert longest == len(found.costs) < found.clients
