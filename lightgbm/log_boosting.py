"""Train the best setting of a search, judge it once on the test clients, register it."""

import sys

from project_tools.system import command, signals
from project_tools.system.progress import working

PARAMETERS = (
    "data", "profile", "sample", "folds", "metric", "fn_cost", "monotone", "exclude", "seed", "jobs",
    "run", "parameters", "receipt",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.models.families import get_family
        from project_tools.runs.final_model import (
            register_final,
            registered_line,
            train_final,
            write_receipt,
        )
        from project_tools.runs.parameters import FinalSettings, read
        from project_tools.runs.store import project_run

    texts = read("lightgbm", PARAMETERS)
    settings = FinalSettings.from_texts(texts)
    family = get_family("lightgbm").with_choices(**settings.choices)
    with project_run("lightgbm") as project:
        project.params(texts)
        final = train_final(project, settings, family)
        print(final.table)
        registered = register_final(project, final)
        print(registered_line(project, registered))
        write_receipt(settings.receipt, project, registered)


if __name__ == "__main__":
    command.quiet_libraries()
    signals.stop_once()
    sys.exit(command.run(main))
