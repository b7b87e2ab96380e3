"""``python -m api`` starts the API under gunicorn; ``--check`` only checks that it can start.

Two environment variables tell gunicorn about the check: ``API_CHECKED_BY`` is the id of the
process that did it, ``API_VERIFIED`` the digest of the model.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from project_tools.errors import CreditError, SettingError
from project_tools.serving.last_good import LastGood
from project_tools.settings import Settings
from project_tools.system.ports import refuse_busy
from project_tools.system.progress import working


def main(arguments: Sequence[str] | None = None) -> int:
    """Start or check. A failure is one line on standard error and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m api", description="The credit scoring API.")
    parser.add_argument("--check", action="store_true", help="check model and clients, then end")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        if options.check:
            sys.stdout.write(f"{_verified(settings)}\n")
        else:
            _start(settings)
    except CreditError as why:
        sys.stderr.write(f"{why}\n")
        return 1
    return 0


def _verified(settings: Settings) -> str:
    """The digest of the model, after a child has copied and loaded all that a worker loads."""
    return LastGood(settings.model, settings.clients, settings.state).adopt_in_child()


def _start(settings: Settings) -> None:
    if find_spec("gunicorn") is None:
        raise SettingError("gunicorn is not installed; run `make setup`")
    refuse_busy(settings.api_host, settings.api_port, "CREDIT_API_HOST or CREDIT_API_PORT")
    with working("checking the model and its clients"):
        os.environ["API_VERIFIED"] = _verified(settings)
    os.environ["API_CHECKED_BY"] = str(os.getpid())
    configuration = Path(__file__).with_name("gunicorn.conf.py")
    command = [sys.executable, "-m", "gunicorn", "-c", str(configuration), "api.wsgi:app"]
    os.execv(sys.executable, command)  # noqa: S606  (gunicorn replaces this process)


if __name__ == "__main__":
    sys.exit(main())
