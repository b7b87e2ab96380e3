"""What a LightGBM trial costs beside the plain way, in time and memory, and what a threshold costs.

The plain way fits a new ``LGBMClassifier`` on each fold's frame, with the same setting, the same
watched slice and LightGBM's defaults for the rest, and looks for the best of 101 thresholds for
four metrics. Our way keeps the bins of three of the five folds from the ``first`` trial on, and
bins the other folds anew in every ``later`` one. Both run with the same number of threads, each in
a process of its own. The ratios are of processor time, because the machine may be shared
(``--wall`` takes the clock). Their figures are compared paired, on the same clients. Memory is the
peak of the search's process, from before the data was loaded, over the size of the float32 matrix.
Run it from the root:

    python benchmarks/tuning.py --data FEATURES [--rows 60000] [--columns 735] [--jobs 2] [--check]

FEATURES is a feature file, such as of ``demo-data --clients 88000``. With ``--same`` the plain way
gets our bins and our order of sums, which shows that every client's probability is then the same
to the bit.
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
COMPARED = ("AUC", "loss_of_income", "log_loss")


def main() -> None:
    words = _words()
    if words.part is not None:
        print(json.dumps(PARTS[words.part](words)))
        return
    with tempfile.TemporaryDirectory() as folder:
        words.folder = Path(folder)
        found = {part: _apart(part, words) for part in PARTS}
    shape = found["keep"]["shape"]
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
    ours, plain = found["ours"], found["plain"]
    print(f"{shape[0]:,} clients x {shape[1]} features, {FOLDS} folds")
    print(f"  ours: the first trial {ours['first']:.1f} s, a later one {ours['later']:.1f} s")
    print(f"  the plain way: {plain['trial']:.1f} s, of it thresholds {plain['thresholds']:.1f} s")
    print(f"  rounds kept a fold: {ours['rounds']}; the plain way {plain['rounds']}")
    for name, (value, se) in plain["difference"].items():
        print(f"  {name} {ours[name]:.4f}, less that of the plain way {value:+.5f} ± {se:.5f}")
    print(f"  loss of the plain way at the best of its grid {plain['loss_on_grid']:.5f}")
    print(f"  largest difference of a client's probability: {plain['largest_difference']:.2g}")
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
    parser.add_argument("--same", action="store_true", help="the plain way with our bins")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _keep(words: argparse.Namespace) -> dict[str, Any]:
    """Save the benchmark's clients as a plain matrix, so that loading them takes no other memory."""
    from project_tools.models.dataset import load_dataset, stratified_sample
    from project_tools.models.preparation import category_levels, numeric_matrix

    data = load_dataset(words.data, seed=SEED)
    if words.rows < len(data):
        data = stratified_sample(data, words.rows, seed=SEED)
    X = data.X.iloc[:, : words.columns]
    levels = category_levels(X)
    np.save(words.folder / "matrix.npy", numeric_matrix(X, levels).T.copy())
    np.save(words.folder / "y.npy", data.y)
    names = {name: levels.get(name) for name in X.columns}
    (words.folder / "columns.json").write_text(json.dumps(names))
    return {"shape": X.shape}


