"""Train the best setting of a search, judge it once on the test clients, register it."""

import json
import sys

from project_tools import entry
from project_tools.progress import working

PARAMETERS = (
    "data", "profile", "sample", "folds", "metric", "fn_cost", "exclude", "seed", "jobs", "run",
    "receipt",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.experiments import register_model, train_and_judge
        from project_tools.families import family
        from project_tools.files import replacing
        from project_tools.parameters import parse
        from project_tools.tracking import project_run

    given = parse("lightgbm", PARAMETERS)
    with project_run("lightgbm") as project:
        model, test = train_and_judge(project, given, family("lightgbm"))
        registered = register_model(project, given, model, test)
        print(f"registered: {registered.name} version {registered.version}")
        if given.receipt is not None:
            receipt = {
                "name": registered.name,
                "version": str(registered.version),
                "run_id": project.run_id,
            }
            with replacing(given.receipt) as temporary:
                temporary.write_text(json.dumps(receipt))


if __name__ == "__main__":
    entry.quiet_libraries()
    sys.exit(entry.run(main))
