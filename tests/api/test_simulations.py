"""Simulations by a model of format 3 that takes every feature: valid answers, and who may ask."""

import os
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from unittest import mock

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from api import create_app
from api.tests.running import checked, settings
from api.web.keys import SCOPES, new_key, write_keys
from project_tools.serving.simulation import Client, Simulator
from tests.api.document import document, faults
from tests.helpers.known_clients import Known


@pytest.fixture(scope="module")
def http(known: Known) -> Iterator[FlaskClient]:
    with mock.patch.dict(os.environ, checked(known)):  # type: ignore[arg-type]  # it has a model, as a Served has
        yield create_app(settings(known.model, known.clients)).test_client()


@pytest.fixture(scope="module")
def ids(http: FlaskClient) -> list[int]:
    answer = http.get("/prediction/?size=1000").get_json()
    found: list[int] = answer["ids"]
    return found


def test_every_answer_is_valid_and_names_its_model(http: FlaskClient, ids: list[int]) -> None:
    """By the document of the application; with offers and missing values, and without."""
    seen = set()
    post = document()["paths"]["/what_if/{client}"]["post"]["responses"]["200"]["content"]
    schema = {**post["application/json"]["schema"], "components": document()["components"]}
    digest = http.get("/version").get_json()["model"]["digest"]
    for client in ids[:25]:
        for path in ("/offers/{client}", "/missing/{client}"):
            answer = http.get(path.replace("{client}", str(client))).get_json()
            assert faults(answer, path) == []
            assert (answer["model"]["digest"], answer["exact"]) == (digest, True)
            seen.add((path, bool(answer.get("offers") or answer.get("missing"))))
        answer = http.post(f"/what_if/{client}", json={"changes": {"AMT_CREDIT": 1e5}}).get_json()
        assert not [*Draft202012Validator(schema).iter_errors(answer)]
        assert (answer["model"]["digest"], answer["exact"], answer["note"]) == (digest, True, None)
    assert len(seen) == 4
    for query in ("?changeable=1", "?changeable=1&used=1", "?used=1", ""):
        assert faults(http.get(f"/features{query}").get_json(), "/features") == []


def test_a_store_without_doubles_says_that_its_values_are_rounded(known: Known) -> None:
    with mock.patch.dict(os.environ, checked(known)):  # type: ignore[arg-type]  # as above
        client = create_app(settings(known.model, known.rounded)).test_client()
    address = f"/what_if/{client.get('/prediction/?size=1').get_json()['ids'][0]}"
    for language, says in (("en", "rounded values"), ("fr", "valeurs arrondies")):
        for changes, exact in (({"AMT_CREDIT": 1e5}, False), ({}, True)):
            made = client.post(
                address, json={"changes": changes}, headers={"Accept-Language": language}
            ).get_json()
            assert made["exact"] is exact
            assert (says in made["note"]) if not exact else made["note"] is None


SECTIONS = {"en": "What would have been accepted", "fr": "Ce qui aurait été accepté"}


@pytest.mark.parametrize("language", SECTIONS)
def test_the_sheet_of_a_refused_client_says_what_would_have_been_accepted(
    http: FlaskClient, ids: list[int], language: str
) -> None:
    wanted, seen = {(True, True), (True, False), (False, True)}, set[tuple[bool, bool]]()
    for client in ids:
        if wanted <= seen:
            break
        decided = http.get(f"/prediction/{client}").get_json()
        offers = http.get(f"/offers/{client}", headers={"Accept-Language": language}).get_json()
        page = http.get(f"/decisions/{decided['decision']['id']}/sheet?lang={language}")
        assert page.status_code == 200
        refused = decided["class"] == "risk"
        text = unescape(page.text)
        assert (offers["sentence"] in text) is (SECTIONS[language] in text) is refused
        seen.add((refused, bool(offers["offers"])))
    assert wanted <= seen


def test_a_sheet_offers_nothing_for_data_that_changed_since_the_decision(
    http: FlaskClient, ids: list[int]
) -> None:
    def changed(simulator: Simulator, client: int) -> Client:
        found = known_now(simulator, client)
        return replace(found, encoded=found.encoded + 1)

    known_now = Simulator.client
    answers = (http.get(f"/prediction/{client}").get_json() for client in ids)
    decided = next(answer for answer in answers if answer["class"] == "risk")
    with mock.patch.object(Simulator, "client", changed):
        page = http.get(f"/decisions/{decided['decision']['id']}/sheet?lang=en")
    assert page.status_code == 200
    assert SECTIONS["en"] not in page.text


@pytest.mark.parametrize("scope", SCOPES)
def test_only_a_key_that_may_score_may_simulate(
    known: Known, ids: list[int], tmp_path_factory: pytest.TempPathFactory, scope: str
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    text, key = new_key("a test", [scope], days=1, per_minute=100)  # type: ignore[list-item]  # each of the scopes
    write_keys(folder / "keys", [key])
    keyed = settings(known.model, known.clients, CREDIT_API_KEYS=str(folder / "keys"))
    with mock.patch.dict(os.environ, checked(known)):  # type: ignore[arg-type]  # as above
        client = create_app(keyed).test_client()
    headers = {"Authorization": f"Bearer {text}"}
    wanted = 200 if scope == "score" else 403
    body = {"changes": {}}
    assert client.post(f"/what_if/{ids[0]}", json=body, headers=headers).status_code == wanted
    for path in (f"/offers/{ids[0]}", f"/missing/{ids[0]}"):
        assert client.get(path, headers=headers).status_code == wanted
        assert client.head(path, headers=headers).status_code == wanted
        assert client.get(path).status_code == 401
