"""What a portfolio's decisions cost beside its features: time, processor time and peak memory.

    python benchmarks/score.py [--clients N] [--memory-limit 4GB] [--check]

One model of 400 trees on all features is trained on the same tables. Each command runs in a process
of its own; tables and features lie under pickle_files/benchmark, where ``features.py`` puts them.
``--check`` exits with status 1 if a bound does not hold. The bound on time is for 88,000 clients and
more: imports and the verification of the model take 6 s of processor time for any number of clients.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from project_tools.settings import ROOT

WORK = ROOT / "pickle_files" / "benchmark"
CLIENTS = 20_000
#: Clients that the model is trained on: the number of trees, not of clients, is what scores cost.
TRAINED_ON = 4_000
#: The bounds: raw tables to decisions as a multiple of ``features``, and GB.
MOST_TIMES_FEATURES, MOST_GB = 1.3, 4.0
_PROJECT = (sys.executable, "-m", "project_tools")


@dataclass(frozen=True)
class Run:
    """One command: seconds by the clock, seconds of processor time, and peak memory in GB."""

    seconds: float
    cpu_seconds: float
    peak_gb: float


def run(command: list[str], memory_limit: str | None) -> Run:
    """Run a command to its end; the figures are the operating system's (``getrusage``)."""
    environ = {**os.environ, **({"CREDIT_MEMORY_LIMIT": memory_limit} if memory_limit else {})}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environ, cwd=ROOT)  # noqa: S603  (our own command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    seconds, computed = time.perf_counter() - start, used.ru_utime + used.ru_stime
    return Run(seconds, computed, used.ru_maxrss * 1024 / 1e9)


def write_model(features: Path, folder: Path) -> None:
    """A LightGBM model of all features in a feature file, with the file's own state."""
    from project_tools.models.dataset import load_dataset
    from project_tools.models.families import get_family
    from project_tools.models.training import train
    from project_tools.runs.served_form import artefact_content
    from project_tools.serving.artefact import write_artefact

    data = load_dataset(features, split="train", exclude=(), sample=TRAINED_ON)
    setting = {"n_estimators": 400, "early_stopping_rounds": 0}
    content = artefact_content(
        train(get_family("lightgbm"), setting, data, folds=2),
        name="bench", run_id="r", commit="", metrics={}, training=data.X, held_out=data.X.head(50),
        state=features.with_suffix(".state"),
    )  # fmt: skip
    write_artefact(folder, content)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--clients", type=int, default=CLIENTS, help=f"clients ({CLIENTS:,})")
    parser.add_argument("--memory-limit", help="CREDIT_MEMORY_LIMIT of the commands, such as 4GB")
    parser.add_argument("--check", action="store_true", help="status 1 if a bound does not hold")
    # A process's peak begins with that of the process that starts it: the training gets its own.
    parser.add_argument("--train", type=Path, nargs=2, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.train:
        write_model(*words.train)
        return 0
    tables, model = WORK / f"tables-{words.clients}", WORK / f"model-{words.clients}"
    features, out = WORK / f"features-{words.clients}.parquet", WORK / "scores.parquet"
    if not (tables / "application_train.csv").exists():
        made = ["demo-data", str(tables), "--clients", str(words.clients), "--force"]
        run([*_PROJECT, *made], None)
    steps = {
        "features": ["features", str(tables), str(features)],
        "score, from raw tables": ["score", str(tables), str(out), "--model", str(model)],
        "score, from features": ["score", str(features), str(out), "--model", str(model)],
    }
    print(f"{words.clients:,} clients; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"CREDIT_MEMORY_LIMIT {words.memory_limit or 'not set'}\n")
    print("| command | time | times features | the same in CPU time | peak memory | load after |")
    print("|---|---|---|---|---|---|", flush=True)
    runs: dict[str, Run] = {}
    for name, step in steps.items():
        if name != "features" and not model.exists():
            run([sys.executable, __file__, "--train", str(features), str(model)], None)
        runs[name] = run([*_PROJECT, *step, "--quiet"], words.memory_limit)
        one, first = runs[name], runs["features"]
        print(
            f"| {name} | {one.seconds:.1f} s | {one.seconds / first.seconds:.2f} "
            f"| {one.cpu_seconds / first.cpu_seconds:.2f} | {one.peak_gb:.2f} GB "
            f"| {os.getloadavg()[0]:.1f} |",
            flush=True,
        )
    ratio = runs["score, from raw tables"].cpu_seconds / runs["features"].cpu_seconds
    peak = max(one.peak_gb for one in runs.values())
    broken = []
    if ratio > MOST_TIMES_FEATURES:
        broken.append(f"raw tables to decisions take {ratio:.2f} times the features (CPU time)")
    if peak > MOST_GB:
        broken.append(f"a command holds {peak:.2f} GB")
    for sentence in broken:
        print(f"BROKEN: {sentence}")
    return 1 if broken and words.check else 0


if __name__ == "__main__":
    sys.exit(main())
