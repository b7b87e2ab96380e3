"""Bootstrap intervals: the scores they are made of, what is drawn, how wide they are."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tests.project.test_documents as documents
from project_tools.errors import TrainingError
from project_tools.evaluation import bootstrap
from project_tools.evaluation.bootstrap import bootstrap_intervals
from project_tools.evaluation.judgement import evaluate
from project_tools.evaluation.metrics import METRICS, Case, Metric, Resamples


def clients(rows: int = 800, seed: int = 0) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    p = random.beta(1, 6, rows)
    return (random.random(rows) < p).astype("int8"), p


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9, 1.0]), st.booleans()),
        min_size=4, max_size=40,
    ),
    st.sampled_from([0.05, 0.15, 0.5]),
)  # fmt: skip
def test_a_score_of_one_resample_is_the_metric_s_own(
    rows: list[tuple[float, bool]], cut: float
) -> None:
    p, y = np.array([r[0] for r in rows]), np.array([int(r[1]) for r in rows])
    y[:2] = 0, 1
    scores, group = np.unique(p, return_inverse=True)
    counts = [
        np.bincount(group, weights=y == label, minlength=len(scores))[None].astype(float)
        for label in (1, 0)
    ]
    drawn = Resamples(scores, *counts, cut, 7.0)
    for name, score in evaluate(y, p, cut, 7.0).items():
        assert METRICS[name].of_resamples(drawn) == pytest.approx([score.value], abs=1e-12), name


def test_a_new_row_has_an_interval_and_must_be_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean probability: a score of probabilities that no module but the table knows."""

    def mean(case: Case) -> tuple[float, Any]:
        return float(case.p.mean()), case.p - case.p.mean()

    def mean_of_resamples(drawn: Resamples) -> Any:
        clients = drawn.defaulted + drawn.repaid
        return clients @ drawn.scores / clients.sum(axis=1)

    row = Metric("mean", "mean probability", True, mean, mean_of_resamples)
    more = {**METRICS, "mean": row}
    y, p = clients()
    before = bootstrap_intervals(y, p, 0.17, resamples=50)
    monkeypatch.setattr(bootstrap, "METRICS", more)
    intervals = bootstrap_intervals(y, p, 0.17, resamples=50)
    low, high = intervals.pop("mean")
    assert intervals == before
    assert low < p.mean() < high
    assert high - low < 4 * p.std() / np.sqrt(len(p))

    documents.test_every_parameter_is_documented_with_its_type_and_choices()
    monkeypatch.setattr(documents, "METRICS", more)
    with pytest.raises(AssertionError, match="KS, Gini, mean"):
        documents.test_every_parameter_is_documented_with_its_type_and_choices()


def test_an_interval_is_as_wide_as_the_error_within_the_classes() -> None:
    """A second way: the influences of the rows, less their mean in each class, as strata give."""
    y, p = clients(4_000)
    intervals = bootstrap_intervals(y, p, 0.17, resamples=2_000)
    case = Case(y == 1, p, 0.17, 5.0)
    for name, row in METRICS.items():
        value, influence = row.influence(case)
        low, high = intervals[name]
        assert low < value < high
        within = influence - np.where(y == 1, influence[y == 1].mean(), influence[y == 0].mean())
        se = np.sqrt(within @ within) / len(y)
        assert (high - low) / (2 * 1.96 * se) == pytest.approx(1, rel=0.12), name


def test_strata_keep_the_number_of_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    y, p = clients(300)
    drawn: list[Any] = []

    def keeping(scores: Any, defaulted: Any, repaid: Any, *rest: Any) -> Any:
        drawn.append((defaulted.copy(), repaid.copy()))
        return Resamples(scores, defaulted, repaid, *rest)

    monkeypatch.setattr(bootstrap, "Resamples", keeping)
    monkeypatch.setattr(bootstrap, "_AT_ONCE", 300 * 7)  # parts of seven resamples
    bootstrap_intervals(y, p, 0.17, resamples=50)
    assert [len(d) for d, _ in drawn] == [7] * 7 + [1]
    defaulted = np.concatenate([d for d, _ in drawn])
    repaid = np.concatenate([r for _, r in drawn])
    assert set(defaulted.sum(axis=1)) == {y.sum()}
    assert set(repaid.sum(axis=1)) == {len(y) - y.sum()}
    scores = np.unique(p)
    assert not defaulted[:, ~np.isin(scores, p[y == 1])].any()
    assert defaulted.max() > 1  # with replacement
    assert len(np.unique(defaulted, axis=0)) == 50


def test_the_seed_gives_the_interval_and_other_seeds_others() -> None:
    y, p = clients()
    one, same, other = (bootstrap_intervals(y, p, 0.17, resamples=50, seed=s) for s in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    ("change", "moves"),
    [
        (
            {"threshold": 0.3},
            {name for name, metric in METRICS.items() if metric.of_counts is not None},
        ),
        ({"fn_cost": 9.0}, {"loss_of_income"}),
    ],
)
def test_what_threshold_and_cost_move(change: dict[str, float], moves: set[str]) -> None:
    y, p = clients()
    plain = {"threshold": 0.17, "fn_cost": 5.0}
    before = bootstrap_intervals(y, p, **plain, resamples=50)
    after = bootstrap_intervals(y, p, **(plain | change), resamples=50)
    assert {name for name in METRICS if before[name] != after[name]} == moves


@pytest.mark.parametrize("label", [0, 1])
def test_a_missing_class_has_no_interval(label: int) -> None:
    with pytest.raises(TrainingError, match="needs clients of both classes"):
        bootstrap_intervals(np.full(10, label), np.linspace(0, 1, 10), 0.5)
