"""Which scaling and imputation? One nested run a pair, compared paired after calibration."""

import sys

from project_tools.system import command, signals
from project_tools.system.progress import working

PARAMETERS = (
    "data", "profile", "sample", "folds", "metric", "fn_cost", "clip", "one_hot", "exclude", "seed",
    "jobs", "run", "parameters",
)  # fmt: skip


def main() -> None:
    with working("loading libraries"):
        from project_tools.models.families import get_family
        from project_tools.models.variants import PREPARATIONS
        from project_tools.runs.parameters import VariantSettings, read
        from project_tools.runs.store import project_run
        from project_tools.runs.variants import compare_variants

    texts = read("random_forest", PARAMETERS)
    settings = VariantSettings.from_texts(texts)
    family = get_family("random_forest").with_choices(**settings.preparation)
    with project_run("random_forest") as project:
        project.params(texts)
        print(compare_variants(project, settings, family, PREPARATIONS, "scaling and imputation"))


if __name__ == "__main__":
    command.quiet_libraries()
    signals.stop_once()
    sys.exit(command.run(main))
