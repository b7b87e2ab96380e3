"""Which scaling and imputation? One nested run a pair, compared paired after calibration."""

import sys

from project_tools.system import command as entry
from project_tools.system import signals
from project_tools.system.progress import working

PARAMETERS = (
    "data", "profile", "sample", "folds", "metric", "fn_cost", "clip", "one_hot", "exclude", "seed",
    "jobs", "run", "parameters",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.models.families import get_family
        from project_tools.models.variants import PREPARATIONS
        from project_tools.runs.parameters import read, values
        from project_tools.runs.store import project_run
        from project_tools.runs.variants import compare_variants

    texts = read("random_forest", PARAMETERS)
    given = values(texts)
    rows = get_family("random_forest").with_choices(clip=given.clip, one_hot=given.one_hot)
    with project_run("random_forest") as project:
        project.params(texts)
        print(compare_variants(project, given, rows, PREPARATIONS, "scaling and imputation"))


if __name__ == "__main__":
    entry.quiet_libraries()
    signals.stop_once()
    sys.exit(entry.run(main))
