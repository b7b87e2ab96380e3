"""``.venv/bin/mlflow``: MLflow's own command, after a look at what ``mlflow run PROJECT`` needs.

MLflow takes an environment that an interrupted run left half-built for a whole one, and ends with a
traceback where a program is missing. Every other command goes to MLflow as it was typed.
"""

import fcntl
import shutil
import sys
from contextlib import ExitStack
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from project_tools.errors import SettingError
from project_tools.system import command
from project_tools.system.progress import say, working

BIN = Path(sys.executable).parent
#: The program without which MLflow cannot make or use a project's environment, by manager.
NEEDED = {"virtualenv": "pyenv", "uv": "uv", "local": "python"}


def run() -> None:
    """``mlflow run``: refused in one line where its environment cannot be made."""
    with working("loading MLflow"):
        from mlflow.cli import cli, run  # noqa: PLC0415  (seconds, in which something must be said)
        from mlflow.exceptions import MlflowException  # noqa: PLC0415
        from mlflow.utils.process import ShellCommandException  # noqa: PLC0415

    words = run.make_context("mlflow run", sys.argv[2:], resilient_parsing=True).params
    folder = Path(words["uri"] or "")
    try:
        with ExitStack() as stack:
            if (folder / "MLproject").is_file() and words["backend"] == "local":
                look(folder, words["env_manager"] or "virtualenv", stack)  # a python_env's default
            cli(prog_name="mlflow")
    except MlflowException as error:
        raise SettingError(f"mlflow run: {' '.join(str(error).split())[:300]}") from error
    except ShellCommandException as error:  # pyenv, uv or pip, which have said why
        raise SettingError(
            "mlflow run: a command that makes the project's environment failed, as its lines above say; "
            "mend what they name and run it again, or use this environment: --env-manager local"
        ) from error


def look(folder: Path, manager: str, stack: ExitStack) -> None:
    """Look at the PATH, and at the environment that MLflow may have for the project."""
    refuse_inactive(manager)
    if manager != "local":
        make_whole(environment_of(folder), folder / "requirements.txt", stack)


def refuse_inactive(manager: str) -> None:
    """Raise ``SettingError`` where the PATH does not lead to what the manager needs."""
    found = shutil.which(NEEDED.get(manager, "python"))
    # A python of another environment lacks our packages; any pyenv and any uv will do.
    if found is None or (manager == "local" and Path(found).parent.resolve() != BIN.resolve()):
        raise SettingError(
            f"the environment {BIN.parent} is not active, so MLflow does not find its "
            f"{NEEDED.get(manager, 'python')}; run: source {BIN / 'activate'}"
        )


def environment_of(folder: Path) -> Path:
    """Where MLflow keeps the environment of a project; MLflow has no public name for that."""
    from mlflow.projects.utils import load_project  # noqa: PLC0415
    from mlflow.utils import virtualenv  # noqa: PLC0415
    from mlflow.utils.environment import _PythonEnv  # noqa: PLC0415

    wanted = _PythonEnv.from_yaml(load_project(str(folder)).env_config_path)
    name = virtualenv._get_virtualenv_name(wanted, folder)  # noqa: SLF001  (see above)
    return Path(virtualenv._get_mlflow_virtualenv_root()) / name  # noqa: SLF001


def make_whole(environment: Path, requirements: Path, stack: ExitStack) -> None:
    """Remove an environment that was not finished, so that MLflow makes it anew.

    Whoever makes it holds a lock until ``stack`` closes; the system frees it when a process is
    killed. Raises ``SettingError`` while another process makes the environment.
    """
    missing = missing_packages(environment, requirements)
    if environment.exists() and not missing:
        return
    environment.parent.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context(environment.with_suffix(".lock").open("w"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SettingError(
            f"another mlflow run is making the environment {environment}; wait until it has"
        ) from error
    if environment.exists():
        say(f"the environment {environment} was not finished ({missing[0]} is missing): made anew")
        try:
            shutil.rmtree(environment)
        except OSError as error:  # what an interrupted run started may still write to it
            raise SettingError(
                f"{environment} was not finished and cannot be removed ({error.strerror}); "
                "remove this folder, then type the same again"
            ) from error


def missing_packages(environment: Path, requirements: Path) -> list[str]:
    """What an environment lacks of a file of requirements; its script ``activate`` counts too."""
    from packaging.requirements import Requirement  # noqa: PLC0415
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    if not (environment / "bin" / "activate").is_file():
        return ["bin/activate"]
    # pip writes a package's RECORD last.
    folders = [str(folder) for folder in environment.glob("lib/python*/site-packages")]
    there = {
        canonicalize_name(package.metadata["Name"])
        for package in distributions(path=folders)
        if package.read_text("RECORD") is not None
    }
    markers = _python_of(environment)
    lines = requirements.read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return [
        row.name
        for row in wanted
        if (row.marker is None or row.marker.evaluate(markers))
        and canonicalize_name(row.name) not in there
    ]


def _python_of(environment: Path) -> dict[str, Any]:
    """The environment's Python, as markers of requirements name it."""
    rows = (environment / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    facts = {name.strip(): value.strip() for name, _, value in (row.partition("=") for row in rows)}
    full = facts.get("version") or facts.get("version_info") or sys.version.split()[0]
    return {"python_full_version": full, "python_version": ".".join(full.split(".")[:2])}


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        sys.exit(command.run(run))
    from mlflow.cli import cli

    sys.exit(cli(prog_name="mlflow"))
