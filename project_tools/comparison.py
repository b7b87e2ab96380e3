"""Variants of one family on the same folds and rows, compared paired, after calibration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes none

from project_tools.dataset import Dataset
from project_tools.evaluation import DECIDING, Judgement, judge, out_of_fold
from project_tools.families import Family, Parameters
from project_tools.reliability import CalibrationChoice, choose_calibration
from project_tools.resampling import Variant, check_resampled, make_variant
from project_tools.scorers import FN_COST, SCORERS, Score, paired_difference

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


def compare(
    variants: Sequence[Variant],
    rows: Family,
    setting: Parameters,
    data: Dataset,
    *,
    folds: int = 5,
    seed: int = 1,
    jobs: int = 1,
    fn_cost: float = FN_COST,
    metric: str = DECIDING,
    on_start: Callable[[Variant], None] = lambda _: None,
    on_end: Callable[[Compared], None] = lambda _: None,
) -> list[Compared]:
    """Each variant of a setting, out of fold; the first is what the others are compared with.

    Everything that a variant learns, synthetic rows too, it learns from a fold's training rows;
    folds and held-out rows are the same for all. Raises ``TrainingError`` where the samplers of
    a variant cannot work on the data.
    """
    if any(variant.resampling for variant in variants):
        check_resampled(data.X, data.y, folds)
    found: list[Compared] = []
    for variant in variants:
        on_start(variant)
        start = perf_counter()
        with threadpool_limits(jobs):
            raw = out_of_fold(
                lambda variant=variant: make_variant(  # type: ignore[misc]  # bound in this round
                    variant, rows, setting, seed=seed, jobs=jobs, X=data.X
                ),
                data,
                folds=folds,
                seed=seed,
            )
        chosen = choose_calibration(data.y, raw, seed=seed)
        judgement = judge(
            data.y, raw, metric=metric, fn_cost=fn_cost, calibration=chosen.calibration
        )
        one = judgement.calibration.apply(raw), judgement.threshold.value
        other = _decided(found[0]) if found else one
        differences = _differences(data.y, one, other, fn_cost)
        seconds = perf_counter() - start
        found.append(Compared(variant, raw, chosen, judgement, differences, seconds))
        on_end(found[-1])
    return found


def _decided(compared: Compared) -> tuple[Floats, float]:
    return compared.calibrated, compared.judgement.threshold.value


def _differences(
    y: npt.NDArray[Any], one: tuple[Floats, float], other: tuple[Floats, float], fn_cost: float
) -> dict[str, Score]:
    return {name: paired_difference(name, y, one, other, fn_cost=fn_cost) for name in SCORERS}


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
