"""Variants of class balancing and of imputation, to be compared on the same folds.

A variant differs from the others of its table only in what is done before the trees. Synthetic rows
and undersampling are steps of an imbalanced-learn pipeline: they act when it is fitted, on a fold's
training rows, and never when it predicts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from time import perf_counter
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.over_sampling import SMOTENC
from imblearn.pipeline import Pipeline as ResamplingPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # publishes none

from project_tools.errors import TrainingError
from project_tools.evaluation.judgement import DECIDING, Judgement, judge
from project_tools.evaluation.metrics import FN_COST, METRICS, Estimate, paired_difference
from project_tools.evaluation.reliability import CalibrationChoice, choose_calibration
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family, Parameters
from project_tools.models.folds import out_of_fold
from project_tools.models.preparation import category_levels, column_kinds

Floats = npt.NDArray[np.float64]
#: Defaulters for each repayer among the rows that the trees of a resampled variant get.
BALANCED = 0.5
#: The same after SMOTENC where undersampling follows.
HALFWAY = 0.2
#: Nearest defaulters of each defaulter that SMOTENC draws the synthetic ones between.
NEIGHBOURS = 5
#: Most clients of a comparison of resamplings, unless the caller asks for a sample:
#: imbalanced-learn holds synthetic rows as lists of Python numbers, some 30 bytes each.
LARGEST_RESAMPLED = 60_000

#: The parameters of balancing that a search may choose.
BALANCE_PARAMETERS = ("balance", "repaid_per_default", "defaults_per_repaid")

Step = Literal["smotenc", "undersample"]


@dataclass(frozen=True, slots=True)
class Variant:
    """What is done before the trees.

    ``choices`` replace those of the family's preparation. SMOTENC takes categories as codes; with
    it, ``one_hot`` says whether they become indicators afterwards. ``resampling`` names the
    samplers in their order. ``class_weight`` is scikit-learn's. A variant that is not about
    balancing has ``balances`` false: the setting's own ``balance`` stays.
    """

    name: str
    choices: Mapping[str, str | bool] = field(default_factory=dict)
    resampling: tuple[Step, ...] = ()
    class_weight: str | None = None
    balances: bool = True

    @property
    def synthesises(self) -> bool:
        return "smotenc" in self.resampling


_CODES, _INDICATORS = {"one_hot": False}, {"one_hot": True}
#: Ways to balance a rare class; the others are compared with the first.
RESAMPLINGS = (
    Variant("one-hot", _INDICATORS),
    Variant("SMOTENC", _CODES, ("smotenc",)),
    Variant("SMOTENC, one-hot", _INDICATORS, ("smotenc",)),
    Variant("undersampling, one-hot", _INDICATORS, ("undersample",)),
    Variant("SMOTENC, undersampling, one-hot", _INDICATORS, ("smotenc", "undersample")),
    Variant("class weights, one-hot", _INDICATORS, class_weight="balanced_subsample"),
)
#: Each scaling with each imputation. Trees split alike under any scaling, so only the imputation
#: can matter.
PREPARATIONS = tuple(
    Variant(
        f"{scaling}, {imputation}", {"scaling": scaling, "imputation": imputation}, balances=False
    )
    for scaling, imputation in product(("min-max", "standard"), ("median", "knn", "zero"))
)


def unbalanced(setting: Parameters) -> dict[str, Any]:
    """The setting without a search's choice of balancing, because the variants have their own."""
    kept = {name: value for name, value in setting.items() if name not in BALANCE_PARAMETERS}
    return kept | ({"balance": "none"} if "balance" in setting else {})


def make_variant(
    variant: Variant,
    family: Family,
    setting: Parameters,
    *,
    seed: int,
    jobs: int,
    X: pd.DataFrame,
) -> Any:
    """The family's unfitted estimator for frames with the columns of ``X``, changed by a variant."""
    changed = family.with_choices(**variant.choices)
    indicators = variant.synthesises and changed.plan is not None and changed.plan.one_hot
    if variant.synthesises:
        # SMOTENC takes categories as whole codes, and numbers that are scaled after this step.
        changed = changed.with_choices(scaling="none", one_hot=False)
    if not variant.balances:
        return changed.make(setting, seed=seed, jobs=jobs, X=X)
    made = changed.make(unbalanced(setting), seed=seed, jobs=jobs, X=X)
    preparation, model = made.steps[0], made.steps[-1]
    model[1].set_params(class_weight=variant.class_weight)
    samplers: list[tuple[str, Any]] = []
    if variant.synthesises:
        samplers += _synthesis(variant, X, seed, indicators=indicators)
    if "undersample" in variant.resampling:
        fewer = RandomUnderSampler(sampling_strategy=BALANCED, random_state=seed)
        samplers.append(("undersampling", fewer))
    return ResamplingPipeline([preparation, *samplers, model]) if samplers else made


