"""The service behind the routes: who may replace its model, and what answers meanwhile."""

import os
import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from flask import g

from api import create_app
from api.routes import admin
from api.service import VERIFIED, keeper_of
from api.tests.running import logged, settings
from api.tests.served import make_served
from project_tools.system.files import sha256


class Reload(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.made = make_served(folder)
        with mock.patch.dict(os.environ, {VERIFIED: sha256(self.made.model / "manifest.json")}):
            self.app = create_app(settings(self.made.model, self.made.clients))
        self.client = self.app.test_client()
        self.scopes: tuple[str, ...] = ()

        @self.app.before_request
        def give() -> None:  # as a key does
            g.scopes = self.scopes

    def test_nobody_may_reload_without_the_scope(self) -> None:
        for self.scopes in ((), ("score", "explain", "data", "review", "metrics")):
            with self.subTest(self.scopes):
                self.assertEqual(self.client.post("/admin/reload", json={}).status_code, 403)

    def test_a_refused_model_is_a_conflict_and_the_former_one_answers(self) -> None:
        self.scopes = ("admin",)
        before = keeper_of(self.app).service
        (self.made.model / "model.txt").write_bytes(b"")
        with mock.patch.object(admin, "reload_all_workers") as told, logged(self.app) as log:
            refused = self.client.post("/admin/reload", json={})
        self.assertEqual(refused.status_code, 409)
        self.assertNotIn(str(self.made.model), refused.text)
        self.assertIn("model.txt is damaged", log.getvalue())
        told.assert_not_called()
        self.assertIs(keeper_of(self.app).service, before)

    def test_a_good_model_is_loaded_and_the_other_workers_are_told(self) -> None:
        self.scopes = ("admin",)
        before = keeper_of(self.app).service
        with mock.patch.object(admin, "reload_all_workers") as told:
            answer = self.client.post("/admin/reload", json={})
        self.assertEqual(answer.json["model"], sha256(self.made.model / "manifest.json"))  # type: ignore[index]
        told.assert_called_once_with()
        self.assertIsNot(keeper_of(self.app).service, before)


if __name__ == "__main__":
    unittest.main()
