"""The service behind the routes: who may replace its model, and what answers meanwhile."""

import os
import shutil
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from apiflask import APIFlask

from api import create_app
from api.routes import admin
from api.service import VERIFIED, keeper_of
from api.tests.running import logged, settings
from api.tests.served import make_served
from api.web.keys import SCOPES, new_key, write_keys
from project_tools.settings import Settings
from project_tools.system.files import sha256


class Reload(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.made = make_served(folder)
        self.admin, admins = new_key("an operator", ["admin"], days=1, per_minute=100)
        others = [scope for scope in SCOPES if scope != "admin"]
        self.other, another = new_key("a caller", others, days=1, per_minute=100)
        write_keys(folder / "keys.json", [admins, another])
        made = settings(self.made.model, self.made.clients)
        self.app = self.application(replace(made, api_keys=folder / "keys.json"))
        self.open = self.application(made)

    def application(self, made: Settings) -> APIFlask:
        with mock.patch.dict(os.environ, {VERIFIED: sha256(self.made.model / "manifest.json")}):
            return create_app(made)

    def reload(self, app: APIFlask, key: str = "") -> Any:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return app.test_client().post("/admin/reload", json={}, headers=headers)

    def test_nobody_may_reload_without_the_scope(self) -> None:
        self.assertEqual(self.reload(self.open).status_code, 403)
        self.assertEqual(self.reload(self.app).status_code, 401)
        self.assertEqual(self.reload(self.app, self.other).status_code, 403)

    def test_a_refused_model_is_a_conflict_and_the_former_one_answers(self) -> None:
        before = keeper_of(self.app).service
        (self.made.model / "model.txt").write_bytes(b"")
        with mock.patch.object(admin, "reload_all_workers") as told, logged(self.app) as log:
            refused = self.reload(self.app, self.admin)
        self.assertEqual(refused.status_code, 409)
        self.assertNotIn(str(self.made.model), refused.text)
        self.assertIn("model.txt is damaged", log.getvalue())
        told.assert_not_called()
        self.assertIs(keeper_of(self.app).service, before)

    def test_it_takes_no_body(self) -> None:
        before = keeper_of(self.app).service
        told = mock.patch.object(admin, "reload_all_workers").start()
        self.addCleanup(mock.patch.stopall)
        for body in (b"[]", b'{"a": 1}', b"NaN", b"{", b"\xed\xa0\x80"):
            answer = self.app.test_client().post(
                "/admin/reload",
                data=body,
                content_type="application/json",
                headers={"Authorization": f"Bearer {self.admin}"},
            )
            self.assertEqual(answer.status_code, 422, body)
        told.assert_not_called()
        self.assertIs(keeper_of(self.app).service, before)

    def test_a_good_model_is_loaded_and_the_other_workers_are_told(self) -> None:
        before = keeper_of(self.app).service
        with mock.patch.object(admin, "reload_all_workers") as told:
            answer = self.reload(self.app, self.admin)
        self.assertEqual(answer.json["model"], sha256(self.made.model / "manifest.json"))
        told.assert_called_once_with()
        self.assertIsNot(keeper_of(self.app).service, before)


if __name__ == "__main__":
    unittest.main()
