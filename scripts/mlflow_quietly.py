"""``mlflow`` for ``make run``: it says that it is loading, and ends on Ctrl-C without a traceback."""

import sys

from project_tools.system import command
from project_tools.system.progress import working


def main() -> None:
    with working("loading MLflow"):
        from mlflow.cli import cli  # noqa: PLC0415  (seconds, in which something must be said)
    cli(prog_name="mlflow")


if __name__ == "__main__":
    sys.exit(command.run(main))
