"""Variants of the forest: what each does to the training rows of a fold, and to nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTENC
from imblearn.under_sampling import RandomUnderSampler
from sklearn.ensemble import RandomForestClassifier

from project_tools.errors import TrainingError
from project_tools.evaluation.metrics import METRICS, paired_difference
from project_tools.models.dataset import Dataset
from project_tools.models.families import get_family
from project_tools.models.folds import fold_rows
from project_tools.models.variants import (
    PREPARATIONS,
    RESAMPLINGS,
    Variant,
    VariantComparison,
    comparison_table,
    make_variant,
)

FOREST = get_family("random_forest")
SMALL = {"n_estimators": 10, "max_leaf_nodes": 16, "min_samples_leaf": 3}
BY_NAME = {variant.name: variant for variant in (*RESAMPLINGS, *PREPARATIONS)}
FOLDS = 3


def clients(rows: int = 600, seed: int = 0) -> Dataset:
    """A tenth default; three levels and a null in the category, nulls and amounts in numbers."""
    random = np.random.default_rng(seed)
    risk = random.normal(size=rows)
    work = random.choice(["a", "b", None], rows, p=[0.5, 0.4, 0.1])
    X = pd.DataFrame({
        "score": (-risk + random.normal(size=rows)).astype("float32"),
        "work": pd.Categorical(work, categories=["a", "b", "c"]),
        "income": (1e6 * np.exp(random.normal(size=rows))).astype("float32"),
    })  # fmt: skip
    X.loc[::7, "income"] = np.nan
    noisy = risk + random.normal(size=rows)
    y = (noisy > np.quantile(noisy, 0.9)).astype("int8")
    return Dataset(X, y, np.arange(rows), {"state_digest": "s"}, "d", Path("f.parquet"))


def fitted(name: str, data: Dataset, seed: int = 1) -> Any:
    model = make_variant(BY_NAME[name], FOREST, SMALL, seed=seed, jobs=1, X=data.X)
    return model.fit(data.X, data.y)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Every matrix that samplers and trees got, in the order of the calls."""
    calls: dict[str, list[Any]] = {"smotenc": [], "undersample": [], "fit": [], "predict": []}
    for kind, name, method in (
        (SMOTENC, "smotenc", "fit_resample"),
        (RandomUnderSampler, "undersample", "fit_resample"),
        (RandomForestClassifier, "fit", "fit"),
        (RandomForestClassifier, "predict", "predict_proba"),
    ):
        real = getattr(kind, method)

        def spying(
            self: Any, X: Any, *words: Any, _real: Any = real, _name: str = name, **named: Any
        ) -> Any:
            calls[_name].append((np.array(X), *(np.array(word) for word in words[:1])))
            return _real(self, X, *words, **named)

        monkeypatch.setattr(kind, method, spying)
    return calls


@pytest.mark.parametrize(
    ("name", "defaulters_for_each_repayer", "columns"),
    [
        ("one-hot", 1 / 9, 2 + 3),
        ("SMOTENC", 0.5, 2 + 1),  # the category stays one column of codes
        ("SMOTENC, one-hot", 0.5, 2 + 3),
        ("undersampling, one-hot", 0.5, 2 + 3),
        ("SMOTENC, undersampling, one-hot", 0.5, 2 + 3),
        ("class weights, one-hot", 1 / 9, 2 + 3),
    ],
)
def test_what_the_trees_of_a_variant_see(
    seen: dict[str, list[Any]], name: str, defaulters_for_each_repayer: float, columns: int
) -> None:
    fitted(name, clients())
    ((matrix, y),) = seen["fit"]
    assert (y == 1).sum() / (y == 0).sum() == pytest.approx(defaulters_for_each_repayer, abs=0.01)
    assert matrix.shape[1] == columns
    assert np.isfinite(matrix).all()


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("SMOTENC", 540 + 270),
        ("undersampling, one-hot", 120 + 60),
        ("SMOTENC, undersampling, one-hot", 216 + 108),  # 60 defaulters become 0.2 x 540
        ("class weights, one-hot", 600),
    ],
)
def test_how_many_rows_a_variant_trains_on(
    seen: dict[str, list[Any]], name: str, rows: int
) -> None:
    fitted(name, clients())
    assert len(seen["fit"][0][0]) == rows


