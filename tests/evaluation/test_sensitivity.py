"""The curves of acceptance and cost: counted in a second way, with intervals that hold."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from project_tools.evaluation.curves import Curves
from project_tools.evaluation.metrics import Draw
from project_tools.evaluation.sensitivity import RATIOS, sensitivity


def clients(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and true probabilities of n clients drawn at random."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 9, n)
    return (rng.uniform(size=n) < p).astype(int), p


def test_points_are_counts_of_decisions() -> None:
    y, p = clients(2_000, 1)
    curves = sensitivity(y, p, 0.15, 5.0)
    assert (curves.clients, curves.defaulted) == (2_000, y.sum())
    for point in (*curves.by_threshold, *curves.by_cost, *curves.as_served):
        granted = [probability <= point.threshold for probability in p]
        missed = sum(g and bool(d) for g, d in zip(granted, y, strict=True))
        refused_good = sum(not g and not d for g, d in zip(granted, y, strict=True))
        assert point.acceptance.value == pytest.approx(sum(granted) / 2_000)
        cost = (point.fn_cost * missed + refused_good) / 2_000
        assert point.cost.value == pytest.approx(cost)
        for one in (point.acceptance, point.cost):
            assert 0 <= one.low <= one.value <= one.high
    thresholds = [point.threshold for point in curves.by_threshold]
    assert thresholds == sorted({*thresholds})
    assert {0.0, 0.15, 1.0} <= {*thresholds}
    assert {point.fn_cost for point in curves.by_threshold} == {5.0}
    assert [point.fn_cost for point in curves.by_cost] == list(RATIOS)
    assert all(point.threshold == 1 / (1 + point.fn_cost) for point in curves.by_cost)
    assert {point.threshold for point in curves.as_served} == {0.15}


def test_the_models_own_ratio_is_among_them() -> None:
    y, p = clients(300, 2)
    assert 7.5 in [point.fn_cost for point in sensitivity(y, p, 0.1, 7.5).by_cost]


@pytest.mark.parametrize(("n", "most"), [(25, 4), (200, 22), (5_000, 52)])
def test_ten_clients_lie_between_two_thresholds(n: int, most: int) -> None:
    y, p = clients(n, 3)
    curves = sensitivity(y, p, 2.0 / 3, 5.0)
    assert len(curves.by_threshold) <= most
    inner = [point.acceptance.value * n for point in curves.by_threshold[1:-2]]
    assert np.diff([0, *inner]).min() >= 9  # to the rounding of the thresholds


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [None, 12_000])
def test_intervals_hold_the_populations_value(labelled: int | None) -> None:
    """95 % of the intervals hold the truth, of a simple sample and of a stratified part of one."""
    every, p_every = clients(400_000, 4)
    truth = sensitivity(every, p_every, 0.12, 5.0).as_served[4]
    rng, inside, tried = np.random.default_rng(5), np.zeros(2), 400
    for _ in range(tried):
        drawn = rng.choice(len(every), labelled or 1_500, replace=False)
        y, p = every[drawn], p_every[drawn]
        draw = None
        if labelled is not None:  # a part of those, stratified by outcome
            of = [np.flatnonzero(y == label) for label in (0, 1)]
            part = np.concatenate([rng.choice(one, len(one) // 8, replace=False) for one in of])
            y, p, draw = y[part], p[part], Draw.of(y[part], labelled)
        point = sensitivity(y, p, 0.12, 5.0, draw).as_served[4]
        inside += [
            point.acceptance.low <= truth.acceptance.value <= point.acceptance.high,
            point.cost.low <= truth.cost.value <= point.cost.high,
        ]
    assert (np.abs(inside / tried - 0.95) < 0.035).all(), inside / tried


def test_they_survive_json() -> None:
    curves = sensitivity(*clients(300, 6), 0.1, 5.0)
    types = TypeAdapter(Curves)
    assert types.validate_json(types.dump_json(curves)) == curves
    with pytest.raises(ValueError, match="greater_than_equal"):
        types.validate_json(types.dump_json(curves).replace(b'"defaulted":', b'"defaulted":-'))
