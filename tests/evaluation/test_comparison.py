"""Families side by side, what mattered in a search, and its pictures."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient

from project_tools.__main__ import main
from project_tools.errors import TrackingError
from project_tools.evaluation.comparison import JudgedFamily, rank_families, ranking_table
from project_tools.evaluation.judgement import evaluate, judge
from project_tools.evaluation.metrics import METRICS, interval_text, paired_difference
from project_tools.models.dataset import Dataset
from project_tools.models.families import Dimension
from project_tools.runs.history import judged_families
from project_tools.runs.tuning import tune
from project_tools.search.importance import importance
from project_tools.search.pictures import NotebookFigure, curves, history, importance_bars
from project_tools.search.trial import Trial


def judged(data: Dataset, name: str, skill: float, seed: int, **others: Any) -> JudgedFamily:
    noise = np.random.default_rng(seed).normal(size=len(data))
    found = judge(data.y, 1 / (1 + np.exp(-(skill * (2.0 * data.y - 1) + noise))))
    p = found.calibration.apply(1 / (1 + np.exp(-(skill * (2.0 * data.y - 1) + noise))))
    fields = {
        "family": name,  "run_id": name, "metric": "loss_of_income",
        "data_digest": data.digest, "ids": data.ids, "y": data.y, "p": p,
        "threshold": found.threshold.value,
    }  # fmt: skip
    return JudgedFamily(**fields | others)


def test_families_are_ranked_with_paired_errors(clients: Any) -> None:
    data = clients(3_000)
    good, twin, bad = (
        judged(data, "good", 1, 1),
        judged(data, "twin", 0.98, 1),
        judged(data, "bad", 0.1, 3),
    )
    [group] = rank_families([bad, twin, good])
    assert [row.family for row in group.families] == ["good", "twin", "bad"]
    clear = {(pair.one.family, pair.other.family): pair.clear for pair in group.pairs}
    assert clear == {("good", "twin"): False, ("good", "bad"): True, ("twin", "bad"): True}
    behind = group.behind(bad)
    assert behind == paired_difference(
        "loss_of_income", data.y, (good.p, good.threshold), (bad.p, bad.threshold)
    )
    assert group.behind(good) is None
    # What the two have in common cancels: their difference is surer than either figure.
    twins = group.behind(twin)
    assert twins is not None
    assert twins.se < good.score("loss_of_income").se / 2
    text = ranking_table([group])
    assert (
        "larger than the paired error (95 %, each by itself): good over bad; twin over bad" in text
    )
    assert "not larger, so no finding: good and twin" in text
    interval = METRICS["loss_of_income"].interval(good.score("loss_of_income"))
    assert interval_text(interval) in text


@pytest.mark.parametrize("metric", ["AUC", "loss_of_income", "brier"])
def test_the_metric_says_which_is_first(metric: str, clients: Any) -> None:
    data = clients(2_000)
    [group] = rank_families([judged(data, "bad", 0.1, 3), judged(data, "good", 1, 1)], metric)
    assert [row.family for row in group.families] == ["good", "bad"]
    assert ("more is better" in ranking_table([group])) == METRICS[metric].greater_is_better


@pytest.mark.parametrize(
    "other",
    [
        {"data_digest": "another file"},
        {"fn_cost": 3.0},
        {"metric": "AUC"},
        {"rows": 1_000},  # other clients of the same file
    ],
)
def test_families_judged_otherwise_are_shown_and_not_ranked(
    other: dict[str, Any], clients: Any
) -> None:
    data = clients(2_000)
    rows = other.pop("rows", len(data))
    odd = judged(data.rows(np.arange(rows)), "odd", 1, 4, **other)
    groups = rank_families([odd, judged(data, "one", 1, 1), judged(data, "two", 0.5, 2)])
    assert sorted(len(group.families) for group in groups) == [1, 2]
    text = ranking_table(groups)
    assert "no ranking across them" in text
    assert "odd" in text
    assert "odd and" not in text
    assert "over odd" not in text


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=4, max_size=60),
    st.sampled_from([lambda p: p**3, np.log1p, lambda p: 0.2 + 0.1 * p, np.sqrt]),
)
def test_auc_is_that_of_the_order_alone(
    rows: list[tuple[int, bool]], transform: Callable[..., Any]
) -> None:
    p, y = np.array([r[0] / 20 for r in rows]), np.array([int(r[1]) for r in rows])
    y[:2] = [0, 1]
    plain, moved = evaluate(y, p, 0.5), evaluate(y, transform(p), 0.5)
    assert moved["AUC"].value == pytest.approx(plain["AUC"].value, abs=1e-12)
    assert moved["AUC"].se == pytest.approx(plain["AUC"].se, abs=1e-12)
    wins = [(a > b) + 0.5 * (a == b) for a in p[y == 1] for b in p[y == 0]]
    assert plain["AUC"].value == pytest.approx(np.mean(wins))


SPACE = {
    "strong": Dimension(1.0, 0.1, 10.0, "log"),
    "idle": Dimension(0.5, 0.0, 1.0),
    "kind": Dimension("a", scale="choice", options=("a", "b")),
    "of_b": Dimension(1.0, 0.0, 1.0, when=("kind", "b")),
}


def made(count: int) -> list[Trial]:
    random = np.random.default_rng(0)
    trials = []
    for number in range(count):
        kind = ["a", "b"][number % 2]
        drawn = {"strong": 10 ** random.uniform(-1, 1), "idle": random.uniform(), "kind": kind}
        if kind == "b":
            drawn["of_b"] = random.uniform()
        loss = np.log10(drawn["strong"]) ** 2 + 0.001 * random.normal()
        trials.append(Trial(number, drawn, drawn, "hopeless", reported_loss=loss, order=number))
    return trials


def test_what_matters_is_found() -> None:
    shares = importance(SPACE, made(60))
    assert next(iter(shares)) == "strong"
    assert shares["strong"] > 0.8
    assert sum(shares.values()) == pytest.approx(1)
    bars = importance_bars(shares).axes[0]
    assert [label.get_text() for label in bars.get_yticklabels()][-1] == "strong"


def test_few_trials_say_nothing_of_what_matters() -> None:
    assert importance(SPACE, made(9)) == {}


def test_the_history_has_every_trial_and_the_best_so_far(clients: Any) -> None:
    data = clients(500)
    scores = [judge(data.y, judged(data, "x", skill, 1).p) for skill in (0.5, 1.0, 0.2)]
    trials = [
        *(Trial(n, {}, {}, "finished", found, order=n) for n, found in enumerate(scores)),
        Trial(3, {}, {}, "failed", reason="no", order=3),
        Trial(4, {}, {}, "hopeless", reported_loss=1.0, order=4),
        Trial(5, {}, {}, "interrupted"),
    ]
    axes = history(trials, "loss_of_income").axes[0]
    steps = next(line for line in axes.lines if line.get_label() == "best so far")
    values = [found.score.value for found in scores]
    assert list(steps.get_ydata()) == list(np.minimum.accumulate(values))
    legend = {text.get_text() for text in axes.get_legend().get_texts()}
    assert legend >= {"best so far", "failed", "hopeless"}


def test_the_curves_are_of_the_probabilities_given(clients: Any) -> None:
    data = clients(1_000)
    row = judged(data, "x", 1, 1)
    scores = {name: row.score(name) for name in METRICS}
    figures = curves(row.y, row.p, row.threshold, 5.0, scores)
    loss = figures["loss_by_threshold"].axes[0].lines[0]
    least = float(np.min(loss.get_ydata()))
    assert least == pytest.approx(row.score("loss_of_income").value)
    at = loss.get_xdata()[int(np.argmin(loss.get_ydata()))]
    assert row.score("loss_of_income").value == pytest.approx(
        replace(row, threshold=float(at)).score("loss_of_income").value
    )
    roc = figures["roc"].axes[0].lines[0]
    assert np.trapezoid(roc.get_ydata(), roc.get_xdata()) == pytest.approx(scores["AUC"].value)
    predicted, observed = figures["reliability"].axes[0].lines[1].get_data()
    assert len(predicted) == 10
    assert np.abs(np.asarray(predicted) - observed).max() < 0.15, "calibrated"
    assert NotebookFigure(figures["precision_recall"])._repr_png_().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_command_tells_of_the_same_searches(
    store: MlflowClient, texts: Callable[..., dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(
        TrackingError, match="the tracking store holds no finished search; make one with"
    ):
        judged_families(store)
    table = tune("hyperparameter_tuning", texts(families="logistic_l1,lightgbm", trials=2))
    tune("hyperparameter_tuning", texts(families="lightgbm", trials=1, seed=4))  # a newer one
    capsys.readouterr()

    assert main(["compare", "--metric", "AUC"]) == 0
    newest = capsys.readouterr().out
    assert "AUC (more is better)" in newest
    assert newest.count("lightgbm") >= 1
    first = next(row.run_id for row in judged_families(store) if row.family == "logistic_l1")
    assert main(["compare", first]) == 0
    said = capsys.readouterr().out
    assert said.startswith(table.strip())
    lines = {
        line.split("  ")[1]: line for line in said[len(table) :].splitlines() if line[:2] == "  "
    }
    assert {"grant all", "refuse all", "best rule", "plain logistic"} <= lines.keys()
    # One figure, one error: in the run, in the table, and so in the interval.
    for row in judged_families(store, first):
        for name in ("loss_of_income", "AUC"):
            logged = store.get_run(row.run_id).data.metrics[f"out_of_fold.{name}.se"]
            assert row.score(name).se == pytest.approx(logged, rel=1e-9)
    rate = float(np.mean(judged_families(store, first)[0].y))
    assert f"{5 * rate:.4f}" in lines["grant all"]
    assert f"{1 - rate:.4f}" in lines["refuse all"]
    assert "refuse if " in lines["best rule"]
    assert "EXT_SOURCE_1, EXT_SOURCE_2" in lines["plain logistic"]
    assert main(["compare", "--metric", "auc"]) == 1
    assert "unknown metric 'auc'" in capsys.readouterr().err