def test_synthetic_clients_have_whole_categories_and_no_level_that_nobody_has(
    seen: dict[str, list[Any]],
) -> None:
    fitted("SMOTENC, one-hot", clients())
    matrix, y = seen["fit"][0]
    indicators = matrix[y == 1][60:, 2:]
    assert len(indicators) == 270 - 60
    assert set(indicators.ravel()) == {0, 1}
    assert (indicators.sum(axis=1) <= 1).all()  # none for a null
    assert not indicators[:, 2].any()  # "c"


def test_neighbours_are_found_on_scaled_numbers(seen: dict[str, list[Any]]) -> None:
    """Incomes are a million times larger than scores: unscaled they alone would count."""
    fitted("SMOTENC", clients())
    matrix = seen["smotenc"][0][0]
    np.testing.assert_allclose(matrix[:, :2].std(axis=0), 1, atol=1e-3)
    assert set(matrix[:, 2]) == {-1, 0, 1}  # codes are not scaled


@pytest.mark.parametrize("name", [v.name for v in RESAMPLINGS if v.resampling])
def test_samplers_get_a_fold_s_training_rows_alone_and_held_out_rows_stay_as_they_are(
    seen: dict[str, list[Any]], name: str
) -> None:
    data = clients()
    VariantComparison(FOREST, SMALL, data, folds=FOLDS).results([BY_NAME[name]])
    first = seen["smotenc"] or seen["undersample"]
    # The first number of the client, before and after the sampler's scaling: its order stays.
    for (sampled, labels), (trained, _), (predicted,), (train, held_out) in zip(
        first, seen["fit"], seen["predict"], fold_rows(data.y, FOLDS, 1), strict=True
    ):
        np.testing.assert_array_equal(labels, data.y[train])
        assert np.corrcoef(sampled[:, 0], data.X["score"].iloc[train])[0, 1] == pytest.approx(1)
        assert len(predicted) == len(held_out)
        assert np.corrcoef(predicted[:, 0], data.X["score"].iloc[held_out])[0, 1] == pytest.approx(
            1
        )
        rows = {row.tobytes() for row in trained.astype("float32")}
        assert not rows & {row.tobytes() for row in predicted.astype("float32")}


@pytest.mark.parametrize("name", list(BY_NAME))
def test_nothing_that_is_learnt_moves_with_held_out_rows(name: str) -> None:
    data = clients()
    train, held_out = fold_rows(data.y, FOLDS, 1)[0]
    changed = data.X.copy()
    changed.loc[held_out, ["score", "income"]] = np.float32(1e9)
    one, other = (
        make_variant(BY_NAME[name], FOREST, SMALL, seed=1, jobs=1, X=X).fit(
            X.iloc[train], data.y[train]
        )
        for X in (data.X, changed)
    )
    np.testing.assert_array_equal(one.predict_proba(data.X), other.predict_proba(data.X))


