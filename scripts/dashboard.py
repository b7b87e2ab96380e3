"""Start the dashboard on CREDIT_DASHBOARD_PORT; ``make dashboard`` and ``make run`` call it."""

import os
import socket
import sys

from project_tools import entry
from project_tools.errors import SettingError
from project_tools.settings import ROOT, Settings

HOST = "127.0.0.1"


def main() -> None:
    settings = Settings.load()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, settings.dashboard_port))
        except OSError as error:
            raise SettingError(
                f"port {settings.dashboard_port} of {HOST} cannot be used ({error.strerror}); stop what "
                "listens there, or set CREDIT_DASHBOARD_PORT to another port"
            ) from error
    os.chdir(ROOT)
    os.environ["CREDIT_API_URL"] = settings.api_url
    options = {
        "server.address": HOST,
        "server.port": settings.dashboard_port,
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", *words]
    os.execv(sys.executable, command)  # noqa: S606  (this process becomes the dashboard)


if __name__ == "__main__":
    sys.exit(entry.run(main))
