"""What a model must beat: granting all, refusing all, the best one-line rule, a plain logistic.

They are judged on the same clients as the models, and learn from the same training clients.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from project_tools.evaluation.judgement import threshold_for
from project_tools.evaluation.metrics import METRICS
from project_tools.evaluation.threshold import break_even_probability
from project_tools.models.dataset import Dataset
from project_tools.models.folds import fold_rows

Floats = npt.NDArray[np.float64]
#: The columns of the plain logistic: the external scores, age and time in the job.
FIVE = ("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3", "DAYS_BIRTH", "DAYS_EMPLOYED")
#: Features that rank clients best on a part of them get an exact cut; ranking all takes seconds.
_RANKED_CLIENTS, _CUT_FEATURES = 4_000, 5
_LOSS = METRICS["loss_of_income"]


@dataclass(frozen=True, slots=True)
class ReferenceLine:
    """A line with its probabilities of the judged clients, and the threshold of its decisions."""

    name: str
    detail: str
    p: Floats
    threshold: float


@dataclass(frozen=True, slots=True)
class Rule:
    """Refuse where a feature lies above a cut (below it, where ``sign`` is -1); nulls as ``usual``.

    ``granted_rate`` and ``refused_rate`` are the rates of default on either side.
    """

    feature: str
    sign: int
    cut: float
    usual: float
    granted_rate: float
    refused_rate: float

    @property
    def text(self) -> str:
        """The rule in one line."""
        side = "above" if self.sign > 0 else "below"
        return f"refuse if {self.feature} is {side} {self.sign * self.cut:.4g}"

    def probabilities(self, X: pd.DataFrame) -> Floats:
        """The rate of default of each client's side."""
        scores = self.sign * X[self.feature].to_numpy(np.float64)
        refused = np.where(np.isnan(scores), self.usual, scores) > self.cut
        return np.where(refused, self.refused_rate, self.granted_rate)


def best_rule(X: pd.DataFrame, y: npt.NDArray[Any], fn_cost: float, *, seed: int = 1) -> Rule:
    """The rule on one number with the least loss of income on these clients.

    Of the features that rank a part of the clients best, each gets its exact cut in both directions.
    """
    numbers = X.select_dtypes("number")
    chosen = np.random.default_rng(seed).permutation(len(y))[:_RANKED_CLIENTS]
    part = numbers.iloc[chosen].to_numpy(np.float64)
    part = np.where(np.isnan(part), np.nanmedian(np.where(np.isnan(part), 0, part), axis=0), part)
    ranks = rankdata(part, axis=0)
    defaulted = y[chosen] == 1
    apart = np.abs(ranks[defaulted].mean(axis=0) - ranks[~defaulted].mean(axis=0))
    best: tuple[float, Rule] | None = None
    for place in np.argsort(-apart, kind="stable")[:_CUT_FEATURES]:
        values = numbers.iloc[:, place].to_numpy(np.float64)
        for sign in (1, -1):
            scores = sign * values
            usual = float(np.nanmedian(scores)) if np.isfinite(scores).any() else 0.0
            scores = np.where(np.isnan(scores), usual, scores)
            levels, position = np.unique(scores, return_inverse=True)
            threshold = threshold_for(_LOSS, y, (position + 1) / (len(levels) + 1), fn_cost)
            last = int(
                np.clip(np.floor(threshold.value * (len(levels) + 1)) - 1, 0, len(levels) - 1)
            )
            refused = scores > levels[last]
            even = break_even_probability(fn_cost)
            granted_rate = min(float(y[~refused].mean()), even)
            refused_rate = max(float(y[refused].mean()), even + 1e-6) if refused.any() else 1.0
            name = str(numbers.columns[place])
            rule = Rule(name, sign, float(levels[last]), usual, granted_rate, refused_rate)
            if best is None or threshold.score < best[0]:
                best = threshold.score, rule
    if best is None:
        raise ValueError("a rule needs a number among the features")
    return best[1]


def plain_logistic(X: pd.DataFrame, y: npt.NDArray[Any]) -> tuple[Any, list[str]]:
    """A logistic regression on the five columns (those that there are), and their names."""
    columns = [name for name in FIVE if name in X.columns]
    columns = columns or list(X.select_dtypes("number").columns[: len(FIVE)])
    model = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(max_iter=1_000),
    )
    return model.fit(X[columns], y), columns


def out_of_fold_lines(
    data: Dataset, *, folds: int, seed: int, fn_cost: float
) -> list[ReferenceLine]:
    """The lines on training clients: rule and logistic learn without the fold that they judge."""
    rule, logistic, texts = np.empty(len(data)), np.empty(len(data)), []
    columns: list[str] = []
    for train, held_out in fold_rows(data.y, folds, seed):
        X, y, judged = data.X.iloc[train], data.y[train], data.X.iloc[held_out]
        one = best_rule(X, y, fn_cost, seed=seed)
        rule[held_out] = one.probabilities(judged)
        texts.append(one.text)
        model, columns = plain_logistic(X, y)
        logistic[held_out] = model.predict_proba(judged[columns])[:, 1]
    return _lines(data.y, fn_cost, (rule, f"{texts[0]} (first fold)"), (logistic, columns))


def held_out_lines(training: Dataset, test: Dataset, fn_cost: float) -> list[ReferenceLine]:
    """The lines on test clients: rule and logistic learn from the training clients."""
    one = best_rule(training.X, training.y, fn_cost)
    model, columns = plain_logistic(training.X, training.y)
    logistic = model.predict_proba(test.X[columns])[:, 1]
    return _lines(test.y, fn_cost, (one.probabilities(test.X), one.text), (logistic, columns))


def _lines(
    y: npt.NDArray[Any],
    fn_cost: float,
    rule: tuple[Floats, str],
    logistic: tuple[Floats, Sequence[str]],
) -> list[ReferenceLine]:
    even, alike = break_even_probability(fn_cost), np.full(len(y), float(np.mean(y)))
    return [
        ReferenceLine("grant all", "no model", alike, 1.0),
        ReferenceLine("refuse all", "no model", alike, -1.0),
        ReferenceLine("best rule", rule[1], rule[0], even),
        ReferenceLine("plain logistic", f"on {', '.join(logistic[1])}", logistic[0], even),
    ]
