"""The nine scores against scikit-learn's, and their standard errors against the bootstrap."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    fbeta_score,
    log_loss,
    roc_auc_score,
)

from project_tools.evaluation.judgement import evaluate
from project_tools.evaluation.metrics import METRICS, get_metric, paired_difference

ROWS, RESAMPLES, THRESHOLD = 1_500, 500, 0.35


def lent(seed: int = 0, skill: float = 1.0, ties: int = 200) -> tuple[Any, Any]:
    """Labels and probabilities with ties."""
    random = np.random.default_rng(seed)
    y = (random.random(ROWS) < 0.25).astype("int8")
    p = 1 / (1 + np.exp(-(skill * (2 * y - 1) + random.normal(size=ROWS) - 0.7)))
    return y, np.round(p * ties) / ties


def resampled(seed: int = 1) -> Any:
    random = np.random.default_rng(seed)
    return (random.integers(0, ROWS, ROWS) for _ in range(RESAMPLES))


def test_the_metrics_of_the_design() -> None:
    better = {name: row.greater_is_better for name, row in METRICS.items()}
    assert better == {
        "loss_of_income": False, "AUC": True, "f2": True, "recall_specificity_G_mean": True,
        "average_precision": True, "brier": False, "log_loss": False, "KS": True, "Gini": True,
    }  # fmt: skip
    of_decisions = {name for name, row in METRICS.items() if row.of_counts is not None}
    assert of_decisions == {"loss_of_income", "f2", "recall_specificity_G_mean"}


def test_values_are_those_of_others() -> None:
    y, p = lent()
    risk = p > THRESHOLD
    tn, fp, fn, tp = confusion_matrix(y, risk).ravel()
    wanted = {
        "loss_of_income": (3 * fn + fp) / ROWS,
        "AUC": roc_auc_score(y, p),
        "f2": fbeta_score(y, risk, beta=2),
        "recall_specificity_G_mean": ((tp / (tp + fn)) ** 5 * tn / (tn + fp)) ** (1 / 6),
        "average_precision": average_precision_score(y, p),
        "brier": brier_score_loss(y, p),
        "log_loss": log_loss(y, p),
        "KS": ks_2samp(p[y == 1], p[y == 0]).statistic,
        "Gini": 2 * roc_auc_score(y, p) - 1,
    }
    found = evaluate(y, p, THRESHOLD, fn_cost=3)
    assert {name: score.value for name, score in found.items()} == pytest.approx(wanted)


@pytest.mark.parametrize("name", METRICS)
def test_a_standard_error_is_that_of_the_bootstrap(name: str) -> None:
    y, p = lent()
    row = get_metric(name)
    values = [row.score(y[i], p[i], threshold=THRESHOLD).value for i in resampled()]
    found = row.score(y, p, threshold=THRESHOLD)
    assert found.se == pytest.approx(np.std(values), rel=0.15)
    low, high = found.interval
    assert low < found.value < high


@pytest.mark.parametrize("name", METRICS)
def test_the_error_of_a_difference_is_paired(name: str) -> None:
    """Two models that err on the same clients: their difference is surer than either figure."""
    y, p = lent()
    noise = np.random.default_rng(5).normal(0, 0.04, ROWS)
    q = np.clip(p + noise, 0.001, 0.999)
    p = np.clip(p, 0.001, 0.999)
    row = get_metric(name)
    values = [
        row.score(y[i], p[i], threshold=THRESHOLD).value
        - row.score(y[i], q[i], threshold=THRESHOLD).value
        for i in resampled()
    ]
    found = paired_difference(name, y, (p, THRESHOLD), (q, THRESHOLD))
    # The place of the largest distance moves from sample to sample: KS errs on the safe side.
    most = 1.5 if name == "KS" else 1.2
    assert 0.8 < found.se / np.std(values) < most
    assert found.se < row.score(y, p, threshold=THRESHOLD).se


@pytest.mark.parametrize("label", [0, 1])
def test_a_loss_is_defined_with_one_class(label: int) -> None:
    y, p = np.full(4, label), np.array([0.1, 0.4, 0.6, 0.9])
    loss = get_metric("loss_of_income").score(y, p, threshold=0.5).value
    assert loss == (2 * 5 if label else 2) / 4
