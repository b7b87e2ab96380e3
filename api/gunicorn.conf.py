"""gunicorn's settings. A server that cannot start says why in one line and exits with status 1.

LightGBM hangs for ever in a child whose parent has predicted. So nothing is loaded before the
fork (``preload_app``), and the check of the model runs in a separate process.
"""

# ruff: noqa: N999  (gunicorn looks for a file of this name)
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from api.logs import configuration
from api.pictures.messages import FOLDER
from api.pictures.process import PictureProcess
from api.web.keys import OPEN
from project_tools.errors import CreditError
from project_tools.settings import ROOT, Settings
from project_tools.system.ports import refuse_busy


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
worker_class = "api.web.worker.Worker"
workers = 2
threads = 4
# A worker's connections, each of which may hold 96 kB of an unfinished request; one more is answered 503.
worker_connections = 256
preload_app = False
# A picture takes under a second; a worker that is silent for a minute hangs.
timeout = 60
graceful_timeout = 30
# Seconds that an idle connection stays open.
keepalive = 5
raw_env = ["OMP_NUM_THREADS=1"]
# The refusals are tested with this parser; the other one is used as soon as it is installed.
http_parser = "python"
# No header of a client may set SCRIPT_NAME, PATH_INFO, the scheme or the client's address.
forwarder_headers = ""
forwarded_allow_ips = ""
# gunicorn would create this socket in the home of the user who starts the service.
control_socket_disable = True
# The application writes its own lines: gunicorn's hold the path, and so the client's id.
accesslog = None
errorlog = "-"
# All lines as JSON on standard error, with the fields of api.logs alone.
logconfig_dict = configuration()
logging.captureWarnings(True)


def on_starting(server: Any) -> None:
    """Check the model, unless ``python -m api`` has done it in this very process."""
    if os.environ.get("API_CHECKED_BY") == str(os.getpid()):
        return
    # A port is not "in use" if systemd or a former master passes its socket on.
    inherited = {"GUNICORN_FD", "LISTEN_FDS"} & {*os.environ}
    for address in server.cfg.address:
        if isinstance(address, tuple) and not inherited:
            _refuse_busy(address[0], address[1])
    server.log.info("checking the model and its clients")
    command = [sys.executable, "-m", "api", "--check"]
    check = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603  (ours)
    if check.returncode:
        raise SystemExit(1)  # the check has printed the reason
    os.environ["API_VERIFIED"] = check.stdout.strip()


def when_ready(server: Any) -> None:
    """Before the first fork: make the folder of this run and the process that draws.

    SIGHUP reloads the model, as SIGUSR1 does; gunicorn would restart the workers.
    """
    server.handle_hup = server.handle_usr1
    folder = _run_folder()
    os.environ[FOLDER] = str(folder)
    metrics = folder / "metrics"
    metrics.mkdir(mode=0o700)  # empty at each start
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    logger = logging.getLogger("api")
    pictures = PictureProcess(folder, logger, _settings.state / "matplotlib")
    manage_workers = server.manage_workers

    def manage() -> None:  # each second, and as soon as a child ends
        manage_workers()
        pictures.check()

    server.manage_workers = manage
    server.pictures = pictures
    if _settings.api_keys:
        logger.info("start")
    else:  # every program on this machine may ask
        logger.warning("start", extra={"reason": OPEN})


def child_exit(server: Any, worker: Any) -> None:
    """Take a worker that has ended out of the gauges; what it counted stays."""
    del server
    # Not before the folder of the metrics is set: the library reads it when it is imported.
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

    mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """End the process that draws, and remove the folder of this run."""
    if hasattr(server, "pictures"):
        server.pictures.stop()
        shutil.rmtree(os.environ[FOLDER], ignore_errors=True)


def _run_folder() -> Path:
    """A new folder for this user alone. The path of a Unix socket has at most 107 bytes."""
    parent = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="credit-api-", dir=parent if len(parent) < 70 else "/tmp"))  # noqa: S108, PLR2004


def _refuse_busy(host: str, port: int) -> None:
    try:
        refuse_busy(host, port, "CREDIT_API_HOST or CREDIT_API_PORT")
    except CreditError as why:
        _stop(str(why))
