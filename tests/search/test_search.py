"""Trials: reproducible, given up only where hopeless, in parallel on one copy of the data."""

import signal
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

import project_tools.search.trial
from project_tools.errors import SettingError, TrainingError
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family, get_family
from project_tools.models.folds import fold_rows
from project_tools.search.choice import choose
from project_tools.search.search import search
from project_tools.search.trial import HopelessTrialError, Objective, PriorTrials, Trial

QUICK = {"n_estimators": 25, "early_stopping_rounds": 5}


def quick(name: str) -> Family:
    """A family whose trials take tenths of a second."""
    rows = get_family(name)
    return replace(rows, fixed={**rows.fixed, **QUICK}) if name in {"lightgbm", "xgboost"} else rows


def lightgbm_search(data: Dataset, **choices: Any) -> Any:
    return search(quick("lightgbm"), data, **{"folds": 2, "trials": 4, "seed": 3} | choices)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "svc_poly", "logistic_l1"])
def test_a_seed_gives_the_same_trials_figures_and_model(name: str, clients: Any) -> None:
    data, rows = clients(300), quick(name)
    first, again = (search(rows, data, trials=4, folds=2, seed=5) for _ in range(2))
    assert [t.drawn for t in first.trials] == [t.drawn for t in again.trials]
    assert [t.loss for t in first.trials] == [t.loss for t in again.trials]
    np.testing.assert_array_equal(first.oof, again.oof)
    if name in {"lightgbm", "xgboost"}:
        models = [
            rows.make(found.best.parameters, seed=5, jobs=1, X=data.X).fit(data.X, data.y)
            for found in (first, again)
        ]
        texts = {m.model_json() if name == "xgboost" else m.model_text() for m in models}
        assert len(texts) == 1
    other = search(rows, data, trials=4, folds=2, seed=6)
    # The first three are known good settings, whatever the seed.
    assert [t.drawn for t in other.trials[3:]] != [t.drawn for t in first.trials[3:]]
    assert [t.order for t in first.trials] == [0, 1, 2, 3]


def test_tpe_learns_from_the_trials_before(clients: Any) -> None:
    """After hyperopt's 20 random trials, what is proposed depends on what came of them."""
    data, rows = clients(60), quick("logistic_l2")
    first = search(rows, data, trials=22, folds=2, metric="AUC")
    turned = [replace(t, reported_loss=-(t.reported_loss or 0.0)) for t in first.trials[:21]]
    other = search(rows, data, trials=22, folds=2, metric="AUC", prior=PriorTrials(tuple(turned)))
    assert other.trials[21].drawn != first.trials[21].drawn


@pytest.mark.parametrize("kept", [True, False])  # with the probabilities of its trials, and without
def test_a_search_goes_on_as_if_it_had_not_been_stopped(kept: bool, clients: Any) -> None:
    data = clients(300)
    whole = lightgbm_search(data, trials=6)
    held: dict[int, Any] = {}
    done = lightgbm_search(data, trials=3, on_trial=lambda t, oof: held.update({t.number: oof}))
    made: list[int] = []
    prior = PriorTrials(tuple(done.trials), held if kept else {})
    gone_on = lightgbm_search(data, trials=6, prior=prior, on_start=lambda t: made.append(t.number))
    assert made == [3, 4, 5]
    assert [t.drawn for t in gone_on.trials] == [t.drawn for t in whole.trials]
    assert [t.loss for t in gone_on.trials] == [t.loss for t in whole.trials]
    assert gone_on.best.number == whole.best.number
    np.testing.assert_array_equal(gone_on.oof, whole.oof)


def test_a_trial_missing_in_the_middle_is_made(clients: Any) -> None:
    done = lightgbm_search(clients(200), trials=4)
    made: list[int] = []
    left = PriorTrials(tuple(t for t in done.trials if t.number != 1))
    lightgbm_search(clients(200), trials=4, prior=left, on_start=lambda t: made.append(t.number))
    assert made == [1]


def objective(data: Dataset, metric: str = "loss_of_income") -> Objective:
    return Objective(quick("lightgbm"), data, metric, 5, 1, 1, 5.0)


