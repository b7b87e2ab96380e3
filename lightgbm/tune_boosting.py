"""Tune LightGBM without any preprocessing: one parent run, one nested run a trial."""

import sys

from project_tools.system import command, signals
from project_tools.system.progress import working

PARAMETERS = (
    "data", "profile", "trials", "sample", "folds", "metric", "fn_cost", "monotone", "exclude", "seed",
    "jobs", "spark", "time_limit", "resume",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.runs.parameters import OWN, read
        from project_tools.runs.tuning import tune

    # What this entry point does not take: LightGBM takes raw nulls and categories.
    fixed = dict.fromkeys(("scaling", "imputation", "clip", "one_hot"), OWN)
    fixed["families"] = "lightgbm"
    print(tune("lightgbm", fixed | read("lightgbm", PARAMETERS)))
    print("log its best setting: mlflow run lightgbm -e log_model")


if __name__ == "__main__":
    command.quiet_libraries()
    signals.stop_once()
    sys.exit(command.run(main))
