"""An applicant by raw records: computed as the batch computes them, refused by field, told what is odd.

The model of the other tests computes no applicant, so these take the committed one.
"""

import copy
import json
import logging
import os
import unittest
from functools import cache
from typing import Any
from unittest import mock

from apiflask import APIFlask

from api import create_app
from api.pictures.messages import FOLDER
from api.record import record_of
from api.tests.running import application, run_folder, served, settings
from project_tools.settings import ROOT

SECRET, NUMBER = "SECRET-31415", 566490153286
JSON = "application/json"


@cache
def committed() -> APIFlask:
    """The application on the committed model and clients."""
    logging.getLogger("api").addHandler(logging.NullHandler())  # Flask then adds none of its own
    with mock.patch.dict(os.environ, {FOLDER: str(run_folder())}):
        return create_app(settings())


@cache
def _example() -> str:
    return (ROOT / "docs" / "examples" / "applicant.json").read_text()


def example() -> Any:
    """The records of the documentation's example, to change."""
    return copy.deepcopy(json.loads(_example())["applicant"])


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.app = committed()
        self.client = self.app.test_client()

    def post(self, body: Any, path: str = "/prediction", **headers: str) -> Any:
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.post(path, data=text, content_type=JSON, headers=headers)

    def scored(self, records: Any, **headers: str) -> Any:
        response = self.post({"applicant": records}, **headers)
        self.assertEqual(response.status_code, 200, response.text)
        return response.json

    def refused(self, status: int, body: Any, path: str = "/prediction") -> Any:
        """The problem document, after what is true of each: nothing is recorded or repeated."""
        store = record_of(self.app).store
        before = store.head()
        response = self.post(body, path)
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(store.head(), before)
        for secret in (SECRET, str(NUMBER)):
            self.assertNotIn(secret, response.text)
        return response.json


class Scores(Case):
    def test_the_example_is_scored_and_its_row_is_recorded(self) -> None:
        answer = self.scored(example())
        self.assertEqual((answer["id"], answer["findings"]), (None, []))
        found = record_of(self.app).store.decision(answer["decision"]["id"])
        self.assertIsNone(found.client)
        row = record_of(self.app).store.row(found)
        self.assertEqual(len(row or b""), 4 * 780)
        self.assertEqual(self.scored(example())["raw_score"], answer["raw_score"])

    def test_the_order_of_records_changes_nothing_and_a_history_does(self) -> None:
        records = example()
        score = self.scored(records)["raw_score"]
        turned = {n: rows[::-1] if isinstance(rows, list) else rows for n, rows in records.items()}
        self.assertEqual(self.scored(dict(reversed(turned.items())))["raw_score"], score)
        del records["installments_payments"]
        self.assertNotEqual(self.scored(records)["raw_score"], score)

    def test_an_id_may_be_given_or_not(self) -> None:
        records = example()
        score = self.scored(records)["raw_score"]
        records["application"]["SK_ID_CURR"] = 123
        records["bureau"][0]["SK_ID_CURR"] = 123
        self.assertEqual(self.scored(records)["raw_score"], score)

    def test_what_is_odd_is_told_and_scored(self) -> None:
        records = example()
        records["application"] |= {"AMT_CREDIT": 1e39, "OCCUPATION_TYPE": SECRET}
        response = self.post({"applicant": records})
        self.assertNotIn(SECRET, response.text)
        found = {(f["field"], f["code"], f["records"]) for f in response.json["findings"]}
        self.assertEqual(
            found,
            {
                ("application.AMT_CREDIT", "out-of-range", 1),
                ("application.AMT_CREDIT", "value-missing", 1),
                ("application.OCCUPATION_TYPE", "level-unknown", 1),
            },
        )
        records["application"] |= {"AMT_CREDIT": None, "OCCUPATION_TYPE": None}
        self.assertEqual(self.scored(records)["raw_score"], response.json["raw_score"])

    def test_ten_thousand_payments_are_taken(self) -> None:
        records = example()
        paid = records["installments_payments"][0]
        records["installments_payments"] = [
            {**paid, "NUM_INSTALMENT_NUMBER": n} for n in range(10_000)
        ]
        self.scored(records)

    def test_a_key_repeats_the_answer_with_its_findings(self) -> None:
        records = example()
        records["application"]["AMT_CREDIT"] = 1e39
        headers = {"Idempotency-Key": "raw-1"}
        first = self.post({"applicant": records}, **headers)
        self.assertEqual(len(first.json["findings"]), 2)
        again = self.post({"applicant": records}, **headers)
        self.assertEqual((again.data, again.headers["Idempotency-Replayed"]), (first.data, "true"))
        self.assertEqual(self.post({"applicant": example()}, **headers).status_code, 422)


