"""What ``lightgbm -e log_model`` costs, as a multiple of one bare LightGBM fit.

Invented clients, as many and as wide as the published feature table, in a feature file of our own
form. The entry point runs in this process, as MLflow would start it, in a tracking store of its
own: reading, five folds, calibration, threshold, the final fit, the test clients with their
intervals, pictures, artefact, registration. The bare fit takes a matrix in memory: the same
parameters, bins and threads, all training clients, the rounds of the final fit. Run it from the root:

    python benchmarks/final_models.py [--clients 60000] [--features 735] [--jobs 2]
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from project_tools.system.command import keep_usage_private, quiet_libraries, share_cores

share_cores()  # before a library that brings OpenMP
keep_usage_private()

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pyarrow as pa  # noqa: E402

from project_tools.features import catalogue  # noqa: E402
from project_tools.features.files import write_features  # noqa: E402
from project_tools.features.state import FeatureState  # noqa: E402
from project_tools.models.dataset import load_dataset  # noqa: E402
from project_tools.models.families import get_family  # noqa: E402
from project_tools.models.lightgbm_trees import BINNING_ROWS, BINS  # noqa: E402
from project_tools.models.preparation import (  # noqa: E402
    category_levels,
    model_names,
    numeric_matrix,
)
from project_tools.runs import audit, final_model  # noqa: E402
from project_tools.settings import ROOT  # noqa: E402

#: ``log_model`` ends within so many bare fits.
BOUND = 7.0
#: Segments, what exclusion costs, card and reference of drift add so many seconds at most.
CARD_BOUND_S = 30.0
#: Share of unknown values, and of clients with difficulties to repay.
NULLS, DEFAULTS = 0.2, 0.081
#: Test clients for each training client.
TEST_SHARE = 0.25


def widened(features: int) -> Mapping[str, catalogue.FeatureInfo]:
    """So many rows of the catalogue: its own and, where they do not suffice, copies of numbers."""
    own = dict(catalogue.all_features())
    numbers = [info for info in own.values() if info.kind == "number"]
    copies = [replace(info, name=f"{info.name} copy") for info in numbers]
    rows = [*own.values(), *copies][:features]
    if len(rows) < features:
        raise SystemExit(f"at most {len(own) + len(copies)} features can be invented")
    return {info.name: info for info in rows}


def write_invented(path: Path, infos: Mapping[str, catalogue.FeatureInfo], clients: int) -> None:
    """A feature file of ``clients`` training clients and a quarter as many test clients."""
    rows, chance = round(clients * (1 + TEST_SHARE)), np.random.default_rng(0)
    columns: dict[str, Any] = {}
    risk = chance.logistic(size=rows)
    for position, info in enumerate(infos.values()):
        if info.kind == "category":
            codes = chance.integers(-1, len(info.levels), rows)
            columns[info.name] = pd.Categorical.from_codes(codes, categories=list(info.levels))
            continue
        values = chance.standard_normal(rows, dtype=np.float32)
        if position % 5 == 0:  # a fifth of them tells something
            risk += 0.15 * values
        values[chance.random(rows) < NULLS] = np.nan
        columns[info.name] = values
    split = np.where(np.arange(rows) < clients, "train", "test")
    columns = {
        "SK_ID_CURR": np.arange(1, rows + 1),
        "TARGET": pd.array((risk > np.quantile(risk, 1 - DEFAULTS)).astype("int8"), dtype="Int8"),
        "SPLIT": pd.Categorical(split, categories=["train", "test", "new"]),
    } | columns
    levels = {info.name: tuple(info.levels) for info in infos.values() if info.kind == "category"}
    state = FeatureState({}, levels, raw_digest="a" * 64, split_digest="b" * 64)
    table = pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
    write_features(table, state, [path])


class Taken(NamedTuple):
    """Seconds on the clock, and of all this process's threads: those do not count other work."""

    clock: float
    threads: float

    @classmethod
    def since(cls, clock: float, threads: float) -> "Taken":
        return cls(time.perf_counter() - clock, time.process_time() - threads)


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


class Stopwatch:
    """What the calls of some functions of a module take, added up."""

    def __init__(self, module: Any, *names: str) -> None:
        self.taken = Taken(0.0, 0.0)
        for name in names:
            setattr(module, name, self._timed(getattr(module, name)))

    def _timed(self, function: Any) -> Any:
        def timed(*words: Any, **named: Any) -> Any:
            start = now()
            try:
                return function(*words, **named)
            finally:
                one = Taken.since(*start)
                self.taken = Taken(self.taken.clock + one.clock, self.taken.threads + one.threads)

        return timed


