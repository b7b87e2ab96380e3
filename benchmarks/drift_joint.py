"""Joint drift on the demonstration: scores that changed places must alarm, halves must not.

    python benchmarks/drift_joint.py FEATURES.parquet [--model api/model] [--seeds 20]

For each seed: the external scores of all test clients change places, the three raw ones alone and
then every feature that is made of them; two halves of the training clients; the test clients as
they are. It ends with status 1 unless all swaps and none of the others alarm.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from project_tools.features.files import read_features
from project_tools.governance.drift.joint import LEAST_AUC, LEVEL, JointDrift, joint_drift
from project_tools.governance.drift.rows import Source
from project_tools.serving.artefact import load_artefact

RAW = ("EXT_SOURCE_1", "EXT_SOURCE_2", "EXT_SOURCE_3")
#: What is compared, and whether it must alarm.
CASES = {"raw scores swapped": True, "all of them swapped": True, "test clients": False, "halves": False}  # fmt: skip


def swapped(frame: pd.DataFrame, names: list[str], seed: int) -> pd.DataFrame:
    """Each client with these values of another."""
    order = np.random.default_rng(seed).permutation(len(frame))
    return frame.assign(**{name: frame[name].array[order] for name in names})


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("features", type=Path)
    parser.add_argument("--model", type=Path, default=Path("api/model"))
    parser.add_argument("--seeds", type=int, default=20)
    words = parser.parse_args()
    weights = load_artefact(words.model).overview.importance
    frame = read_features(words.features).frame
    # Only what may be chosen: a swap copies every column.
    names = [name for name in sorted(weights, key=lambda n: -weights[n])[:200] if name in frame]
    external = [name for name in names if name.startswith("EXT_SOURCE")]
    train, test = (frame.loc[frame["SPLIT"] == split, names] for split in ("train", "test"))
    found: dict[str, list[JointDrift]] = {case: [] for case in CASES}
    start = time.process_time()
    for seed in range(words.seeds):
        one, other = np.array_split(np.random.default_rng(seed).permutation(len(train)), 2)
        pairs = {
            "raw scores swapped": (train, swapped(test, [n for n in external if n in RAW], seed)),
            "all of them swapped": (train, swapped(test, external, seed)),
            "test clients": (train, test),
            "halves": (train.iloc[one], train.iloc[other]),
        }
        for case, (reference, new) in pairs.items():
            joint = joint_drift(
                Source.of_frame(reference), Source.of_frame(new), weights, seed=seed
            )
            if joint is not None:
                found[case].append(joint)
    print(
        f"alarm: AUC >= {LEAST_AUC:g} and p <= {LEVEL:g}; {len(train):,} and {len(test):,} clients"
    )
    good = True
    for case, must in CASES.items():
        rows = found[case]
        alarms = sum(row.alarm for row in rows)
        good = good and len(rows) == words.seeds and alarms == (words.seeds if must else 0)
        aucs, ps = [row.auc for row in rows], [row.p for row in rows]
        print(
            f"{case:<22}{alarms:>3} of {len(rows)} alarm; AUC {min(aucs):.3f} to {max(aucs):.3f}, "
            f"p {min(ps):.2g} to {max(ps):.2g}"
        )
    done = sum(map(len, found.values()))
    print(f"{(time.process_time() - start) / max(done, 1):.1f} s of processor time a comparison")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
