"""The way to the API: typed answers, one retry, a sentence for each failure."""

import json
import socket
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import requests
from pydantic import BaseModel
from service.answers import (
    Distribution,
    Explanation,
    Joint,
    PeersAnswer,
    Picture,
    Prediction,
)
from service.client import (
    ApiClient,
    ApiRefusalError,
    ApiUnreachableError,
    UnknownClientError,
    UnreadableAnswerError,
    new_session,
)

from tests.dashboard.fake_credit_api import IDS, REFUSED, FakeApi, problem


@pytest.fixture
def client(fake_api: FakeApi) -> ApiClient:
    return ApiClient(fake_api.address, new_session(fake_api.address))


def test_a_prediction(client: ApiClient) -> None:
    prediction = client.prediction(REFUSED)
    assert (prediction.client, prediction.refused) == (REFUSED, True)
    assert prediction.margin == pytest.approx(prediction.probability - prediction.threshold)
    assert prediction.model == client.version()


def test_ids_are_searched_on_the_server(client: ApiClient, fake_api: FakeApi) -> None:
    matches = client.client_ids("10000", 4)
    assert (matches.ids, matches.total) == (IDS[:4], 9)
    assert "query=10000" in fake_api.requests[-1]
    assert "size=4" in fake_api.requests[-1]


def test_features_come_by_importance(client: ApiClient) -> None:
    importances = [feature.importance for feature in client.features(REFUSED)]
    assert importances == sorted(importances, reverse=True)
    assert sum(importances) == pytest.approx(1)


def test_an_explanation_adds_up(client: ApiClient) -> None:
    explanation = client.explanation(REFUSED)
    total = explanation.base + sum(group.contribution for group in explanation.groups)
    assert total == pytest.approx(explanation.raw_score)
    points = sum(one.points for one in explanation.concepts)
    assert explanation.reference.risk + points == pytest.approx(explanation.risk, abs=0.051)


def test_pictures_are_png(client: ApiClient) -> None:
    for picture in (client.local_picture(REFUSED), client.global_picture()):
        assert picture.png.startswith(b"\x89PNG")
        assert picture.alt


def test_two_features_are_asked_for_by_name(client: ApiClient, fake_api: FakeApi) -> None:
    peers = client.peers(REFUSED, "everyone", ("DAYS_BIRTH", "NAME_EDUCATION_TYPE"))
    assert "feature=DAYS_BIRTH&feature=NAME_EDUCATION_TYPE" in fake_api.requests[-1]
    assert peers.joint is not None
    assert len(peers.joint.repaid) == len(peers.joint.x_edges) - 1
    assert len(peers.joint.repaid[0]) == len(peers.joint.y_levels)


def test_an_unknown_client(client: ApiClient) -> None:
    with pytest.raises(UnknownClientError, match="No client 7 is known here"):
        client.prediction("7")


def test_an_id_is_no_path(client: ApiClient, fake_api: FakeApi) -> None:
    with pytest.raises(UnknownClientError):
        client.prediction("../version?x=1#y")
    assert fake_api.requests == ["/prediction/..%2Fversion%3Fx%3D1%23y"]


def test_no_model_is_loaded_yet(client: ApiClient, fake_api: FakeApi) -> None:
    fake_api.broken["/version"] = (200, "application/json", b'{"release": "1", "model": null}')
    with pytest.raises(ApiRefusalError, match="no model loaded yet"):
        client.version()


def test_a_problem_document_is_told(client: ApiClient, fake_api: FakeApi) -> None:
    fake_api.broken["/model_info"] = problem(429, "Too many", "Ask again in 3 seconds.")
    with pytest.raises(ApiRefusalError, match="Ask again in 3 seconds") as why:
        client.model_info()
    assert (why.value.status, why.value.request_id) == (429, "r-1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"model": {"name": "m", "version": 1}}',  # no digest
        b"\xff\xfe",
    ],
)
def test_what_the_contract_does_not_say(client: ApiClient, fake_api: FakeApi, body: bytes) -> None:
    fake_api.broken["/version"] = (200, "application/json", body)
    with pytest.raises(UnreadableAnswerError, match="cannot read"):
        client.version()


