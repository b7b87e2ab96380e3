"""The API on the committed model and clients: what a clone serves at once, and what is deployed."""

import json
import os
import unittest
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

from flask.testing import FlaskClient

from api import create_app
from api.pictures.messages import FOLDER
from api.tests.running import run_folder, settings


class CommittedPairTest(unittest.TestCase):
    """Every route answers, and every mistake has its answer."""

    http: ClassVar[FlaskClient]
    known: ClassVar[list[int]]

    @classmethod
    def setUpClass(cls) -> None:
        with mock.patch.dict(os.environ, {FOLDER: str(run_folder())}):
            cls.http = create_app(settings()).test_client()
        cls.known = cls.get("/prediction/?size=5")["ids"]

    @classmethod
    def get(cls, path: str) -> Any:
        answer = cls.http.get(path, headers={"Accept": "application/json"})
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.get_json()

    def problem(self, path: str, status: int) -> dict[str, Any]:
        answer = self.http.get(path)
        self.assertEqual(answer.status_code, status)
        self.assertEqual(answer.content_type.split(";")[0], "application/problem+json")
        body: dict[str, Any] = json.loads(answer.data)
        self.assertEqual(body["status"], status)
        self.assertEqual(body["request_id"], answer.headers["X-Request-ID"])
        self.assertNotIn("Traceback", answer.text)
        return body

    def test_index_names_its_links(self) -> None:
        self.assertIn("prediction", self.get("/")["links"])

    def test_ids_come_in_pages_and_by_prefix(self) -> None:
        first = self.get("/prediction/?size=5&page=1")
        second = self.get("/prediction/?size=5&page=2")
        self.assertEqual(len(set(first["ids"]) | set(second["ids"])), 10)
        wanted = str(self.known[0])
        self.assertEqual(self.get(f"/prediction/?query={wanted}")["ids"][0], self.known[0])

    def test_a_decision_follows_from_probability_and_threshold(self) -> None:
        for client in self.known:
            answer = self.get(f"/prediction/{client}")
            risk = answer["proba_risk_class"] > answer["threshold"]
            self.assertEqual(answer["class"], "risk" if risk else "no_risk")
            self.assertAlmostEqual(
                answer["margin"], answer["proba_risk_class"] - answer["threshold"], places=12
            )
            self.assertEqual(answer["id"], client)

    def test_every_answer_is_of_the_model_that_is_shown(self) -> None:
        model = self.get("/version")["model"]
        self.assertEqual(self.get(f"/prediction/{self.known[0]}")["model"], model)
        self.assertEqual(self.get("/model_info")["digest"], model["digest"])
        self.assertEqual(self.get("/health/ready")["model"], model["digest"])

    def test_contributions_add_up_to_the_score(self) -> None:
        for client in self.known:
            answer = self.get(f"/explanation/{client}")
            total = answer["base"] + sum(group["contribution"] for group in answer["groups"])
            self.assertAlmostEqual(total, answer["raw_score"], places=6)
            self.assertAlmostEqual(
                answer["raw_score"], self.get(f"/prediction/{client}")["raw_score"], places=9
            )
            self.assertLessEqual(len(answer["reasons"]), 4)

    def test_model_info_sorts_features_by_importance(self) -> None:
        info = self.get("/model_info")
        weights = [row["importance"] for row in info["importance"]]
        self.assertEqual(weights, sorted(weights, reverse=True))
        self.assertIn("loss_of_income", info["metrics"])
        self.assertGreater(info["metrics"]["AUC"]["se"], 0)

    def test_no_protected_column_is_a_feature_of_the_model(self) -> None:
        names = {*self.get("/model_info")["sorted_features_by_importance"]}
        self.assertFalse(names & {"CODE_GENDER", "NAME_FAMILY_STATUS", "CNT_CHILDREN"})

    def test_pictures_come_as_data_uri_and_as_png(self) -> None:
        for path in (f"/local_shap/{self.known[0]}", "/global_shap"):
            self.assertTrue(self.get(path)["image"].startswith("data:image/png;base64,"))
            picture = self.http.get(path, headers={"Accept": "image/png"})
            self.assertEqual(picture.content_type, "image/png")
            self.assertTrue(picture.data.startswith(b"\x89PNG"))

    def test_a_clients_features_are_sorted_and_described(self) -> None:
        rows = self.get(f"/clients/{self.known[0]}")["features"]
        self.assertTrue(all(row["label"] and row["concept"] for row in rows))
        weights = [row["importance"] for row in rows]
        self.assertEqual(weights, sorted(weights, reverse=True))

    def test_peers_are_counted_and_never_listed(self) -> None:
        answer = self.get(f"/peers/{self.known[0]}?group=everyone&feature=AMT_CREDIT")
        bars = answer["distributions"][0]
        self.assertEqual(len(bars["edges"]), len(bars["repaid"]) + 1)
        counted = sum(bars["repaid"]) + sum(bars["defaulted"])
        self.assertLessEqual(counted, answer["n"])
        self.assertEqual(sum(answer["n_by_class"].values()), answer["n"])

    def test_an_unknown_client_is_not_found_and_hints_at_no_other(self) -> None:
        for path in ("/prediction/1", "/explanation/1", "/clients/1", "/local_shap/1"):
            detail = self.problem(path, 404)["detail"]
            self.assertFalse(any(str(known) in detail for known in self.known))

    def test_mistakes_have_their_answers(self) -> None:
        self.problem("/nowhere", 404)
        answer = self.http.post("/model_info")
        self.assertEqual(answer.status_code, 405)
        self.assertIn("GET", answer.headers["Allow"])
        for path in ("/prediction/abc", "/prediction/?page=0", "/prediction/1e400"):
            with self.subTest(path):
                status = self.http.get(path).status_code
                self.assertIn(status, (400, 404, 422))


class WithoutModelTest(unittest.TestCase):
    """An API that could not load its model lives, and says that it is not ready."""

    def test_it_is_alive_but_not_ready(self) -> None:
        with self.assertLogs(level="ERROR") as logged:
            app = create_app(settings(Path("/no/such/folder")))
        reasons = [getattr(record, "reason", "") for record in logged.records]
        self.assertIn("there is no model folder", "\n".join(reasons))
        http = app.test_client()
        self.assertEqual(http.get("/health/live").status_code, 200)
        for path in ("/health/ready", "/prediction/100002", "/model_info"):
            self.assertEqual(http.get(path).status_code, 503)


if __name__ == "__main__":
    unittest.main()
