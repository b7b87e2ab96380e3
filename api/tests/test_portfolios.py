"""Portfolios: a key sees its own clients, and nothing tells it of others."""

import os
import shutil
import tempfile
import unittest
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from api import create_app
from api.tests.running import checked, logged, served, settings
from api.tests.test_keys import run_keys
from api.web import portfolios
from api.web.keys import SCOPES, new_key, read_keys, write_keys
from api.web.portfolios import read_portfolio
from project_tools.errors import SettingError
from project_tools.serving.clients import ClientStore

UNKNOWN = 999_999  # as many digits as the others have


class Case(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.keys, self.file = folder / "keys", folder / "portfolio"
        self.inside, self.outside = served().ids()[3:30:3], served().ids()[4]
        self.write(self.inside)

    def write(self, ids: "list[int] | str") -> None:
        text = ids if isinstance(ids, str) else "".join(f"{i}\n" for i in ids)
        self.file.unlink(missing_ok=True)
        self.file.write_text(text)
        self.file.chmod(0o600)


class Seen(Case):
    def setUp(self) -> None:
        super().setUp()
        self.text, limited = new_key(
            "one office", SCOPES, days=1, per_minute=10_000, portfolio=self.file
        )
        self.all, unlimited = new_key("head office", SCOPES, days=1, per_minute=10_000)
        write_keys(self.keys, [limited, unlimited])
        made = replace(settings(served().model, served().clients), api_keys=self.keys)
        with mock.patch.dict(os.environ, checked(served())):
            self.app = create_app(made)
        self.client = self.app.test_client()

    def get(self, address: str, key: str = "") -> Any:
        headers = {"Authorization": f"Bearer {key or self.text}"}
        if address.startswith("/what_if/"):
            return self.client.post(address, headers=headers, json={"changes": {}})
        if address.endswith("/notes"):
            return self.client.post(address, headers=headers, json={"text": "called"})
        return self.client.get(address, headers=headers)

    def with_a_client(self) -> list[str]:
        paths = self.client.get("/openapi.json").json["paths"]  # type: ignore[index]
        query = {"/peers/{client}": "?feature=EXT_SOURCE_2"}
        return [path + query.get(path, "") for path in paths if "{client}" in path]

    def test_every_route_about_a_client_answers_about_its_own_alone(self) -> None:
        addresses = self.with_a_client()
        self.assertGreaterEqual(len(addresses), 5)
        for address in addresses:
            with self.subTest(address):
                inside, outside, unknown = (
                    self.get(address.replace("{client}", str(i)))
                    for i in (self.inside[0], self.outside, UNKNOWN)
                )
                everyone = self.get(address.replace("{client}", str(self.outside)), self.all)
                self.assertEqual(
                    [r.status_code for r in (inside, outside, unknown, everyone)],
                    [200, 404, 404, 200],
                )
                self.assertEqual(
                    self.bytes_of(outside, self.outside), self.bytes_of(unknown, UNKNOWN)
                )

    def bytes_of(self, response: Any, client: int) -> tuple[str, list[tuple[str, str]]]:
        """Body and headers without the ids of the request and of the client."""
        number = response.headers["X-Request-ID"]
        body = response.text.replace(number, "").replace(str(client), "")
        return body, [(name, value) for name, value in response.headers if value != number]

    def test_the_store_is_not_asked_about_another_client(self) -> None:
        for name in ("row", "encoded", "position"):
            with mock.patch.object(ClientStore, name, side_effect=AssertionError):
                for address in self.with_a_client():
                    for client in (self.outside, UNKNOWN):
                        response = self.get(address.replace("{client}", str(client)))
                        self.assertEqual(response.status_code, 404)

    def test_lists_and_searches_hold_its_own_alone(self) -> None:
        found = self.get("/prediction/?size=4").json
        self.assertEqual((found["ids"], found["total"]), (self.inside[:4], len(self.inside)))
        self.assertEqual(found["pages"], 3)
        self.assertEqual(self.get("/prediction/?size=4&page=3").json["ids"], self.inside[8:])
        self.assertEqual(self.get(f"/prediction/?query={self.inside[0]}").json["total"], 1)
        self.assertEqual(self.get(f"/prediction/?query={self.outside}").json["total"], 0)
        self.assertEqual(self.get("/prediction/", self.all).json["total"], 600)

    def test_the_table_of_all_clients_is_not_given(self) -> None:
        for address in ("/data", "/data?columns=EXT_SOURCE_2&n=5", "/target", "/target?n=5"):
            self.assertEqual(self.get(address, self.all).status_code, 200, address)
            refused = self.get(address)
            self.assertEqual(refused.status_code, 403, address)
            self.assertIn("does not see the table", refused.text)

    def test_an_id_that_the_service_does_not_serve_is_not_listed(self) -> None:
        training = served().ids("train")[0]
        self.write([training, UNKNOWN])
        self.assertEqual(self.get("/prediction/").json["ids"], [])
        self.assertEqual(self.get(f"/prediction/{training}").status_code, 404)

    def test_a_changed_file_holds_after_five_seconds(self) -> None:
        address = f"/prediction/{self.outside}"
        with mock.patch("api.web.portfolios.time.monotonic") as clock:
            clock.return_value = 100.0
            self.assertEqual(self.get(address).status_code, 404)
            self.write([self.outside])
            clock.return_value = 104.9
            self.assertEqual(self.get(address).status_code, 404)
            clock.return_value = 105.0
            self.assertEqual(self.get(address).status_code, 200)
            self.assertEqual(self.get("/prediction/").json["ids"], [self.outside])
            self.assertEqual(self.get(f"/prediction/{self.inside[0]}").status_code, 404)

    def test_a_file_that_cannot_be_used_closes_the_key(self) -> None:
        known = f"/prediction/{self.inside[0]}"
        with mock.patch.object(portfolios, "REREAD_S", 0), logged(self.app) as log:
            self.assertEqual(self.get(known).status_code, 200)
            spoils: tuple[tuple[Callable[[], None], str], ...] = (
                (self.file.unlink, "cannot be read"),
                (lambda: self.write(""), "is empty or damaged"),
                (lambda: self.write(f"{self.inside[0]}\nSECRET-1\n"), "is empty or damaged"),
                (lambda: self.write(f"{self.inside[0]}"), "is empty or damaged"),
                (lambda: self.file.chmod(0o622), "other users may change"),
            )
            for spoil, reason in spoils:
                with self.subTest(reason):
                    self.write(self.inside)
                    self.assertEqual(self.get(known).status_code, 200)
                    spoil()
                    for address in (known, "/prediction/", "/model_info", "/peers/1?feature=A"):
                        refused = self.get(address)
                        self.assertEqual(refused.status_code, 503)
                        self.assertEqual(refused.headers["Retry-After"], "5")
                        self.assertIn("cannot be read; the operator's log", refused.text)
                        self.assertNotIn(str(self.file), refused.text)
                    self.assertEqual(self.get(known, self.all).status_code, 200)
                    self.assertIn(reason, log.getvalue())
            self.write(self.inside)
            self.assertEqual(self.get(known).status_code, 200)
        self.assertEqual(log.getvalue().count("portfolio closed"), 5)
        self.assertNotIn("SECRET-1", log.getvalue())


class Files(Case):
    def test_line_ends_of_both_kinds_and_repeated_ids_are_read(self) -> None:
        self.write("7\r\n5\n7\n")
        self.assertEqual(read_portfolio(self.file).ids.tolist(), [5, 7])

    def test_what_is_no_id_is_refused(self) -> None:
        for text in ("0\n", "1 2\n", "-1\n", "1.0\n", "\n", "1\n\n", "1" * 19 + "\n", "\ufeff1\n"):
            self.write(text)
            with self.subTest(text), self.assertRaisesRegex(SettingError, "empty or damaged"):
                read_portfolio(self.file)
        with self.assertRaisesRegex(SettingError, "is no file of at most"):
            read_portfolio(self.file.parent)

    def test_a_key_is_made_with_a_portfolio_that_can_be_read(self) -> None:
        new = ("new", "--holder", "x", "--scopes", "score", "--portfolio")
        status, _, errors = run_keys(self.keys, *new, str(self.file.with_name("none")))
        self.assertEqual((status, errors.count("\n"), self.keys.exists()), (1, 1, False))
        self.assertEqual(run_keys(self.keys, *new, str(self.file))[0], 0)
        (key,) = read_keys(self.keys)
        self.assertEqual(key.portfolio, str(self.file.resolve()))
        self.assertIn(f"portfolio {self.file.resolve()}", run_keys(self.keys, "list")[1])


if __name__ == "__main__":
    unittest.main()
