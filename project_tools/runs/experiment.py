"""Each MLflow Project has an experiment of its own name.

MLflow asks ``ProjectExperiment`` (entry point ``mlflow.default_experiment_provider``) where neither
``--experiment-name`` nor the environment names one. It loads this module in every process that
imports MLflow, so that nothing heavy is imported here.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

_NAME = re.compile(r"^name:\s*(\S+)\s*$", re.MULTILINE)


class ProjectExperiment:
    """The experiment of ``mlflow run PROJECT``."""

    def in_context(self) -> bool:
        """Whether this process is ``mlflow run`` on a project folder."""
        return project_of(sys.argv) is not None

    def get_experiment_id(self) -> str:
        """The id of the experiment of the project's name, which is made if there is none."""
        from mlflow import MlflowClient  # noqa: PLC0415  (see above)

        return experiment_id(MlflowClient(), project_of(sys.argv) or "")


def project_of(words: Sequence[str]) -> str | None:
    """The name of the project that a command line starts by ``mlflow run FOLDER``, or ``None``."""
    if list(words[1:2]) != ["run"] or not Path(words[0]).name.startswith(("mlflow", "__main__")):
        return None
    for word in words[2:]:
        file = Path(word) / "MLproject"
        if file.is_file() and (declared := _NAME.search(file.read_text(encoding="utf-8"))):
            return declared[1]
    return None


def experiment_id(client: "MlflowClient", name: str) -> str:
    """The id of an experiment, which is made if there is none.

    Its files lie beside a store that is a file, wherever a project runs; a server has its own place.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    uri = client.tracking_uri
    place = None
    if uri.startswith("sqlite:///"):
        place = (Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlruns").as_uri()
    return str(client.create_experiment(name, artifact_location=place))