@pytest.mark.parametrize(
    "wrong",
    [
        {"proba_risk_class": 1.2},
        {"proba_risk_class": "NaN"},
        {"proba_risk_class": "0.5"},
        {"class": "perhaps"},
        {"class": True},
        {"threshold": None},
    ],
)
def test_a_decision_is_never_guessed(fake_api: FakeApi, wrong: dict[str, object]) -> None:
    answer = {**fake_api.answer(f"/prediction/{REFUSED}", {}), **wrong}
    with pytest.raises(ValueError, match="validation error"):
        Prediction.model_validate_json(json.dumps(answer))


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ApiUnreachableError, match=f"does not answer at {address}"):
        ApiClient(address, new_session(address)).version()


@pytest.mark.parametrize(("dropped", "answered"), [(1, True), (2, False)])
def test_a_dropped_connection_is_tried_once_more(dropped: int, answered: bool) -> None:
    with_drops = _DroppingServer(dropped)
    try:
        client = ApiClient(with_drops.address, new_session(with_drops.address))
        if answered:
            assert client.version().version == "3"
        else:
            with pytest.raises(ApiUnreachableError):
                client.version()
        assert with_drops.requests == 2
    finally:
        with_drops.close()


def test_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.client.TIMEOUT", (0.2, 0.2))
    with socket.socket() as silent:  # takes connections, never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ApiUnreachableError, match="does not answer in time"):
            ApiClient(address, new_session(address)).version()


@pytest.mark.parametrize(
    ("address", "by_proxy"),
    [("http://127.0.0.1:8000", False), ("http://localhost", False), ("https://far.example", True)],
)
def test_this_machine_is_asked_without_a_proxy(address: str, by_proxy: bool) -> None:
    assert new_session(address).trust_env is by_proxy


@pytest.mark.parametrize(
    ("model", "answer", "words"),
    [
        (Picture, {"image": "data:image/svg+xml;base64,AAAA", "alt": ""}, "not a PNG"),
        (Picture, {"image": ["data:image/png;base64,AAAA"], "alt": ""}, "not a PNG"),
        (Picture, {"image": "data:image/png;base64,A?A=", "alt": ""}, "base64"),
        (
            Distribution,
            {"bars": ["a", "b"], "edges": [0, 1, 2], "repaid": [1], "defaulted": [1, 2]},
            "as many counts",
        ),
        (
            Distribution,
            {"bars": ["a"], "levels": ["a"], "repaid": [], "defaulted": []},
            "as many counts",
        ),
        (
            Distribution,
            {"bars": [], "levels": ["a"], "repaid": [1], "defaulted": [1]},
            "as many counts",
        ),
        (
            Joint,
            {
                "x_bars": ["new"],
                "y_bars": ["a"],
                "x_edges": [0, 1],
                "y_levels": ["a", "b"],
                "counts_repaid": [[1, 2]],
                "counts_defaulted": [[1, 2]],
            },
            "as many bars in words",
        ),
        (
            Joint,
            {
                "x_bars": ["new"],
                "y_bars": ["a", "b"],
                "x_edges": [0, 1],
                "y_levels": ["a", "b"],
                "counts_repaid": [[1, 2]],
                "counts_defaulted": [[1]],
            },
            "1 by 2 counts",
        ),
        (PeersAnswer, {"n": 3, "too_small": True}, "sentence"),  # too small, without its sentence
        (
            Explanation,
            {
                "risk": 1.0,
                "reasons": [],
                "other_side": [],
                "concepts": [],
                "blocked": None,
                "reference": {"compared_with": "average", "clients": 0, "risk": 1.0, "note": None},
                "scale": "probability",
                "base": -2.3,
                "raw_score": 0.1,
                "groups": [],
            },
            "around a share",
        ),
    ],
)
def test_shapes_that_do_not_fit(model: type[BaseModel], answer: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        model.model_validate_json(json.dumps(answer))


class _DroppingServer:
    """Drops the first connections after it has read the question, then answers."""

    def __init__(self, drops: int) -> None:
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                if outer.requests <= drops:
                    return
                body = b'{"model": {"name": "m", "version": "3", "digest": "d"}}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base's)
                """Says nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def test_any_failure_of_requests_is_a_sentence(
    client: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(*_args: object, **_kwargs: object) -> None:
        raise requests.TooManyRedirects("30 redirects")

    monkeypatch.setattr(client.session, "get", endless)
    with pytest.raises(UnreadableAnswerError, match="does not answer as"):
        client.version()
