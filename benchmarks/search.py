"""The search's known good first settings beside the start that it had before, out of fold.

For each feature file: the former start (``FORMER``: 31 leaves, learning rate .05, a tenth watched), the
first trials of the ``full`` profile with its rounds, and the one of them that a search would take.
All are judged on the same folds of all training clients; differences to the former start are paired.
With several files the mean difference is printed with its error over the files. Run it from the root:

    python benchmarks/search.py FEATURES [FEATURES …] [--trials 1,2,3] [--rows N] [--jobs 2] [--check]

FEATURES are feature files, such as of ``demo-data --seed N``, one a seed. With ``--applications`` they are
tables of applications in Parquet, whose columns are taken as they are. ``--out FILE`` appends a JSON line a
file, so that seeds can be measured one at a time; ``--read FILE`` prints the mean of such lines.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from project_tools.system.command import share_cores

share_cores()  # before a library that brings OpenMP: its threads would spin beside other work

from project_tools.evaluation.judgement import Judgement  # noqa: E402
from project_tools.evaluation.metrics import paired_difference  # noqa: E402
from project_tools.models import boosting  # noqa: E402
from project_tools.models.dataset import Dataset, load_dataset, stratified_sample  # noqa: E402
from project_tools.models.families import get_family  # noqa: E402
from project_tools.search.choice import choose  # noqa: E402
from project_tools.search.trial import Objective, Probabilities, Trial  # noqa: E402

#: The first trial before the spaces reached where good settings lie.
FORMER = {
    "learning_rate": 0.05, "num_leaves": 31, "min_child_samples": 50, "colsample_bytree": 0.5,
    "sampling": "bagging", "subsample": 0.9, "reg_lambda": 5.0, "reg_alpha": 0.1,
    "n_estimators": 2_000, "early_stopping_rounds": 50,
}  # fmt: skip
#: AUC by which the first trials must be better than the former start, on the mean over the files.
BOUND = 0.004
FOLDS, SEED, FN_COST = 5, 1, 5.0
SCORES = ("AUC", "log_loss", "loss_of_income")


def measured(data: Dataset, numbers: Sequence[int], jobs: int) -> dict[str, Any]:
    """Figures of the former start, of each first trial, and of the one that is taken."""
    family = get_family("lightgbm")
    ours = Objective(family, data, "loss_of_income", FOLDS, SEED, jobs, FN_COST)
    free = family.with_choices(monotone="none")
    former = Objective(free, data, "loss_of_income", FOLDS, SEED, jobs, FN_COST)
    with patch.multiple(boosting, LEAST_WATCHED=0.1, MOST_WATCHED=0.1):
        before, _, line = _tried("the former start", former, FORMER)
    lines, trials, held = [line], [], {}
    for number in numbers:
        setting = {**family.fixed, **family.first_trials("full", data.X.shape[1])[number - 1]}
        oof, judgement, line = _tried(f"first trial {number}", ours, setting, before)
        trial = Trial(number, setting, setting, "finished", judgement)
        trial.reported_loss = ours.guide(oof)
        trials.append(trial)
        lines.append(line)
        held[number] = oof
    taken = choose(data.y, trials, held, metric="loss_of_income", fn_cost=FN_COST).trial
    return {
        "clients": len(data), "features": data.X.shape[1], "taken": taken.number, "lines": lines,
        "differences": _differences(data.y, ours, held[taken.number], before),
    }  # fmt: skip


def _tried(
    what: str, objective: Objective, setting: Mapping[str, Any], before: Probabilities | None = None
) -> tuple[Probabilities, Judgement, dict[str, Any]]:
    start = time.process_time()
    oof = objective.probabilities(setting)
    judgement = objective.judge(oof)
    line: dict[str, Any] = {"what": what, "seconds": time.process_time() - start}
    line |= {name: judgement.scores[name].value for name in SCORES}
    if before is not None:
        line["differences"] = _differences(objective.data.y, objective, oof, before)
    print(_line(line), flush=True)
    return oof, judgement, line


def _differences(
    y: Any, objective: Objective, one: Probabilities, other: Probabilities
) -> dict[str, tuple[float, float]]:
    """By score: the first less the second, with the paired standard error."""
    decided = []
    for oof in (one, other):
        judgement = objective.judge(oof)
        decided.append((judgement.calibration.apply(oof), judgement.threshold.value))
    found = {name: paired_difference(name, y, *decided, fn_cost=FN_COST) for name in SCORES}
    return {name: (score.value, score.se) for name, score in found.items()}


def _line(line: Mapping[str, Any]) -> str:
    text = f"  {line['what']:<17}" + "".join(f" {name} {line[name]:.4f}" for name in SCORES)
    for name, (value, se) in line.get("differences", {}).items():
        text += f"  {name} {value:+.4f} ± {se:.4f}"
    return f"{text}  {line['seconds']:.0f} s of processor time"


def applications(path: Path) -> Dataset:
    """Labelled applications with their own columns: numbers, and texts as categories."""
    frame = pd.read_parquet(path)
    frame = frame[frame["TARGET"].notna()].reset_index(drop=True)
    y, ids = frame["TARGET"].to_numpy(dtype=np.int8), frame["SK_ID_CURR"].to_numpy()
    kept = frame.drop(columns=["TARGET", "SK_ID_CURR", "CODE_GENDER", "NAME_FAMILY_STATUS"])
    X = pd.DataFrame({
        name: column.astype(np.float32)
        if pd.api.types.is_numeric_dtype(column)
        else pd.Categorical(column.astype(str).where(column.notna()))
        for name, column in kept.items()
    })  # fmt: skip
    return Dataset(X, y, ids, {}, "", path)


def summary(found: Sequence[Mapping[str, Any]]) -> float:
    """Print the differences of all files and their mean; the mean difference in AUC."""
    for one in found:
        text = "".join(f"  {k} {v:+.4f} ± {se:.4f}" for k, (v, se) in one["differences"].items())
        print(
            f"{one['file']}: {one['clients']:,} clients, first trial {one['taken']} is taken{text}"
        )
    means = {name: np.array([one["differences"][name][0] for one in found]) for name in SCORES}
    if len(found) > 1:
        print(f"mean of {len(found)}" + "".join(
            f"  {name} {values.mean():+.4f} ± {values.std(ddof=1) / np.sqrt(len(values)):.4f}"
            for name, values in means.items()
        ))  # fmt: skip
    mean = float(means["AUC"].mean())
    print(f"AUC {mean:+.4f}, bound +{BOUND:g}")
    return mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="*", metavar="FEATURES")
    parser.add_argument("--trials", default="1,2,3", help="first trials by number, by comma")
    parser.add_argument("--rows", type=int, help="so many clients, stratified")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--applications", action="store_true", help="applications alone, as Parquet"
    )
    parser.add_argument("--out", type=Path, help="append a JSON line a file")
    parser.add_argument("--read", type=Path, help="print the mean of such lines")
    parser.add_argument(
        "--check", action="store_true", help="status 1 where the bound does not hold"
    )
    words = parser.parse_args()
    found = [] if words.read is None else list(map(json.loads, words.read.read_text().splitlines()))
    for path in words.files:
        data = applications(path) if words.applications else load_dataset(path, seed=SEED)
        if words.rows is not None:
            data = stratified_sample(data, words.rows, seed=SEED)
        print(f"{path.name}: {len(data):,} clients, {data.X.shape[1]} features", flush=True)
        numbers = [int(number) for number in words.trials.split(",")]
        found.append({"file": path.name} | measured(data, numbers, words.jobs))
        if words.out is not None:
            with words.out.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(found[-1]) + "\n")
    if not found:
        parser.error("give feature files, or --read")
    mean = summary(found)
    sys.exit(words.check and mean < BOUND)


if __name__ == "__main__":
    main()
