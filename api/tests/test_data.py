"""The table of a demonstration's clients: there for invented clients alone, and what it leaves out."""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from apiflask import APIFlask

from api import create_app
from api.service import VERIFIED, keeper_of
from api.tests.running import application, served, settings
from api.tests.served import META, write_features
from project_tools.serving.clients import write_client_store
from project_tools.serving.demonstration import MOST_CLIENTS
from project_tools.serving.protected import shown_names
from project_tools.system.files import sha256


class Table(unittest.TestCase):
    def setUp(self) -> None:
        self.client = application().test_client()
        self.ids = sorted(served().ids("test") + served().ids("new"))

    def get(self, address: str) -> Any:
        response = self.client.get(address)
        self.assertEqual((response.status_code, response.mimetype), (200, "application/json"))
        return response.json

    def test_every_value_is_that_of_the_client(self) -> None:
        table = self.get("/data")
        for client in self.ids[:5] + self.ids[-5:]:
            row = {f["name"]: f["value"] for f in self.get(f"/clients/{client}")["features"]}
            for name, values in table.items():
                self.assertEqual(values[str(client)], row[name], name)

    def test_protected_columns_are_there_on_request_alone(self) -> None:
        plain, protected = self.get("/data"), self.get("/data?protected=1")
        self.assertEqual({*protected} - {*plain}, {"CODE_GENDER"})
        self.assertEqual({*self.get("/data?protected=0")}, {*plain})
        self.assertEqual(self.client.get("/data?columns=CODE_GENDER").status_code, 422)
        (column,) = self.get("/data?columns=CODE_GENDER&protected=1&n=3")["columns"]
        self.assertEqual(column["kind"], "category")
        self.assertEqual(self.client.get("/data?protected=yes").status_code, 422)

    def test_what_is_computed_from_a_protected_column_is_protected(self) -> None:
        service = keeper_of(application()).service
        assert service is not None
        row = {**service.artefact.catalogue["AMT_CREDIT"], "columns": ["A", "CNT_CHILDREN"]}
        changed = {**service.artefact.catalogue, "AMT_CREDIT": row}
        del changed["DAYS_BIRTH"]  # what is not described may be computed from anything
        artefact = mock.Mock(catalogue=changed)
        names = shown_names(artefact, service.store, protected=False)
        self.assertEqual(
            {*service.store.names} - {*names}, {"AMT_CREDIT", "DAYS_BIRTH", "CODE_GENDER"}
        )

    def test_some_columns_come_with_their_kind(self) -> None:
        found = self.get("/data?columns=DAYS_BIRTH&columns=OCCUPATION_TYPE&n=7")
        self.assertEqual(found["ids"], self.ids[:7])
        self.assertEqual(
            [(c["name"], c["kind"], c["unit"]) for c in found["columns"]],
            [("DAYS_BIRTH", "number", "days"), ("OCCUPATION_TYPE", "category", "")],
        )
        whole = self.get("/data")
        for column in found["columns"]:
            expected = [whole[column["name"]][str(client)] for client in self.ids[:7]]
            self.assertEqual(column["values"], expected)
        self.assertEqual(self.get("/data?n=2"), {"ids": self.ids[:2], "columns": []})

    def test_outcomes_come_with_their_ids(self) -> None:
        found = self.get("/target?n=10")
        known = [client for client in self.ids[:10] if client in served().ids("test")]
        self.assertEqual(found["ids"], known)
        self.assertEqual(found["values"], [served().client(i)["TARGET"] for i in known])

    def test_a_wrong_query_is_refused(self) -> None:
        many = "&".join(["columns=DAYS_BIRTH"] * 51)
        for query in ("columns=TARGET", "columns=SK_ID_CURR", "n=0", "n=1001", "m=1", many):
            self.assertEqual(self.client.get(f"/data?{query}").status_code, 422, query)
        self.assertEqual(self.client.get("/target?protected=1").status_code, 422)

    def test_the_whole_table_is_made_once(self) -> None:
        self.get("/data")
        self.get("/target")
        with (
            mock.patch("api.routes.data.demonstration.whole_table") as table,
            mock.patch("api.routes.data.demonstration.whole_targets") as targets,
        ):
            self.get("/data")
            self.get("/target")
        table.assert_not_called()
        targets.assert_not_called()
        self.assertLessEqual(len(self.ids), MOST_CLIENTS)


class RealClients(unittest.TestCase):
    """A store that does not say that its clients are invented gives no table."""

    def made(self, **meta: Any) -> APIFlask:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        features, clients = (Path(folder.name) / name for name in ("f.parquet", "c.parquet"))
        told = {key: value for key, value in {**META, **meta}.items() if value is not None}
        write_features(served().table, features, told)
        write_client_store(features, clients)
        digest = sha256(served().model / "manifest.json")
        with mock.patch.dict("os.environ", {VERIFIED: digest}):
            return create_app(settings(served().model, clients))

    def test_there_is_no_table_of_them(self) -> None:
        client = self.made(demonstration=None).test_client()
        for address in ("/data", "/data?columns=DAYS_BIRTH", "/data?protected=1", "/target"):
            refused = client.get(address)
            self.assertEqual(refused.status_code, 404, address)
            self.assertNotIn(str(served().ids()[0]), json.dumps(refused.json))
        self.assertEqual(client.get(f"/prediction/{served().ids()[0]}").status_code, 200)

    def test_the_mark_is_exact(self) -> None:
        client = self.made(demonstration="yes").test_client()
        self.assertEqual(client.get("/data").status_code, 404)


if __name__ == "__main__":
    unittest.main()
