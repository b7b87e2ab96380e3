"""``POST /prediction``: an applicant who is not known, by a row of features."""

import json
import unittest
from typing import Any

from api.tests.running import application, served

SECRET, NUMBER = "SECRET-31415", 566490153286.0


class Case(unittest.TestCase):
    def setUp(self) -> None:
        self.client = application().test_client()
        self.row = self.shown(served().ids("test")[4])

    def shown(self, client: int) -> dict[str, Any]:
        """What ``GET /clients`` shows of a client, by name."""
        features: Any = self.client.get(f"/clients/{client}?protected=1").json
        return {f["name"]: f["value"] for f in features["features"]}

    def post(self, body: Any, **how: Any) -> Any:
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        return self.client.post("/prediction", data=text, content_type="application/json", **how)

    def refused(self, status: int, body: Any) -> Any:
        """The problem document, after what is true of each: it repeats nothing that was sent."""
        response = self.post(body)
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.mimetype, "application/problem+json")
        self.assertNotIn(SECRET, response.text)
        self.assertNotIn(str(NUMBER), response.text)
        return response.json

    def faults(self, **changes: Any) -> Any:
        """What is said of each field where the row is changed in this way."""
        return self.refused(422, {"features": {**self.row, **changes}})["errors"]["json"]


class SameRow(Case):
    def test_what_is_shown_of_a_client_gives_the_clients_own_bits(self) -> None:
        nulls = 0
        for client in served().ids("test")[:25] + served().ids("new")[:25]:
            row: dict[str, Any] = self.shown(client)
            nulls += None in row.values()
            known: Any = self.client.get(f"/prediction/{client}").json
            response = self.post({"features": row})
            self.assertEqual(response.status_code, 200, response.text)
            for name in ("proba_risk_class", "raw_score", "class", "threshold", "margin", "model"):
                self.assertEqual(response.json[name], known[name], name)
            self.assertIsNone(response.json["id"])
        self.assertGreater(nulls, 5)

    def test_the_order_of_names_and_what_the_model_does_not_take_change_nothing(self) -> None:
        first = self.post({"features": self.row}).json["raw_score"]
        turned = dict(reversed(self.row.items()))
        self.assertEqual(self.post({"features": turned}).json["raw_score"], first)
        self.assertIn("CODE_GENDER", self.row)
        for other in ({**self.row, "CODE_GENDER": "M"}, {**self.row, "CODE_GENDER": None}):
            self.assertEqual(self.post({"features": other}).json["raw_score"], first)
        inputs = [f["name"] for f in self.client.get("/features?used=1").json or ()]
        alone = {name: self.row[name] for name in inputs}
        self.assertEqual(self.post({"features": alone}).json["raw_score"], first)

    def test_null_is_a_missing_value_and_0_is_none(self) -> None:
        scores = {
            self.post({"features": {**self.row, "EXT_SOURCE_3": value}}).json["raw_score"]
            for value in (None, 0)
        }
        self.assertEqual(len(scores), 2)


class Refusals(Case):
    def test_a_missing_feature_is_named(self) -> None:
        row = {n: v for n, v in self.row.items() if n not in ("EXT_SOURCE_2", "AMT_CREDIT")}
        errors = self.refused(422, {"features": row})["errors"]["json"]
        self.assertEqual(errors.keys(), {"features.EXT_SOURCE_2", "features.AMT_CREDIT"})
        self.assertEqual(len(self.refused(422, {"features": {}})["errors"]["json"]), 12)

    def test_an_unknown_feature_is_refused_without_its_name(self) -> None:
        (text,) = self.faults(EXT_SORCE_2=1)["features"]
        self.assertIn("Name 14 is no feature of the model; did you mean 'EXT_SOURCE_2'?", text)
        for name in (SECRET, "TARGET", "SK_ID_CURR", "SPLIT", ""):
            self.assertEqual(self.faults(**{name: 1}).keys(), {"features"})

    def test_many_unknown_names_take_no_longer_than_few(self) -> None:
        many = {f"EXT_SOURCE_{n:05d}": 0 for n in range(2500)}
        (text,) = self.faults(**many)["features"]
        self.assertEqual(text.count("Name "), 5)

    def test_a_value_of_another_kind_is_refused_and_not_repeated(self) -> None:
        for value in (SECRET, str(NUMBER), True, [NUMBER], {"a": SECRET}, 10**39, -(10**400)):
            with self.subTest(str(value)[:20]):
                self.assertEqual(self.faults(EXT_SOURCE_2=value).keys(), {"features.EXT_SOURCE_2"})
        for other in (SECRET, NUMBER, 0, False, "", ["Drivers"]):
            with self.subTest(str(other)):
                found = self.faults(OCCUPATION_TYPE=other)
                self.assertEqual(found.keys(), {"features.OCCUPATION_TYPE"})

    def test_a_number_that_is_not_finite_is_refused(self) -> None:
        text = json.dumps({"features": {**self.row, "EXT_SOURCE_2": "VALUE"}})
        for sent, status in (
            ("1e400", 422),
            ("-1e39", 422),
            ("NaN", 400),
            ("Infinity", 400),
            ("-Infinity", 400),
            ("9" * 5000, 400),
        ):
            with self.subTest(sent[:9]):
                self.refused(status, text.replace('"VALUE"', sent))

    def test_a_body_that_is_no_strict_json_is_400(self) -> None:
        for body in ("", "{", b"\xff", '{"features": {"a": 1, "a": 2}}', "[" * 60_000):
            with self.subTest(body[:30]):
                self.refused(400, body)

    def test_a_body_of_another_shape_is_422(self) -> None:
        for body, field in (
            ([], ""),
            (1, ""),
            ({}, ""),
            ({"features": self.row, "applicant": {}}, ""),
            ({"features": []}, "features"),
            ({"features": None}, "features"),
            ({"features": self.row, SECRET: 1}, ""),
        ):
            with self.subTest(str(body)[:30]):
                self.assertEqual(self.refused(422, body)["errors"]["json"].keys(), {field})

    def test_the_address_takes_no_other_method_and_no_slash(self) -> None:
        self.assertEqual(self.client.put("/prediction").status_code, 405)
        self.assertEqual(self.client.post("/prediction/", json={}).status_code, 405)


class Schema(Case):
    def test_the_inputs_of_the_model_are_listed_in_its_order(self) -> None:
        found: Any = self.client.get("/features?used=1").json
        inputs = served().content.features
        self.assertEqual([f["name"] for f in found], [f.name for f in inputs])
        for shown, feature in zip(found, inputs, strict=True):
            self.assertEqual((shown["kind"], shown["levels"]), (feature.kind, [*feature.levels]))
            number = feature.kind == "number"
            self.assertEqual(shown["dtype"], "float32" if number else "string")
            self.assertIs(shown["nullable"], True)
            for value in shown["range"] or shown["levels"]:  # both ends, or every level
                answer = self.post({"features": {**self.row, feature.name: value}})
                self.assertEqual(answer.status_code, 200, answer.text)
        self.assertEqual(self.client.get("/features?used=2").status_code, 422)
        self.assertGreater(len(self.client.get("/features?used=0").json or ()), len(found))


if __name__ == "__main__":
    unittest.main()
