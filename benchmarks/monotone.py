"""How often a client would be refused for a better external score, and what preventing it costs.

Three LightGBM variants of one setting, out of fold on the same folds of all training clients:
``withheld`` (what ``monotone=external`` does: nine features constrained, those that move with the
scores in no single direction withheld), ``constrained`` (the nine constraints alone), ``none``.
For each client held out of a fold and each known external score, the score rises by ``STEP``, at
most to ``HIGHEST``, and every feature that is computed from it is computed anew by the definitions
of the features. Counted are clients whose risk rises, and granted ones who would be refused. Run it
from the root:

    python benchmarks/monotone.py FEATURES [FEATURES …] [--profile demo] [--draws 3] [--jobs 2] [--check]

The differences in AUC and log loss to ``withheld`` are paired. That error does not hold the chance
by which each tree draws its columns, and the variants draw others: ``--draws`` repeats the fits
with other seeds, and the mean over files and draws has its error over these.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from search import applications  # beside this script; it also sets how OpenMP's threads wait

from project_tools.evaluation.calibration_fit import fit_platt
from project_tools.evaluation.metrics import FN_COST, paired_difference
from project_tools.evaluation.threshold import break_even_probability
from project_tools.features.catalogue import moving_with
from project_tools.features.definitions.application import DERIVED, EXTERNAL
from project_tools.features.operations import derive
from project_tools.models import families
from project_tools.models.dataset import Dataset, load_dataset, stratified_sample
from project_tools.models.families import Family, get_family
from project_tools.models.folds import fold_rows, out_of_fold
from project_tools.models.monotone import withheld_features

STEP, HIGHEST = 0.1, 0.99
FOLDS, SEED = 5, 1
#: A risk that rises by less is rounding.
ROUNDING = 1e-9
VARIANTS = ("withheld", "constrained", "none")
SCORES = ("AUC", "log_loss")
#: What is computed from a client's own scores, in the order of computation.
MOVED = tuple(row for row in DERIVED if row.name in moving_with(EXTERNAL))


def with_scores(X: pd.DataFrame) -> pd.DataFrame:
    """The frame with every feature that is computed from the external scores computed anew."""
    scores = nw.from_native(X[list(EXTERNAL)].astype("float64").reset_index(drop=True)).lazy()
    derived = derive(scores, MOVED).collect().to_pandas()
    moved = {row.name: derived[row.name].to_numpy(dtype=np.float32) for row in MOVED}
    return X.assign(**moved)


def raised(X: pd.DataFrame, score: str) -> pd.DataFrame:
    """Clients with this score higher by ``STEP``, all that is computed from it anew; null stays."""
    higher = np.maximum(X[score], np.minimum(X[score] + STEP, HIGHEST)).astype(np.float32)
    return with_scores(X.assign(**{score: higher}))


def judged(
    family: Family, data: Dataset, setting: dict[str, Any], jobs: int, seed: int
) -> dict[str, Any]:
    """Out-of-fold probabilities, and the clients whose risk rises with each score."""
    folds = fold_rows(data.y, FOLDS, SEED)
    better = {score: np.full(len(data), np.nan) for score in EXTERNAL}

    def ended(number: int, estimator: Any) -> None:
        held_out = folds[number][1]
        for score in EXTERNAL:
            X = raised(data.X.iloc[held_out], score)
            better[score][held_out] = estimator.predict_proba(X)[:, 1]

    def make() -> Any:
        return family.make(setting, seed=seed, jobs=jobs, X=data.X)

    oof = out_of_fold(make, data, folds=FOLDS, seed=SEED, on_fold=ended)
    curve, limit = fit_platt(oof, data.y), break_even_probability(FN_COST)
    granted = curve.apply(oof) <= limit
    rises = {score: better[score] > oof + ROUNDING for score in EXTERNAL}
    refused = {score: granted & (curve.apply(better[score]) > limit) for score in EXTERNAL}
    return {
        "p": curve.apply(oof),
        "rises": {score: int(rows.sum()) for score, rows in rises.items()},
        "refused": {score: int(rows.sum()) for score, rows in refused.items()},
        "granted": int(granted.sum()),
    }


def measured(data: Dataset, profile: str, jobs: int, seed: int) -> dict[str, dict[str, Any]]:
    """The three variants, each with its paired differences to the first."""
    family = get_family("lightgbm")
    budget = family.budget(profile)
    setting = {**family.fixed, **budget.fixed, **family.first_trials(profile, data.X.shape[1])[0]}
    none_withheld: Callable[..., tuple[str, ...]] = lambda _names, _monotone: ()  # noqa: E731
    found: dict[str, dict[str, Any]] = {}
    for variant in VARIANTS:
        start = time.process_time()
        families.withheld_features = withheld_features if variant == "withheld" else none_withheld
        own = family.with_choices(monotone="none") if variant == "none" else family
        found[variant] = one = judged(own, data, setting, jobs, seed)
        limit = break_even_probability(FN_COST)
        pair = (one["p"], limit), (found["withheld"]["p"], limit)
        one["differences"] = {
            name: paired_difference(name, data.y, *pair, fn_cost=FN_COST) for name in SCORES
        }
        print(_line(variant, one, time.process_time() - start), flush=True)
    return found


def _line(variant: str, one: dict[str, Any], seconds: float) -> str:
    text = "".join(f"  {n} {d.value:+.5f} ± {d.se:.5f}" for n, d in one["differences"].items())
    return (
        f"  {variant:<12}risk rises {one['rises']}, of {one['granted']:,} granted refused "
        f"{one['refused']}{text}  {seconds:.0f} s of processor time"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", metavar="FEATURES")
    parser.add_argument("--profile", default="full")
    parser.add_argument("--rows", type=int, help="so many clients, stratified")
    parser.add_argument("--draws", type=int, default=1, help="fits with so many seeds")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--applications", action="store_true", help="applications alone, as Parquet"
    )
    parser.add_argument(
        "--check", action="store_true", help="status 1 where a better score raises a risk"
    )
    words = parser.parse_args()
    found = []
    for path in words.files:
        data = applications(path) if words.applications else load_dataset(path, seed=SEED)
        if words.rows is not None:
            data = stratified_sample(data, words.rows, seed=SEED)
        # From scores in single precision the last digit can differ from the file's.
        data = replace(data, X=with_scores(data.X))
        print(f"{path.name}: {len(data):,} clients, {data.X.shape[1]} features", flush=True)
        seeds = range(1, words.draws + 1)
        found += [measured(data, words.profile, words.jobs, seed) for seed in seeds]
    for variant in VARIANTS[1:] if len(found) > 1 else ():
        for name in SCORES:
            values = np.array([one[variant]["differences"][name].value for one in found])
            error = values.std(ddof=1) / np.sqrt(len(values))
            print(
                f"{variant} less withheld, mean of {len(found)}: {name} {values.mean():+.5f} ± {error:.5f}"
            )
    broken = sum(sum(one["withheld"]["rises"].values()) for one in found)
    sys.exit(words.check and broken > 0)


if __name__ == "__main__":
    main()
