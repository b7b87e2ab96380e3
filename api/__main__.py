"""``python -m api`` starts the API under gunicorn; ``--check`` only checks that it can start.

Two environment variables tell gunicorn about the check: ``API_CHECKED_BY`` is the id of the
process that did it, ``API_VERIFIED`` the digest of the model.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from api.web.keys import OPEN, SCOPES, keyring_of, new_key, read_keys, write_keys
from project_tools.errors import CreditError, SettingError, unknown
from project_tools.serving.verification import adopt_in_child
from project_tools.settings import ROOT, Settings
from project_tools.system.ports import refuse_busy
from project_tools.system.progress import working


def main(arguments: Sequence[str] | None = None) -> int:
    """Start or check. A failure is one line on standard error and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m api", description="The credit scoring API.")
    parser.add_argument("--check", action="store_true", help="check model and clients, then end")
    _add_keys(parser.add_subparsers(dest="command", metavar="keys"))
    options = parser.parse_args(arguments)
    try:
        settings = Settings.load()
        if options.command:
            _change_keys(settings, options)
        elif options.check:
            sys.stdout.write(f"{_verified(settings)}\n")
        else:
            _start(settings)
    except CreditError as why:
        sys.stderr.write(f"{why}\n")
        return 1
    return 0


def _add_keys(commands: Any) -> None:
    keys = commands.add_parser("keys", help="the keys of callers, in the file of CREDIT_API_KEYS")
    verbs = keys.add_subparsers(dest="verb", required=True)
    new = verbs.add_parser("new", help="make a key; it is shown once")
    new.add_argument("--holder", required=True, help="who gets it")
    new.add_argument("--scopes", required=True, help=f"some of {','.join(SCOPES)}")
    new.add_argument("--days", type=_whole, help="days until it expires (default: never)")
    new.add_argument("--per-minute", type=_whole, default=600, help="requests a minute (600)")
    new.add_argument(
        "--portfolio", type=Path, help="file of the clients whom it may see, one id a line (all)"
    )
    verbs.add_parser("list", help="show what is stored of each key")
    verbs.add_parser("revoke", help="remove a key").add_argument("id")


def _whole(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _change_keys(settings: Settings, options: argparse.Namespace) -> None:
    path = settings.api_keys
    if path is None:
        raise SettingError("name the key file in CREDIT_API_KEYS")
    keys = read_keys(path) if options.verb != "new" or path.exists() else ()
    if options.verb == "list":
        for key in keys:
            until = key.expires.isoformat(timespec="minutes") if key.expires else "no end"
            scopes = ",".join(key.scopes)
            seen = f"  portfolio {key.portfolio}" if key.portfolio else ""
            sys.stdout.write(
                f"{key.id}  {scopes}  until {until}  {key.per_minute}/min  {key.holder}{seen}\n"
            )
    elif options.verb == "revoke":
        left = [key for key in keys if key.id != options.id]
        if len(left) == len(keys):
            raise SettingError(f"the key file has no key {options.id!r}; see `keys list`")
        write_keys(path, left)
    else:
        scopes = options.scopes.split(",")
        for scope in scopes:
            if scope not in SCOPES:
                raise SettingError(unknown("scope", scope, SCOPES))
        portfolio = options.portfolio.resolve() if options.portfolio else None
        if portfolio is not None:
            from api.web.portfolios import read_portfolio  # noqa: PLC0415  (it imports Arrow)

            read_portfolio(portfolio)
        text, key = new_key(
            options.holder,
            scopes,
            days=options.days,
            per_minute=options.per_minute,
            portfolio=portfolio,
        )
        write_keys(path, [*keys, key])
        sys.stdout.write(f"{text}\n")


def _verified(settings: Settings) -> str:
    """The digest of the model, after a child has copied and loaded all that a worker loads.

    Another child makes or upgrades the record of decisions meanwhile.
    """
    keyring_of(settings)
    command = [sys.executable, "-m", "api.upgrade"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as upgrade:  # noqa: S603  (ours)
        digest = adopt_in_child(settings.model, settings.clients, settings.state)
        said = upgrade.communicate()[1].strip()
    if upgrade.returncode:
        raise SettingError(said.splitlines()[-1] if said else "the record cannot be opened")
    if said:
        sys.stderr.write(f"{said.splitlines()[-1]}\n")
    return digest


def _start(settings: Settings) -> None:
    if find_spec("gunicorn") is None:
        raise SettingError("gunicorn is not installed; run `make setup`")
    refuse_busy(settings.api_host, settings.api_port, "CREDIT_API_HOST or CREDIT_API_PORT")
    with working("checking the model and its clients"):
        os.environ["API_VERIFIED"] = _verified(settings)
    if settings.api_keys is None:
        sys.stderr.write(f"{OPEN}\n")
    os.environ["API_CHECKED_BY"] = str(os.getpid())
    configuration = Path(__file__).with_name("gunicorn.conf.py")
    command = [sys.executable, "-m", "gunicorn", "-c", str(configuration), "api.wsgi:app"]
    os.execv(sys.executable, command)  # noqa: S606  (gunicorn replaces this process)


if __name__ == "__main__":
    sys.exit(main())
