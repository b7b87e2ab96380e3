"""Bounds of realism on a small size; benchmarks/demo_realism.py measures the whole of it."""

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from project_tools.demo.figures import PROBABILITIES, applications, plain
from project_tools.demo.people import DEFAULT_RATE, people
from project_tools.demo.realism import auc_distances, distances, rank_distances
from project_tools.tables.declared import TABLES


def figures(table: str) -> dict:
    return (plain("realism")["tables"] | plain("history"))[table]["columns"]


@pytest.mark.parametrize("table", TABLES)
def test_nulls_levels_and_quantiles_are_near(demo, table):
    found = list(distances(table, demo[table], figures(table)))
    small = demo[table].height < 2_000
    for kind, bound in (("null share", 0.03), ("level share", 0.04), ("quantile", 0.13)):
        far = [d for d in found if d.kind == kind and abs(d.gap) > bound * (2 if small else 1)]
        assert not far
    assert len(found) >= len(figures(table))


def test_strong_rank_correlations_are_near(demo):
    pairs = [tuple(pair) for pair in plain("realism")["pairs"]]
    found = rank_distances(demo["application_train"], pairs)
    assert len(found) == len(pairs) > 500
    assert not [d for d in found if abs(d.gap) > 0.12]


def test_the_strongest_columns_tell_defaults_as_the_real_ones_do(demo):
    """418 defaults: the standard error of an AUC is about .014, larger beside nulls."""
    found = auc_distances(demo["application_train"], plain("realism")["auc"])[:20]
    assert not [d for d in found if abs(d.gap) > 0.06]
    assert np.mean([abs(d.gap) for d in found]) < 0.025


def test_default_comes_by_quota(demo):
    assert demo["application_train"]["TARGET"].mean() == pytest.approx(DEFAULT_RATE, abs=0.002)


HISTORY = {
    "days past due of instalments": ("installments_payments", pl.col("DAYS_ENTRY_PAYMENT") > pl.col("DAYS_INSTALMENT")),
    "refusals": ("previous_application", pl.col("NAME_CONTRACT_STATUS") == "Refused"),
    "running loans elsewhere": ("bureau", pl.col("CREDIT_ACTIVE") == "Active"),
    "use of the card's limit": ("credit_card_balance", pl.when(pl.col("AMT_CREDIT_LIMIT_ACTUAL") > 0).then(pl.col("AMT_BALANCE") / pl.col("AMT_CREDIT_LIMIT_ACTUAL"))),
}  # fmt: skip


@pytest.mark.parametrize("sign", HISTORY)
def test_history_shows_risk_that_the_application_does_not(demo, sign):
    """Beside the external scores, which stand for the application."""
    table, expression = HISTORY[sign]
    shown = demo[table].group_by("SK_ID_CURR").agg(shown=expression.cast(pl.Float64).mean())
    train = demo["application_train"].join(shown, on="SK_ID_CURR").drop_nulls("shown")
    scores = train.select(pl.col("^EXT_SOURCE_.$").fill_null(strategy="mean")).to_numpy()
    sign_ = train["shown"].to_numpy()
    together = np.column_stack([scores, (sign_ - sign_.mean()) / sign_.std()])
    model = LogisticRegression().fit(together, train["TARGET"].to_numpy())
    assert model.coef_[0, -1] > 0.02


def test_external_scores_together_tell_defaults(demo):
    train = demo["application_train"]
    scores = train.select(pl.col("^EXT_SOURCE_.$").fill_null(strategy="mean")).to_numpy()
    target = train["TARGET"].to_numpy()
    predicted = LogisticRegression().fit(scores, target).predict_proba(scores)[:, 1]
    assert 0.68 < roc_auc_score(target, predicted) < 0.77


def test_chunks_add_up_to_the_quota():
    random = np.random.default_rng(0)
    parts = [people(random, first, 500, 1_500) for first in (0, 500, 1_000)]
    labelled = sum(int(p.labelled.sum()) for p in parts)
    defaults = sum(int(p.target.sum()) for p in parts)
    assert labelled == round(1_500 * 307_511 / 356_255)
    assert defaults == round(labelled * DEFAULT_RATE)
    assert all((p.target[~p.labelled] == 0).all() for p in parts)


def test_figures_are_distributions():
    known = applications()
    assert (np.linalg.eigvalsh(known.correlation) > 0).all()
    for name, sides in known.marginals.items():
        for marginal in sides.values():
            if name == "NAME_INCOME_TYPE":  # of those who work
                continue
            if marginal.knots is not None:
                assert len(marginal.knots) == len(PROBABILITIES)
                assert (np.diff(marginal.knots) >= 0).all()
            elif marginal.values:
                assert marginal.shares.sum() == pytest.approx(1, abs=1e-3)


def test_distances_tell_what_is_far():
    rows = pl.DataFrame({"a": [1.0, 1.0, 2.0, None], "b": ["x", "x", "y", "y"]})
    known = {
        "a": {"null": 0.5, "knots": [[0.0, 0.5, 1.0], [1.0, 1.5, 2.0]]},
        "b": {"null": 0.0, "levels": {"x": 0.25, "y": 0.75}},
    }
    found = {(d.kind, d.column): d.gap for d in distances("t", rows, known)}
    assert found["null share", "a"] == -0.25
    assert found["quantile", "a"] == pytest.approx(2 / 3 - 0.5)
    assert found["level share", "b = x"] == 0.25
    assert found["level share", "b = y"] == -0.25
