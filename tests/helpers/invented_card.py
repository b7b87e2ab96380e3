"""A model card of invented clients, made by the functions that make the real one's figures."""

from dataclasses import asdict
from functools import cache

import numpy as np
import pandas as pd

from project_tools.evaluation.judgement import evaluate
from project_tools.evaluation.metrics import METRICS, Estimate
from project_tools.evaluation.reliability import calibration_line, reliability_curve
from project_tools.evaluation.threshold_choice import ThresholdChoice
from project_tools.governance.card import (
    CalibrationFacts,
    Card,
    Clients,
    DataFacts,
    Driver,
    ExclusionFacts,
    LineFigures,
    MonotoneFacts,
    Result,
    ThresholdPoint,
)
from project_tools.governance.segments import (
    Figure,
    audit_groups,
    cost_of_exclusion,
    segment_report,
)
from project_tools.models.final_evaluation import CostPoint

THRESHOLD, FN_COST = 1 / 6, 5.0
Clientele = tuple[np.ndarray, np.ndarray, pd.DataFrame]


def clientele(count: int = 12_000, seed: int = 3) -> Clientele:
    """Outcomes, true probabilities and the columns that an audit groups by."""
    random = np.random.default_rng(seed)
    age = random.integers(21, 69, count)
    columns = pd.DataFrame(
        {
            "CODE_GENDER": random.choice(["F", "M"], count, p=[0.66, 0.34]),
            "DAYS_BIRTH": -365.25 * age,
            "NAME_FAMILY_STATUS": random.choice(
                ["Married", "Single / not married", "Widow"], count, p=[0.7, 0.24, 0.06]
            ),
            "NAME_EDUCATION_TYPE": random.choice(
                ["Secondary / secondary special", "Higher education", "Academic degree"],
                count, p=[0.75, 0.248, 0.002],
            ),
            "NAME_INCOME_TYPE": random.choice(["Working", "Pensioner"], count, p=[0.8, 0.2]),
            "BUREAU_DAYS_CREDIT_MEAN": np.where(random.random(count) < 0.1, np.nan, -500.0),
        }
    )  # fmt: skip
    logit = -2.9 - 0.02 * (age - 40) + 0.25 * (columns["CODE_GENDER"] == "M")
    p = 1 / (1 + np.exp(-random.normal(logit, 0.9)))
    return (random.random(count) < p).astype(int), p, columns


@cache
def invented_card() -> Card:
    y, p, columns = clientele()
    noisy = 1 / (
        1 + np.exp(-(np.log(p / (1 - p)) + np.random.default_rng(0).normal(0, 0.05, len(p))))
    )
    scores = evaluate(y, p, THRESHOLD, FN_COST)
    line, rate = calibration_line(y, p), float(y.mean())
    return Card(
        name="credit_scoring", version="unregistered", alias="", run_id="0f" * 16,
        created="2026-11-24T12:00:00+00:00", commit="a" * 40, tree="clean", family="LightGBM",
        data=DataFacts(
            "features.parquet", "d" * 64, "a" * 64, "b" * 64, "c" * 64,
            Clients(48_000, 3_900), Clients(len(y), int(y.sum())), 735, ("CODE_GENDER",) * 37, 60_000, True,
        ),
        threshold=THRESHOLD, fn_cost=FN_COST, metric="loss_of_income", folds=5, seed=1,
        results=tuple(
            Result(name, METRICS[name].label, one.value + 0.001, one.se, one.value, *(METRICS[name].interval(one) or ()))
            for name, one in scores.items()
        ),
        calibration=CalibrationFacts(
            **asdict(line), method="platt", curve=tuple(reliability_curve(y, p))
        ),
        costs=tuple(
            CostPoint(c, min(c * rate, 1 - rate) * 0.85, 0.005, c * rate * 0.9, c * rate, 1 - rate)
            for c in range(1, 21)
        ),
        granted=float(np.mean(p <= THRESHOLD)),
        segments=segment_report(y, p, audit_groups(columns), threshold=THRESHOLD, fn_cost=FN_COST),
        exclusion=ExclusionFacts(
            len(y), 15_000, True, cost_of_exclusion(y, (noisy, THRESHOLD), (p, THRESHOLD), fn_cost=FN_COST)
        ),
        parameters={"num_leaves": 31, "learning_rate": 0.0312345, "n_estimators": 412},
        versions={"lightgbm": "4.7.0", "numpy": "2.4.6"},
        owner="Dana Weiss", approver="",
        threshold_choice=ThresholdChoice(THRESHOLD, 0.19, Estimate(0.0004, 0.0011)),
        drivers=(Driver("EXT_SOURCE_2", "Score of the second bureau", 0.31),),
        lines=(LineFigures("grant all", "no model", Figure(5 * rate, 0.35, 0.45), Figure(0.5)),),
        sensitivity=(ThresholdPoint(0.25, 0.93, Figure(0.36, 0.34, 0.38)),),
        monotone=MonotoneFacts(
            ("EXT_SOURCE_2",), 5_000, 11_000, Estimate(-0.0003, 0.0003), Estimate(0.001, 0.002),
            Estimate(-0.0001, 0.0001),
        ),
        changes=("threshold: 0.2000 before, 0.1667 now",),
    )  # fmt: skip
