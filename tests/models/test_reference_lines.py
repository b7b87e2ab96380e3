"""The lines that a model must beat, each by a second way."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from project_tools.evaluation.metrics import METRICS
from project_tools.models.reference_lines import best_rule, held_out_lines, out_of_fold_lines

LOSS = METRICS["loss_of_income"]


def loss(y: Any, refused: Any) -> float:
    return float(np.mean(np.where(refused, y == 0, 5.0 * (y == 1))))


def test_the_rule_is_the_best_cut_of_any_number(clients: Any) -> None:
    data = clients(200)
    found = best_rule(data.X, data.y, 5.0)
    numbers = data.X.select_dtypes("number")
    filled = numbers.fillna(numbers.median())
    best = min(
        loss(data.y, sign * filled[name] > sign * cut)
        for name in numbers
        for sign in (1, -1)
        for cut in [*filled[name], sign * -1e9]
    )
    p = found.probabilities(data.X)
    assert loss(data.y, p > 1 / 6) == pytest.approx(best)
    assert found.text.startswith("refuse if score, external is below ")


def test_a_null_is_taken_as_the_usual_value(clients: Any) -> None:
    data = clients(400)
    rule = best_rule(data.X, data.y, 5.0)
    one = pd.DataFrame({rule.feature: [np.nan, data.X[rule.feature].median()]})
    assert len(set(rule.probabilities(one))) == 1


def test_the_lines_of_the_test_clients(clients: Any) -> None:
    training, test = clients(600), clients(500, 4)
    lines = {line.name: line for line in held_out_lines(training, test, 5.0)}
    rate = float(test.y.mean())
    losses = {
        name: LOSS.score(test.y, line.p, threshold=line.threshold).value
        for name, line in lines.items()
    }
    assert losses["grant all"] == pytest.approx(5 * rate)
    assert losses["refuse all"] == pytest.approx(1 - rate)
    # One score tells most of these outcomes; five columns tell more.
    assert losses["plain logistic"] < losses["grant all"]
    assert METRICS["AUC"].score(test.y, lines["plain logistic"].p).value > 0.7
    turned = held_out_lines(training, test.rows(np.arange(500)[::-1]), 5.0)
    assert np.array_equal(turned[2].p, lines["best rule"].p[::-1])


def test_out_of_fold_no_line_learns_from_the_fold_it_judges(clients: Any) -> None:
    data = clients(600)
    before = out_of_fold_lines(data, folds=3, seed=1, fn_cost=5.0)
    assert [len(line.p) for line in before] == [600] * 4
    whole = held_out_lines(data, data, 5.0)
    for line, seen in zip(before[2:], whole[2:], strict=True):
        # Judged on clients that it learnt from, a line flatters.
        unseen = LOSS.score(data.y, line.p, threshold=line.threshold).value
        assert unseen >= LOSS.score(data.y, seen.p, threshold=seen.threshold).value - 0.01
