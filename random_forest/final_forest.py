"""The final random forest: trained on all training clients, judged once on the test clients."""

import sys

from project_tools import entry
from project_tools.progress import working

PARAMETERS = (
    "data", "profile", "sample", "folds", "metric", "fn_cost", "scaling", "imputation", "clip",
    "one_hot", "exclude", "seed", "jobs", "run",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.experiments import train_and_judge
        from project_tools.parameters import parse
        from project_tools.tracking import project_run
        from project_tools.tuning import family_of

    given = parse("random_forest", PARAMETERS)
    with project_run("random_forest") as project:
        train_and_judge(project, given, family_of(given, "random_forest"))


if __name__ == "__main__":
    entry.quiet_libraries()
    sys.exit(entry.run(main))