def _apart(part: str, words: argparse.Namespace) -> Any:
    """Run a part in a process of its own, with memory and caches of its own."""
    command = [
        sys.executable, __file__, "--part", part, "--folder", str(words.folder),
        "--data", str(words.data), "--jobs", str(words.jobs),
        "--rows", str(words.rows), "--columns", str(words.columns),
        *(["--wall"] if words.wall else []), *(["--same"] if words.same else []),
    ]  # fmt: skip
    print(f"{part} …", file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603  (ourselves)
    return json.loads(done.stdout.splitlines()[-1])


def _loaded(folder: Path) -> Any:
    from project_tools.models.dataset import Dataset

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
    from project_tools.models.families import get_family
    from project_tools.search.trial import Objective

    family, clock, before = get_family("lightgbm"), _clock(words), _peak()
    data, taken = _loaded(words.folder), []
    objective = Objective(family, data, "loss_of_income", FOLDS, SEED, words.jobs, 5.0)
    cache = objective.fold_cache()
    for _ in range(2):
        start = clock()
        oof = objective.probabilities(family.start("full"), cache)
        judgement = objective.judge(oof)
        taken.append(clock() - start)
    peak = _peak() - before
    np.save(words.folder / "ours.npy", oof)
    model = family.make(family.start("full"), seed=SEED, jobs=words.jobs, X=data.X)
    rounds = model.fit_prepared(cache.once(0, lambda: None)).rounds_
    figures = {name: judgement.scores[name].value for name in COMPARED}
    times = {"first": taken[0], "later": taken[1]}
    return times | figures | {"peak_bytes": peak, "rounds": rounds}


def _plain(words: argparse.Namespace) -> dict[str, Any]:
    import lightgbm

    from project_tools.models.boosting import watched_share
    from project_tools.models.families import get_family
    from project_tools.models.folds import fold_rows
    from project_tools.models.monotone import withheld_features
    from project_tools.models.preparation import model_names

    setting, clock, before = get_family("lightgbm").start("full"), _clock(words), _peak()
    data = _loaded(words.folder)
    withheld = dict.fromkeys(withheld_features(list(data.X.columns), "external"), np.float32("nan"))
    X = data.X.assign(**withheld).set_axis(model_names(data.X.columns), axis=1)
    arguments = _arguments(setting, words, data.X)
    start, oof, rounds = clock(), np.empty(len(data)), []
    for train, held_out in fold_rows(data.y, FOLDS, SEED):
        share = watched_share(int(np.sum(data.y[train] == 1)))
        kept, watched = _watched(train, data.y, share)
        model = lightgbm.LGBMClassifier(n_estimators=setting["n_estimators"], **arguments)
        stop = lightgbm.early_stopping(setting["early_stopping_rounds"], verbose=False)
        model.fit(
            X.iloc[kept], data.y[kept], eval_X=X.iloc[watched], eval_y=data.y[watched],
            eval_metric="binary_logloss", callbacks=[stop],
        )  # fmt: skip
        oof[held_out] = model.predict_proba(X.iloc[held_out])[:, 1]
        rounds.append(int(model.best_iteration_))
    between = clock()
    loss = _grid(data.y, oof)
    times = {"trial": clock() - start, "thresholds": clock() - between}
    ours = np.load(words.folder / "ours.npy")
    return times | {
        "peak_bytes": _peak() - before, "rounds": rounds[0], "loss_on_grid": loss,
        "difference": _differences(data.y, ours, oof),
        "largest_difference": float(np.abs(ours - oof).max()),
    }  # fmt: skip


def _watched(train: Any, y: Any, share: float) -> tuple[Any, Any]:
    """The rows of a fold that train and the slice that is watched, drawn as ours are."""
    from sklearn.model_selection import train_test_split

    kept, watched = train_test_split(
        np.arange(len(train)), test_size=share, stratify=y[train], random_state=SEED
    )
    return train[np.sort(kept)], train[np.sort(watched)]


def _arguments(
    setting: dict[str, Any], words: argparse.Namespace, X: pd.DataFrame
) -> dict[str, Any]:
    """The setting as arguments of LGBMClassifier; with ``--same`` our bins and order of sums too.

    Both ways have the monotone constraints, and withhold the same columns.
    """
    from project_tools.models.families import get_family
    from project_tools.models.preparation import model_names

    model = get_family("lightgbm").make(setting, seed=SEED, jobs=words.jobs, X=X)
    constraints = model._constraints(model_names(X.columns))  # noqa: SLF001  (the very same)
    if words.same:
        ours = model._training() | constraints  # noqa: SLF001  (the very same)
        return {k: v for k, v in ours.items() if k not in {"objective", "metric"}}
    searched = ("learning_rate", "num_leaves", "min_child_samples", "colsample_bytree", "subsample",
                "reg_lambda", "reg_alpha")  # fmt: skip
    chosen = {name: setting[name] for name in searched}
    return chosen | constraints | {
        "subsample_freq": 1, "random_state": SEED, "n_jobs": words.jobs, "verbosity": -1,
    }  # fmt: skip


def _differences(y: Any, ours: Any, plain: Any) -> dict[str, tuple[float, float]]:
    """Our figures minus those of the plain way, each at its exact threshold, paired."""
    from project_tools.evaluation.judgement import judge
    from project_tools.evaluation.metrics import paired_difference

    def decided(oof: Any) -> tuple[Any, float]:
        judgement = judge(y, oof)
        return judgement.calibration.apply(oof), judgement.threshold.value

    found = {name: paired_difference(name, y, decided(ours), decided(plain)) for name in COMPARED}
    return {name: (score.value, score.se) for name, score in found.items()}


def _grid(y: Any, oof: Any) -> float:
    """The least loss on a grid of 101 thresholds, with four metrics by scikit-learn's functions at each."""
    from sklearn.metrics import confusion_matrix, fbeta_score, roc_auc_score

    def loss(risk: Any) -> float:
        _, fp, fn, _ = confusion_matrix(y, risk, labels=[0, 1]).ravel()
        return float((5 * fn + fp) / len(y))

    def g_mean(risk: Any) -> float:
        tn, fp, fn, tp = confusion_matrix(y, risk, labels=[0, 1]).ravel()
        return float(((tp / (tp + fn)) ** 5 * tn / (tn + fp)) ** (1 / 6))

    metrics: tuple[Callable[[Any], float], ...] = (
        loss,
        g_mean,
        lambda risk: float(fbeta_score(y, risk, beta=2, zero_division=0)),
        lambda risk: float(roc_auc_score(y, risk)),
    )
    table = [[metric(oof > t) for metric in metrics] for t in np.linspace(0, 1, 101)]
    return min(row[0] for row in table)


def _threshold(words: argparse.Namespace) -> dict[str, Any]:
    from project_tools.evaluation.judgement import threshold_for
    from project_tools.evaluation.metrics import METRICS

    chance, clock = np.random.default_rng(SEED), _clock(words)
    y = (chance.random(THRESHOLD_ROWS) < 0.08).astype("int8")  # noqa: PLR2004  (the rate of default)
    p = chance.random(THRESHOLD_ROWS)
    taken = []
    for _ in range(9):
        start = clock()
        threshold_for(METRICS["loss_of_income"], y, p, 5.0)
        taken.append(clock() - start)
    return {"ms": 1000 * sorted(taken)[len(taken) // 2]}


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "keep": _keep, "ours": _ours, "plain": _plain, "threshold": _threshold,
}  # fmt: skip


if __name__ == "__main__":
    from project_tools.system.command import share_cores

    share_cores()
    main()
