"""How true the reasons are, and what they cost: checks over refused clients, times.

    python benchmarks/reasons.py FEATURES [--families lightgbm xgboost …] [--model DIR] [--check]

A small model of each family is trained on the training clients of a feature file and written with
its reference; ``--model`` takes a folder that is there instead. Of 200 refused held-out clients (20
for a forest), the table shows whether the risk falls where a concept's features are replaced by those
of the just-accepted, and how often the model's own contributions name the same concepts.
``--check`` exits with status 1 if a bound does not hold for a LightGBM or XGBoost model.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from project_tools.features.files import state_folder
from project_tools.models.dataset import load_dataset
from project_tools.models.families import get_family
from project_tools.models.training import train
from project_tools.runs.served_form import artefact_content, plain_rows
from project_tools.serving.artefact import Artefact, load_artefact, write_artefact
from project_tools.serving.explanation import decision_reasons, scored_parts
from project_tools.serving.manifest import ReasonsCheck
from project_tools.serving.reasons.check import check_reasons
from project_tools.serving.reference import ReferenceClients, compute_reference

SLOW_TREES = {"learning_rate": 0.05, "colsample_bytree": 0.05, "reg_lambda": 50.0}
SETTINGS = {
    "lightgbm": {"n_estimators": 600, "early_stopping_rounds": 30, "num_leaves": 8, **SLOW_TREES},
    "xgboost": {"n_estimators": 600, "early_stopping_rounds": 30, "max_leaves": 8, **SLOW_TREES},
    "random_forest": {"n_estimators": 100, "max_leaf_nodes": 128},
    "logistic_l2": {"C": 0.1},
}
FOLDS = 3
#: The bounds: shares of clients, the share of reasons, and milliseconds of an explanation.
LEAST_LARGEST, LEAST_CLEAR, LEAST_FALLS, MOST_MS = 0.90, 0.95, 1.0, 15.0


def made(family: str, features: Path, folder: Path) -> float:
    """Train a model, write its artefact; the processor seconds that the reference and checks add."""
    data = load_dataset(features, folds=FOLDS)
    test = load_dataset(features, split="test", folds=1)
    model = train(get_family(family), SETTINGS[family], data, folds=FOLDS, jobs=2)
    seconds = []
    for defaulted in (None, data.y == 1):
        start = time.process_time()
        content = artefact_content(
            model, name="benchmark", run_id="0" * 32, commit="", metrics={},
            training=data.X, held_out=test.X, state=state_folder(features), defaulted=defaulted,
        )  # fmt: skip
        write_artefact(folder, content)
        seconds.append(time.process_time() - start)
    return seconds[1] - seconds[0]


def checked(artefact: Artefact, features: Path) -> ReasonsCheck | None:
    """The check of a model on the held-out clients of its feature file."""
    encode = artefact.model.encoder.encode_frame
    data, test = (load_dataset(features, split=s, folds=1, exclude=()) for s in ("train", "test"))
    rows = encode(test.X)
    reference = artefact.reference
    if reference is None:
        at = np.linspace(0, len(data.X) - 1, 3_000).astype(int)
        few = ReferenceClients(encode(data.X.iloc[at]), data.y[at] == 1, rows)
        reference = compute_reference(artefact.model, artefact.catalogue, few, artefact.threshold)
    return check_reasons(artefact.model, artefact.index, reference, rows, artefact.threshold)


def explanation_ms(artefact: Artefact, features: Path) -> float:
    """The median processor time of the reasons of one held-out client, from its row."""
    test = load_dataset(features, split="test", folds=1, exclude=()).X.head(40)
    times = []
    for row in plain_rows(test[[feature.name for feature in artefact.features]]):
        start = time.process_time()
        decision_reasons(artefact, row, *scored_parts(artefact, row))
        times.append(1_000 * (time.process_time() - start))
    return float(np.median(times))


def failures(name: str, check: ReasonsCheck | None, ms: float) -> list[str]:
    """The bounds that do not hold."""
    if check is None:
        return [f"{name}: nobody is refused, or fewer than 50 are granted"]
    bounds = {
        "largest fall": (check.largest_fall, LEAST_LARGEST),
        "largest fall, clear": (check.largest_fall_clear or 0.0, LEAST_CLEAR),
        "falls": (check.falls, LEAST_FALLS),
    }
    failed = [
        f"{name}: {what} is {value:.3f}, at least {least:.2f} is asked for"
        for what, (value, least) in bounds.items()
        if value < least
    ]
    return failed + ([f"{name}: an explanation takes {ms:.1f} ms"] if ms > MOST_MS else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("features", type=Path)
    parser.add_argument("--families", nargs="+", choices=SETTINGS, default=["lightgbm", "xgboost"])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--check", action="store_true")
    words = parser.parse_args()
    failed = []
    for name in [str(words.model)] if words.model else words.families:
        with tempfile.TemporaryDirectory() as folder:
            added = 0.0 if words.model else made(name, words.features, Path(folder) / "model")
            artefact = load_artefact(words.model or Path(folder) / "model", child=False)
            check = artefact.manifest.reasons or checked(artefact, words.features)
            ms = explanation_ms(artefact, words.features)
            print(
                f"{name}: adds {added:.1f} s of processor time to an export; an explanation {ms:.1f} ms"
            )
            for what, value in ({} if check is None else asdict(check)).items():
                print(f"  {what:20} {value if isinstance(value, int) else f'{value:.3f}'}")
            if artefact.model.scale == "log-odds":
                failed += failures(name, check, ms)
    print("\n".join(failed))
    if failed and words.check:
        sys.exit(1)


if __name__ == "__main__":
    main()
