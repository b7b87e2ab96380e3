"""What-if, counter-offers and missing documents over HTTP: of the committed pair, and of invented clients."""

import json
import os
import unittest
from typing import Any, ClassVar
from unittest import mock

from apiflask import APIFlask
from flask.testing import FlaskClient

from api import create_app
from api.pictures.messages import FOLDER
from api.record import record_of
from api.tests.running import application, run_folder, served, settings

MARK = "a value of the applicant's"
PAIR = ("proba_risk_class", "class", "margin", "near", "raw_score")


class Committed(unittest.TestCase):
    """The model and the clients that a clone serves."""

    app: ClassVar[APIFlask]
    http: ClassVar[FlaskClient]
    known: ClassVar[list[int]]

    @classmethod
    def setUpClass(cls) -> None:
        with mock.patch.dict(os.environ, {FOLDER: str(run_folder())}):
            cls.app = create_app(settings())
        cls.http = cls.app.test_client()
        cls.known = (cls.http.get("/prediction/?size=7").json or {})["ids"]

    def what_if(self, client: int, changes: Any, status: int = 200, **how: Any) -> Any:
        response = self.http.post(f"/what_if/{client}", json={"changes": changes}, **how)
        self.assertEqual(response.status_code, status, response.text)
        self.assertNotIn(MARK, response.text)
        return response.json

    def test_without_a_change_it_is_the_decision(self) -> None:
        for client in self.known:
            made: Any = self.what_if(client, {})
            decided: Any = self.http.get(f"/prediction/{client}").json
            for outcome in (made["outcome"], made["before"]):
                self.assertEqual(outcome, {name: decided[name] for name in PAIR})
            self.assertEqual(made["model"], decided["model"])
            self.assertEqual(made["threshold"], decided["threshold"])
            self.assertEqual((made["simulation"], made["exact"], made["note"]), (True, True, None))
            self.assertEqual(made["explanation"], self.http.get(f"/explanation/{client}").json)

    def test_a_change_moves_the_outcome_and_its_explanation(self) -> None:
        moved = 0
        for client in self.known:
            made = self.what_if(client, {"EXT_SOURCE_2": 0.01, "EXT_SOURCE_3": 0.01})
            moved += made["outcome"]["raw_score"] > made["before"]["raw_score"]
            explained = made["explanation"]
            self.assertEqual(explained["raw_score"], made["outcome"]["raw_score"])
            values = {f["name"]: f["value"] for g in explained["groups"] for f in g["features"]}
            self.assertEqual(values["EXT_SOURCE_2"], 0.01)
            self.assertEqual(values["EXT_SOURCES_MIN"], 0.01)
        self.assertGreater(moved, 4)

    def test_nothing_is_recorded_and_head_is_a_method(self) -> None:
        before = record_of(self.app).store.head()
        client = self.known[0]
        self.what_if(client, {"AMT_CREDIT": 100_000})
        for address in (f"/offers/{client}", f"/missing/{client}"):
            answer = self.http.get(address)
            self.assertEqual(answer.status_code, 200, answer.text)
            self.assertIs((answer.json or {})["simulation"], True)
            self.assertEqual(self.http.head(address).status_code, 200)
        self.assertEqual(record_of(self.app).store.head(), before)

    def test_the_faults_are_named_by_column(self) -> None:
        changes = {
            "AMT_CREDIT": MARK, "DAYS_BIRTH": -9000.5, "CODE_GENDER": "M", "AMT_GOODS_PRICE": 1e39,
            "NAME_INCOME_TYPE": MARK, "CREDIT_TO_ANNUITY_RATIO": 12, MARK: 1, "OWN_CAR_AGE": [],
        }  # fmt: skip
        errors = self.what_if(self.known[0], changes, 422)["errors"]["json"]
        self.assertEqual({*errors}, {"changes", *(f"changes.{n}" for n in changes if n != MARK)})
        for body, status in (
            (b"{}", 422), (b'{"changes": []}', 422), (b'{"changes": {}, "x": 1}', 422), (b"[]", 422),
            (b'{"changes": {"AMT_CREDIT": NaN}}', 400), (b'{"changes": {"AMT_CREDIT": 1, "AMT_CREDIT": 2}}', 400),
            (b'{"changes": {"AMT_CREDIT": 1e999}}', 422), (b"", 400),
        ):  # fmt: skip
            response = self.http.post(
                f"/what_if/{self.known[0]}", data=body, content_type="application/json"
            )
            self.assertEqual(response.status_code, status, body)
        form = self.http.post(f"/what_if/{self.known[0]}", data={"changes": "{}"})
        self.assertEqual(form.status_code, 415)
        self.what_if(7, {}, 404)

    def test_the_words_are_in_the_language_that_is_asked_for(self) -> None:
        french = {"Accept-Language": "fr-FR"}
        for address, words in (
            (f"/offers/{self.known[0]}", "combinaisons"),
            (f"/missing/{self.known[0]}", "à lui seul"),
            ("/features?changeable=1", "crédit demandé"),
        ):
            answer = self.http.get(address, headers=french)
            self.assertIn(words, json.dumps(answer.json, ensure_ascii=False))
            self.assertEqual(answer.headers["Content-Language"], "fr")
        made = self.what_if(self.known[0], {"AMT_CREDIT": 1000}, headers=french)
        self.assertEqual(made["explanation"]["language"], "fr")
        self.assertEqual((made["exact"], made["note"]), (True, None))

    def test_an_offer_is_what_a_what_if_of_it_says(self) -> None:
        tried = 0
        for client in self.known:
            made: Any = self.http.get(f"/offers/{client}").json
            for offer in made["offers"][:2]:
                changes = {
                    "AMT_CREDIT": offer["amount"],
                    "AMT_ANNUITY": offer["annuity"],
                    "AMT_GOODS_PRICE": offer["goods_price"],
                }
                outcome = self.what_if(client, changes)["outcome"]
                self.assertEqual(outcome["class"], "no_risk")
                for name in ("proba_risk_class", "raw_score"):
                    self.assertEqual(outcome[name], offer[name])
                tried += 1
        self.assertGreater(tried, 2)

    def test_what_may_change_is_what_is_taken(self) -> None:
        columns: Any = self.http.get("/features?changeable=1").json
        changes = {}
        for column in columns:
            if column["levels"]:
                changes[column["name"]] = column["levels"][-1]["value"]
            else:
                changes[column["name"]] = column["range"][column["name"].startswith("DAYS")]
        self.assertGreater(len(changes), 70)
        self.what_if(self.known[0], changes)
        self.assertNotIn("CODE_GENDER", changes)
        used: Any = self.http.get("/features?changeable=1&used=1").json
        self.assertEqual({c["name"] for c in used}, {*changes})

    def test_while_decisions_are_halted_nothing_is_simulated(self) -> None:
        store, client = record_of(self.app).store, self.known[0]
        store.halt("a test", "a person", "")
        try:
            answers = [self.http.get(f"/offers/{client}"), self.http.get(f"/missing/{client}")]
            answers.append(self.http.post(f"/what_if/{client}", json={"changes": {}}))
            for answer in answers:
                self.assertEqual(answer.status_code, 503)
                self.assertIn("Retry-After", answer.headers)
            self.assertEqual(self.http.get("/features?changeable=1").status_code, 200)
        finally:
            store.resume("a test", "a person", "")
        self.assertEqual(self.http.get(f"/offers/{client}").status_code, 200)


class Invented(unittest.TestCase):
    """A model of format 3 with few features."""

    def test_what_is_missing_could_change_a_decision(self) -> None:
        client = application().test_client()
        found: list[Any] = [client.get(f"/missing/{i}").json for i in served().ids("test")[:90]]
        some = [answer for answer in found if answer["missing"]]
        self.assertGreater(len(some), 2)
        for answer in some:
            row = served().client(answer["id"])
            for value in answer["missing"]:
                self.assertIsNone(row[value["name"]])
                self.assertTrue(0 < value["share"] <= 1)
                self.assertIn("could be different", value["sentence"])
            self.assertIn("could change", answer["sentence"])

    def test_a_column_whose_features_need_more_is_named(self) -> None:
        client = application().test_client()
        known = served().ids()[0]
        refused: Any = client.post(f"/what_if/{known}", json={"changes": {"AMT_CREDIT": 5}})
        self.assertEqual(refused.status_code, 422)
        (fault,) = refused.json["errors"]["json"]["changes.AMT_CREDIT"]
        self.assertEqual(fault, "It cannot be changed: the client store lacks AMT_ANNUITY.")


if __name__ == "__main__":
    unittest.main()
