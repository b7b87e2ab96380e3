"""Which family? One parent run a family, one nested run a trial; the table of all at the end."""

import sys

from project_tools.system import command, signals
from project_tools.system.progress import working

PARAMETERS = (
    "data", "families", "profile", "trials", "sample", "folds", "metric", "fn_cost", "scaling",
    "imputation", "clip", "one_hot", "monotone", "exclude", "seed", "jobs", "spark", "time_limit", "resume",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.runs.parameters import read
        from project_tools.runs.tuning import tune

    print(tune("hyperparameter_tuning", read("hyperparameter_tuning", PARAMETERS)))


if __name__ == "__main__":
    command.quiet_libraries()
    signals.stop_once()
    sys.exit(command.run(main))
