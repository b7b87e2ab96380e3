"""Which family? One parent run a family, one nested run a trial; the table of all at the end."""

import sys

from project_tools import entry
from project_tools.progress import working

PARAMETERS = (
    "data", "families", "profile", "trials", "sample", "folds", "metric", "fn_cost", "scaling",
    "imputation", "clip", "one_hot", "exclude", "seed", "jobs", "time_limit",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.experiments import family_of, search_family, table_of
        from project_tools.parameters import parse
        from project_tools.tracking import project_run

    given = parse("hyperparameter_tuning", PARAMETERS)
    with project_run("hyperparameter_tuning") as project:
        results = [
            search_family(project, given, family_of(given, name))[0] for name in given.families
        ]
        table = table_of(results)
        project.client.log_text(project.run_id, table, "families.txt")
        print(table)


if __name__ == "__main__":
    entry.quiet_libraries()
    sys.exit(entry.run(main))
