"""Keys and scopes: who may use which route, by walking the OpenAPI document."""

import io
import os
import shutil
import tempfile
import unittest
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from api import __main__ as launcher
from api import create_app
from api.tests.running import application, checked, served, settings
from api.web import keys
from api.web.access import SCOPE_OF, scope_of
from api.web.keys import (
    OPEN_SCOPES,
    SCOPES,
    Allowance,
    Keyring,
    keyring_of,
    new_key,
    read_keys,
    write_keys,
)
from project_tools.errors import SettingError
from project_tools.settings import Settings


class Case(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.path = folder / "keys.json"
        self.texts: dict[str, str] = {}
        stored = []
        for scope in SCOPES:
            self.texts[scope], key = new_key(scope, [scope], days=1, per_minute=1000)
            stored.append(key)
        write_keys(self.path, stored)

    def settings(self, **changes: str) -> Settings:
        named = {"CREDIT_API_KEYS": str(self.path), **changes}
        return settings(served().model, served().clients, **named)


def addresses(document: Any, decision: str) -> dict[str, list[str]]:
    """Every address of the document with the scopes of which it takes one; none: it takes no key."""
    found = {}
    for path, operations in document["paths"].items():
        if "get" not in operations:  # test_service asks those that change something
            continue
        query = "?feature=EXT_SOURCE_2" if path.startswith("/peers/") else ""
        address = path.replace("{client}", str(served().ids()[0])) + query
        address = address.replace("{decision}", decision)
        found[address] = [scope for one in operations["get"]["security"] for scope in one["key"]]
    return found


class Routes(Case):
    def setUp(self) -> None:
        super().setUp()
        with mock.patch.dict(os.environ, checked(served())):
            self.client = create_app(self.settings()).test_client()

    def status(self, address: str, authorization: str | None) -> int:
        headers = {"Accept": "application/json, text/html;q=0.1, text/plain;q=0.1"}
        if authorization is not None:
            headers["Authorization"] = authorization
        response = self.client.get(address, headers=headers)
        if response.status_code == 401:
            self.assertEqual(response.headers["WWW-Authenticate"], "Bearer")
            self.assertEqual(response.mimetype, "application/problem+json")
        return response.status_code

    def test_every_route_takes_its_scope_and_no_other(self) -> None:
        headers = {"Authorization": f"Bearer {self.texts['score']}"}
        made: Any = self.client.get(f"/prediction/{served().ids()[0]}", headers=headers).json
        walked = addresses(self.client.get("/openapi.json").json, made["decision"]["id"])
        self.assertEqual(
            {address for address, scopes in walked.items() if not scopes},
            {"/", "/health/live", "/health/ready", "/version"},
        )
        for address, scopes in walked.items():
            with self.subTest(address):
                if not scopes:
                    self.assertEqual(self.status(address, None), 200)
                    continue
                right = self.texts[scopes[0]]
                self.assertEqual(self.status(address, f"Bearer {right}"), 200)
                for also in scopes[1:]:  # what another key has recorded is not there for it
                    self.assertEqual(self.status(address, f"Bearer {self.texts[also]}"), 404)
                for other in {*SCOPES} - {*scopes}:
                    self.assertEqual(self.status(address, f"Bearer {self.texts[other]}"), 403)
                for wrong in (
                    *(None, "", "Bearer", "Bearer ", f"Basic {right}", right, f"Bearer {right}x"),
                    *(f"Bearer {right[:-1]}", f"Bearer {right},{right}", "Bearer \u00e4"),
                ):
                    self.assertEqual(self.status(address, wrong), 401, wrong)

    def test_a_client_is_not_looked_for_without_a_key(self) -> None:
        for address in ("/prediction/1", "/prediction/abc", "/prediction/?surplus=1"):
            self.assertEqual(self.status(address, None), 401)

    def test_every_endpoint_has_a_scope_of_its_own(self) -> None:
        endpoints = {rule.endpoint for rule in application().url_map.iter_rules()}
        self.assertEqual(endpoints, {*SCOPE_OF})
        self.assertEqual(scope_of("a route without an entry"), "admin")

    def test_it_is_not_open(self) -> None:
        self.assertIs((self.client.get("/version").json or {})["open"], False)

    def test_a_key_that_is_revoked_or_expired_ends(self) -> None:
        text = self.texts["score"]
        with mock.patch.object(keys, "REREAD_S", 0):
            self.assertEqual(self.status("/prediction/", f"Bearer {text}"), 200)
            stored = read_keys(self.path)
            past = datetime.now(UTC) - timedelta(seconds=1)
            write_keys(self.path, [key.model_copy(update={"expires": past}) for key in stored])
            self.assertEqual(self.status("/prediction/", f"Bearer {text}"), 401)
            write_keys(self.path, stored)
            self.assertEqual(self.status("/prediction/", f"Bearer {text}"), 200)
            write_keys(self.path, [key for key in stored if "score" not in key.scopes])
            self.assertEqual(self.status("/prediction/", f"Bearer {text}"), 401)
            write_keys(self.path, stored)
            self.assertEqual(self.status("/prediction/", f"Bearer {text}"), 200)
            self.path.chmod(0o644)
            self.assertEqual(self.status("/prediction/", f"Bearer {text}"), 401)

    def test_too_many_requests_are_429(self) -> None:
        text, key = new_key("nightly job", ["score"], days=None, per_minute=3)
        write_keys(self.path, [key])
        with mock.patch.object(keys, "REREAD_S", 0):
            found = [self.status("/prediction/", f"Bearer {text}") for _ in range(4)]
        self.assertEqual(found, [200, 200, 200, 429])


class Open(unittest.TestCase):
    def test_it_says_so_and_serves_this_machine_alone(self) -> None:
        client = application().test_client()
        self.assertIs((client.get("/version").json or {})["open"], True)
        self.assertEqual(client.get("/prediction/").status_code, 200)
        for header in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "x-forwarded-host"):
            for address in ("/prediction/", "/health/live", "/nothing"):
                response = client.get(address, headers={header: "10.0.0.7"})
                self.assertEqual(response.status_code, 403)

    def test_it_has_no_operations(self) -> None:
        self.assertEqual(OPEN_SCOPES, {"score", "explain", "data", "review"})


