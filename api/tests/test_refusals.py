"""What is refused, and that a refusal is a problem document which gives nothing away."""

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from apiflask import APIFlask

from api import create_app
from api.service import VERIFIED
from api.tests.running import address_of, application, logged, served, settings
from api.tests.served import make_served
from api.web.protection import BODY_LIMIT
from project_tools.serving.scoring import Scorer
from project_tools.system.files import sha256

WITH_A_CLIENT = ("/prediction/{}", "/clients/{}", "/explanation/{}", "/local_shap/{}")
PEERS = "/peers/{}?feature=EXT_SOURCE_2"
SECRET = "SECRET-31415"  # noqa: S105  (stands for an applicant's data)


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.app = application()
        self.client = self.app.test_client()

    def refused(self, status: int, address: str, method: str = "GET", **how: Any) -> Any:
        """The response, after all that is true of every problem document."""
        response = self.client.open(address, method=method, **how)
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.mimetype, "application/problem+json")
        body: Any = response.json
        self.assertLessEqual({"type", "title", "status", "detail", "request_id"}, body.keys())
        self.assertEqual(body["status"], status)
        self.assertEqual(body["request_id"], response.headers["X-Request-ID"])
        self.assertNotIn("Traceback", response.text)
        self.assertNotIn(SECRET, response.text)
        return response

    def json(self, address: str) -> Any:
        """The body of an answer, whatever its status."""
        return self.client.get(address).json


