"""Each call of docs/api.md, run by a shell against servers of the committed model and clients.

A call that shows a key goes to a server with keys, each other one to the open server. The status is the
one behind the call, and every route of the OpenAPI document is called.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.tests.running_server import Server
from api.web.keys import SCOPES, new_key, write_keys
from project_tools.settings import ROOT
from tests.api.document import document

TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
#: The status of the answer goes where the call's own output does not.
SHELL = (
    'curl() { command curl -w "%{stderr}\\n%{http_code} %{method} %{url_effective}\\n" "$@"; }\n'
)
KEY = "$KEY"


@dataclass(frozen=True)
class Call:
    """A call as the document shows it, with the status beside it."""

    text: str
    status: int

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]


def calls() -> list[Call]:
    """The calls in order: each begins with ``curl`` and ends with ``# STATUS``."""
    found = []
    for block in re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        starts = [match.start() for match in re.finditer(r"^curl ", block, re.MULTILINE)]
        for start, end in pairwise([*starts, len(block)]):
            match = re.fullmatch(r"(curl .*?)\s+# ([1-5][0-9]{2})\s*", block[start:end], re.DOTALL)
            assert match, f"no status is beside: {block[start:end]}"
            found.append(Call(match[1], int(match[2])))
    return found


@dataclass(frozen=True)
class Servers:
    """An open server and one with keys, both of the committed model and clients; where calls run."""

    open: Server
    keyed: Server
    key: str
    folder: Path

    def run(self, call: Call) -> tuple[int, str, str]:
        """Status, method and path of the last answer that a call got."""
        server = self.keyed if KEY in call.text else self.open
        known = self.get("/prediction/?size=1")["ids"][0]
        names = {"API": f"http://127.0.0.1:{server.port}", "ID": str(known), "KEY": self.key}
        if "$DECISION" in call.text:
            names["DECISION"] = self.get(f"/prediction/{known}")["decision"]["id"]
        done = subprocess.run(
            ["bash", "-c", SHELL + call.text],
            cwd=self.folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **names},
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        lines = done.stderr.decode().strip().splitlines()
        assert lines, done
        status, method, address = lines[-1].split()
        return int(status), method, urlsplit(address).path

    def get(self, path: str) -> Any:
        return json.loads(self.open.get(path)[2])


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("calls")
    (folder / "docs").symlink_to(ROOT / "docs")
    text, key = new_key("documents", SCOPES, days=1, per_minute=100_000)
    write_keys(folder / "keys", [key])
    pair = {
        "CREDIT_MODEL": str(ROOT / "api" / "model"),
        "CREDIT_CLIENTS": str(ROOT / "api" / "clients.parquet"),
    }
    started = [
        Server.start(folder / name, **pair, CREDIT_STATE=str(folder / f"{name}.state"), **more)
        for name, more in (("open", {}), ("keyed", {"CREDIT_API_KEYS": str(folder / "keys")}))
    ]
    started[0].picture()  # the process that draws has started
    yield Servers(*started, text, folder)
    assert [server.stop() for server in started] == [0, 0]


def test_the_calls_of_the_document_are_found() -> None:
    assert len(calls()) > 40
    assert sum("curl " in line for line in TEXT.splitlines() if line.startswith("curl")) == len(
        calls()
    )
    assert {200, 400, 403, 404, 405, 406, 409, 415, 422, 503} <= {call.status for call in calls()}


@pytest.mark.slow
def test_each_call_has_its_status_and_each_route_a_call(servers: Servers) -> None:
    """In order: a row is made by one call and sent by the next; a halt refuses what comes after it."""
    seen, wrong = set(), []
    for call in calls():
        status, method, path = servers.run(call)
        if status != call.status:
            wrong.append(f"{call.first_line}: {status}, not {call.status}")
        elif status < 400 or status == 409:  # the open service confirms no override
            seen.add((method, path))
    assert wrong == []
    missing = [
        f"{method.upper()} {path}"
        for path, operations in document()["paths"].items()
        for method in operations
        if not any(
            (re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), one) and verb == method.upper())
            for verb, one in seen
        )
    ]
    assert missing == []


def test_no_route_is_named_that_there_is_none_of() -> None:
    named = {one.strip() for one in re.findall(r"\$API(/[a-z_/.]*)", TEXT)}
    paths = {path.partition("{")[0] for path in document()["paths"]} | {"/openapi.json"}
    assert {one for one in named if one.rstrip("/") not in {p.rstrip("/") for p in paths}} == set()