class Start(Case):
    def test_open_to_others_is_refused(self) -> None:
        for changes, words in (
            ({"CREDIT_API_HOST": "0.0.0.0"}, "listens on this machine alone"),  # noqa: S104
            ({"CREDIT_API_HOST": "scores.example"}, "listens on this machine alone"),
            ({"CREDIT_API_REQUIRE_KEYS": "1"}, "name a key file"),
        ):
            with self.subTest(words), self.assertRaisesRegex(SettingError, words):
                keyring_of(Settings.load(changes))
        for host in ("127.0.0.1", "::1", "localhost"):
            self.assertIsNone(keyring_of(Settings.load({"CREDIT_API_HOST": host})))
        public = {"CREDIT_API_HOST": "0.0.0.0", "CREDIT_API_REQUIRE_KEYS": "1"}  # noqa: S104
        self.assertIsInstance(keyring_of(self.settings(**public)), Keyring)

    def test_a_file_that_others_read_or_that_is_damaged_is_refused(self) -> None:
        self.path.chmod(0o640)
        with self.assertRaisesRegex(SettingError, "other users may read"):
            Keyring(self.path)
        self.path.chmod(0o600)
        self.path.write_text('[{"holder": "SECRET-1"}]')
        with self.assertRaisesRegex(SettingError, "is damaged") as caught:
            Keyring(self.path)
        self.assertNotIn("SECRET-1", str(caught.exception))
        write_keys(self.path, [])
        with self.assertRaisesRegex(SettingError, "holds no key"):
            Keyring(self.path)
        with self.assertRaisesRegex(SettingError, "cannot be read"):
            Keyring(self.path.with_name("none"))


def run_keys(path: Path, *arguments: str) -> tuple[int, str, str]:
    """``python -m api keys`` on a key file: exit status, output and errors."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"CREDIT_API_KEYS": str(path)}, clear=True),
        redirect_stdout(out),
        redirect_stderr(errors),
    ):
        status = launcher.main(["keys", *arguments])
    return status, out.getvalue(), errors.getvalue()


class Command(Case):
    def run_keys(self, *arguments: str) -> tuple[int, str, str]:
        return run_keys(self.path, *arguments)

    def test_a_key_is_shown_once_listed_and_revoked(self) -> None:
        self.path.unlink()
        arguments = ("new", "--holder", "nightly job", "--scopes", "score,explain", "--days", "30")
        status, text, _ = self.run_keys(*arguments)
        self.assertEqual(status, 0)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(text.strip(), self.path.read_text())
        key = Keyring(self.path).find(text.strip())
        assert key is not None
        self.assertEqual((key.holder, key.scopes), ("nightly job", ("score", "explain")))
        _, listed, _ = self.run_keys("list")
        self.assertIn(f"{key.id}  score,explain  until ", listed)
        self.assertNotIn(key.sha256, listed)
        self.assertEqual(self.run_keys("revoke", key.id)[0], 0)
        self.assertEqual(read_keys(self.path), ())

    def test_what_cannot_be_done_is_one_line(self) -> None:
        for arguments, words in (
            (("new", "--holder", "x", "--scopes", "scores"), "did you mean 'score'"),
            (("revoke", "none"), "has no key 'none'"),
        ):
            status, _, errors = self.run_keys(*arguments)
            self.assertEqual((status, errors.count("\n")), (1, 1))
            self.assertIn(words, errors)


class Allowances(unittest.TestCase):
    def test_requests_come_back_evenly(self) -> None:
        _, key = new_key("x", ["score"], days=None, per_minute=60)
        allowance = Allowance()
        with mock.patch("api.web.keys.time.monotonic") as clock:
            clock.return_value = 100.0
            self.assertEqual([allowance.take(key) for _ in range(61)], [True] * 60 + [False])
            clock.return_value = 101.0
            self.assertEqual([allowance.take(key) for _ in range(2)], [True, False])


if __name__ == "__main__":
    unittest.main()
