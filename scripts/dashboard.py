"""Start the dashboard on CREDIT_DASHBOARD_PORT; ``make dashboard`` and ``make run`` call it."""

import os
import sys

from project_tools.settings import ROOT, Settings
from project_tools.system import command
from project_tools.system.ports import refuse_busy

HOST = "127.0.0.1"


def main() -> None:
    settings = Settings.load()
    refuse_busy(HOST, settings.dashboard_port, "CREDIT_DASHBOARD_PORT to another port")
    os.chdir(ROOT)
    os.environ["CREDIT_API_URL"] = settings.api_url
    options = {
        "server.address": HOST,
        "server.port": settings.dashboard_port,
        "server.headless": "true",
        "browser.gatherUsageStats": "false",
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    program = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", *words]
    os.execv(sys.executable, program)  # noqa: S606  (this process becomes the dashboard)


if __name__ == "__main__":
    sys.exit(command.run(main))
