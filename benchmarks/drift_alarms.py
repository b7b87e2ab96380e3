"""False alarms and missed alarms of drift.

    .venv/bin/python benchmarks/drift_alarms.py pickle_files/features.parquet [--seeds 20]

For each seed the training rows of a feature file are split into two halves at random. The halves
are compared, and a small sample is compared with one half: every alarm is a false one. Then three
features of the second half are shifted (one scaled by 1.5, one made null in a third of the rows, one
level renamed to another). It counts the shifted features that do not alarm, and the others that do.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from project_tools.features.files import read_features
from project_tools.governance.drift.comparison import MODERATE, Drift, compare
from project_tools.governance.drift.reference import DriftReference
from project_tools.governance.drift.rows import Source

SMALL = 200
SHIFTED = ("AMT_CREDIT", "DAYS_LAST_PHONE_CHANGE", "NAME_INCOME_TYPE")


def shifted(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with three features changed."""
    income = rows["NAME_INCOME_TYPE"]
    changed = income.where(income != "Working", "State servant")
    return rows.assign(
        AMT_CREDIT=rows["AMT_CREDIT"] * 1.5,
        DAYS_LAST_PHONE_CHANGE=rows["DAYS_LAST_PHONE_CHANGE"].mask(np.arange(len(rows)) % 3 == 0),
        NAME_INCOME_TYPE=changed,
    )


def counted(name: str, comparisons: list[Drift]) -> None:
    """Print one line: the alarms, and those that PSI alone or the p-value alone would give."""
    features = [feature for drift in comparisons for feature in drift.features]
    rule = comparisons[0].rule
    print(
        f"{name:28} {sum(bool(d.alarms) for d in comparisons):5} of {len(comparisons)} comparisons, "
        f"{sum(f.alarm for f in features):5} of {len(features):,} features; "
        f"PSI alone {sum(f.psi >= MODERATE for f in features):5}, "
        f"raw p alone {sum(f.p < rule.alpha for f in features):5}"
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("features", type=Path)
    words.add_argument("--seeds", type=int, default=20)
    arguments = words.parse_args()
    table = read_features(arguments.features).frame
    train = table[(table["SPLIT"] == "train").to_numpy()]
    halves, small, moved = [], [], []
    for seed in range(arguments.seeds):
        order = np.random.default_rng(seed).permutation(len(train))
        first, second = (train.iloc[part] for part in np.array_split(order, 2))
        frozen = DriftReference.of(Source.of_frame(first))
        halves.append(compare(frozen, Source.of_frame(second)))
        small.append(compare(frozen, Source.of_frame(second.iloc[:SMALL])))
        moved.append(compare(frozen, Source.of_frame(shifted(second))))
    print(
        f"{len(train):,} training rows, {len(halves[0].features)} features, {arguments.seeds} seeds"
    )
    counted("two halves", halves)
    counted(f"half against {SMALL} rows", small)
    counted("half against a shifted half", moved)
    missed = sum(name not in drift.alarms for drift in moved for name in SHIFTED)
    print(f"missed {missed} of {len(SHIFTED) * len(moved)} shifted features")


if __name__ == "__main__":
    main()
