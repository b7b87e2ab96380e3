"""Time and memory of the command `drift` at the size of the real tables.

    .venv/bin/python benchmarks/drift.py [--rows 60000] [--features 735]

It writes two invented feature files of that shape (two thirds of the columns with nulls, a tenth
categories, a third mostly 0). The command runs on them in a process of its own, whose largest
resident memory is measured. The ratio compares it with pandas reading both files, also in a process
of its own.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

READ = "import sys, pandas as pd; [pd.read_parquet(path) for path in sys.argv[1:]]"


def features(rows: int, columns: int, seed: int) -> pd.DataFrame:
    """A frame like a feature file: float32 with nulls, zeros and equal values, and categories."""
    random = np.random.default_rng(seed)
    columns_by_name: dict[str, object] = {"SK_ID_CURR": np.arange(rows)}
    for place in range(columns):
        if place % 10 == 0:
            columns_by_name[f"C{place}"] = pd.Categorical(random.choice(["a", "b", "c", "d"], rows))
            continue
        values = random.lognormal(size=rows).astype(np.float32)
        values[random.random(rows) < (0.8 if place % 3 == 0 else 0)] = 0
        values[random.random(rows) < (0.3 if place % 3 else 0)] = np.nan
        columns_by_name[f"N{place}"] = values
    return pd.DataFrame(columns_by_name)


def measured(*command: str) -> tuple[float, float, int]:
    """Seconds, largest resident memory in GB (of the largest child so far), exit status."""
    start = time.perf_counter()
    result = subprocess.run(  # noqa: S603  (our own commands)
        [sys.executable, *command], capture_output=True, check=False
    )
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    return seconds, peak, result.returncode


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--rows", type=int, default=60_000)
    words.add_argument("--features", type=int, default=735)
    arguments = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{name}.parquet") for name in ("reference", "new")]
        for seed, path in enumerate(paths):
            features(arguments.rows, arguments.features, seed).to_parquet(
                path, row_group_size=50_000
            )
        page = str(Path(folder) / "page.html")
        # The command first: the peak is that of the largest child so far.
        drift = ("-m", "project_tools", "drift", *paths, "--quiet", "--html", page)
        seconds, peak, status = measured(*drift)
        reading, _, _ = measured("-c", READ, *paths)
    print(f"{arguments.rows:,} x {arguments.features} against as many: exit status {status}")
    print(f"drift, with its page   {seconds:6.1f} s  {peak:5.2f} GB")
    print(f"reading both files     {reading:6.1f} s  ratio {seconds / reading:.1f}")


if __name__ == "__main__":
    main()
