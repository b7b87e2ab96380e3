"""Logs and metrics of a real gunicorn: two workers add up, a dead one stays counted, nothing leaks."""

import http.client
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from api.tests.running import served
from api.tests.running_server import PATIENCE_S, Server, children_of
from api.web.keys import SCOPES, new_key, write_keys

#: Values of an applicant, as text and as a number.
MARKED = ("SECRET-57721", "566490153286")

_ECHOES = re.compile(
    rb"No client \d+ is known here|Unknown feature '[^']*'|\"[^\"]*\":\[\"This address takes no such name"
)


class Observed:
    """A server with a key file, and a key with every scope."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key, stored = new_key("x", SCOPES, days=1, per_minute=100_000)
        self.key_id = stored.id
        write_keys(folder / "keys", [stored])
        self.server = Server.start(
            folder / "log",
            CREDIT_API_KEYS=str(folder / "keys"),
            CREDIT_STATE=str(folder / "state"),
            TMPDIR=str(folder),
        )

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        status, _, body = self.server.get(path, Authorization=f"Bearer {self.key}", **headers)
        return status, body

    def post(self, path: str, body: bytes, value: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        headers |= {"Idempotency-Key": value} if value else {}
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        found = response.status, response.read()
        connection.close()
        return found

    def figures(self) -> dict[str, float]:
        text = self.get("/metrics")[1].decode()
        pairs = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in pairs}

    def workers(self) -> set[int]:
        return children_of(self.server.process.pid)[0]

    def lines(self) -> list[dict]:
        text = self.server.log.read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    made = Observed(tmp_path_factory.mktemp("observed"))
    yield made
    assert made.server.stop() == 0
    assert "Traceback" not in made.server.log.read_text()


def test_counts_add_up_over_workers_and_outlive_one(observed):
    count = 'credit_api_requests_total{method="GET",route="/prediction/<client>",status="200"}'
    seconds = 'credit_api_request_seconds_count{route="/prediction/<client>"}'
    client = f"/prediction/{served().ids()[0]}"
    before = observed.figures().get(count, 0)
    for idle in observed.workers():  # so that each answers half
        os.kill(idle, signal.SIGSTOP)
        try:
            for _ in range(30):
                observed.get(client)
        finally:
            os.kill(idle, signal.SIGCONT)
    found = observed.figures()
    assert found[count] - before == 60
    recorded = 'credit_api_records_total{outcome="recorded"}'
    assert found[recorded] == found["credit_api_record_seconds_count"] == found[count]
    answered = {
        line["pid"] for line in observed.lines() if line.get("route") == "/prediction/<client>"
    }
    assert answered == observed.workers(), "one worker answered everything; the sum shows nothing"
    assert found["credit_api_ready"] == 1
    # With keys the start is no reason to look; without, it is a warning (test_logs).
    assert [x["level"] for x in observed.lines() if x["event"] == "start"] == ["info"]
    assert "py.warnings" not in observed.server.log.read_text()
    former = observed.workers()
    victim = min(former)
    os.kill(victim, signal.SIGKILL)
    end = time.monotonic() + PATIENCE_S
    while len(observed.workers()) < 2 or victim in observed.workers():
        assert time.monotonic() < end, "no new worker"
        time.sleep(0.1)
    after = observed.figures()
    assert after[count] == found[count]
    assert after[seconds] == found[seconds]
    for _ in range(10):
        observed.get(client)
    assert observed.figures()[count] == found[count] + 10
    folder = next(observed.folder.glob("credit-api-*")) / "metrics"
    assert not list(folder.glob(f"gauge_live*_{victim}.db"))
    assert list(folder.glob(f"counter_{victim}.db"))


def inputs(observed):
    """The names of the features that the model takes."""
    return [feature["name"] for feature in json.loads(observed.get("/features?used=1")[1])]


def test_an_applicants_values_are_nowhere(observed):
    text, number = MARKED
    server, key = observed.server, f"Authorization: Bearer {observed.key}\r\n"
    answers = []
    for path in (
        *(f"/{route}/{number}" for route in ("prediction", "clients", "explanation", "local_shap")),
        *(f"/prediction/{text}", f"/{text}", f"/prediction/?query={text}", f"/?{text}=1"),
        *(f"/prediction/?{text}={number}", f"/peers/{number}?feature={text}"),
        f"/peers/{served().ids()[0]}?feature=AMT_CREDIT&group={text}",
    ):
        plain, marked = {}, dict.fromkeys(("User-Agent", "X-Request-ID", "Accept", "Cookie"), text)
        answers += [observed.get(path, **headers)[1] for headers in (plain, marked)]
    row = dict.fromkeys(inputs(observed))
    whole = {"features": {**row, "AMT_CREDIT": int(number)}}
    halts = {"reason": {text: number}}
    for path, sent in (
        ("/prediction", whole),
        ("/prediction", {"features": {**row, "AMT_CREDIT": text, text: number}}),
        ("/prediction", {"features": {**row, "OCCUPATION_TYPE": text}, text: text}),
        ("/prediction", {text: number}),
        ("/admin/halt", halts),
        ("/admin/resume", halts),
    ):
        for key_of in ("", "a key", "a" * 65):
            answers.append(observed.post(path, json.dumps(sent).encode(), key_of)[1])
            answers.append(observed.post(path, json.dumps(sent)[:-1].encode(), key_of)[1])
    assert observed.post("/prediction", json.dumps(whole).encode(), "one")[0] == 200
    body = json.dumps({"AMT_CREDIT": text, text: number}).encode()
    for path in ("/prediction/", "/admin/reload", f"/{text}"):
        for sent in (body, body[:-1], body * 5000):
            for form in ("application/json", f"text/{text}"):
                connection = http.client.HTTPConnection(
                    "127.0.0.1", server.port, timeout=PATIENCE_S
                )
                headers = {"Content-Type": form, "Authorization": f"Bearer {observed.key}"}
                try:
                    connection.request("PUT", path, sent, headers)
                    answers.append(connection.getresponse().read())
                except OSError:
                    pass  # the body was too large, and the server closed
                finally:
                    connection.close()
    raw = (
        f"GET /{text} x HTTP/1.1\r\n\r\n",
        f"{text}\r\n\r\n",
        f"{text} / HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}Connection: close\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: {text}\r\nConnection: close\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{text}\r\n\r\n",
        f"GET / HTTP/1.1\r\nExpect: {text}\r\n\r\n",
        f"GET /prediction/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {text}\r\n"
        "Connection: close\r\n\r\n",
        f"POST /prediction/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{text}\r\n\r\n",
    )
    answers += [server.ask(request.encode())[1] for request in raw]
    written = [server.log.read_bytes(), observed.get("/metrics")[1]]
    written += [path.read_bytes() for path in observed.folder.glob("credit-api-*/metrics/*.db")]
    for mark in MARKED:
        # A refusal names the id, the feature or the query name that is unknown, and nothing else.
        shown = [_ECHOES.sub(b"", answer) for answer in answers]
        assert not [answer for answer in shown if mark.encode() in answer]
        assert not [content for content in written if mark.encode() in content]
    assert observed.key.encode() not in b"".join(written)
    lines = observed.lines()
    methods = {line["method"] for line in lines if "method" in line}
    assert methods <= {"GET", "POST", "PUT", "other"}
    assert {line.get("key") for line in lines if line.get("route") == "/prediction/<client>"} >= {
        observed.key_id
    }