def probabilities(data: Dataset, skill: float, seed: int = 1) -> Any:
    noise = np.random.default_rng(seed).normal(size=len(data))
    return 1 / (1 + np.exp(-(skill * (data.y * 2 - 1) + noise)))


def half_known(data: Dataset, p: Any) -> Any:
    so_far = np.full(len(p), np.nan)
    for _, held_out in fold_rows(data.y, 5, 1)[:2]:
        so_far[held_out] = p[held_out]
    return so_far


def calibrated_log_loss(data: Dataset, p: Any, folds: int = 5, seed: int = 1) -> float:
    """By scikit-learn: each fold's probabilities by a logistic curve of the other folds' logits."""
    logits = np.log(p / (1 - p)).astype(float)[:, None]
    q = np.empty(len(p))
    for others, held_out in fold_rows(data.y, folds, seed):
        curve = LogisticRegression(C=np.inf, tol=1e-9).fit(logits[others], data.y[others])
        q[held_out] = curve.predict_proba(logits[held_out])[:, 1]
    return float(log_loss(data.y, q))


@pytest.mark.parametrize("metric", ["loss_of_income", "AUC", "log_loss"])
def test_tpe_is_guided_by_log_loss_whatever_decides(metric: str, clients: Any) -> None:
    data, held = clients(2_000), {}
    found = search(
        quick("logistic_l2"), data, trials=3, folds=2, seed=3, metric=metric,
        on_trial=lambda t, oof: held.update({t.number: oof}),
    )  # fmt: skip
    assert found.metric == metric
    for trial in found.trials:
        oof = held[trial.number]
        assert oof.dtype == np.float32
        # Platt's targets are a little softer than 0 and 1.
        expected = calibrated_log_loss(data, oof, folds=2, seed=3)
        assert trial.reported_loss == pytest.approx(expected, abs=1e-3)


def test_the_best_is_of_least_log_loss_among_those_the_metric_cannot_tell_apart(
    clients: Any,
) -> None:
    """By loss a lucky trial leads; some are within one paired error of it, others are not."""
    data = clients(2_000)
    judging = objective(data)
    common = np.random.default_rng(0).normal(size=len(data)) + 0.5 * (2 * data.y - 1)

    def disturbed(noise: float, seed: int) -> Any:
        logits = common + noise * np.random.default_rng(seed).normal(size=len(data))
        return (1 / (1 + np.exp(-logits))).astype("float32")

    noisy = [disturbed(0.3 if seed < 8 else 1.0, seed) for seed in range(1, 13)]
    noisy.append(disturbed(3.0, 99))
    trials = []
    for number, p in enumerate(noisy):
        trial = Trial(number, {}, {}, "finished", judging.judge(p))
        trial.reported_loss = judging.guide(p)
        trials.append(trial)
    leader = min(trials, key=lambda t: t.loss)
    leader.reported_loss = 1.0  # the best by the metric has the largest log loss …
    trials[12].reported_loss = 0.0  # … and the least is too far behind by the metric
    failed = Trial(13, {}, {}, "failed", reported_loss=None)
    held = dict(enumerate(noisy))
    kept = {"metric": "loss_of_income", "fn_cost": 5.0}
    found = choose(data.y, [*trials, failed], held, **kept)
    assert found.leader is leader

    def costs(trial: Trial) -> Any:
        p = trial.judgement.calibration.apply(held[trial.number])
        risk = p > trial.judgement.threshold.value
        return np.where(data.y == 1, 5.0 * ~risk, risk)

    equal = []
    for trial in trials:
        d = costs(trial) - costs(leader)
        if d.mean() <= d.std() / np.sqrt(len(d)):
            equal.append(trial)
    assert leader in equal
    assert 1 < len(equal) < len(trials) - 1
    assert trials[12] not in equal
    assert found.trial is min(equal, key=lambda t: t.reported_loss)
    assert found.trial is not leader, "the rule moves the choice"
    assert 0 <= found.behind.value <= found.behind.se


