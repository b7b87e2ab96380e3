"""The API behind a real nginx, with the configuration that docs/operations.md gives."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from api.tests.running import served
from api.tests.running_server import PATIENCE_S, free_port, running
from api.tests.test_keys import addresses
from api.tests.test_worker import HELD, UNFINISHED
from api.web.keys import SCOPES
from project_tools.settings import ROOT
from tests.api.conftest import Keyed
from tests.api.document import document
from tests.api.test_hostile import Target, is_problem

pytestmark = pytest.mark.slow
NGINX = "/usr/sbin/nginx"
#: Around the documented part: one process, and nothing outside of its folder.
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {documented}
}}
"""


@contextmanager
def nginx(folder: Path, api_port: int) -> Iterator[Target]:
    """nginx in front of the API."""
    text = (ROOT / "docs" / "operations.md").read_text()
    (documented,) = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    port = free_port()
    assert "127.0.0.1:8000;" in documented
    assert "listen 8080;" in documented
    documented = documented.replace("127.0.0.1:8000;", f"127.0.0.1:{api_port};")
    documented = documented.replace("listen 8080;", f"listen 127.0.0.1:{port};")
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, documented=documented))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(file)], stderr=log)
    target = Target(port)
    try:
        end = time.monotonic() + PATIENCE_S
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end
            try:
                target.get("/health/live")
            except OSError:
                time.sleep(0.05)
            else:
                break
        yield target
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, keyed: Keyed) -> Iterator[Target]:
    with nginx(tmp_path_factory.mktemp("nginx"), keyed.server.port) as target:
        yield target


def test_every_route_takes_its_scope_and_no_other(front: Target, keyed: Keyed) -> None:
    score = {"Authorization": f"Bearer {keyed.keys['score']}"}
    made = json.loads(front.get(f"/prediction/{served().ids()[0]}", **score)[2])
    walked = addresses(document(), made["decision"]["id"])
    assert len(walked) > 15
    accept = {"Accept": "application/json, text/html;q=0.1, text/plain;q=0.1"}

    def status(path: str, **headers: str) -> int:
        return front.get(path, **accept, **headers)[0]

    for path, scopes in walked.items():
        if not scopes:
            assert status(path) == 200, path
            continue
        scope, *also = scopes
        found = {s: status(path, Authorization=f"Bearer {keyed.keys[s]}") for s in SCOPES}
        # What another key has recorded is not there for a key without the first scope.
        wrong = {s: 404 if s in also else 403 for s in SCOPES if s != scope}
        # A picture is refused while the process that draws has others to draw.
        right = {200, 503} if "_shap" in path else {200}
        assert found.pop(scope) in right, path
        assert found == wrong, path
        for words in (None, "Bearer", f"Basic {keyed.keys[scope]}", f"Bearer {keyed.keys[scope]}x"):
            headers = {} if words is None else {"Authorization": words}
            assert status(path, **headers) == 401, (path, words)


def test_no_header_of_a_client_gives_a_right(front: Target) -> None:
    for name in (
        *("X-Forwarded-For", "X-Real-IP", "X-Forwarded-User", "X-Remote-User", "Remote-User"),
        *("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "SCRIPT_NAME", "Forwarded"),
    ):
        for value in ("127.0.0.1", "/health/live", "admin"):
            status, _, _ = front.get("/prediction/", **{name: value})
            assert status in (400, 401), (name, value)


def test_a_service_without_keys_takes_nothing_from_a_proxy(tmp_path: Path) -> None:
    with nginx(tmp_path, running().port) as target:
        for path in ("/", "/prediction/", "/health/ready"):
            status, headers, body = target.get(path)
            assert status == 403
            assert is_problem(status, headers, body)


def test_slow_clients_stop_nobody(front: Target, keyed: Keyed) -> None:
    bearer = {"Authorization": f"Bearer {keyed.keys['score']}"}
    with ExitStack() as held:
        for beginning in UNFINISHED.values():
            for _ in range(HELD):
                held.enter_context(front.connect()).sendall(beginning)
        for end in (time.monotonic() + 3, time.monotonic() + 4):
            while time.monotonic() < end:
                started = time.monotonic()
                assert front.get("/prediction/", **bearer)[0] == 200
                assert keyed.server.get("/prediction/", **bearer)[0] == 200
                assert time.monotonic() - started < 2
                time.sleep(0.2)


def test_what_nginx_refuses_is_a_problem_document(front: Target) -> None:
    for sent, status in (
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /" + 40_000 * b"x" + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + 40_000 * b"x" + b"\r\n\r\n", 494),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n", 413),
    ):
        found, headers, body = front.ask(sent)
        # 494 is nginx's own number for a header that is too large; it answers 400.
        assert found == (400 if status == 494 else status), sent[:40]
        assert headers["Content-Type"] == "application/problem+json"
        assert json.loads(body)["request_id"] == headers["X-Request-ID"]
        assert "nginx/" not in headers.get("Server", "")


def test_while_the_api_is_away_it_is_502_with_the_time_to_come_again(tmp_path: Path) -> None:
    with nginx(tmp_path, free_port()) as target:
        status, headers, body = target.get("/prediction/")
        assert status == 502
        assert headers["Retry-After"] == "5"
        assert is_problem(status, headers, body)
