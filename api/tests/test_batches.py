"""``POST /predictions``: the scores of single requests, to the bit, all recorded or none."""

import json
import os
import shutil
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from api import create_app
from api.record import record_of
from api.tests.running import checked, served, settings
from api.tests.test_raw_records import Case, example
from api.web.keys import SCOPES, new_key, write_keys

OF_A_SCORE = (
    "id",
    "proba_risk_class",
    "raw_score",
    "class",
    "threshold",
    "margin",
    "near",
    "model",
)
PATH = "/predictions"


class Batches(Case):
    def setUp(self) -> None:
        super().setUp()
        page: Any = self.client.get("/prediction/?size=40").json
        self.ids: list[int] = page["ids"]
        shown: Any = self.client.get(f"/clients/{self.ids[0]}").json
        self.row = {f["name"]: f["value"] for f in shown["features"]}

    def faults(self, items: Any) -> Any:
        return self.refused(422, {"items": items}, PATH)["errors"]["json"]

    def test_it_answers_in_order_what_single_requests_get(self) -> None:
        items: list[Any] = [{"id": number} for number in self.ids]
        items[3:3] = [{"features": self.row}, {"applicant": example()}, items[0]]
        answer = self.post({"items": items}, PATH)
        self.assertEqual(answer.status_code, 200, answer.text)
        singles: list[Any] = [
            self.client.get(f"/prediction/{item['id']}").json if "id" in item else self.post(item).json
            for item in items
        ]  # fmt: skip
        for found, single in zip(answer.json["predictions"], singles, strict=True):
            self.assertEqual([found[n] for n in OF_A_SCORE], [single[n] for n in OF_A_SCORE])
            self.assertEqual(found.keys(), single.keys())

    def test_it_is_recorded_in_one_piece(self) -> None:
        answer = self.post({"items": [{"id": number} for number in self.ids]}, PATH).json
        places = [p["decision"]["sequence"] for p in answer["predictions"]]
        self.assertEqual(places, [*range(places[0], places[0] + 40)])
        store = record_of(self.app).store
        self.assertEqual(str(store.head()), answer["predictions"][-1]["decision"]["seal"])

    def test_one_bad_item_refuses_all_with_its_index(self) -> None:
        good: list[Any] = [{"id": number} for number in self.ids[:5]]
        broken = example()
        broken["bureau"][0]["AMT_CREDIT_SUM"] = "SECRET-31415"
        for item, field in (
            ({"id": 7}, "items[5].id"),
            ({"id": True}, "items[5].id"),
            ({"id": "100001"}, "items[5].id"),
            ({"id": 1.0}, "items[5].id"),
            ({"id": 10**18}, "items[5].id"),
            ({"id": None}, "items[5].id"),
            ({"applicant": broken}, "items[5].applicant.bureau[0].AMT_CREDIT_SUM"),
            ({"features": {**self.row, "AMT_CREDIT": "x"}}, "items[5].features.AMT_CREDIT"),
            ({"features": None}, "items[5].features"),
            ({}, "items[5]"),
            (7, "items[5]"),
            ({"id": self.ids[0], "features": self.row}, "items[5]"),
            ({"SECRET-31415": 1}, "items[5]"),
        ):
            with self.subTest(field):
                self.assertEqual(self.faults([*good, item, *good]).keys(), {field})

    def test_all_items_at_fault_are_named_up_to_twenty(self) -> None:
        self.assertEqual([*self.faults([{"id": 7}, {"id": self.ids[0]}, {"id": 8}])],
                         ["items[0].id", "items[2].id"])  # fmt: skip
        self.assertEqual(len(self.faults([{"id": 7}] * 300)), 20)

    def test_it_takes_one_to_five_hundred_items(self) -> None:
        for items in ([], [{"id": self.ids[0]}] * 501, None, {"id": 1}, "x"):
            self.assertEqual(self.faults(items).keys(), {"items"})
        self.refused(422, [], PATH)
        self.refused(422, {"items": [{"id": self.ids[0]}], "more": 1}, PATH)
        full = self.post({"items": [{"id": self.ids[0]}] * 500}, PATH)
        self.assertEqual(len(full.json["predictions"]), 500)

    def test_a_key_is_for_the_whole_batch(self) -> None:
        body, headers = {"items": [{"id": i} for i in self.ids[:3]]}, {"Idempotency-Key": "batch-1"}
        first = self.post(body, PATH, **headers)
        head = record_of(self.app).store.head()
        again = self.post(body, PATH, **headers)
        self.assertEqual((again.data, again.headers["Idempotency-Replayed"]), (first.data, "true"))
        self.assertEqual(record_of(self.app).store.head(), head)
        other = self.post({"items": [{"id": i} for i in self.ids[:2]]}, PATH, **headers)
        self.assertEqual(other.status_code, 422)

    def test_a_halt_refuses_it_before_its_work(self) -> None:
        store = record_of(self.app).store
        store.halt("a test", "a test")
        try:
            with mock.patch("api.routes.batches.read_items") as read:
                answer = self.post({"items": [{"id": self.ids[0]}]}, PATH)
            self.assertEqual(answer.status_code, 503)
            read.assert_not_called()
        finally:
            store.resume("a test", "a test")


class Portfolios(unittest.TestCase):
    def test_a_client_outside_looks_like_one_who_is_not_known(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        inside, outside = served().ids()[3], served().ids()[4]
        (folder / "portfolio").write_text(f"{inside}\n")
        (folder / "portfolio").chmod(0o600)
        text, key = new_key("one", SCOPES, days=1, per_minute=100, portfolio=folder / "portfolio")
        write_keys(folder / "keys", [key])
        with mock.patch.dict(os.environ, checked(served())):
            app = create_app(
                replace(settings(served().model, served().clients), api_keys=folder / "keys")
            )

        def ask(*ids: int) -> Any:
            body = json.dumps({"items": [{"id": number} for number in ids]})
            headers = {"Authorization": f"Bearer {text}"}
            return app.test_client().post(
                PATH, data=body, content_type="application/json", headers=headers
            )

        self.assertEqual(ask(inside).status_code, 200)
        refusals = [ask(inside, number) for number in (outside, 999_999)]
        self.assertEqual([answer.status_code for answer in refusals], [422, 422])
        first, second = (answer.json["errors"] for answer in refusals)
        self.assertEqual(first, second)


if __name__ == "__main__":
    unittest.main()
