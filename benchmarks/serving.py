"""The cost of serving in one process, for each family: scores, explanations, verification, loading.

``api.py`` measures the service over HTTP, and pictures.

The clients are invented and as wide as the feature file; the models have the size that a search
would keep. Every figure is the median of repeated calls on one thread, in milliseconds of processor
time (of this process and its children), because the machine may be shared; ``--wall`` measures the
clock instead. ``load`` is the verification in a child process and the loading, without the imports.
Run it from the root:

    python benchmarks/serving.py [--features 394] [--rows 2000] [--small] [--wall] [--check]
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from project_tools.features.catalogue import all_features
from project_tools.models.dataset import Dataset
from project_tools.models.families import Family, get_family
from project_tools.models.training import train
from project_tools.runs.served_form import artefact_content
from project_tools.serving.artefact import load_artefact, write_artefact
from project_tools.serving.explanation import decision_reasons, scored_parts
from project_tools.serving.scoring import Scorer

#: Bounds in milliseconds, beyond the imports.
BOUNDS = {"load": 2_000.0}
#: Bounds of an explanation.
EXPLAIN = {"lightgbm": 15.0, "xgboost": 15.0, "random_forest": 500.0}
#: Share of unknown values.
NULLS = 0.2


Clock = Callable[[], float]


def processor_time() -> float:
    """Seconds of this process and of the children that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in used)


def invented(rows: int, features: int, seed: int = 0) -> Dataset:
    """Clients with the first features of the catalogue, a fifth of them null."""
    chance = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for info in list(all_features().values())[:features]:
        if info.kind == "category":
            codes = chance.integers(-1, len(info.levels), rows)
            columns[info.name] = pd.Categorical.from_codes(codes, categories=list(info.levels))
        else:
            values = chance.normal(size=rows).astype("float32")
            columns[info.name] = np.where(chance.random(rows) < NULLS, np.float32("nan"), values)
    X = pd.DataFrame(columns)
    numbers = X.select_dtypes("number").iloc[:, :30].fillna(0).to_numpy()
    risk = numbers @ chance.normal(size=numbers.shape[1]) / 3 + chance.logistic(size=rows)
    y = (risk > np.quantile(risk, 0.85)).astype("int8")
    return Dataset(X, y, np.arange(rows), {"state_digest": "c" * 64}, "d" * 64, Path("f.parquet"))


def sized(name: str, *, small: bool) -> tuple[Family, dict[str, Any]]:
    """A family and a setting of the size that is served; ``small`` for a quick look."""
    sizes = {
        "lightgbm": {"n_estimators": 40 if small else 400, "early_stopping_rounds": 0},
        "xgboost": {
            "n_estimators": 40 if small else 400,
            "max_depth": 6,
            "early_stopping_rounds": 0,
        },
        "random_forest": {"n_estimators": 30 if small else 300, "max_leaf_nodes": 256},
        "logistic_l2": {"C": 1e-3},
    }
    return get_family(name), sizes[name]


def median_ms(call: Callable[[int], Any], times: int, clock: Clock) -> float:
    """The median of so many calls; each call gets its number."""
    taken = []
    for number in range(times):
        start = clock()
        call(number)
        taken.append(1_000 * (clock() - start))
    return statistics.median(taken)


def measured(
    name: str, data: Dataset, held_out: Dataset, *, small: bool, clock: Clock
) -> dict[str, float]:
    """One family's figures in milliseconds."""
    family, setting = sized(name, small=small)
    model = train(family, setting, data, folds=2, jobs=1)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        state.mkdir()
        content = artefact_content(
            model, name="bench", run_id="r", commit="", metrics={}, training=data.X,
            held_out=held_out.X, state=state,
        )  # fmt: skip
        directory = Path(folder) / "artefact"
        write_artefact(directory, content)
        load_artefact(directory, child=False)  # the imports
        # Twice: the child process reads and scores as this one does, but for its imports.
        load = 2 * median_ms(lambda _: load_artefact(directory, child=False), 5, clock)
        artefact = load_artefact(directory, child=False)
    plain = held_out.X.astype(object)
    rows = plain.where(plain.notna(), None).to_dict("records")
    scorer = Scorer(artefact)
    return {
        "score": median_ms(lambda i: scorer.score(rows[i]), 40, clock),
        "explain": median_ms(
            lambda i: decision_reasons(artefact, rows[i], *scored_parts(artefact, rows[i])),
            20,
            clock,
        ),
        "load": load,
        "size": len(content.model.content) / 1e3,
    }


def bound(figure: str, name: str) -> float | None:
    """The bound of a figure for a family, if it has one."""
    if figure == "explain":
        return EXPLAIN.get(name)
    return BOUNDS.get(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, default=394)
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--small", action="store_true", help="a tenth of the trees")
    parser.add_argument("--wall", action="store_true", help="the clock in place of processor time")
    parser.add_argument("--check", action="store_true", help="status 1 where a bound does not hold")
    options = parser.parse_args()
    clock = time.perf_counter if options.wall else processor_time
    kind = "by the clock" if options.wall else "of processor time"
    data, held_out = (
        invented(options.rows, options.features),
        invented(60, options.features, seed=1),
    )
    print(
        f"{options.rows:,} clients, {data.X.shape[1]} features; median milliseconds {kind}, bound after /\n"
    )
    print(f"{'family':<15}{'score':>8}{'explain':>16}{'load':>15}{'model kB':>10}")
    measurements = {}
    for name in ("lightgbm", "xgboost", "random_forest", "logistic_l2"):
        measurements[name] = measured(name, data, held_out, small=options.small, clock=clock)
        cells = {
            figure: f"{value:.1f}" + (f" /{limit:,.0f}" if (limit := bound(figure, name)) else "")
            for figure, value in measurements[name].items()
        }
        print(
            f"{name:<15}{cells['score']:>8}{cells['explain']:>16}"
            f"{cells['load']:>15}{cells['size']:>10}"
        )
    base = measurements["lightgbm"]
    print("\nratios to LightGBM")
    for name, figures in measurements.items():
        shown = "  ".join(f"{k} {figures[k] / base[k]:.1f}" for k in ("score", "explain", "load"))
        print(f"{name:<15}{shown}")
    missed = [
        f"{name} {figure}"
        for name, figures in measurements.items()
        for figure, value in figures.items()
        if (limit := bound(figure, name)) and value > limit
    ]
    for what in missed:
        print(f"BROKEN: {what}")
    sys.exit(options.check and bool(missed))


if __name__ == "__main__":
    main()