class Refusals(Case):
    def test_each_fault_has_its_field(self) -> None:
        def put(table: str, **fields: Any) -> Any:
            records = example()
            row = records[table] if table == "application" else records[table][-1]
            row.update(fields)
            return records

        two_clients = put("bureau", SK_ID_CURR=1)
        two_clients["POS_CASH_balance"][-1]["SK_ID_CURR"] = 2
        without = example()
        del without["application"]["AMT_CREDIT"]
        for records, field in (
            (put("bureau", AMT_CREDIT_SUM=SECRET), "bureau[0].AMT_CREDIT_SUM"),
            (put("bureau", AMT_CREDIT_SUM=[NUMBER]), "bureau[0].AMT_CREDIT_SUM"),
            (put("bureau", DAYS_CREDIT=-10.5), "bureau[0].DAYS_CREDIT"),
            (put("bureau", **{SECRET: NUMBER}), "bureau[0]"),
            (put("application", OCCUPATION_TYPE=NUMBER), "application.OCCUPATION_TYPE"),
            (two_clients, "POS_CASH_balance[2].SK_ID_CURR"),
            (put("bureau_balance", SK_ID_BUREAU=NUMBER), "bureau_balance[0].SK_ID_BUREAU"),
            (without, "application.AMT_CREDIT"),
            ({**example(), SECRET: []}, ""),
            ({"bureau": []}, ""),
            (SECRET, ""),
            (None, ""),
            ([], ""),
        ):
            with self.subTest(field):
                errors = self.refused(422, {"applicant": records})["errors"]["json"]
                wanted = f"applicant.{field}" if field else "applicant"
                self.assertTrue(all(name.startswith(wanted) for name in errors), errors)

    def test_a_body_has_one_of_both(self) -> None:
        for body in ({}, {"applicant": example(), "features": {}}, {"id": 100_001}, {SECRET: 1}):
            self.assertEqual(self.refused(422, body)["errors"]["json"].keys(), {""})

    def test_json_is_strict(self) -> None:
        text = json.dumps({"applicant": example()})
        for bad in (
            text.replace('"AMT_CREDIT": 454500', '"AMT_CREDIT": NaN'),
            text.replace('"AMT_CREDIT": 454500', '"AMT_CREDIT": -Infinity'),
            text.replace('"AMT_CREDIT": 454500', '"AMT_CREDIT": 1, "AMT_CREDIT": 2'),
            text.replace('"bureau":', '"application":'),
        ):
            self.assertNotEqual(bad, text)
            self.refused(400, bad)

    def test_a_model_whose_state_computes_no_applicant_takes_rows_alone(self) -> None:
        client = application().test_client()
        body = json.dumps({"applicant": example()})
        for _ in range(2):
            answer = client.post("/prediction", data=body, content_type=JSON)
            self.assertEqual(answer.status_code, 503)
            self.assertNotIn("state", answer.text)
        known = served().ids()[0]
        self.assertEqual(client.get(f"/prediction/{known}").status_code, 200)


class Explanations(Case):
    def test_it_explains_the_score_in_the_language_and_records_nothing(self) -> None:
        scored = self.scored(example())
        before = record_of(self.app).store.head()
        answer = self.post({"applicant": example()}, "/explanation", **{"Accept-Language": "fr"})
        self.assertEqual(answer.headers["Content-Language"], "fr")
        self.assertEqual(answer.json["raw_score"], scored["raw_score"])
        self.assertEqual((answer.json["id"], answer.json["findings"]), (None, []))
        self.assertEqual(record_of(self.app).store.head(), before)

    def test_a_row_of_a_known_client_has_the_client_s_explanation(self) -> None:
        client: Any = self.client.get("/prediction/?size=1").json
        number = client["ids"][0]
        shown: Any = self.client.get(f"/clients/{number}").json
        row = {f["name"]: f["value"] for f in shown["features"]}
        answer = self.post({"features": row}, "/explanation").json
        known: Any = self.client.get(f"/explanation/{number}").json
        self.assertEqual({**answer, "id": number}, known)

    def test_it_refuses_what_a_score_refuses(self) -> None:
        records = example()
        records["bureau"][0]["DAYS_CREDIT"] = -0.5
        errors = self.refused(422, {"applicant": records}, "/explanation")["errors"]["json"]
        self.assertEqual(errors.keys(), {"applicant.bureau[0].DAYS_CREDIT"})
        self.refused(422, {"features": {}}, "/explanation")
        self.refused(422, {"id": 100_001}, "/explanation")


if __name__ == "__main__":
    unittest.main()
