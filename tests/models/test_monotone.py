"""A better external score never raises the risk of boosted trees, unless that is asked for."""

from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from project_tools.errors import SettingError
from project_tools.features.catalogue import all_features, increasing_in, moving_with
from project_tools.features.definitions.application import DERIVED, EXTERNAL
from project_tools.features.operations import derive
from project_tools.governance.monotone import monotone_facts
from project_tools.models.dataset import Dataset, load_dataset
from project_tools.models.families import FAMILIES, Family, get_family
from project_tools.models.monotone import falling_features, withheld_features
from project_tools.models.training import train

BOOSTED = ("lightgbm", "xgboost")
#: Deep trees that overfit: without a constraint they follow the noise in every score.
WILD = {
    "n_estimators": 60, "early_stopping_rounds": 0, "learning_rate": 0.2, "reg_lambda": 1e-3,
    "colsample_bytree": 1.0,
}  # fmt: skip
OWN = {
    "lightgbm": {"num_leaves": 31, "min_child_samples": 5},
    "xgboost": {"max_leaves": 31, "min_child_weight": 0.5},
}
#: Twenty steps over the range that scores have.
STEPS = np.linspace(0.01, 0.99, 20).astype("float32")


@pytest.fixture(scope="module")
def scored(features: Path) -> Dataset:
    """Clients with the external scores, what is computed from them, and a few other columns."""
    data = load_dataset(features)
    names = [
        info.name for info in all_features().values()
        if info.name in data.X.columns and set(info.columns) <= set(EXTERNAL)
    ]  # fmt: skip
    others = ["DAYS_BIRTH", "AMT_CREDIT", "NAME_EDUCATION_TYPE", "DAYS_EMPLOYED"]
    X = data.X[[*names, *others]]
    return Dataset(X, data.y, data.ids, data.meta, data.digest, data.path)


def test_the_constrained_features_are_found_by_lineage() -> None:
    found = falling_features(list(all_features()), "external")
    assert set(found) == {
        "EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3", "EXT_SOURCES_MEAN", "EXT_SOURCES_MIN",
        "EXT_SOURCES_MAX", "EXT_SOURCES_NANMEDIAN",
        # Increasing functions of the scores too: free, they could undo the others.
        "EXT_SOURCES_PROD", "EXT_SOURCES_WEIGHTED",
    }  # fmt: skip
    # Of one score alone, nothing that also needs the others.
    assert increasing_in(["EXT_SOURCE_2"]) == {"EXT_SOURCE_2"}
    assert falling_features(list(all_features()), "none") == ()


def test_what_is_declared_as_increasing_is(scored: Dataset) -> None:
    """Recomputed by numpy from the scores: no such feature falls where a score rises."""
    random = np.random.default_rng(0)
    scores = random.uniform(size=(500, 3))
    scores[random.random((500, 3)) < 0.2] = np.nan
    scores = scores[np.isfinite(scores).any(axis=1)]
    by_hand = {
        "EXT_SOURCES_MEAN": lambda s: np.nanmean(s, axis=1),
        "EXT_SOURCES_MIN": lambda s: np.nanmin(s, axis=1),
        "EXT_SOURCES_MAX": lambda s: np.nanmax(s, axis=1),
        "EXT_SOURCES_NANMEDIAN": lambda s: np.nanmedian(s, axis=1),
        "EXT_SOURCES_PROD": lambda s: s.prod(axis=1),
        "EXT_SOURCES_WEIGHTED": lambda s: s @ [2, 1, 3],
    }
    declared = set(falling_features(list(all_features()), "external"))
    assert declared - set(EXTERNAL) == set(by_hand)
    known = scored.X.dropna(subset=list(EXTERNAL))[:50]
    for name, formula in by_hand.items():
        expected = formula(known[list(EXTERNAL)].to_numpy(dtype=float))
        np.testing.assert_allclose(known[name], expected, rtol=1e-4)
        for place in range(3):
            higher = scores.copy()
            higher[:, place] += 0.1
            moved = formula(higher) - formula(scores)
            assert not (moved < -1e-12).any()


def fitted(family: Family, data: Dataset, **chosen: Any) -> Any:
    model = family.make({**WILD, **OWN[family.name], **chosen}, seed=1, jobs=1, X=data.X)
    return model.fit(data.X, data.y)