def test_no_finished_trial_leaves_no_choice(clients: Any) -> None:
    with pytest.raises(TrainingError, match="no trial of the search finished"):
        choose(clients(50).y, [Trial(0, {}, {}, "failed")], {}, metric="AUC", fn_cost=5.0)


def test_known_good_settings_are_tried_first(clients: Any) -> None:
    rows, data = quick("lightgbm"), clients(200)
    found = search(rows, data, trials=5, folds=2, profile="full")
    first = rows.first_trials("full", data.X.shape[1])
    assert len(first) == 3
    assert [t.drawn for t in found.trials[:3]] == first
    assert [t.drawn["num_leaves"] for t in found.trials[:3]] == [8, 30, 34]
    assert found.trials[2].drawn["learning_rate"] == 0.005
    assert found.trials[0].parameters == rows.start("full", data.X.shape[1])
    assert search(rows, clients(200), trials=1, folds=2, profile="demo").best.drawn == (
        first[0] | {"learning_rate": 0.05}
    )


@pytest.mark.parametrize("metric", ["loss_of_income", "AUC", "log_loss"])
def test_only_a_hopeless_trial_is_given_up(metric: str, clients: Any) -> None:
    data = clients(4_000)
    judge = objective(data, metric)
    good, worse, bad = (
        probabilities(data, skill, seed) for skill, seed in ((1, 1), (0.97, 2), (0, 3))
    )
    least = judge.guide(good)
    judge.give_up_if_hopeless(half_known(data, worse), good, least)  # close: goes on
    judge.give_up_if_hopeless(half_known(data, good), worse, least)  # better: goes on
    judge.give_up_if_hopeless(bad, good, least)  # all folds are there: nothing to save
    with pytest.raises(
        HopelessTrialError, match=r"given up after 1,600 clients: log loss above the least by"
    ) as given_up:
        judge.give_up_if_hopeless(half_known(data, bad), good, least)
    # What the search learns is an estimate of the loss on all rows, not a mark against the trial.
    assert given_up.value.loss == pytest.approx(judge.guide(bad), abs=0.02)


def test_few_defaulters_give_nobody_up(clients: Any) -> None:
    data = clients(500)
    judge = objective(data)
    assert data.y[np.isfinite(half_known(data, probabilities(data, 1)))].sum() < 50
    judge.give_up_if_hopeless(
        half_known(data, probabilities(data, -5)), probabilities(data, 5), 0.0
    )


