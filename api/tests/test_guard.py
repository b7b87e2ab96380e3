"""Hosts, origins and media types: who may ask at all."""

import unittest
from typing import Any

from apiflask import APIFlask

from api.tests.running import application, served
from api.web.guard import guard, trusted_hosts
from api.web.journal import journal
from api.web.problems import answer_errors


class Hosts(unittest.TestCase):
    def setUp(self) -> None:
        self.client = application().test_client()
        self.address = f"/prediction/{served().ids()[0]}"

    def status(self, **headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.get(self.address, headers=sent)
        if response.status_code != 200:
            self.assertEqual(response.mimetype, "application/problem+json")
            self.assertNotIn("evil", response.text)
        return response.status_code

    def test_a_name_of_the_loopback_is_served_with_any_port(self) -> None:
        for host in ("localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:80", "[::1]:8000"):
            with self.subTest(host):
                self.assertEqual(self.status(Host=host), 200)

    def test_a_foreign_or_missing_host_is_400(self) -> None:
        for host in (
            *("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost."),
            *("127.0.0.1:x", "127.0.0.1@evil.example", "10.0.0.7", "::1", ""),
        ):
            with self.subTest(host):
                self.assertEqual(self.status(Host=host), 400)
        environment = self.environment()
        del environment["HTTP_HOST"]
        with application().request_context(environment):
            self.assertEqual(application().full_dispatch_request().status_code, 400)

    def environment(self) -> dict[str, Any]:
        with application().test_request_context(self.address) as context:
            return dict(context.request.environ)

    def test_pages_of_other_sites_are_403(self) -> None:
        own = {"Host": "localhost:8000"}
        self.assertEqual(self.status(**own, Origin="http://localhost:8000"), 200)
        self.assertEqual(self.status(**own, Sec_Fetch_Site="same-origin"), 200)
        self.assertEqual(self.status(**own, Sec_Fetch_Site="none"), 200)
        for origin in ("http://evil.example", "http://localhost:8501", "null", "", "http://["):
            with self.subTest(origin):
                self.assertEqual(self.status(**own, Origin=origin), 403)
        self.assertEqual(self.status(**own, Sec_Fetch_Site="Cross-Site"), 403)

    def test_the_names_follow_from_the_address_and_the_setting(self) -> None:
        loopback = {"127.0.0.1", "localhost", "[::1]"}
        self.assertEqual(trusted_hosts("127.0.0.1"), loopback)
        self.assertEqual(trusted_hosts("::1", ["A.example"]), loopback | {"a.example"})
        self.assertEqual(trusted_hosts("0.0.0.0"), loopback | {"0.0.0.0"})  # noqa: S104
        self.assertEqual(trusted_hosts("scores.example"), {"scores.example"})


class Bodies(unittest.TestCase):
    def test_a_post_must_be_json_in_utf_8(self) -> None:
        app = APIFlask("posts", docs_path=None)
        journal(app)
        guard(app, trusted_hosts("127.0.0.1"))
        answer_errors(app)
        app.post("/")(lambda: {"posted": True})
        client = app.test_client()
        for form, status in (
            ("application/json", 200),
            ("application/json; charset=UTF-8", 200),
            ("application/json; charset=latin-1", 415),
            ("application/x-www-form-urlencoded", 415),
            ("text/plain", 415),
            ("", 415),
        ):
            with self.subTest(form):
                response = client.post("/", data=b"{}", content_type=form)
                self.assertEqual(response.status_code, status)


if __name__ == "__main__":
    unittest.main()