def violations(model: Any, data: Dataset, feature: str) -> int:
    """Clients and steps of one feature after which the risk is higher; null stays null."""
    X = data.X[data.X[feature].notna()].head(60)
    repeated = X.loc[X.index.repeat(len(STEPS))].reset_index(drop=True)
    repeated[feature] = np.tile(STEPS, len(X))
    risk = model.predict_proba(repeated)[:, 1].reshape(len(X), len(STEPS))
    return int((np.diff(risk, axis=1) > 1e-9).sum())


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("lightgbm", {}),
        ("lightgbm", {"sampling": "goss"}),
        ("xgboost", {}),
        ("xgboost", {"grow_policy": "depthwise"}),
    ],
)
def test_a_better_external_score_never_raises_the_risk(
    name: str, chosen: dict[str, Any], scored: Dataset
) -> None:
    rows = get_family(name)
    constrained = falling_features(list(scored.X.columns), "external")
    assert len(constrained) == 9
    model = fitted(rows, scored, **chosen)
    assert {feature: violations(model, scored, feature) for feature in constrained} == (
        dict.fromkeys(constrained, 0)
    )
    if not chosen:  # the same trees without it: the test can fail
        free = fitted(rows.with_choices(monotone="none"), scored)
        assert sum(violations(free, scored, feature) for feature in constrained) > 100


def with_a_better(score: str, X: pd.DataFrame, step: float = 0.1) -> pd.DataFrame:
    """The clients with this score higher by a step, and all that is computed from it anew."""
    scores = X[list(EXTERNAL)].astype("float64").reset_index(drop=True)
    scores[score] += step
    rows = [row for row in DERIVED if row.name in moving_with(EXTERNAL)]
    derived = derive(nw.from_native(scores).lazy(), rows).collect().to_pandas()
    moved = [name for name in X.columns if name in moving_with(EXTERNAL)]
    return X.assign(**{name: derived[name].to_numpy(dtype=np.float32) for name in moved})


@pytest.mark.parametrize("name", BOOSTED)
def test_no_client_is_a_higher_risk_for_a_better_score(
    name: str, scored: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = scored.X[scored.X[list(EXTERNAL)].notna().any(axis=1)]

    def higher(model: Any) -> int:
        # Computed anew too: from scores in single precision a last digit can differ.
        before = model.predict_proba(with_a_better(EXTERNAL[0], X, 0.0))[:, 1]
        return sum(
            int((model.predict_proba(with_a_better(score, X))[:, 1] > before + 1e-9).sum())
            for score in EXTERNAL
        )

    assert withheld_features(list(X.columns), "external") == ("EXT_SOURCES_VAR",)
    model = fitted(get_family(name), scored)
    assert higher(model) == 0
    # The trees saw nothing of the variance: any other value of it gives the same risk.
    other = X.assign(EXT_SOURCES_VAR=np.float32(0.2))
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(other))
    # Constraints alone do not keep the promise: the variance rises with the highest score.
    monkeypatch.setattr("project_tools.models.families.withheld_features", lambda *_: ())
    assert higher(fitted(get_family(name), scored)) > 0


def test_lightgbm_s_text_names_method_and_features(scored: Dataset) -> None:
    text = fitted(get_family("lightgbm"), scored).model_text()
    assert "[monotone_constraints_method: intermediate]" in text
    [line] = [row for row in text.splitlines() if row.startswith("monotone_constraints=")]
    signs = [int(sign) for sign in line.partition("=")[2].split()]
    names = list(scored.X.columns)
    assert {n for n, s in zip(names, signs, strict=True) if s == -1} == set(
        falling_features(names, "external")
    )
    free = get_family("lightgbm").with_choices(monotone="none")
    assert "monotone_constraints=" not in fitted(free, scored).model_text()


def test_only_boosted_trees_are_constrained_and_a_wrong_word_is_refused() -> None:
    for name, rows in FAMILIES.items():
        assert rows.with_choices(monotone="none").monotone == (
            "none" if name in BOOSTED else "external"
        )
    with pytest.raises(SettingError, match="unknown monotone 'all'; choose one of external, none"):
        get_family("lightgbm").with_choices(monotone="all")


def test_the_cost_is_paired_with_the_unconstrained_model(
    scored: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("project_tools.governance.monotone.LEAST_OF_CLASS", 10)
    rows, setting = get_family("lightgbm"), {**WILD, **OWN["lightgbm"]}
    model = train(rows, setting, scored, folds=2, seed=1)
    found = monotone_facts(model, setting, scored, folds=2)
    assert found is not None
    assert (found.clients, len(found.features)) == (len(scored), 9)
    assert found.withheld == ("EXT_SOURCES_VAR",)
    free = train(rows.with_choices(monotone="none"), setting, scored, folds=2, seed=1)
    lost = free.scores["AUC"].value - model.scores["AUC"].value
    assert found.auc_lost.value == pytest.approx(lost, abs=0.02)  # calibrated by halves
    apart = np.hypot(free.scores["AUC"].se, model.scores["AUC"].se)
    assert 0 < found.auc_lost.se < apart
    assert found.metrics["monotone.auc_lost"] == found.auc_lost.value
    assert found.metrics["monotone.log_loss_added.se"] == found.log_loss_added.se
    assert monotone_facts(free, setting, scored, folds=2) is None, "nothing is constrained"
