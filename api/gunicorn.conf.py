"""gunicorn's settings. Checks first: what cannot start says so in one line and exits with 1.

LightGBM hangs for ever in a child whose parent has predicted: so nothing is loaded before the
fork (``preload_app``), and the check of the model runs in a process of its own.
"""

import os
import socket
import subprocess
import sys
from typing import Any, NoReturn

from project_tools.errors import CreditError
from project_tools.settings import ROOT, Settings


def _stop(line: str) -> NoReturn:
    sys.stderr.write(f"{line}\n")
    raise SystemExit(1)


try:
    _settings = Settings.load()
except CreditError as why:
    _stop(str(why))

_host = f"[{_settings.api_host}]" if ":" in _settings.api_host else _settings.api_host
bind = f"{_host}:{_settings.api_port}"
chdir = str(ROOT)
worker_class = "gthread"
workers = 2
threads = 4
preload_app = False
timeout = 60
graceful_timeout = 30
keepalive = 5
raw_env = ["OMP_NUM_THREADS=1"]
# It would be opened under the home of whoever starts the service.
control_socket_disable = True
# The application writes its own lines: gunicorn's hold the path, and that the client's id.
accesslog = None
errorlog = "-"


def on_starting(server: Any) -> None:
    """Refuse a port in use, a missing or damaged model, and clients that are not its own."""
    if not {"GUNICORN_FD", "LISTEN_FDS"} & {*os.environ}:  # a socket that is handed over is ours
        for address in server.cfg.address:
            _refuse_busy(address)
    server.log.info("checking the model and its clients")
    status = subprocess.run(
        [sys.executable, "-m", "api", "--check"], cwd=ROOT, check=False
    ).returncode  # noqa: S603  (our own module)
    if status < 0:
        _stop(f"the model in {_settings.model} ended the process that read it; export it again")
    if status:
        raise SystemExit(1)


def _refuse_busy(address: Any) -> None:
    if not isinstance(address, tuple):
        return
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(address)
        except OSError as why:
            _stop(
                f"the API cannot listen on {address[0]} port {address[1]} ({why.strerror}); "
                "end what uses it, or set CREDIT_API_HOST or CREDIT_API_PORT"
            )
