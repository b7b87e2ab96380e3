"""Every benchmark with its own defaults, one after the other: ``make bench``.

    python benchmarks/run_all.py [SCRIPT …]

Without a name, all of them. A benchmark that misses a bound does not stop the others; the status
is 1 if one of them missed a bound or failed. The machine's load is printed before each, because a
shared machine moves the figures. Two benchmarks read a feature file: it is made once, of
``demo-data --clients 88000``, in ``pickle_files/benchmark``, and used again.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from project_tools.settings import ROOT

FOLDER = Path(__file__).parent
WORK = ROOT / "pickle_files" / "benchmark"
FEATURES = WORK / "features-88000.parquet"
#: 86 % of the clients are labelled and 80 % of those train: 60,000 training rows.
CLIENTS = 88_000
#: The arguments of each script; a script without an entry here fails a test.
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "serving.py": ("--check",),
    "api.py": ("--check",),
    "decisions.py": ("--check",),
    "score.py": ("--clients", str(CLIENTS), "--check"),
    "reasons.py": (str(FEATURES), "--families", "lightgbm", "xgboost", "random_forest", "--check"),
    "simulations.py": ("--check",),
    "intervals.py": ("--check",),
    "promotion.py": ("--check",),
    "drift.py": (),
    "drift_alarms.py": (str(FEATURES),),
    "drift_joint.py": (str(FEATURES),),
    "demo_realism.py": (),
    "final_models.py": (),
    "monotone.py": (str(FEATURES), "--profile", "demo", "--rows", "13811", "--check"),
    "search.py": (str(FEATURES), "--rows", "13811", "--check"),
    "tuning.py": ("--data", str(FEATURES), "--check"),
    "features.py": ("--check",),
}


def load() -> str:
    """The machine's load in words; ``unknown`` where the system does not tell it."""
    try:
        minutes = os.getloadavg()
    except OSError:
        return "load unknown"
    return f"load {', '.join(f'{value:.1f}' for value in minutes)} on {os.cpu_count()} cores"


def make_features() -> int:
    """Make the feature file unless it is there; the exit status of the step that failed, or 0."""
    if FEATURES.exists():
        return 0
    tables = WORK / f"tables-{CLIENTS}"
    steps = (
        ("demo-data", str(tables), "--clients", str(CLIENTS), "--force"),
        ("features", str(tables), str(FEATURES)),
    )
    for words in steps:
        status = subprocess.run([sys.executable, "-m", "project_tools", *words], check=False)  # noqa: S603  (our own command)
        if status.returncode:
            return status.returncode
    return 0


def run(names: Sequence[str], folder: Path = FOLDER) -> int:
    """Run the scripts of a folder in turn; 1 if any of them ended with another status than 0."""
    failed = []
    for name in names:
        arguments = ARGUMENTS.get(name, ())
        print(f"\n=== {name} {' '.join(arguments)}\n    {load()}", flush=True)
        start = time.perf_counter()
        status = make_features() if str(FEATURES) in arguments else 0
        if not status:
            command = [sys.executable, str(folder / name), *arguments]
            status = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603  (our own script)
        print(f"    {name}: status {status}, {time.perf_counter() - start:.0f} s", flush=True)
        if status:
            failed.append(name)
    if failed:
        print(f"\nmissed a bound or failed: {', '.join(failed)}", file=sys.stderr)
    else:
        print(f"\nall {len(names)} benchmarks held")
    return 1 if failed else 0


def main() -> int:
    top = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    top.add_argument(
        "scripts", nargs="*", metavar="SCRIPT", help=f"of {', '.join(ARGUMENTS)} (default all)"
    )
    words = top.parse_args()
    unknown = [name for name in words.scripts if name not in ARGUMENTS]
    if unknown:
        top.error(f"no benchmark {unknown[0]}; choose of {', '.join(ARGUMENTS)}")
    return run(words.scripts or list(ARGUMENTS))


if __name__ == "__main__":
    sys.exit(main())
