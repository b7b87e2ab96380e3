"""Tune LightGBM without any preprocessing: one parent run, one nested run a trial."""

import sys

from project_tools import entry
from project_tools.progress import working

PARAMETERS = (
    "data", "profile", "trials", "sample", "folds", "metric", "fn_cost", "exclude", "seed", "jobs",
    "time_limit",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.experiments import search_family, table_of
        from project_tools.families import family
        from project_tools.parameters import parse
        from project_tools.tracking import project_run

    given = parse("lightgbm", PARAMETERS)
    with project_run("lightgbm") as project:
        result, parent = search_family(project, given, family("lightgbm"))
        print(table_of([result]))
        print(f"log its best setting: mlflow run lightgbm -e log_model -P run={parent.run_id}")


if __name__ == "__main__":
    entry.quiet_libraries()
    sys.exit(entry.run(main))
