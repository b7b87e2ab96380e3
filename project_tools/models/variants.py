"""How a forest may be told that defaulters are rare and how its numbers are made complete.

Two tables of variants of one family. A variant differs from its neighbours in what is done before
the trees alone, so that two of them can be compared on the same folds. Synthetic rows and
undersampling are steps of an imbalanced-learn pipeline: they act when it is fitted, on a fold's
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

#: Defaulters for each repayer among the rows that the trees of a resampled variant see.
BALANCED = 0.5
#: The same after SMOTENC where undersampling does the rest.
HALFWAY = 0.2
#: Clients of a fold that SMOTENC looks for between a defaulter and the synthetic one beside it.
NEIGHBOURS = 5
#: Clients of a comparison of resamplings, unless a sample is asked for: imbalanced-learn holds
#: synthetic rows as lists of Python numbers, some 30 bytes each.
LARGEST_RESAMPLED = 60_000

#: What a search may choose of balancing.
BALANCE_PARAMETERS = ("balance", "repaid_per_default", "defaults_per_repaid")

Step = Literal["smotenc", "undersample"]


@dataclass(frozen=True, slots=True)
class Variant:
    """What is done before the trees.

    ``choices`` replace those of the family's preparation; with SMOTENC, which takes categories as
    codes, ``one_hot`` among them says whether they become indicators after it. ``resampling``
    names the samplers in their order. ``class_weight`` is scikit-learn's. Where ``balances`` is
    false neither is asked for, and the setting's own ``balance`` stays.
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
#: Ways to deal with a class that is rare; the first is what the others are compared with.
RESAMPLINGS = (
    Variant("one-hot", _INDICATORS),
    Variant("SMOTENC", _CODES, ("smotenc",)),
    Variant("SMOTENC, one-hot", _INDICATORS, ("smotenc",)),
    Variant("undersampling, one-hot", _INDICATORS, ("undersample",)),
    Variant("SMOTENC, undersampling, one-hot", _INDICATORS, ("smotenc", "undersample")),
    Variant("class weights, one-hot", _INDICATORS, class_weight="balanced_subsample"),
)
#: Scaling by imputation; trees split alike whatever keeps the order, so only the second can matter.
PREPARATIONS = tuple(
    Variant(
        f"{scaling}, {imputation}", {"scaling": scaling, "imputation": imputation}, balances=False
    )
    for scaling, imputation in product(("min-max", "standard"), ("median", "knn", "zero"))
)


def unbalanced(setting: Parameters) -> dict[str, Any]:
    """A setting without the balancing that a search may have chosen: the variants have their own."""
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
    """An unfitted estimator of a family for frames with the columns of ``X``, changed as told."""
    changed = family.with_choices(**variant.choices)
    indicators = variant.synthesises and changed.plan is not None and changed.plan.one_hot
    if variant.synthesises:
        # SMOTENC takes categories as whole codes; it gets numbers scaled after this.
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
    codes = list(range(len(numbers), len(numbers) + len(categories)))
    ratio = HALFWAY if "undersample" in variant.resampling else BALANCED
    # Neighbours are found by distance: unscaled, the largest amounts would choose them alone.
    return [
        ("scaling", _scaled_numbers(len(numbers))),
        (
            "synthesis",
            SMOTENC(codes, sampling_strategy=ratio, k_neighbors=NEIGHBOURS, random_state=seed),
        ),
        *([("indicators", _indicators(X, len(numbers), codes))] if indicators else []),
    ]


def _scaled_numbers(numbers: int) -> ColumnTransformer:
    return ColumnTransformer(
        [("numbers", StandardScaler(), slice(0, numbers))], remainder="passthrough"
    )


def _indicators(X: pd.DataFrame, numbers: int, codes: list[int]) -> ColumnTransformer:
    """Indicators of levels from their positions, as one-hot encoding gives; none for a null."""
    positions = [np.arange(len(levels)) for levels in category_levels(X).values()]
    encoder = OneHotEncoder(
        categories=positions, handle_unknown="ignore", sparse_output=False, dtype=np.float32
    )
    return ColumnTransformer(
        [("numbers", "passthrough", slice(0, numbers)), ("levels", encoder, codes)]
    )


def check_resampled(X: pd.DataFrame, y: npt.NDArray[Any], folds: int) -> None:
    """``TrainingError`` where the samplers cannot work on each fold's training rows."""
    numbers, categories = column_kinds(X)
    if not numbers or not categories:
        raise TrainingError(
            f"SMOTENC takes numbers and categories; the data has {len(numbers)} numbers and "
            f"{len(categories)} categories after the exclusions"
        )
    defaulted, repaid = int(np.sum(y == 1)), int(np.sum(y == 0))
    fewest = defaulted - -(-defaulted // folds)
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
    differences: Mapping[str, Estimate]
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

    family: Family
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
            name: paired_difference(name, y, one, other, fn_cost=self.fn_cost) for name in METRICS
        }
        return Compared(variant, raw, chosen, judgement, differences, perf_counter() - start)

    def all(self, variants: Sequence[Variant]) -> list[Compared]:
        """Each variant; the first is what the others are compared with."""
        self.check(variants)
        first = self.judged(variants[0])
        return [first, *(self.judged(variant, first) for variant in variants[1:])]

    def _made(self, variant: Variant) -> Any:
        return make_variant(
            variant, self.family, self.setting, seed=self.seed, jobs=self.jobs, X=self.data.X
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


def _figure(score: Estimate) -> str:
    return f"{score.value:.4f} ± {score.se:.4f}"


def _difference(row: Compared, name: str, first: str) -> str:
    if row.variant.name == first:
        return "-"
    score = row.differences[name]
    return f"{score.value:+.4f} ± {score.se:.4f}"
