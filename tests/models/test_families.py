"""The table of families: every row fits, every dimension moves the model, nothing sees held-out rows."""

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from hyperopt.pyll.stochastic import sample

from project_tools.errors import SettingError
from project_tools.models import folds, lightgbm_trees
from project_tools.models.dataset import Dataset
from project_tools.models.families import (
    FAMILIES,
    PROFILES,
    Dimension,
    Family,
    get_family,
    start_of,
)
from project_tools.models.folds import FoldCache, fold_rows, out_of_fold
from project_tools.models.preparation import numeric_matrix
from project_tools.models.setting import complete_setting
from project_tools.models.variants import RESAMPLINGS, make_variant
from project_tools.search.proposer import Proposer, expressions, plain
from project_tools.search.trial import Objective
from project_tools.settings import ROOT

# With few clients, the penalty of the table's start would leave no feature.
QUICK = {
    "logistic_l1": {"C": 1.0},
    "svc_rbf": {"gamma": 0.05},
    "lightgbm": {"n_estimators": 60, "early_stopping_rounds": 5, "min_child_samples": 10},
    "xgboost": {"n_estimators": 60, "early_stopping_rounds": 5, "min_child_weight": 1.0},
    "random_forest": {"n_estimators": 20},
}  # fmt: skip


def fitted(family: Family, data: Dataset, train: Any, **chosen: Any) -> Any:
    """A model fitted as a search does it, on some rows of a frame."""
    quick = {**QUICK.get(family.name, {}), **chosen}
    model = family.make(quick, seed=1, jobs=1, X=data.X)
    return model.fit_prepared(model.prepare(data.X, data.y, train))


def native_text(model: Any) -> str:
    return str(model.model_json() if hasattr(model, "model_json") else model.model_text())


def test_the_seven_families() -> None:
    assert list(FAMILIES) == [
        "logistic_l1", "logistic_l2", "random_forest", "svc_rbf", "svc_poly", "lightgbm", "xgboost",
    ]  # fmt: skip
    for rows in FAMILIES.values():
        assert rows.trials == 50
        assert set(rows.budgets) == set(PROFILES)
        full, demo = rows.budget("full"), rows.budget("demo")
        assert (demo.trials, demo.largest_sample) < (full.trials, full.largest_sample)
        assert set(demo.fixed) <= set(rows.fixed), "a budget fixes what is not searched"
    exact = {name for name, rows in FAMILIES.items() if rows.format}
    assert exact == FAMILIES.keys() - {"svc_rbf", "svc_poly"}


def documented(family: Family) -> str:
    """A family as docs/search.md has it."""
    plan, searched = family.plan, ", ".join(f"`{name}`" for name in family.space)
    prepared = "none: raw nulls and categories" if plan is None else ", ".join([
        f"imputation {plan.imputation}", f"scaling {plan.scaling}",
        *["clipped"] * plan.clip, *["one-hot"] * plan.one_hot,
    ])  # fmt: skip
    budgets = []
    for profile in PROFILES:
        budget = family.budget(profile)
        fixed = "".join(f", `{name}` {value:g}" for name, value in budget.fixed.items())
        budgets.append(f"{budget.trials} \N{MULTIPLICATION SIGN} {budget.largest_sample:,}{fixed}")
    return f"| `{family.name}` | {prepared} | {searched} | {' | '.join(budgets)} |"