def log_model(data: Path, folder: Path, jobs: int) -> tuple[Taken, dict[str, Any]]:
    """What the entry point takes, and the parameters of the final fit."""
    script = ROOT / "lightgbm" / "log_boosting.py"
    spec = importlib.util.spec_from_file_location("log_boosting", script)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{script} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow.db'}"
    os.environ.pop("MLFLOW_RUN_ID", None)
    receipt, before = folder / "receipt.json", Path.cwd()
    os.chdir(folder)  # where MLflow puts artifacts
    quiet_libraries()
    sys.argv = ["log_model", "--data", str(data), "--jobs", str(jobs), "--receipt", str(receipt)]
    start = now()
    module.main()
    taken = Taken.since(*start)
    from project_tools.runs.store import connect

    run = json.loads(receipt.read_text())["run_id"]
    path = connect().download_artifacts(run, "parameters.json", str(folder))
    os.chdir(before)
    return taken, json.loads(Path(path).read_text())


def bare_fit(data: Path, parameters: Mapping[str, Any], jobs: int) -> Taken:
    """What LightGBM alone takes: bins and trees of a matrix in memory, constrained as ours are."""
    clients = load_dataset(data)
    levels = category_levels(clients.X)
    matrix, y = numeric_matrix(clients.X, levels), clients.y.astype(np.float32)
    places = [clients.X.columns.get_loc(name) for name in levels]
    own = get_family("lightgbm").space
    settings = {name: value for name, value in parameters.items() if name in own}
    settings |= {
        "objective": "binary", "subsample_freq": 1, "num_threads": jobs, "verbosity": -1,
        "max_bin": BINS, "bin_construct_sample_cnt": BINNING_ROWS, "force_col_wise": True,
    }  # fmt: skip
    model = get_family("lightgbm").make(parameters, seed=1, jobs=jobs, X=clients.X)
    settings |= model._constraints(model_names(clients.X.columns))  # noqa: SLF001  (the very same)
    start = now()
    train = lightgbm.Dataset(matrix, y, categorical_feature=places, params=settings)
    lightgbm.train(settings, train, num_boost_round=parameters["n_estimators"])
    return Taken.since(*start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=60_000)
    parser.add_argument("--features", type=int, default=735)
    parser.add_argument("--jobs", type=int, default=2)
    words = parser.parse_args()
    infos = widened(words.features)
    catalogue.all_features = lambda *_: infos  # type: ignore[assignment]  # the copies are features too
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "features.parquet"
        write_invented(data, infos, words.clients)
        answerable = Stopwatch(final_model, "audit_final", "log_audit", "log_card")
        excluding = Stopwatch(audit, "exclusion_facts")
        taken, parameters = log_model(data, folder, words.jobs)
        bare = bare_fit(data, parameters, words.jobs)
    print(
        f"\n{words.clients:,} training clients, {words.features} features, {words.jobs} threads, "
        f"{parameters['n_estimators']} rounds in the final fit\n"
        f"{'':<18}{'clock':>10}{'threads':>12}\n"
        f"{'bare LightGBM fit':<18}{bare.clock:>8.1f} s{bare.threads:>10.1f} s\n"
        f"{'log_model':<18}{taken.clock:>8.1f} s{taken.threads:>10.1f} s\n"
        f"{'  card and audit':<18}{answerable.taken.clock:>8.1f} s{answerable.taken.threads:>10.1f} s"
        f"   (bound {CARD_BOUND_S:.0f} s on the clock of an idle machine)\n"
        f"{'  … exclusion':<18}{excluding.taken.clock:>8.1f} s{excluding.taken.threads:>10.1f} s\n"
        f"{'ratio':<18}{taken.clock / bare.clock:>8.2f}  {taken.threads / bare.threads:>10.2f}   "
        f"(bound {BOUND:.0f} on the clock of an idle machine)"
    )
    added = answerable.taken.threads / words.jobs  # what two idle cores would take at the least
    sys.exit(taken.threads > BOUND * bare.threads or added > CARD_BOUND_S)


if __name__ == "__main__":
    main()