def _synthesis(
    variant: Variant, X: pd.DataFrame, seed: int, *, indicators: bool
) -> list[tuple[str, Any]]:
    numbers, categories = column_kinds(X)
    of_numbers = slice(0, len(numbers))
    codes = list(range(len(numbers), len(numbers) + len(categories)))
    ratio = HALFWAY if "undersample" in variant.resampling else BALANCED
    # Neighbours are found by distance: unscaled, the largest amounts alone would choose them.
    scaled = ColumnTransformer([("numbers", StandardScaler(), of_numbers)], remainder="passthrough")
    sampler = SMOTENC(codes, sampling_strategy=ratio, k_neighbors=NEIGHBOURS, random_state=seed)
    steps = [("scaling", scaled), ("synthesis", sampler)]
    if indicators:
        # From the levels' positions, as one-hot encoding makes them; a null gets none.
        encoder = OneHotEncoder(
            categories=[np.arange(len(levels)) for levels in category_levels(X).values()],
            handle_unknown="ignore", sparse_output=False, dtype=np.float32,
        )  # fmt: skip
        encoded = [("numbers", "passthrough", of_numbers), ("levels", encoder, codes)]
        steps.append(("indicators", ColumnTransformer(encoded)))
    return steps


@dataclass(frozen=True, slots=True)
class VariantResult:
    """A variant's out-of-fold figures, and how they differ from those of the first variant.

    ``raw`` are the probabilities before calibration. Resampling and class weights distort them,
    so figures and ``differences``, by score, are of calibrated ones.
    """

    variant: Variant
    raw: Floats
    calibration_choice: CalibrationChoice
    judgement: Judgement
    differences: Mapping[str, Estimate]
    seconds: float

    @property
    def calibrated(self) -> Floats:
        return self.judgement.calibration.apply(self.raw)


@dataclass(frozen=True, slots=True)
class VariantComparison:
    """One setting of a family on one data set, on which variants are compared.

    Folds and held-out rows are the same for all variants. A variant learns everything, synthetic
    rows too, from a fold's training rows.
    """

    family: Family
    setting: Parameters
    data: Dataset
    folds: int = 5
    seed: int = 1
    jobs: int = 1
    fn_cost: float = FN_COST
    metric: str = DECIDING

    def check(self, variants: Sequence[Variant]) -> None:
        """``TrainingError`` where a variant's samplers cannot work on each fold's training rows."""
        if not any(variant.resampling for variant in variants):
            return
        numbers, categories = column_kinds(self.data.X)
        if not numbers or not categories:
            raise TrainingError(
                f"SMOTENC takes numbers and categories; the data has {len(numbers)} numbers and "
                f"{len(categories)} categories after the exclusions"
            )
        y = self.data.y
        defaulted, repaid = int(np.sum(y == 1)), int(np.sum(y == 0))
        fewest = defaulted - -(-defaulted // self.folds)
        if fewest <= NEIGHBOURS:
            raise TrainingError(
                f"SMOTENC needs more than {NEIGHBOURS} defaulters among a fold's training clients; "
                f"there are {fewest} of {defaulted}; give more clients"
            )
        if defaulted >= HALFWAY * repaid:
            raise TrainingError(
                f"{defaulted:,} of {len(y):,} clients defaulted; resampling is compared where fewer "
                f"than {HALFWAY} default for each who repays"
            )

    def result(self, variant: Variant, first: VariantResult | None = None) -> VariantResult:
        """A variant's out-of-fold figures beside those of ``first``, or of itself without one."""
        start, y = perf_counter(), self.data.y

        def make() -> Any:
            return make_variant(
                variant, self.family, self.setting, seed=self.seed, jobs=self.jobs, X=self.data.X
            )

        with threadpool_limits(self.jobs):
            raw = out_of_fold(make, self.data, folds=self.folds, seed=self.seed)
        choice = choose_calibration(y, raw, seed=self.seed)
        judgement = judge(
            y, raw, metric=self.metric, fn_cost=self.fn_cost, calibration=choice.calibration,
            draw=self.data.draw,
        )  # fmt: skip
        one = judgement.calibration.apply(raw), judgement.threshold.value
        other = one if first is None else (first.calibrated, first.judgement.threshold.value)
        differences = {
            name: paired_difference(name, y, one, other, fn_cost=self.fn_cost, draw=self.data.draw)
            for name in METRICS
        }
        return VariantResult(variant, raw, choice, judgement, differences, perf_counter() - start)

    def results(self, variants: Sequence[Variant]) -> list[VariantResult]:
        """All variants, each compared with the first."""
        self.check(variants)
        first = self.result(variants[0])
        return [first, *(self.result(variant, first) for variant in variants[1:])]


def comparison_table(results: Sequence[VariantResult], clients: int) -> str:
    """The variants below each other, each beside its difference from the first."""
    first = results[0]
    names = list(dict.fromkeys((first.judgement.metric, "AUC", "brier")))
    width = max(len(row.variant.name) for row in results)
    heads = "".join(f"{name:>17} {'difference':>18}" for name in names)
    lines = [f"{'variant':<{width}}{heads} {'seconds':>8}"]
    for row in results:
        line = f"{row.variant.name:<{width}}"
        for name in names:
            score, gap = row.judgement.scores[name], row.differences[name]
            difference = "-" if row is first else f"{gap.value:+.4f} ± {gap.se:.4f}"
            line += f"{f'{score.value:.4f} ± {score.se:.4f}':>17} {difference:>18}"
        lines.append(f"{line} {row.seconds:>8.0f}")
    lines.append(
        f"{clients:,} clients, out of fold, calibrated; ± one standard error; differences from "
        f"{first.variant.name!r}, paired on the same clients"
    )
    return "\n".join(lines)