def test_the_document_has_the_table_of_families() -> None:
    text = (ROOT / "docs" / "search.md").read_text()
    held = text.split("<!-- families:")[1].split("<!-- end -->")[0].splitlines()[3:]
    assert held == [documented(rows) for rows in FAMILIES.values()]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_ranks_clients_with_nulls_and_unseen_levels(name: str, clients: Any) -> None:
    data, rows = clients(300), get_family(name)
    model = fitted(rows, data, np.arange(200))
    held_out = data.X.iloc[200:].copy()
    held_out.loc[held_out.index[:20], "work"] = "c"  # a level that no training row has
    held_out.loc[held_out.index[5:15], "score, external"] = np.nan
    p = model.predict_proba(held_out)
    assert p.shape == (100, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    positive, negative = p[data.y[200:] == 1, 1], p[data.y[200:] == 0, 1]
    assert positive.mean() > negative.mean()


def other_values(row: Dimension) -> list[Any]:
    if row.scale == "choice":
        return [option for option in row.options if option != row.start]
    whole = row.scale.startswith("whole")
    return [value for value in (row.low, row.high) if value != row.start][:2] if not whole else [
        int(value) for value in (row.low, row.high) if value != row.start
    ]  # fmt: skip


DIMENSIONS = [(name, key) for name, rows in FAMILIES.items() for key in rows.space]


@pytest.mark.parametrize(("name", "key"), DIMENSIONS)
def test_no_dimension_is_dead(name: str, key: str, clients: Any) -> None:
    """Each value at the ends of a dimension, where it is drawn at all, gives another model."""
    rows = get_family(name)
    row = rows.space[key]
    under = {} if row.when is None else {row.when[0]: row.when[1]}
    others = {name: {} for name in FAMILIES} | {
        "random_forest": {"min_samples_leaf": 1},
        # GOSS begins after 1 / learning_rate rounds: LightGBM takes all rows in the first.
        "lightgbm": {"num_leaves": 8} | (
            {"learning_rate": 0.2, "n_estimators": 20, "early_stopping_rounds": 0}
            if key in {"top_rate", "other_rate"} else {}
        ),
        # The start's penalty leaves trees of two or three leaves on so few clients.
        "xgboost": {"reg_lambda": 0.1},
    }  # fmt: skip
    base = {k: v for k, v in (others[name] | under).items() if k != key}
    data = clients(400)
    start = fitted(rows, data, np.arange(300), **base | {key: row.start})
    p = start.predict_proba(data.X)[:, 1]
    moved = [
        fitted(rows, data, np.arange(300), **base | {key: value}).predict_proba(data.X)[:, 1]
        for value in other_values(row)
    ]
    changed = [np.abs(q - p).max() > 1e-6 for q in moved]
    # Every option of a choice; of a range one end, because the start may lie at the other.
    assert all(changed) if row.scale == "choice" else any(changed), f"{key} changes nothing"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_dimension_is_drawn_only_where_it_has_an_effect(name: str) -> None:
    space = get_family(name).space
    conditions = [key for key, row in space.items() if row.when is not None]
    seen: set[tuple[str, bool]] = set()
    for seed in range(60):
        drawn = plain(sample(expressions(space), np.random.default_rng(seed)))
        for key, row in space.items():
            if row.when is None:
                assert key in drawn
            else:
                wanted = drawn[row.when[0]] == row.when[1]
                assert (key in drawn) == wanted
                seen.add((key, wanted))
            if key in drawn and row.scale != "choice":
                assert row.low <= drawn[key] <= row.high
            if key in drawn and row.scale.startswith("whole"):
                assert isinstance(drawn[key], int)
    assert seen == {(key, on) for key in conditions for on in (True, False)}
    json.dumps(drawn)  # plain Python values: they are logged
    assert set(start_of(space)) <= set(space)


@pytest.mark.parametrize(
    ("low", "high", "scale", "shares"),
    [
        (2, 4, "whole", [1 / 3, 1 / 3, 1 / 3]),  # quniform(2, 4) drew 1/4, 1/2, 1/4
        (4, 6, "whole log", np.log([4.5 / 3.5, 5.5 / 4.5, 6.5 / 5.5]) / np.log(6.5 / 3.5)),
    ],
)
def test_both_ends_of_whole_numbers_are_drawn_as_often_as_the_others(
    low: int, high: int, scale: Any, shares: Any
) -> None:
    drawn = expressions({"n": Dimension(low, low, high, scale)})
    random = np.random.default_rng(0)
    found = np.bincount([sample(drawn, random)["n"] for _ in range(2_000)], minlength=high + 1)
    assert found[:low].sum() == 0
    assert len(found) == high + 1
    assert found[low:] / 2_000 == pytest.approx(np.asarray(shares), abs=0.035)  # 3.3 errors


def test_tpe_proposes_whole_numbers_within_their_bounds() -> None:
    """Beyond its random trials TPE draws from what it has learnt, near an end here."""
    space = {"n": Dimension(3, 2, 4, "whole"), "leaves": Dimension(8, 4, 256, "whole log")}
    proposer, seen = Proposer(space, 1, [start_of(space)]), []
    for number in range(60):
        drawn = proposer.ask(number)
        seen.append(drawn)
        proposer.tell(number, drawn, drawn["n"] + np.log(drawn["leaves"]))
    assert {row["n"] for row in seen} == {2, 3, 4}
    assert min(row["leaves"] for row in seen) == 4
    assert max(row["leaves"] for row in seen) <= 256


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_spaces_reach_where_good_settings_lie(name: str) -> None:
    """Bounds of MODEL.md, and first trials that lie within them."""
    rows = get_family(name)
    leaves = rows.space["num_leaves" if name == "lightgbm" else "max_leaves"]
    assert rows.fixed["n_estimators"] == 10_000
    assert rows.fixed["early_stopping_rounds"] == 100
    assert rows.space["learning_rate"].low == 0.003
    assert rows.space["colsample_bytree"].low == 0.02
    assert (leaves.low, leaves.high) == (4, 256)
    assert rows.space["reg_lambda"].high == 100
    if name == "lightgbm":
        assert rows.space["min_child_samples"].high == 500
    for profile, count in (("full", 3), ("demo", 1)):
        first = rows.first_trials(profile)
        assert len(first) == count
        for drawn in first:
            assert complete_setting(rows, profile, drawn) == (
                {**rows.fixed, **rows.budget(profile).fixed} | drawn
            )
    # As far as the few rounds of the demonstration reach: XGBoost has a third fewer.
    start = rows.start("demo")
    assert start["learning_rate"] == {"lightgbm": 0.05, "xgboost": 0.07}[name]
    assert start["learning_rate"] * start["n_estimators"] == pytest.approx(14.5, abs=0.6)


@pytest.mark.parametrize(
    ("columns", "shares"),
    [
        (784, [0.05, 0.1, 0.95]),
        (720, [0.05, 0.1, 0.95]),
        (120, [0.3, 0.6, 1.0]),  # as many columns a tree, and at most all of them
        (10, [1.0, 1.0, 1.0]),
    ],
)
@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_first_trials_see_as_many_columns_of_a_narrow_file(
    name: str, columns: int, shares: list[float]
) -> None:
    first = get_family(name).first_trials("full", columns)
    assert [setting["colsample_bytree"] for setting in first] == pytest.approx(shares)
    assert get_family(name).start("full", columns) == {**get_family(name).fixed, **first[0]}


@pytest.mark.parametrize(
    ("rows", "defaulted", "watched"),
    [(1_000, 100, 25), (4_000, 1_000, 200), (10_000, 4_000, 400)],
)
def test_early_stopping_watches_a_slice_with_enough_defaulters(
    rows: int, defaulted: int, watched: int
) -> None:
    """200 defaulters, or what a tenth or a quarter of the training rows holds."""
    y = np.zeros(rows, dtype="int8")
    y[:defaulted] = 1
    kept, slice_ = get_family("lightgbm").make({}, seed=1, jobs=1, X=pd.DataFrame())._slices(y)
    assert y[slice_].sum() == watched
    assert sorted([*kept, *slice_]) == list(range(rows))


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_learnt_comes_from_training_rows_alone(name: str, clients: Any) -> None:
    """Held-out rows and labels are changed beyond recognition; the model is the same to the bit."""
    data, rows = clients(300), get_family(name)
    train, held_out = fold_rows(data.y, 3, 1)[0]
    X, y = data.X.copy(), data.y.copy()
    X.loc[held_out, ["score, external", "income", "noise"]] = np.float32(1e9)
    X.loc[held_out, "work"] = "c"
    y[held_out] = 1 - y[held_out]
    changed = Dataset(X, y, data.ids, data.meta, data.digest, data.path)
    before, after = (fitted(rows, given, train) for given in (data, changed))
    np.testing.assert_array_equal(before.predict_proba(data.X), after.predict_proba(data.X))
    if hasattr(before, "rounds_"):  # early stopping watched none of them
        assert before.rounds_ == after.rounds_
        assert native_text(before) == native_text(after)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_the_native_text_scores_as_the_model_does(name: str, clients: Any) -> None:
    data = clients(300)
    model = fitted(get_family(name), data, np.arange(300))
    codes, text = numeric_matrix(data.X, model.levels_), native_text(model)
    if name == "lightgbm":
        again = lightgbm.Booster(model_str=text).predict(codes)
    else:
        booster = xgboost.Booster(model_file=bytearray(text, "utf-8"))
        again = booster.inplace_predict(codes)
    np.testing.assert_allclose(again, model.predict_proba(data.X)[:, 1], rtol=1e-6)
    assert 0 < model.rounds_ <= 60


def test_early_stopping_keeps_the_best_round_of_the_watched_slice(clients: Any) -> None:
    data = clients(400)
    for name in ("lightgbm", "xgboost"):
        stopped = fitted(
            get_family(name), data, np.arange(400), n_estimators=500, learning_rate=0.2
        )
        assert stopped.rounds_ < 100, "it stopped"
        final = get_family(name).final_parameters({"n_estimators": 500}, [stopped, stopped])
        assert final == {"n_estimators": stopped.rounds_, "early_stopping_rounds": 0}


def test_the_watched_slice_is_looked_at_ten_times_in_the_patience(clients: Any) -> None:
    """The round kept is the best of those looked at, by the losses that LightGBM records itself."""
    data, patience, losses = clients(400), 20, {}
    estimator = get_family("lightgbm").make(
        {"n_estimators": 300, "early_stopping_rounds": patience, "learning_rate": 0.1},
        seed=1, jobs=1, X=data.X,
    )  # fmt: skip
    prepared = estimator.prepare(data.X, data.y, np.arange(400))
    estimator.fit_prepared(prepared)
    lightgbm.train(
        estimator._training() | estimator._constraints(prepared.train.feature_name),
        prepared.train, 300, valid_sets=[prepared.watched],
        callbacks=[lightgbm.record_evaluation(losses)],
    )  # fmt: skip
    by_round = losses["valid_0"]["binary_logloss"]
    looked_at = {done: by_round[done - 1] for done in range(2, 301, 2)}
    best = estimator.rounds_
    assert best in looked_at
    assert best == min((d for d in looked_at if d <= best + patience), key=looked_at.__getitem__)
    assert best < 300 - patience, "it stopped"
    # No round before was followed by twenty without a lower loss.
    lower = [d for d in looked_at if d <= best and all(looked_at[d] < looked_at[e] for e in looked_at if e < d)]  # fmt: skip
    assert max(np.diff(lower), default=0) <= patience


def test_a_fold_is_prepared_once(clients: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data, rows, made = clients(200), get_family("logistic_l2"), []
    cache = FoldCache()
    model = type(rows.make({}, seed=1, jobs=1, X=data.X))
    real = model.prepare
    monkeypatch.setattr(model, "prepare", lambda *words: made.append(1) or real(*words))
    probabilities = [
        out_of_fold(
            lambda C=C: rows.make({"C": C}, seed=1, jobs=1, X=data.X),
            data, folds=2, seed=1, cache=cache,
        )
        for C in (0.01, 1.0)
    ]  # fmt: skip
    assert len(made) == 2
    assert np.abs(probabilities[0] - probabilities[1]).max() > 1e-3
    fresh = out_of_fold(
        lambda: rows.make({"C": 1.0}, seed=1, jobs=1, X=data.X), data, folds=2, seed=1
    )
    np.testing.assert_array_equal(probabilities[1], fresh)


def test_undersampling_keeps_all_defaults_and_few_of_the_repaid(clients: Any) -> None:
    data = clients(500)
    chosen = {"balance": "undersample", "repaid_per_default": 2.0}
    model = get_family("svc_rbf").make(chosen, seed=1, jobs=1, X=data.X)
    _, matrix, labels = model.prepare(data.X, data.y, np.arange(500))
    _, y = model.steps[1][1].fit_resample(matrix, labels)
    assert np.sum(y == 1) == data.y.sum()
    assert np.sum(y == 0) == 2 * data.y.sum()


RESAMPLED = [
    *((name, "search") for name, rows in FAMILIES.items()
      if "balance" in rows.space and "smotenc" in rows.space["balance"].options),
    *(("random_forest", variant.name) for variant in RESAMPLINGS
      if variant.synthesises and variant.choices.get("one_hot")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "how"), RESAMPLED)
def test_each_synthetic_client_has_one_level_in_each_category_that_all_real_ones_fill(
    name: str, how: str, clients: Any
) -> None:
    """SMOTENC on indicators gave most synthetic defaulters no level, and some two."""
    random, data, rows = np.random.default_rng(1), clients(500), get_family(name)
    data.y[np.flatnonzero(data.y)[::2]] = 0  # rare enough for every variant to invent some
    levels = [f"level {n}" for n in range(30)]
    X = data.X.assign(
        occupation=pd.Categorical(random.choice(levels, 500), categories=levels),
        region=pd.Categorical(random.choice(["n", "s", "e", "w", None], 500), categories=list("nsewx")),
    )  # fmt: skip
    if how == "search":
        chosen = {"balance": "smotenc", "defaults_per_repaid": 0.8}
        model = rows.make(chosen, seed=1, jobs=1, X=X)
    else:
        [variant] = [variant for variant in RESAMPLINGS if variant.name == how]
        model = make_variant(variant, rows, {}, seed=1, jobs=1, X=X)
    matrix, y = model.steps[0][1].fit_transform(X, data.y), data.y
    for _, step in model.steps[1:-1]:
        if not hasattr(step, "fit_resample"):
            matrix = step.fit_transform(matrix, y)
        elif "Under" not in type(step).__name__:  # undersampling moves rows and changes none
            matrix, y = step.fit_resample(matrix, y)
    assert matrix.shape[1] == 4 + 3 + 30 + 5
    assert np.sum(y == 0) == np.sum(data.y == 0)
    synthetic = matrix[len(X) :]
    assert len(synthetic) == np.sum(y == 1) - np.sum(data.y == 1) > 20
    work, occupation, region = np.split(synthetic[:, 4:], [3, 33], axis=1)
    assert set(np.unique(synthetic[:, 4:])) == {0, 1}
    assert (work.sum(axis=1) == 1).all()
    assert (occupation.sum(axis=1) == 1).all()
    assert set(region.sum(axis=1)) == {0, 1}, "a null, which some real clients have, has no level"
    assert not work[:, 2].any(), "a level that no real client has"
    if how == "search":
        assert np.sum(y == 1) == round(0.8 * np.sum(y == 0))


def test_smotenc_takes_codes_where_nothing_is_one_hot(clients: Any) -> None:
    data = clients(500)
    rows = get_family("logistic_l2").with_choices(one_hot=False)
    chosen = {"balance": "smotenc", "defaults_per_repaid": 0.8}
    model = rows.make(chosen, seed=1, jobs=1, X=data.X)
    _, matrix, y = model.prepare(data.X, data.y, np.arange(500))
    more, _ = model.steps[1][1].fit_resample(matrix, y)
    assert set(np.unique(more[:, 4])) == set(np.unique(matrix[:, 4])), "no code between two codes"


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"balanse": "none"}, "unknown parameter of svc_rbf 'balanse'.*did you mean 'balance'"),
        ({"balance": "heavy"}, "unknown balance 'heavy'; choose one of none, weights"),
        ({"degree": 3}, "unknown parameter of svc_rbf 'degree'"),
    ],
)
def test_a_parameter_that_is_not_the_familys(parameters: Any, says: str) -> None:
    X = pd.DataFrame({"a": np.zeros(3, dtype="float32")})
    with pytest.raises(SettingError, match=says):
        get_family("svc_rbf").make(parameters, seed=1, jobs=1, X=X)


