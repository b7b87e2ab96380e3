"""The calls of the first dashboard, with the headers of a plain ``requests.get``, read as it reads.

Its source is JulienfLeBoucher/OC_MLOps_credit_scoring, folder ``dashboard``. It sends no key.
"""

import base64
import json
import unittest
from typing import Any

from api.tests.running import served
from api.tests.running_server import running

#: What requests 2.34 sends by itself.
HEADERS = {
    "User-Agent": "python-requests/2.34.0",
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
}


class FirstClient(unittest.TestCase):
    def text(self, path: str) -> str:
        status, _, body = running().get(path, **HEADERS)
        self.assertEqual(status, 200, body)
        return body.decode()

    def json(self, path: str) -> Any:
        return json.loads(self.text(path))

    def test_a_decision_has_a_class_and_a_probability(self) -> None:
        found = self.json(f"/prediction/{served().ids()[0]}")
        self.assertIn(found["class"], {"risk", "no_risk"})
        self.assertTrue(0 <= found["proba_risk_class"] <= 1)

    def test_the_features_are_options_of_a_list_to_choose_from(self) -> None:
        found = self.json("/model_info")
        options = found["sorted_features_by_importance"]
        self.assertEqual({*options}, {feature.name for feature in served().content.features})
        self.assertTrue(all(isinstance(option, str) for option in options))
        self.assertEqual((found["stage"], found["version"]), ("champion", "3"))
        self.assertTrue(0 < found["decision_threshold"] < 1)

    def test_the_text_of_a_picture_is_the_source_of_an_image(self) -> None:
        for path in (f"/local_shap/{served().ids()[0]}", "/global_shap"):
            head, encoded = running().picture(path, **HEADERS).decode().split(",")
            self.assertEqual(head, "data:image/png;base64")
            self.assertTrue(base64.b64decode(encoded, validate=True).startswith(b"\x89PNG"))

    def test_the_table_of_clients_has_their_ids_as_its_index(self) -> None:
        """``pandas.DataFrame`` of the answer: columns by feature, rows by id."""
        table, target = self.json("/data"), self.json("/target")
        ids = [str(i) for i in sorted(served().ids("test") + served().ids("new"))]
        features = self.json("/model_info")["sorted_features_by_importance"]
        self.assertEqual({*table}, {*features})
        for values in table.values():
            self.assertEqual([*values], ids)
        labelled = {str(client): served().client(client)["TARGET"] for client in served().ids()}
        self.assertEqual(target, {"TARGET": labelled})


if __name__ == "__main__":
    unittest.main()
