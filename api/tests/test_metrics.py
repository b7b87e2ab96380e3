"""What ``/metrics`` shows of one process; several workers are in tests/api/test_observation.py."""

import os
import re
import shutil
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from api import create_app, metrics
from api.metrics import BUCKETS
from api.tests.running import application, checked, served, settings
from api.web.keys import new_key, write_keys

KNOWN = re.compile(r"^(\w+)(\{[^}]*\})? ([0-9.e+-]+|NaN)$")


class Metrics(unittest.TestCase):
    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.text, key = new_key("a", ["score", "explain", "metrics"], days=1, per_minute=1000)
        self.key_id = key.id
        write_keys(folder / "keys", [key])
        made = replace(settings(served().model, served().clients), api_keys=folder / "keys")
        with mock.patch.dict(os.environ, checked(served())):
            self.client = create_app(made).test_client()

    def get(self, address: str, **headers: str) -> tuple[int, str]:
        response = self.client.get(
            address, headers={"Authorization": f"Bearer {self.text}", **headers}
        )
        return response.status_code, response.text

    def figures(self) -> dict[str, float]:
        status, text = self.get("/metrics")
        self.assertEqual(status, 200)
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        found = [KNOWN.match(line) for line in lines]
        self.assertTrue(all(found), text)
        return {m[1] + (m[2] or ""): float(m[3]) for m in found if m}

    def change(self, address: str, name: str, **headers: str) -> float:
        before = self.figures()
        self.get(address, **headers)
        return self.figures().get(name, 0) - before.get(name, 0)

    def test_answers_are_counted_by_route_method_and_status(self) -> None:
        name = 'credit_api_requests_total{method="GET",route="/prediction/<client>",status="%s"}'
        known = served().ids()[0]
        self.assertEqual(self.change(f"/prediction/{known}", name % 200), 1)
        self.assertEqual(self.change("/prediction/7", name % 404), 1)
        self.assertEqual(self.change("/prediction/7", name % 200), 0)

    def test_seconds_have_buckets_that_fit_the_bounds(self) -> None:
        self.assertLessEqual({0.01, 0.02, 0.4}, {*BUCKETS})
        self.assertEqual((BUCKETS[0], BUCKETS[-1]), (0.001, 10))
        name = 'credit_api_request_seconds_bucket{le="10.0",route="/prediction/<client>"}'
        self.assertEqual(self.change("/prediction/7", name), 1)

    def test_refusals_are_counted_by_reason(self) -> None:
        for address, headers, reason in (
            ("/prediction/", {"Host": "evil.example"}, "host"),
            ("/prediction/", {"Origin": "http://evil.example"}, "origin"),
            ("/prediction/", {"Authorization": "Bearer x"}, "key"),
            ("/admin/reload", {}, "method not allowed"),
            ("/prediction/?x=1", {}, "unprocessable entity"),
            ("/prediction/7", {}, "not found"),
            ("/nothing", {}, "not found"),
        ):
            with self.subTest(reason):
                name = f'credit_api_refusals_total{{reason="{reason}"}}'
                self.assertEqual(self.change(address, name, **headers), 1)

    def test_the_model_and_its_loading_are_shown(self) -> None:
        found = self.figures()
        digest = self.get("/health/ready")[1].split('"model":"')[1][:64]
        self.assertEqual(found[f'credit_api_model_info{{digest="{digest}",version="3"}}'], 1)
        self.assertEqual(found["credit_api_ready"], 1)
        self.assertGreater(found['credit_api_last_reload_timestamp_seconds{outcome="loaded"}'], 1e9)

    def test_a_former_model_is_0(self) -> None:
        digest, version = self.get("/health/ready")[1].split('"model":"')[1][:64], "3"
        name = f'credit_api_model_info{{digest="{digest}",version="3"}}'
        other = 'credit_api_model_info{digest="another",version="4"}'
        self.addCleanup(metrics.show_model, digest, version)
        metrics.show_model("another", "4")
        found = self.figures()
        self.assertEqual((found[name], found[other]), (0, 1))
        metrics.show_model(digest, version)
        found = self.figures()
        self.assertEqual((found[name], found[other]), (1, 0))

    def test_pictures_are_counted_by_outcome(self) -> None:
        name = 'credit_api_pictures_total{outcome="%s"}'
        self.get("/global_shap")
        self.assertEqual(self.change("/global_shap", name % "kept"), 1)
        with mock.patch.object(
            self.client.application.extensions["credit_pictures"], "_folder", None
        ):
            self.assertEqual(self.change("/global_shap", name % "absent"), 1)
        self.assertEqual(self.figures()["credit_api_pictures_waiting"], 0)

    def test_no_key_and_no_client_is_in_them(self) -> None:
        known = str(served().ids()[0])
        for address in ("/prediction/", "/explanation/", "/peers/"):
            self.get(f"{address}{known}")
        text = self.get("/metrics")[1]
        for secret in (known, self.key_id, self.text):
            self.assertNotIn(secret, text)

    def test_the_open_service_has_none(self) -> None:
        self.assertEqual(application().test_client().get("/metrics").status_code, 403)


if __name__ == "__main__":
    unittest.main()
