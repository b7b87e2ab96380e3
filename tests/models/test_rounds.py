"""The rounds of the final fit: scaled to its rows, if that is better on held-out clients."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from project_tools.evaluation.calibration_fit import fit_platt
from project_tools.evaluation.metrics import Estimate
from project_tools.governance.exclusion import Refit
from project_tools.models.families import get_family
from project_tools.models.folds import fold_rows
from project_tools.models.rounds import FinalRounds
from project_tools.models.sampled_folds import SampledFolds
from project_tools.models.training import train

SMALL = {"n_estimators": 200, "early_stopping_rounds": 10, "learning_rate": 0.1, "reg_lambda": 1.0}


@pytest.mark.parametrize(
    ("added", "taken"), [(-2.1e-3, 139), (-1.9e-3, 100), (0.0, 100), (1e-6, 100)]
)
def test_the_scaled_number_is_taken_if_it_is_better_beyond_its_error(
    added: float, taken: int
) -> None:
    assert FinalRounds(100, 139, Estimate(added, 1e-3)).taken == taken


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_rounds_are_scaled_to_the_rows_of_the_final_fit(name: str, clients: Any) -> None:
    data, rows = clients(600), get_family(name)
    model = train(rows, SMALL, data, folds=2, seed=1)
    found = model.rounds
    assert found is not None
    # Half of 600 trains, and a quarter of it is watched: there are few defaulters.
    assert found.scaled == pytest.approx(found.mean * 600 / 225, abs=2)
    assert model.parameters["n_estimators"] == found.taken == model.estimator.rounds_
    assert model.parameters["early_stopping_rounds"] == 0
    # The difference, by hand: trees on all training rows of a fold, judged at both numbers.
    longer = round(found.mean * 300 / 225)
    setting = {**model.parameters, "n_estimators": longer}
    p = np.empty((2, 600))
    for fold, held_out in fold_rows(data.y, 2, 1):
        for row, number in enumerate((longer, found.mean)):
            trees = rows.make({**setting, "n_estimators": number}, seed=1, jobs=1, X=data.X)
            trees.fit(data.X.iloc[fold], data.y[fold])
            p[row, held_out] = trees.predict_proba(data.X.iloc[held_out])[:, 1]
    # As they would be served: calibrated by what the folds' own trees taught.
    longer_p, shorter_p = (model.judgement.calibration.apply(row) for row in p)
    by_hand = log_loss(data.y, longer_p) - log_loss(data.y, shorter_p)
    assert found.log_loss_added.value == pytest.approx(by_hand, abs=1e-6)
    assert found.metrics["rounds.log_loss_added"] == found.log_loss_added.value


def test_a_large_file_tries_the_scaled_number_on_a_sample(
    clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("project_tools.models.sampled_folds.MOST_TRAINED", 300)
    monkeypatch.setattr("project_tools.models.sampled_folds.LEAST_JUDGED", 100)
    data, family = clients(900), get_family("lightgbm")
    complete = {**family.fixed, **SMALL}
    model = train(family, SMALL, data, folds=2, seed=1)
    found = model.rounds
    assert found is not None
    assert found.scaled == pytest.approx(
        found.mean * 900 / 337, abs=2
    )  # of all rows, not the sample's
    train_rows, held_out = fold_rows(data.y, 2, 1)[0]
    rows, _ = train_test_split(
        train_rows, train_size=300, stratify=data.y[train_rows], random_state=1
    )

    def fitted(**changed: Any) -> Any:
        estimator = family.make({**complete, **changed}, seed=1, jobs=1, X=data.X)
        return estimator.fit(data.X.iloc[rows], data.y[rows])

    def risk(estimator: Any) -> Any:
        return estimator.predict_proba(data.X.iloc[held_out])[:, 1]

    stopped = fitted()
    assert found.sampled == pytest.approx(risk(stopped))
    longer = round(stopped.rounds_ * 300 / stopped.grown_rows_)
    assert longer > stopped.rounds_
    curve, y = fit_platt(found.sampled, data.y[held_out]), data.y[held_out]
    losses = [
        log_loss(y, curve.apply(risk(fitted(n_estimators=number, early_stopping_rounds=0))))
        for number in (longer, stopped.rounds_)
    ]
    assert found.log_loss_added.value == pytest.approx(losses[0] - losses[1], abs=1e-6)
    # The audits take the same probabilities, and do not fit the setting again.
    refit = Refit(model, SMALL, 1)
    tried = SampledFolds.of(data, 2, 1)
    assert refit.own(data, tried) is found.sampled
    assert refit.probabilities(data, tried) == pytest.approx(found.sampled)


def test_rounds_that_were_asked_for_stay(clients: Any) -> None:
    asked = {**SMALL, "n_estimators": 30, "early_stopping_rounds": 0}
    model = train(get_family("lightgbm"), asked, clients(300), folds=2)
    assert (model.parameters["n_estimators"], model.rounds) == (30, None)