def test_time_grows_with_trials_features_and_rows() -> None:
    rows = get_family("svc_rbf")
    base = {"trials": 10, "folds": 5, "rows": 2_000, "columns": 400}
    seconds = rows.seconds("demo", **base)
    assert rows.seconds("demo", **base | {"trials": 20}) == pytest.approx(2 * seconds)
    assert rows.seconds("demo", **base | {"columns": 800}) == pytest.approx(2 * seconds)
    assert rows.seconds("demo", **base | {"rows": 4_000}) == pytest.approx(4 * seconds)


def test_beyond_the_most_a_fold_is_prepared_anew() -> None:
    cache, made = FoldCache(most=1), []
    for fold in (0, 1, 0, 1):
        cache.once(fold, lambda fold=fold: made.append(fold))
    assert made == [0, 1, 1]


@pytest.mark.parametrize(
    ("name", "rows", "folds", "kept"),
    [
        ("lightgbm", 60_000, 5, 3),  # 176 MB: bins of three folds and the one at work weigh as much
        ("lightgbm", 60_000, 3, 3),  # all
        ("xgboost", 300_000, 10, 2),
        ("lightgbm", 20_000, 5, None),
        ("random_forest", 60_000, 5, None),  # one matrix a fold, 0.9 GB of 2
    ],
)
def test_bins_of_a_large_file_weigh_no_more_than_its_matrix(
    name: str, rows: int, folds: int, kept: int | None
) -> None:
    X = pd.DataFrame(np.broadcast_to(np.float32(0), (rows, 735)))
    data = Dataset(X, np.zeros(rows), np.arange(rows), {}, "d", Path("f.parquet"))
    objective = Objective(get_family(name), data, "loss_of_income", folds, 1, 1, 5.0)
    cache = objective.fold_cache()
    made: list[int] = []
    for _ in range(2):
        for fold in range(folds):
            cache.once(fold, lambda fold=fold: made.append(fold))
    assert len(made) == folds + max(0, folds - (folds if kept is None else kept))