class Refusals(Case):
    def test_an_unknown_client_is_404_and_hints_at_no_other(self) -> None:
        training = served().ids("train")[0]  # lies between two known ids
        for client_id in (training, 1, 999_999_999_999_999_999):
            for address in (*WITH_A_CLIENT, PEERS):
                with self.subTest(address, id=client_id):
                    body = self.refused(404, address.format(client_id)).json
                    self.assertEqual(body["detail"], f"No client {client_id} is known here.")

    def test_a_malformed_id_is_400(self) -> None:
        for text in (
            "abc",
            "1e5",
            "-1",
            "0",
            "0100002",
            "1.0",
            "1" * 19,
            "%20",
            "\u0661\u0662",
            "100002%00",
            "null",
        ):
            for address in (*WITH_A_CLIENT, PEERS):
                with self.subTest(address, id=text):
                    self.refused(400, address.format(text))

    def test_a_query_that_is_not_as_it_must_be_is_422_and_names_the_field(self) -> None:
        known = served().ids()[0]
        for address, field in (
            ("/prediction/?page=0", "page"),
            ("/prediction/?page=-1", "page"),
            ("/prediction/?page=1.5", "page"),
            ("/prediction/?page=" + "9" * 400, "page"),
            ("/prediction/?page=", "page"),
            ("/prediction/?page=\u0661", "page"),  # a digit, but not one of ours
            ("/prediction/?size=0", "size"),
            ("/prediction/?size=1001", "size"),
            ("/prediction/?query=12a", "query"),
            ("/prediction/?query=%00", "query"),
            ("/prediction/?query=1%0A", "query"),
            ("/prediction/?query=" + "1" * 19, "query"),
            ("/prediction/?qurey=1", "qurey"),
            (f"/peers/{known}", "feature"),
            (f"/peers/{known}?feature=A&feature=B&feature=C", "feature"),
            (f"/peers/{known}?feature=EXT_SOURCE_2&group=friends", "group"),
            (f"/peers/{known}?feature=EXT_SOURCE_2&x=1", "x"),
        ):
            with self.subTest(address[:60]):
                self.assertIn(field, self.refused(422, address).json["errors"]["query"])

    def test_a_value_is_not_repeated_in_the_refusal(self) -> None:
        self.refused(422, f"/prediction/?query={SECRET}")
        self.refused(422, f"/prediction/?page={SECRET}")
        self.refused(400, f"/prediction/{SECRET}")
        self.refused(404, f"/{SECRET}")

    def test_an_unknown_feature_is_422_with_the_nearest_name(self) -> None:
        known = served().ids()[0]
        body = self.refused(422, f"/peers/{known}?feature=EXT_SORCE_2").json
        self.assertIn("did you mean 'EXT_SOURCE_2'?", body["detail"])
        for own in ("TARGET", "SPLIT", "SK_ID_CURR"):
            self.refused(422, f"/peers/{known}?feature={own}")

    def test_an_unknown_address_is_404(self) -> None:
        for address in (
            "/nothing",
            "/prediction/1/2",
            "/prediction",
            "/prediction/100001/",
            "/model_info/",
            "/data/",
            "/target/",
            "/docs",
            "/static/x",
        ):
            with self.subTest(address):
                self.refused(404, address)

    def test_another_method_is_405_with_those_allowed(self) -> None:
        known = served().ids()[0]
        for address in ("/", "/prediction/", f"/prediction/{known}", "/model_info", "/global_shap"):
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                with self.subTest(address, method=method):
                    response = self.refused(405, address, method)
                    allowed = {m.strip() for m in response.headers["Allow"].split(",")}
                    head = set() if address.startswith("/prediction/1") else {"HEAD"}
                    self.assertEqual(allowed, {"GET", "OPTIONS"} | head)

    def test_options_names_the_methods_and_has_no_body(self) -> None:
        response = self.client.options("/model_info")
        self.assertEqual((response.status_code, response.data), (204, b""))
        self.assertEqual({*response.headers["Allow"].split(", ")}, {"GET", "HEAD", "OPTIONS"})
        self.assertNotIn("Content-Type", response.headers)
        self.refused(404, "/nothing", "OPTIONS")

    def test_a_form_that_no_route_has_is_406(self) -> None:
        known = served().ids()[0]
        for address in (*WITH_A_CLIENT, "/prediction/", "/model_info", "/global_shap", "/"):
            for accept in ("application/xml", "application/json;q=0", "nonsense"):
                with self.subTest(address, accept=accept):
                    headers = {"Accept": accept}
                    response = self.refused(406, address.format(known), headers=headers)
                    self.assertEqual(response.headers["Vary"], "Accept")

    def test_unknown_and_repeated_query_names_are_422_on_every_route(self) -> None:
        known = served().ids()[0]
        for rule in self.app.url_map.iter_rules():
            if "GET" not in (rule.methods or ()) or rule.rule == "/metrics":
                continue  # the open service has no metrics
            path = rule.rule.replace("<", "{").replace(">", "}")
            address = address_of(path, known)
            with self.subTest(address):
                errors = self.refused(422, f"{address}?surplus=1&feature=AMT_CREDIT").json["errors"]
                self.assertIn("surplus", errors["query"])
        for name in ("page", "size", "query"):
            errors = self.refused(422, f"/prediction/?{name}=1&{name}=1").json["errors"]
            self.assertEqual(errors, {"query": {name: ["This name is given more than once."]}})
        group = "&group=everyone&group=everyone"
        self.refused(422, PEERS.format(known) + group)

    def test_a_large_body_is_413(self) -> None:
        for address in ("/prediction/", "/nothing"):
            self.refused(413, address, "POST", data=b"x" * (BODY_LIMIT + 1))
        self.refused(405, "/prediction/", "POST", data=b"x" * BODY_LIMIT)

    def test_our_own_failure_is_500_without_its_message(self) -> None:
        known = served().ids()[0]
        with (
            mock.patch.object(Scorer, "score_rows", side_effect=ValueError(SECRET)),
            logged(self.app) as log,
        ):
            body = self.refused(500, f"/prediction/{known}").json
        text = log.getvalue()
        self.assertIn(body["request_id"], text)
        self.assertIn("ValueError at ", text)
        self.assertNotIn(SECRET, text)
        self.assertNotIn(str(known), text)

    def test_what_json_cannot_hold_is_500_and_not_sent(self) -> None:
        known = served().ids()[0]
        score = mock.Mock(raw_score=float("nan"))
        with mock.patch.object(Scorer, "score_rows", return_value=[score]):
            score.decision.configure_mock(probability=0.1, threshold=0.1, margin=0.0, label="risk")
            with logged(self.app) as log:
                self.refused(500, f"/prediction/{known}")
        self.assertNotIn("Traceback", log.getvalue())
        self.assertNotIn(str(known), log.getvalue())


