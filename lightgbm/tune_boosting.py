"""Tune LightGBM without any preprocessing: one parent run, one nested run a trial."""

import sys

from project_tools.system import command as entry
from project_tools.system import signals
from project_tools.system.progress import working

PARAMETERS = (
    "data", "profile", "trials", "sample", "folds", "metric", "fn_cost", "exclude", "seed", "jobs",
    "spark", "time_limit", "resume",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.runs.parameters import PARAMETERS as ALL
        from project_tools.runs.parameters import read
        from project_tools.runs.tuning import PREPARING, tune

    texts = {name: ALL[name].default for name in PREPARING} | {"families": "lightgbm"}
    print(tune("lightgbm", texts | read("lightgbm", PARAMETERS)))
    print("log its best setting: mlflow run lightgbm -e log_model")


if __name__ == "__main__":
    entry.quiet_libraries()
    signals.stop_once()
    sys.exit(entry.run(main))
