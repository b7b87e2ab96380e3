"""The real API and the real dashboard on free ports of this machine, and a real Chromium."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.browser_visit import SHOWN_TIMEOUT, Visit

ROOT = Path(__file__).resolve().parents[2]
# Debian has the first, the runners of GitHub the second.
CHROMIUM = Path(shutil.which("chromium") or shutil.which("google-chrome") or "/usr/bin/chromium")
# Without these, Chromium asks hosts of its own from the moment it starts.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: Seconds for a service to answer: the API's check of the model and two workers on a busy machine.
START_TIMEOUT = 90


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium; without it the test is skipped, in CI it fails."""
    if not CHROMIUM.exists():
        said = f"{CHROMIUM} is missing: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(f"THE BROWSER TEST DID NOT RUN. {said}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        expect.set_options(timeout=SHOWN_TIMEOUT)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def credit_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API on the committed model and clients, or on those that CREDIT_MODEL and
    CREDIT_CLIENTS name.
    """
    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    settings = {"CREDIT_API_HOST": "127.0.0.1", "CREDIT_API_PORT": str(port)}
    log = tmp_path_factory.mktemp("api") / "log.txt"
    settings["CREDIT_STATE"] = str(log.parent / "state")
    with _running([sys.executable, "-m", "api"], settings, f"{address}/health/ready", log):
        yield address


@pytest.fixture(scope="session")
def dashboard(credit_api: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = _free_port()
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py"]
    command += [f"--server.port={port}", "--server.headless=true"]
    address = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("dashboard") / "log.txt"
    health = f"{address}/_stcore/health"
    with _running(command, {"CREDIT_API_URL": credit_api}, health, log):
        yield address
    # A traceback never reaches the screen; here it is looked for where it would be.
    assert "Traceback" not in log.read_text()


@pytest.fixture(params=["light", pytest.param("dark", marks=pytest.mark.slow)])
def visit(request: pytest.FixtureRequest, chromium: Browser, dashboard: str) -> Iterator[Visit]:
    """A fresh browser window in each theme."""
    context: BrowserContext = chromium.new_context(
        viewport={"width": 1360, "height": 940}, color_scheme=request.param
    )
    visited = Visit(context.new_page(), dashboard)
    visited.page.set_default_timeout(SHOWN_TIMEOUT)
    context.on("request", lambda asked: visited.asked.append(asked.url))
    visited.page.on("websocket", lambda socket: visited.asked.append(socket.url))
    yield visited
    context.close()


@pytest.fixture
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["visit"])


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """Where pictures go: SCREENSHOT_DIR, or a folder that pytest throws away."""
    folder = Path(os.environ.get("SCREENSHOT_DIR") or tmp_path)
    folder = folder if folder.is_absolute() else ROOT / folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _running(
    command: list[str], settings: dict[str, str], health: str, log: Path
) -> Iterator[None]:
    """A service of its own process group, from its first good answer until it is stopped."""
    with log.open("w") as out:
        service = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(service, health, log)
            yield
        finally:
            _stop(service)


def _wait(service: subprocess.Popen[bytes], health: str, log: Path) -> None:
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        if service.poll() is not None:
            pytest.fail(f"the service ended with {service.returncode}:\n{_start(log)}")
        try:
            if requests.get(health, timeout=2).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.5)
    pytest.fail(f"no good answer from {health} in {START_TIMEOUT} s:\n{_start(log)}")


def _start(log: Path) -> str:
    """The first lines of a log: they hold the reason, what follows only our own questions."""
    return "\n".join(log.read_text().splitlines()[:20])


def _stop(service: subprocess.Popen[bytes]) -> None:
    if service.poll() is None:
        os.killpg(service.pid, signal.SIGTERM)
    try:
        service.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(service.pid, signal.SIGKILL)
        service.wait(5)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