def test_giving_up_changes_neither_the_best_nor_what_is_known_of_it(
    clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = clients(3_000)
    rows = quick("logistic_l1")  # a small C leaves no feature: hopeless
    stopping = search(rows, data, trials=8, folds=5, metric="AUC", seed=2)
    monkeypatch.setattr(project_tools.search.trial, "HOPELESS_AT", np.inf)
    plain = search(rows, data, trials=8, folds=5, metric="AUC", seed=2)
    given_up = [t.number for t in stopping.trials if t.status == "hopeless"]
    assert given_up, "some trial was hopeless"
    assert [t.drawn for t in stopping.trials] == [t.drawn for t in plain.trials]
    assert stopping.best.number == plain.best.number
    np.testing.assert_array_equal(stopping.oof, plain.oof)
    for number in given_up:
        assert plain.trials[number].guide > plain.best.guide
        reported = stopping.trials[number].reported_loss
        assert reported == pytest.approx(plain.trials[number].guide, abs=0.02)
        assert stopping.trials[number].judgement is None


@pytest.mark.parametrize(
    ("name", "jobs", "width"),
    [
        ("lightgbm", 3, 1),  # its fits use the threads
        ("svc_rbf", 3, 3),  # its fits use one: three trials at a time
        ("svc_rbf", 1, 1),
    ],
)
def test_jobs_are_threads_of_a_fit_or_trials_at_a_time(
    name: str, jobs: int, width: int, clients: Any
) -> None:
    open_now: set[int] = set()
    most: list[int] = []
    main = threading.get_ident()

    def start(trial: Trial) -> None:
        assert threading.get_ident() == main, "listeners run in the calling thread"
        open_now.add(trial.number)
        most.append(len(open_now))

    found = search(
        quick(name), clients(200), trials=6, folds=2, jobs=jobs,
        on_start=start, on_trial=lambda t, _: open_now.discard(t.number),
    )  # fmt: skip
    assert max(most) == width
    assert sorted(t.order for t in found.trials) == list(range(6)), "the order is known"


def test_trials_at_a_time_share_the_data_and_the_prepared_folds(
    clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    prepared: list[Any] = []
    real = project_tools.search.trial.out_of_fold

    def watching(make: Any, data: Dataset, **named: Any) -> Any:
        seen.append(id(data.X))
        estimator = type(make())
        if not prepared:
            own = estimator.prepare
            monkeypatch.setattr(estimator, "prepare", lambda *w: prepared.append(1) or own(*w))
            prepared.append(0)
        return real(make, data, **named)

    monkeypatch.setattr(project_tools.search.trial, "out_of_fold", watching)
    data = clients(200)
    search(quick("svc_rbf"), data, trials=4, folds=2, jobs=2)
    assert seen == [id(data.X)] * 4
    assert len(prepared) == 1 + 2


def test_a_parallel_search_finds_the_same_random_trials(clients: Any) -> None:
    """Until TPE begins to learn, the order in which trials end does not matter."""
    data, rows = clients(200), quick("svc_rbf")
    one, two = (search(rows, data, trials=5, folds=2, jobs=jobs) for jobs in (1, 2))
    assert [t.drawn for t in one.trials] == [t.drawn for t in two.trials]
    finished = [(a.loss, b.loss) for a, b in zip(one.trials, two.trials, strict=True) if a.judgement and b.judgement]  # fmt: skip
    assert finished
    assert all(a == b for a, b in finished)


def test_an_error_of_a_listener_ends_the_search_and_closes_what_is_open(clients: Any) -> None:
    ended: list[tuple[int, str]] = []

    def end(trial: Trial, _oof: Any) -> None:
        ended.append((trial.number, trial.status))
        if trial.status == "finished":
            raise TrainingError("the store is full")

    with pytest.raises(TrainingError, match="the store is full"):
        search(quick("svc_rbf"), clients(200), trials=6, folds=2, jobs=2, on_trial=end)
    assert [status for _, status in ended] == ["finished", "interrupted"]


def test_an_interruption_is_not_held_up_by_a_fit(
    clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(
        project_tools.search.trial, "out_of_fold", lambda *_w, **_n: release.wait(20)
    )
    statuses: list[str] = []
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        search(
            quick("lightgbm"), clients(100), trials=2, folds=2,
            on_trial=lambda t, _: statuses.append(t.status),
        )  # fmt: skip
    release.set()
    assert time.monotonic() - start < 10
    assert statuses == ["interrupted"]


def test_no_trial_begins_after_the_time_limit(clients: Any) -> None:
    found = lightgbm_search(clients(200), trials=500, time_limit=0.4)
    assert 1 <= len(found.trials) < 500


def test_all_trials_fail(clients: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_words: Any, **_named: Any) -> Any:
        raise ValueError("no\n  convergence")

    monkeypatch.setattr(project_tools.search.trial, "out_of_fold", broken)
    with pytest.raises(
        TrainingError, match="all 2 trials of lightgbm failed; the last: ValueError: no convergence"
    ):
        lightgbm_search(clients(100), trials=2)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"metric": "auc"}, "unknown metric 'auc'; choose one of .*AUC"),
        ({"profile": "fast"}, "unknown profile 'fast'; choose one of full, demo"),
        ({"trials": 0}, "trials is 0; it takes 1 or more"),
        ({"time_limit": 0.0}, "time_limit is 0.0; it takes seconds above 0"),
        ({"folds": 1}, "all 4 trials of lightgbm failed.*folds is 1"),
    ],
)
def test_a_choice_that_cannot_be(choices: Any, says: str, clients: Any) -> None:
    with pytest.raises((SettingError, TrainingError), match=says):
        lightgbm_search(clients(100), **choices)
