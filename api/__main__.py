"""``python -m api`` starts the API under gunicorn; ``--check`` only looks whether it could start."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from api.service import Service
from project_tools.errors import CreditError, SettingError
from project_tools.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Start, or check; what cannot start is said in one line, with exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m api", description="The credit scoring API.")
    parser.add_argument("--check", action="store_true", help="check model and clients, then end")
    asked = parser.parse_args(arguments)
    try:
        if asked.check:
            _check()
        else:
            _start()
    except CreditError as why:
        sys.stderr.write(f"{why}\n")
        return 1
    return 0


def _check() -> None:
    """Load all that a worker loads. This is the process that a damaged model may end."""
    settings = Settings.load()
    Service.open(settings.model, settings.clients, child=False)


def _start() -> None:
    if find_spec("gunicorn") is None:
        raise SettingError("gunicorn is not installed; run `make setup`")
    configuration = Path(__file__).with_name("gunicorn.conf.py")
    command = [sys.executable, "-m", "gunicorn", "-c", str(configuration), "api.wsgi:app"]
    os.execv(sys.executable, command)  # noqa: S606  (gunicorn takes this process's place)


if __name__ == "__main__":
    sys.exit(main())
