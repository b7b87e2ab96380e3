"""What a LightGBM trial costs beside the plain way, in time and memory, and what a threshold costs.

The plain way fits a new ``LGBMClassifier`` on each fold's frame, with the same setting and the same
watched slice, and looks for the best of 101 thresholds for four scorers. Ours bins each fold once a
search: ``first`` is the trial that does so, ``later`` every other. Both run with the same number
of threads, each in a process of its own; the ratios are of processor time, because the machine may
be shared (``--wall`` takes the clock). Memory is the peak of the search's process, from before the
data was loaded, over the size of the float32 matrix. Run it from the root:

    python benchmarks/tuning.py --data FEATURES [--rows 60000] [--columns 735] [--jobs 2] [--check]

FEATURES is a feature file, such as of ``demo-data --clients 88000``.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: Bounds: a later trial over the plain way, the threshold in milliseconds, memory over the matrix.
BOUNDS = {"later / plain": 0.5, "threshold, ms": 50.0, "memory / matrix": 2.5}
FOLDS, SEED = 5, 1
THRESHOLD_ROWS = 250_000


def main() -> None:
    words = _words()
    if words.part is not None:
        print(json.dumps(PARTS[words.part](words)))
        return
    with tempfile.TemporaryDirectory() as folder:
        words.folder = Path(folder)
        shape = _keep(words)
        found = {part: _apart(part, words) for part in PARTS}
    table = {
        "later / plain": found["ours"]["later"] / found["plain"]["trial"],
        "first / plain": found["ours"]["first"] / found["plain"]["trial"],
        "threshold, ms": found["threshold"]["ms"],
        "memory / matrix": found["ours"]["peak_bytes"] / (shape[0] * shape[1] * 4),
        "memory / matrix, the plain way": found["plain"]["peak_bytes"] / (shape[0] * shape[1] * 4),
    }
    _print(shape, found, table)
    if words.check and any(table[name] > bound for name, bound in BOUNDS.items()):
        sys.exit(1)


def _print(shape: tuple[int, int], found: dict[str, Any], table: dict[str, float]) -> None:
    print(f"{shape[0]:,} clients x {shape[1]} features, {FOLDS} folds")
    for name in ("first", "later"):
        print(f"  ours, {name} trial: {found['ours'][name]:.1f} s")
    plain = found["plain"]
    print(
        f"  the plain way: {plain['trial']:.1f} s, of which thresholds {plain['thresholds']:.1f} s"
    )
    print(f"  rounds kept: {found['ours']['rounds']}; the plain way {plain['rounds']}")
    print(f"  AUC out of fold {found['ours']['AUC']:.6f}; the plain way {plain['AUC']:.6f}")
    print(f"  largest difference of a client's probability: {plain['largest_difference']:.2g}")
    print(f"  loss {found['ours']['loss']:.6f}; the plain way, on its grid, {plain['loss']:.6f}")
    for name, value in table.items():
        bound = f"  bound {BOUNDS[name]:g}" if name in BOUNDS else ""
        print(f"{name:<32} {value:8.3f}{bound}")


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--columns", type=int, default=735)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--wall", action="store_true", help="the clock in place of processor time")
    parser.add_argument("--check", action="store_true", help="status 1 where a bound does not hold")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _keep(words: argparse.Namespace) -> tuple[int, int]:
    """The clients of the benchmark as a plain matrix, so that loading them costs no memory besides."""
    from project_tools.dataset import load_dataset, stratified_sample
    from project_tools.preparation import category_levels, numeric_matrix

    data = load_dataset(words.data, seed=SEED)
    if words.rows < len(data):
        data = stratified_sample(data, words.rows, seed=SEED)
    X = data.X.iloc[:, : words.columns]
    levels = category_levels(X)
    np.save(words.folder / "matrix.npy", numeric_matrix(X, levels).T.copy())
    np.save(words.folder / "y.npy", data.y)
    names = {name: levels.get(name) for name in X.columns}
    (words.folder / "columns.json").write_text(json.dumps(names))
    return X.shape


def _apart(part: str, words: argparse.Namespace) -> Any:
    """A part in a process of its own: memory and caches are its own."""
    command = [
        sys.executable, __file__, "--part", part, "--folder", str(words.folder),
        "--data", str(words.data), "--jobs", str(words.jobs), *(["--wall"] if words.wall else []),
    ]  # fmt: skip
    print(f"{part} …", file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603  (ourselves)
    return json.loads(done.stdout.splitlines()[-1])


def _loaded(folder: Path) -> Any:
    from project_tools.dataset import Dataset

    matrix = np.load(folder / "matrix.npy")
    columns: dict[str, list[Any] | None] = json.loads((folder / "columns.json").read_text())
    X = pd.DataFrame(matrix.T, columns=list(columns), copy=False)
    for name, levels in columns.items():
        if levels is not None:
            codes = X[name].fillna(-1).to_numpy().astype(int)
            X[name] = pd.Categorical.from_codes(codes, categories=levels)
    y = np.load(folder / "y.npy")
    return Dataset(X, y, np.arange(len(y)), {}, "d", folder / "matrix.npy")


def _clock(words: argparse.Namespace) -> Callable[[], float]:
    return time.perf_counter if words.wall else time.process_time


def _peak() -> int:
    """Most bytes that this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _ours(words: argparse.Namespace) -> dict[str, Any]:
    from project_tools.evaluation import FoldCache
    from project_tools.families import family
    from project_tools.trials import Objective

    rows, clock, before = family("lightgbm"), _clock(words), _peak()
    data, cache = _loaded(words.folder), FoldCache()
    objective = Objective(rows, data, "loss_of_income", FOLDS, SEED, words.jobs, 5.0)
    taken, rounds = [], 0
    for _ in range(2):
        start = clock()
        oof = objective.probabilities(rows.start("full"), cache)
        judgement = objective.judge(oof)
        taken.append(clock() - start)
    peak = _peak() - before
    np.save(words.folder / "ours.npy", oof)
    model = rows.make(rows.start("full"), seed=SEED, jobs=words.jobs, X=data.X)
    rounds = model.fit_prepared(cache.once(0, lambda: None)).rounds_
    auc, loss = (judgement.scores[name].value for name in ("AUC", "loss_of_income"))
    return {
        "first": taken[0], "later": taken[1], "peak_bytes": peak, "rounds": rounds, "AUC": auc,
        "loss": loss,
    }  # fmt: skip


