"""Requests that schemathesis makes of the whole OpenAPI document, right ones and wrong ones.

No answer is a 5xx of ours, none is outside of what the document describes; what the document does not
allow is refused, and what it allows is not. Each request bears a key with every scope in place of the
header that schemathesis makes up: ``test_behind_nginx`` and ``test_keys`` walk the document with wrong keys.
"""

import os
from collections.abc import Iterator
from unittest import mock

import pytest
import schemathesis
from apiflask import APIFlask
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import create_app
from api.pictures.messages import FOLDER
from api.routes import admin
from api.service import VERIFIED
from api.tests.running import run_folder
from api.web.keys import SCOPES, new_key, write_keys
from project_tools.settings import ROOT, Settings
from project_tools.system.files import sha256

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
#: Routes that may refuse what their document allows, and why.
STRICTER = {
    "/data": "the names of the features are the served model's, and no pattern",
    "/what_if/{client}": "the names, levels and ranges are those of the application's columns, and no pattern",
    "/prediction": "the names and levels of the features are the served model's, and no pattern",
    "/clients/{client}": "the names of the features are the served model's, and no pattern",
    "/predictions": "the clients are the served ones, and no pattern",
    "/explanation": "the names and levels of the features are the served model's, and no pattern",
    "/peers/{client}": "the names of the features are the served model's, and no pattern",
    "/admin/halt": "422 for an Idempotency-Key that was sent with another reason",
    "/admin/resume": "409 where nothing is halted",
    "/clients/{client}/history": "JSON Schema takes 5.0 for an integer; a query string has digits alone",
    "/decisions": "JSON Schema takes 5.0 for an integer; a query string has digits alone",
    "/model_info": "JSON Schema takes 5.0 for an integer; a query string has digits alone",
}
EXAMPLES = 60
MANIFEST = ROOT / "api" / "model" / "manifest.json"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[APIFlask, str]]:
    """The application on the committed model, which computes applicants, and a key.

    A picture is four bytes; a reload loads what is loaded already.
    """
    folder = tmp_path_factory.mktemp("fuzz")
    text, key = new_key("fuzz", SCOPES, days=1, per_minute=10_000_000)
    write_keys(folder / "keys", [key])
    environ = {
        "CREDIT_STATE": str(folder / "state"),
        "CREDIT_API_KEYS": str(folder / "keys"),
    }
    with (
        mock.patch.dict(os.environ, {FOLDER: str(run_folder()), VERIFIED: sha256(MANIFEST)}),
        mock.patch("api.pictures.client.Pictures.png", return_value=b"\x89PNG"),
        mock.patch("api.reload.LastGood.adopt_in_child"),
        mock.patch.object(admin, "reload_all_workers"),
    ):
        yield create_app(Settings.load(environ)), text


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_is_described_and_none_is_a_failure_of_ours(
    mode: GenerationMode, keyed: tuple[APIFlask, str]
) -> None:
    app, key = keyed
    document = schemathesis.openapi.from_wsgi("/openapi.json", app)
    tried, answered = set[str](), set[int]()
    by_path: dict[str, set[int]] = {}
    client, bearer = app.test_client(), {"Authorization": f"Bearer {key}"}
    known = client.get("/prediction/?size=1", headers=bearer).json["ids"][0]
    decision = client.get(f"/prediction/{known}", headers=bearer).json["decision"]["id"]
    # A halt refuses what comes after it, so the orders come last.
    operations = [found.ok() for found in document.get_all_operations()]
    for operation in sorted(operations, key=lambda one: one.path.startswith("/admin/")):
        if mode is GenerationMode.NEGATIVE and not (
            list(operation.iter_parameters()) or operation.body
        ):
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def is_described(case: schemathesis.Case) -> None:
            case.headers["Authorization"] = f"Bearer {key}"
            if mode is GenerationMode.POSITIVE and "decision" in case.path_parameters:
                case.path_parameters["decision"] = decision  # no id that is made up is recorded
            more = [] if case.path in STRICTER else [positive_data_acceptance]
            response = case.call_and_validate(checks=[*CHECKS, *more])
            tried.add(case.path)
            answered.add(response.status_code)
            by_path.setdefault(case.path, set()).add(response.status_code)

        is_described()
    assert len(tried) > (7 if mode is GenerationMode.NEGATIVE else 30)
    assert {"/prediction/{client}", "/prediction", "/admin/halt", "/decisions"} <= tried
    assert {"/what_if/{client}", "/offers/{client}", "/missing/{client}"} <= tried
    if mode is GenerationMode.POSITIVE:
        # Reviewed by who decided, and nothing to confirm: refused, as they must be.
        assert by_path["/decisions/{decision}/sheet"] == {200}
        assert by_path["/decisions/{decision}/review"] == {409}
        assert by_path["/decisions/{decision}/review/confirm"] == {409}
        assert 404 in by_path["/clients/{client}/notes"]
        assert "/portfolio" in tried
    assert {422} <= answered if mode is GenerationMode.NEGATIVE else {200} <= answered