def test_bins_are_learnt_by_blocks_of_columns_from_training_rows(
    clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few columns a block, or rows a batch, holds, the trees are those of all at once."""
    data, rows = clients(600), get_family("lightgbm")

    def text(given: Dataset = data) -> str:
        return native_text(fitted(rows, given, np.arange(500)))

    monkeypatch.setattr(lightgbm_trees, "BINNED_COLUMNS", data.X.shape[1])
    at_once = text()
    for columns, batch in ((1, 1_000), (7, 7), (25, 64)):
        monkeypatch.setattr(lightgbm_trees, "BINNED_COLUMNS", columns)
        monkeypatch.setattr(lightgbm_trees._Batches, "batch_size", batch)
        assert text() == at_once
    monkeypatch.setattr(lightgbm_trees, "BINNING_ROWS", 200)
    fewer = text()
    assert fewer != at_once, "the bins are those of fewer rows"
    X = data.X.copy()
    X.iloc[500:, :3] = np.float32(1e9)
    assert text(Dataset(X, data.y, data.ids, data.meta, data.digest, data.path)) == fewer


def test_predictions_in_blocks_are_those_at_once(
    clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, rows = clients(300), get_family("random_forest")

    def probabilities() -> Any:
        return out_of_fold(
            lambda: rows.make({"n_estimators": 10}, seed=1, jobs=1, X=data.X), data, folds=2, seed=1
        )

    at_once = probabilities()
    monkeypatch.setattr(folds, "PREDICTED_ROWS", 7)
    np.testing.assert_array_equal(probabilities(), at_once)
