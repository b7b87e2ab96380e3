"""Thresholds, scores, calibration, search and training on made-up clients."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import project_tools.search.trial
from project_tools.errors import TrainingError
from project_tools.evaluation.calibration import PlattCalibration
from project_tools.evaluation.calibration_fit import fit_platt
from project_tools.evaluation.judgement import evaluate, threshold_for
from project_tools.evaluation.metrics import METRICS
from project_tools.models.dataset import Dataset
from project_tools.models.families import FAMILIES, get_family
from project_tools.models.final_evaluation import evaluate_finally
from project_tools.models.folds import fold_rows, out_of_fold
from project_tools.models.preparation import feature_name, model_name, numeric_matrix
from project_tools.models.training import train
from project_tools.search.search import search
from project_tools.search.trial import Trial

LOSS = METRICS["loss_of_income"]


def clients(rows: int = 400, seed: int = 0, first_id: int = 1) -> Dataset:
    random = np.random.default_rng(seed)
    risk = random.normal(size=rows)
    X = pd.DataFrame({
        "score, external": (-risk + random.normal(size=rows)).astype("float32"),
        "income": np.exp(random.normal(size=rows)).astype("float32"),
        "work": pd.Categorical(random.choice(["a", "b"], rows), categories=["a", "b", "c"]),
    })  # fmt: skip
    X.loc[::7, "income"] = np.nan
    y = (risk + random.normal(size=rows) > 1).astype("int8")
    ids = np.arange(first_id, first_id + rows)
    return Dataset(X, y, ids, {"state_digest": "s"}, "d", Path("f.parquet"))


small = {"n_estimators": 15, "early_stopping_rounds": 5}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.1, 0.2, 0.35, 0.5, 0.9]), st.booleans()),
        min_size=3,
        max_size=30,
    )
)
def test_the_threshold_is_the_best_of_all(rows: list[tuple[float, bool]]) -> None:
    p, y = np.array([r[0] for r in rows]), np.array([int(r[1]) for r in rows])
    if y.min() == y.max():
        y[0] = 1 - y[0]
    found = threshold_for(LOSS, y, p, 5.0)
    candidates = [-1.0, *sorted(set(p)), 2.0]
    losses = [
        (5 * np.sum((p <= t) & (y == 1)) + np.sum((p > t) & (y == 0))) / len(y) for t in candidates
    ]
    assert found.score == pytest.approx(min(losses))
    at = (5 * np.sum((p <= found.value) & (y == 1)) + np.sum((p > found.value) & (y == 0))) / len(y)
    assert at == pytest.approx(min(losses))
    assert 0 <= found.value <= 1
    assert found.value not in p  # it lies between two scores


def test_scores_by_hand() -> None:
    y, p = np.array([1, 1, 0, 0, 0]), np.array([0.9, 0.2, 0.8, 0.1, 0.3])
    scores = evaluate(y, p, 0.5, 5.0)  # TP 1, FN 1, FP 1, TN 2
    assert scores["loss_of_income"].value == pytest.approx((5 * 1 + 1) / 5)
    assert scores["AUC"].value == pytest.approx(4 / 6)
    assert scores["Gini"].value == pytest.approx(2 * 4 / 6 - 1)
    assert scores["f2"].value == pytest.approx(5 * 1 / (5 * 1 + 4 * 1 + 1))
    wanted = (0.5**5 * (2 / 3)) ** (1 / 6)
    assert scores["recall_specificity_G_mean"].value == pytest.approx(wanted)
    assert scores["brier"].value == pytest.approx(np.mean((p - y) ** 2))


def test_auc_takes_scores_and_not_classes() -> None:
    data = clients()
    p = 1 / (1 + np.exp(data.X["score, external"].to_numpy("float64")))
    plain = evaluate(data.y, p, 0.5)["AUC"].value
    assert evaluate(data.y, p**3, 0.9)["AUC"].value == pytest.approx(plain)
    assert plain > 0.6


def test_calibration_keeps_the_order_and_its_plain_form() -> None:
    data = clients(1_000)
    p = np.random.default_rng(1).uniform(0.01, 0.99, 1_000)
    p = np.clip(0.3 * p + 0.5 * data.y, 0.01, 0.99)
    calibration = fit_platt(p, data.y)
    grid = np.linspace(0.01, 0.99, 50)
    assert (np.diff(calibration.apply(grid)) > 0).all()
    again = PlattCalibration.from_dict(calibration.to_dict())
    np.testing.assert_array_equal(again.apply(grid), calibration.apply(grid))
    assert calibration.apply(p).mean() == pytest.approx(data.y.mean(), abs=0.01)


@pytest.mark.parametrize("name", ["lightgbm", "logistic_l2"])
def test_a_client_does_not_move_their_own_out_of_fold_probability(name: str) -> None:
    data, rows = clients(), get_family(name)
    extra = small if name == "lightgbm" else {}

    def probabilities(given: Dataset) -> Any:
        return out_of_fold(
            lambda: rows.make({**rows.fixed, **extra}, seed=1, jobs=1, X=given.X),
            given,
            folds=3,
            seed=1,
        )

    held_out = fold_rows(data.y, 3, 1)[0][1]
    X = data.X.copy()
    X.loc[held_out, "income"] = 1e6
    changed = Dataset(X, data.y, data.ids, data.meta, data.digest, data.path)
    twice = [
        rows.make({**rows.fixed, **extra}, seed=1, jobs=1, X=d.X).fit(
            d.X.iloc[fold_rows(d.y, 3, 1)[0][0]], d.y[fold_rows(d.y, 3, 1)[0][0]]
        ).predict_proba(data.X)
        for d in (data, changed)
    ]  # fmt: skip
    np.testing.assert_array_equal(*twice)
    assert np.isfinite(probabilities(data)).all()


def test_the_text_of_the_trees_scores_as_the_model_does() -> None:
    data = clients()
    model = get_family("lightgbm").make(small, seed=1, jobs=1, X=data.X).fit(data.X, data.y)
    booster = lightgbm.Booster(model_str=model.model_text())
    codes = numeric_matrix(data.X, model.levels_)
    np.testing.assert_array_equal(booster.predict(codes), model.predict_proba(data.X)[:, 1])


@given(st.text(min_size=1, max_size=20))
def test_names_for_the_trees_can_be_read_back(name: str) -> None:
    assert feature_name(model_name(name)) == name
    assert not set(model_name(name)) & set('":,[]{}')


def test_a_seed_gives_the_same_search_and_starts_at_the_start() -> None:
    rows, data = FAMILIES["lightgbm"], clients(200)
    first, again = (search(rows, data, trials=2, folds=2, profile="demo") for _ in range(2))
    assert [t.parameters for t in first.trials] == [t.parameters for t in again.trials]
    np.testing.assert_array_equal(first.oof, again.oof)
    assert first.trials[0].drawn == rows.first_trials("demo", data.X.shape[1])[0]


def test_a_trial_that_fails_is_kept_and_the_search_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = project_tools.search.trial.out_of_fold

    def failing_once(*words: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("a setting that breaks")
        return real(*words, **named)

    monkeypatch.setattr(project_tools.search.trial, "out_of_fold", failing_once)
    ended: list[Trial] = []
    found = search(
        FAMILIES["logistic_l2"],
        clients(200),
        trials=2,
        folds=2,
        on_trial=lambda trial, _oof: ended.append(trial),
    )
    assert [t.status for t in ended] == ["failed", "finished"]
    assert "a setting that breaks" in ended[0].reason
    assert found.best.number == 1


def test_the_final_model_is_judged_on_clients_it_does_not_know() -> None:
    data = clients(500)
    model = train(get_family("lightgbm"), small, data, folds=3)
    held_out = clients(300, seed=9, first_id=10_000)
    scores = evaluate_finally(model, data, held_out).scores
    assert scores["AUC"].value > 0.6
    oof = model.calibration.apply(model.oof)
    assert model.threshold_choice is not None
    assert model.threshold_choice.exact == threshold_for(LOSS, data.y, oof, 5.0).value
    # 500 clients do not show that searching is better than the break-even.
    assert (model.threshold, model.exact_threshold) == (1 / 6, False)
    f2 = train(get_family("lightgbm"), small, data, folds=3, metric="f2")
    assert f2.threshold_choice is None
    assert f2.threshold == threshold_for(METRICS["f2"], data.y, oof, 5.0).value
    with pytest.raises(TrainingError, match=r"500 of the 500 clients .* trained the model"):
        evaluate_finally(model, data, data)