def test_the_seed_moves_synthetic_rows_and_the_same_seed_does_not() -> None:
    data = clients()
    one, same, other = (fitted("SMOTENC", data, seed).predict_proba(data.X) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_search_s_balance_gives_way_to_a_variant_s_and_stays_among_preparations(
    seen: dict[str, list[Any]],
) -> None:
    data = clients()
    setting = {**SMALL, "balance": "undersample", "repaid_per_default": 1.0}
    for name, rows in (("one-hot", 600), ("SMOTENC", 540 + 270), ("standard, median", 60 + 60)):
        seen["fit"].clear()
        make_variant(BY_NAME[name], FOREST, setting, seed=1, jobs=1, X=data.X).fit(data.X, data.y)
        assert len(seen["fit"][0][0]) == rows, name
    weighted = {**SMALL, "balance": "weights"}
    models = [
        make_variant(BY_NAME[name], FOREST, weighted, seed=1, jobs=1, X=data.X).steps[-1][1]
        for name in ("one-hot", "standard, median", "class weights, one-hot")
    ]
    assert [m.class_weight for m in models] == [None, "balanced", "balanced_subsample"]


def test_class_weights_change_the_trees() -> None:
    data = clients()
    plain, weighted = (
        fitted(name, data).predict_proba(data.X)[:, 1].mean()
        for name in ("one-hot", "class weights, one-hot")
    )
    assert weighted > plain + 0.1


def test_both_tables_hold_what_they_should() -> None:
    assert {(v.choices["scaling"], v.choices["imputation"]) for v in PREPARATIONS} == {
        (scaling, imputation)
        for scaling in ("min-max", "standard")
        for imputation in ("knn", "median", "zero")
    }
    assert len({v.name for v in (*RESAMPLINGS, *PREPARATIONS)}) == len(RESAMPLINGS) + len(PREPARATIONS)  # fmt: skip
    for variant in PREPARATIONS:
        plan = make_variant(variant, FOREST, SMALL, seed=1, jobs=1, X=clients().X)
        steps = dict(plan.steps[0][1].transformers[0][1].steps)
        assert ("minmaxscaler" in steps) is (variant.choices["scaling"] == "min-max")
        assert ("nearestrowsimputer" in steps) is (variant.choices["imputation"] == "knn")


def test_figures_are_of_calibrated_probabilities_and_differences_are_paired() -> None:
    data = clients()
    found = VariantComparison(FOREST, SMALL, data, folds=FOLDS).results(RESAMPLINGS[:4])
    assert [row.variant for row in found] == list(RESAMPLINGS[:4])
    first, last = found[0], found[-1]
    assert last.raw.mean() > 0.2  # undersampling distorts …
    for row in found:
        assert row.calibrated.mean() == pytest.approx(data.y.mean(), abs=0.01)  # … and is set right
    assert {score.value for score in first.differences.values()} == {0}
    for name in METRICS:
        difference = last.judgement.scores[name].value - first.judgement.scores[name].value
        assert last.differences[name].value == pytest.approx(difference)
        apart = np.hypot(last.judgement.scores[name].se, first.judgement.scores[name].se)
        assert 0 < last.differences[name].se < apart
    again = paired_difference(
        "AUC", data.y, (last.calibrated, 0.5), (first.calibrated, 0.5)
    )  # AUC knows no threshold
    assert last.differences["AUC"] == again
    table = comparison_table(found, len(data))
    for row in found[1:]:
        score = row.differences["loss_of_income"]
        line = next(line for line in table.splitlines() if line.startswith(f"{row.variant.name} "))
        assert f"{score.value:+.4f} ± {score.se:.4f}" in line
    assert "600 clients" in table


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("no category", r"takes numbers and categories; the data has 2 numbers and 0 categories"),
        ("no number", r"takes numbers and categories; the data has 0 numbers and 1 categories"),
        ("few", r"needs more than 5 defaulters among a fold's training clients; there are 5 of 8"),
        ("many", r"fewer than 0\.2 default for each who repays"),
    ],
)
def test_data_that_cannot_be_resampled_is_refused_before_anything_is_fitted(
    seen: dict[str, list[Any]], change: str, says: str
) -> None:
    data = clients()
    X, y = data.X, data.y.copy()
    if change == "no category":
        X = X.drop(columns="work")
    elif change == "no number":
        X = X[["work"]]
    elif change == "few":
        y[np.flatnonzero(y)[8:]] = 0
    else:
        y[: len(y) // 4] = 1
    broken = Dataset(X, y, data.ids, data.meta, data.digest, data.path)
    with pytest.raises(TrainingError, match=says) as refused:
        VariantComparison(FOREST, SMALL, broken, folds=FOLDS).results(RESAMPLINGS)
    assert "\n" not in str(refused.value)
    assert not seen["fit"]


def test_fewest_defaulters_that_can_be_resampled_are() -> None:
    """Nine in three folds leave six to train on, and each has the five neighbours that it needs."""
    data = clients()
    data.y[np.flatnonzero(data.y)[9:]] = 0
    (found,) = VariantComparison(FOREST, SMALL, data, folds=FOLDS).results([BY_NAME["SMOTENC"]])
    assert np.isfinite(found.raw).all()


def test_a_variant_s_choices_are_the_preparation_s() -> None:
    odd = Variant("zero", {"imputation": "zero"}, resampling=("undersample",))
    model = make_variant(odd, FOREST, SMALL, seed=1, jobs=1, X=clients().X)
    assert "simpleimputer" in str(model.steps[0][1].transformers[0][1].named_steps)
    assert model.steps[0][1].transformers[0][1].named_steps["simpleimputer"].strategy == "constant"
