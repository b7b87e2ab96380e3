"""The final random forest: trained on all training clients, judged once on the test clients,
registered.
"""

import sys

from project_tools.system import command as entry
from project_tools.system import signals
from project_tools.system.progress import working

PARAMETERS = (
    "data", "profile", "sample", "folds", "metric", "fn_cost", "scaling", "imputation", "clip",
    "one_hot", "exclude", "seed", "jobs", "run", "parameters", "receipt",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.runs.final_model import (
            register_final,
            registered_line,
            train_final,
            write_receipt,
        )
        from project_tools.runs.parameters import read, values
        from project_tools.runs.store import project_run
        from project_tools.runs.tuning import family_of

    texts = read("random_forest", PARAMETERS)
    given = values(texts)
    with project_run("random_forest") as project:
        project.params(texts)
        final = train_final(project, given, family_of(given, "random_forest"))
        print(final.table)
        registered = register_final(project, given, final)
        print(registered_line(project, registered))
        write_receipt(given.receipt, project, registered)


if __name__ == "__main__":
    entry.quiet_libraries()
    signals.stop_once()
    sys.exit(entry.run(main))