class Headers(Case):
    def test_every_answer_bears_the_headers_that_protect(self) -> None:
        known = served().ids()[0]
        seen = set()
        for address in (
            "/",
            f"/prediction/{known}",
            "/prediction/abc",
            "/nothing",
            "/openapi.json",
        ):
            with self.subTest(address):
                headers = self.client.get(address).headers
                self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
                self.assertEqual(headers["Cache-Control"], "no-store")
                self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
                self.assertEqual(headers["X-Frame-Options"], "DENY")
                seen.add(headers["X-Request-ID"])
        self.assertEqual(len(seen), 5)

    def test_a_request_id_is_ours_whatever_is_sent(self) -> None:
        sent = {"X-Request-ID": SECRET}
        self.assertNotEqual(self.client.get("/", headers=sent).headers["X-Request-ID"], SECRET)

    def test_the_debugger_is_never_on(self) -> None:
        with mock.patch.dict(os.environ, {"FLASK_DEBUG": "1"}):
            self.assertFalse(unloaded().debug)


class Log(Case):
    def test_no_client_and_no_value_is_in_it(self) -> None:
        known = served().ids()[0]
        values = {str(f["value"]) for f in self.json(f"/clients/{known}")["features"]}
        with logged(self.app) as log:
            for address in (*WITH_A_CLIENT, PEERS, "/prediction/?query={}"):
                self.client.get(address.format(known))
            self.client.get(f"/prediction/{SECRET}?{SECRET}=1", headers={"User-Agent": SECRET})
        text = log.getvalue()
        self.assertEqual(text.count("\n"), 7)
        first = json.loads(text.partition("\n")[0])
        self.assertEqual((first["event"], first["method"], first["status"]), ("answer", "GET", 200))
        self.assertEqual(first["route"], "/prediction/<client>")
        self.assertNotIn(str(known), text)
        self.assertNotIn(SECRET, text)
        for value in values - {"None"}:
            if len(value) > 4:  # shorter ones may stand in any number
                self.assertNotIn(value, text)


def unloaded() -> APIFlask:
    """An application whose model is not there."""
    return create_app(settings(Path("/nonexistent/model"), Path("/nonexistent/clients.parquet")))


class NotLoaded(Case):
    def setUp(self) -> None:
        self.app = unloaded()
        self.client = self.app.test_client()

    def test_it_is_alive_but_not_ready(self) -> None:
        self.assertEqual(self.json("/health/live"), {"status": "live"})
        self.assertIsNone(self.json("/version")["model"])
        response = self.refused(503, "/health/ready")
        self.assertEqual(response.headers["Retry-After"], "5")

    def test_every_answer_that_needs_the_model_is_503_and_names_no_file(self) -> None:
        for address in (
            *WITH_A_CLIENT,
            PEERS,
            "/prediction/",
            "/model_info",
            "/features",
            "/global_shap",
        ):
            with self.subTest(address):
                body = self.refused(503, address.format(100_002)).json
                self.assertEqual(
                    body["detail"], "The model is not loaded; the server's log says why."
                )


class DamagedMeanwhile(Case):
    def test_a_store_that_is_damaged_at_its_path_is_answered_from_the_copy(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        made = make_served(folder)
        with mock.patch.dict(os.environ, {VERIFIED: sha256(made.model / "manifest.json")}):
            app = create_app(settings(made.model, made.clients))
        content = bytearray(made.clients.read_bytes())
        content[200:-8000] = bytes(len(content) - 8200)
        with made.clients.open("r+b") as file:  # in place, as a failing disk does
            file.write(content)
        with made.clients.open("r+b") as file:
            file.truncate(1000)
        response = app.test_client().get(f"/clients/{made.ids()[0]}")
        self.assertEqual(response.status_code, 200)

    def test_a_copy_that_is_damaged_while_it_is_open_is_503_and_names_no_file(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        made = make_served(folder)
        named = settings(made.model, made.clients)
        with mock.patch.dict(os.environ, {VERIFIED: sha256(made.model / "manifest.json")}):
            app = create_app(named)
        (copy,) = (named.state / "serving" / "clients").glob("*.arrow")
        copy.chmod(0o600)
        content = bytearray(copy.read_bytes())
        content[200:-8000] = bytes(len(content) - 8200)
        with copy.open("r+b") as file:  # in place, as a failing disk does
            file.write(content)
        self.client = app.test_client()
        with logged(app) as log:
            body = self.refused(503, f"/clients/{made.ids()[0]}").json
        self.assertNotIn(str(folder), str(body))
        self.assertRegex(log.getvalue(), r"clients.parquet is .*damaged")


if __name__ == "__main__":
    unittest.main()