def _plain(words: argparse.Namespace) -> dict[str, Any]:
    import lightgbm
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    from project_tools.boosting import BoostedTrees
    from project_tools.evaluation import fold_rows
    from project_tools.families import family
    from project_tools.preparation import model_names

    setting, clock, before = family("lightgbm").start("full"), _clock(words), _peak()
    data = _loaded(words.folder)
    X = data.X.set_axis(model_names(data.X.columns), axis=1)
    of_ours = BoostedTrees(**setting, seed=SEED, jobs=words.jobs)._training()  # noqa: SLF001  (the very same)
    given = {k: v for k, v in of_ours.items() if k not in {"objective", "metric"}}
    start, oof, rounds = clock(), np.empty(len(data)), []
    for train, held_out in fold_rows(data.y, FOLDS, SEED):
        kept, watched = train_test_split(
            np.arange(len(train)), test_size=setting["watched_share"], stratify=data.y[train],
            random_state=SEED,
        )  # fmt: skip
        kept, watched = train[np.sort(kept)], train[np.sort(watched)]
        model = lightgbm.LGBMClassifier(n_estimators=setting["n_estimators"], **given)
        stop = lightgbm.early_stopping(setting["early_stopping_rounds"], verbose=False)
        model.fit(
            X.iloc[kept], data.y[kept], eval_X=X.iloc[watched], eval_y=data.y[watched],
            eval_metric="binary_logloss", callbacks=[stop],
        )  # fmt: skip
        oof[held_out] = model.predict_proba(X.iloc[held_out])[:, 1]
        rounds.append(int(model.best_iteration_))
    between = clock()
    losses = _grid(data.y, oof)
    taken = clock() - start
    ours = np.load(words.folder / "ours.npy")
    return {
        "trial": taken, "thresholds": clock() - between, "peak_bytes": _peak() - before,
        "rounds": rounds[0], "AUC": float(roc_auc_score(data.y, oof)), "loss": losses,
        "largest_difference": float(np.abs(ours - oof).max()),
    }  # fmt: skip


def _grid(y: Any, oof: Any) -> float:
    """The best of 101 thresholds for each of four scorers, as scikit-learn's functions have it."""
    from sklearn.metrics import confusion_matrix, fbeta_score, roc_auc_score

    def loss(found: Any) -> float:
        _, fp, fn, _ = confusion_matrix(y, found, labels=[0, 1]).ravel()
        return float((5 * fn + fp) / len(y))

    def g_mean(found: Any) -> float:
        tn, fp, fn, tp = confusion_matrix(y, found, labels=[0, 1]).ravel()
        return float(((tp / (tp + fn)) ** 5 * tn / (tn + fp)) ** (1 / 6))

    scorers: tuple[Callable[[Any], float], ...] = (
        loss,
        g_mean,
        lambda found: float(fbeta_score(y, found, beta=2, zero_division=0)),
        lambda found: float(roc_auc_score(y, found)),
    )
    table = [[score(oof > t) for score in scorers] for t in np.linspace(0, 1, 101)]
    return min(row[0] for row in table)


def _threshold(words: argparse.Namespace) -> dict[str, Any]:
    from project_tools.evaluation import threshold_for
    from project_tools.scorers import SCORERS

    chance, clock = np.random.default_rng(SEED), _clock(words)
    y = (chance.random(THRESHOLD_ROWS) < 0.08).astype("int8")  # noqa: PLR2004  (the rate of default)
    p = chance.random(THRESHOLD_ROWS)
    taken = []
    for _ in range(9):
        start = clock()
        threshold_for(SCORERS["loss_of_income"], y, p, 5.0)
        taken.append(clock() - start)
    return {"ms": 1000 * sorted(taken)[len(taken) // 2]}


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "ours": _ours, "plain": _plain, "threshold": _threshold,
}  # fmt: skip


if __name__ == "__main__":
    from project_tools.entry import share_cores

    share_cores()
    main()
