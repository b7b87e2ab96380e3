"""Variants of one family on the same folds and rows, compared paired, after calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes none

from project_tools.evaluation.judgement import DECIDING, Judgement, judge
from project_tools.evaluation.metrics import FN_COST, SCORERS, Score, paired_difference
from project_tools.evaluation.reliability import CalibrationChoice, choose_calibration
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family, Parameters
from project_tools.models.folds import out_of_fold
from project_tools.models.variants import Variant, check_resampled, make_variant

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Compared:
    """One variant: what its out-of-fold probabilities are worth and how that differs.

    ``raw`` are the probabilities before calibration; resampling and class weights distort them,
    so figures and ``differences`` (from the first variant, by score) are of calibrated ones.
    """

    variant: Variant
    raw: Floats
    calibrating: CalibrationChoice
    judgement: Judgement
    differences: Mapping[str, Score]
    seconds: float

    @property
    def calibrated(self) -> Floats:
        return self.judgement.calibration.apply(self.raw)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One setting of a family on one data set: what every variant of it has in common.

    Folds and held-out rows are the same for all variants; everything that a variant learns,
    synthetic rows too, it learns from a fold's training rows.
    """

    rows: Family
    setting: Parameters
    data: Dataset
    folds: int = 5
    seed: int = 1
    jobs: int = 1
    fn_cost: float = FN_COST
    metric: str = DECIDING

    def check(self, variants: Sequence[Variant]) -> None:
        """``TrainingError`` where the samplers of a variant cannot work on the data."""
        if any(variant.resampling for variant in variants):
            check_resampled(self.data.X, self.data.y, self.folds)

    def judged(self, variant: Variant, first: Compared | None = None) -> Compared:
        """A variant, out of fold, beside the one that it is compared with (itself if none)."""
        start, y = perf_counter(), self.data.y
        with threadpool_limits(self.jobs):
            raw = out_of_fold(
                lambda: self._made(variant), self.data, folds=self.folds, seed=self.seed
            )
        chosen = choose_calibration(y, raw, seed=self.seed)
        judgement = judge(
            y, raw, metric=self.metric, fn_cost=self.fn_cost, calibration=chosen.calibration
        )
        one = judgement.calibration.apply(raw), judgement.threshold.value
        other = one if first is None else (first.calibrated, first.judgement.threshold.value)
        differences = {
            name: paired_difference(name, y, one, other, fn_cost=self.fn_cost) for name in SCORERS
        }
        return Compared(variant, raw, chosen, judgement, differences, perf_counter() - start)

    def all(self, variants: Sequence[Variant]) -> list[Compared]:
        """Each variant; the first is what the others are compared with."""
        self.check(variants)
        first = self.judged(variants[0])
        return [first, *(self.judged(variant, first) for variant in variants[1:])]

    def _made(self, variant: Variant) -> Any:
        return make_variant(
            variant, self.rows, self.setting, seed=self.seed, jobs=self.jobs, X=self.data.X
        )


def comparison_table(found: Sequence[Compared], clients: int) -> str:
    """The variants below each other, each beside its difference from the first."""
    metric = found[0].judgement.metric
    first, shown = found[0].variant.name, list(dict.fromkeys((metric, "AUC", "brier")))
    width = max(len(row.variant.name) for row in found)
    heads = "".join(f"{name:>17} {'difference':>18}" for name in shown)
    lines = [f"{'variant':<{width}}{heads} {'seconds':>8}"]
    for row in found:
        cells = "".join(
            f"{_figure(row.judgement.scores[name]):>17} {_difference(row, name, first):>18}"
            for name in shown
        )
        lines.append(f"{row.variant.name:<{width}}{cells} {row.seconds:>8.0f}")
    lines.append(
        f"{clients:,} clients, out of fold, calibrated; ± one standard error; differences from "
        f"{first!r}, paired on the same clients"
    )
    return "\n".join(lines)


def _figure(score: Score) -> str:
    return f"{score.value:.4f} ± {score.se:.4f}"


def _difference(row: Compared, name: str, first: str) -> str:
    if row.variant.name == first:
        return "-"
    score = row.differences[name]
    return f"{score.value:+.4f} ± {score.se:.4f}"
