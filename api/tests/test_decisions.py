"""The record of decisions over HTTP: written before it is answered, read by who may, halted by orders."""

import json
import os
import shutil
import tempfile
import threading
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from apiflask import APIFlask

from api import create_app
from api.record import Record, record_of
from api.service import keeper_of
from api.tests.running import checked, logged, served, settings
from api.web.keys import SCOPES, new_key, write_keys
from project_tools.serving.decisions.errors import RecordUnavailableError
from project_tools.serving.decisions.store import DecisionStore

SECRET = "SECRET-31415"  # noqa: S105  (stands for an applicant's data)
UNKNOWN = "0" * 32


class Case(unittest.TestCase):
    """An application of its own, and keys of several callers."""

    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.known = served().ids()[:6]
        portfolio = folder / "portfolio"
        portfolio.write_text("".join(f"{i}\n" for i in self.known[:3]))
        portfolio.chmod(0o600)
        callers: dict[str, tuple[tuple[Any, ...], Path | None]] = {
            "all": (SCOPES, None),
            "officer": (("score", "explain"), None),
            "other": (("score", "explain"), None),
            "reviewer": (("review",), None),
            "office": (("score", "review"), portfolio),
            "narrow": (("explain",), portfolio),
        }
        self.texts, self.ids, keys = {}, {}, []
        for name, (scopes, file) in callers.items():
            text, key = new_key(name, scopes, days=1, per_minute=100_000, portfolio=file)
            self.texts[name], self.ids[name] = text, key.id
            keys.append(key)
        write_keys(folder / "keys", keys)
        self.settings = settings(
            served().model, served().clients, CREDIT_API_KEYS=str(folder / "keys")
        )
        self.app = self.started()
        self.client = self.app.test_client()
        self.store = record_of(self.app).store

    def started(self) -> APIFlask:
        """A worker's application on the same state folder."""
        with mock.patch.dict(os.environ, checked(served())):
            app = create_app(self.settings)
        self.addCleanup(record_of(app).store.close)
        return app

    def ask(self, address: str, caller: str = "all", method: str = "GET", **how: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.texts[caller]}", **how.pop("headers", {})}
        client = how.pop("client", self.client)
        return client.open(address, method=method, headers=headers, **how)

    def get(self, address: str, caller: str = "all") -> Any:
        response = self.ask(address, caller)
        self.assertEqual(response.status_code, 200, response.text)
        return response.json

    def refused(self, status: int, address: str, caller: str = "all", **how: Any) -> Any:
        response = self.ask(address, caller, **how)
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.mimetype, "application/problem+json")
        return response

    def post(self, address: str, body: Any, caller: str = "all", **how: Any) -> Any:
        return self.ask(address, caller, "POST", json=body, **how)

    def row(self, client: int) -> dict[str, Any]:
        """A body of ``POST /prediction`` with what is shown of a client."""
        features = self.get(f"/clients/{client}")["features"]
        return {"features": {f["name"]: f["value"] for f in features}}

    def count(self) -> int:
        return len(self.store.decisions(limit=1000))


class Recorded(Case):
    def test_an_answer_is_in_the_record_with_the_same_numbers(self) -> None:
        sequences = []
        for number in self.known[:3]:
            answer = self.get(f"/prediction/{number}", "officer")
            found = self.get(f"/decisions/{answer['decision']['id']}")
            self.assertEqual(found["client"], answer["id"])
            same = ("proba_risk_class", "class", "threshold", "margin", "model", "raw_score")
            for name in (*same, "decision"):
                self.assertEqual(found[name], answer[name], name)
            self.assertEqual(found["key"], self.ids["officer"])
            decision = answer["decision"]
            self.assertEqual(decision["seal"].partition("-")[0], str(decision["sequence"]))
            self.assertTrue(decision["time"].endswith("+00:00"))
            sequences.append(decision["sequence"])
            stored = self.store.decision(decision["id"])
            self.assertEqual(stored.seal, decision["seal"])
            service: Any = keeper_of(self.app).service
            low, high = service.artefact.reference.band
            self.assertIs(answer["near"], low <= answer["proba_risk_class"] <= high)
            self.assertEqual(self.store.row(stored), service.store.encoded(number).tobytes())
        self.assertEqual(sequences, [1, 2, 3])

    def test_an_applicant_is_recorded_without_an_id(self) -> None:
        answer = self.post("/prediction", self.row(self.known[0])).json
        known = self.get(f"/prediction/{self.known[0]}")
        found = self.get(f"/decisions/{answer['decision']['id']}")
        self.assertIsNone(found["client"])
        self.assertEqual(found["proba_risk_class"], known["proba_risk_class"])
        recorded = self.get(f"/decisions/{known['decision']['id']}")
        self.assertEqual(found["input"], recorded["input"])

    def test_the_model_is_archived(self) -> None:
        answer = self.get(f"/prediction/{self.known[0]}")
        self.assertTrue(self.store.archive.has(answer["model"]["digest"]))

    def test_head_is_no_method_and_records_nothing(self) -> None:
        response = self.ask(f"/prediction/{self.known[0]}", method="HEAD")
        self.assertEqual(response.status_code, 405)
        self.assertEqual({*response.headers["Allow"].split(", ")}, {"GET", "OPTIONS"})
        self.assertEqual(self.count(), 0)

    def test_what_is_refused_is_not_recorded(self) -> None:
        for address in ("/prediction/7", "/prediction/abc", f"/prediction/{self.known[0]}?x=1"):
            self.ask(address)
        self.ask(f"/prediction/{self.known[5]}", "office")
        self.post("/prediction", {"features": {}})
        self.assertEqual(self.count(), 0)

    def test_what_cannot_be_recorded_is_not_answered(self) -> None:
        why = RecordUnavailableError(f"disk full at {SECRET}")
        body = self.row(self.known[0])
        with (
            mock.patch.object(DecisionStore, "record", side_effect=why),
            logged(self.app) as log,
        ):
            for response in (
                self.refused(503, f"/prediction/{self.known[0]}"),
                self.post("/prediction", body),
            ):
                self.assertEqual(response.status_code, 503)
                self.assertEqual(response.headers["Retry-After"], "5")
                self.assertIn("cannot be recorded", response.text)
                for word in (SECRET, "proba", "risk"):
                    self.assertNotIn(word, response.text)
            self.refused(503, "/health/ready")
        self.assertIn("disk full", log.getvalue())
        self.assertEqual(self.count(), 0)
        self.get(f"/prediction/{self.known[0]}")
        self.assertIs(self.get("/health/ready")["halted"], False)


class Ready(Case):
    def test_it_is_not_ready_while_the_record_cannot_be_written(self) -> None:
        record = record_of(self.app)
        self.assertTrue(record.ready())
        with mock.patch("api.record.TRIED_S", 0), logged(self.app) as log:
            with mock.patch.object(
                type(self.store.database), "writing", side_effect=RecordUnavailableError("locked")
            ):
                self.refused(503, "/health/ready")
            self.get("/health/ready")
        self.assertEqual(log.getvalue().count("record not writable"), 1)

    def test_after_a_failure_it_waits_for_a_decision_or_five_seconds(self) -> None:
        record = record_of(self.app)
        record.failed()
        self.assertFalse(record.ready())
        self.get(f"/prediction/{self.known[0]}")
        self.assertTrue(record.ready())
        record.failed()
        with mock.patch("api.record.FAILED_S", 0):
            self.assertTrue(record.ready())

    def test_the_head_of_the_chain_is_in_the_log(self) -> None:
        seal = self.get(f"/prediction/{self.known[0]}")["decision"]["seal"]
        with logged(self.app) as log:
            record_of(self.app).log_head()
            with mock.patch.object(
                DecisionStore, "head", side_effect=RecordUnavailableError("away")
            ):
                record_of(self.app).log_head()
        first, second = map(json.loads, log.getvalue().splitlines())
        self.assertEqual((first["event"], first["seal"]), ("head", seal))
        self.assertEqual((second["event"], second["reason"]), ("no head", "away"))


class Again(Case):
    """Idempotency-Key."""

    def setUp(self) -> None:
        super().setUp()
        self.body = self.row(self.known[0])

    def send(self, value: str, body: Any = None, caller: str = "all", **how: Any) -> Any:
        headers = {"Idempotency-Key": value}
        return self.post("/prediction", body or self.body, caller, headers=headers, **how)

    def test_the_same_request_gets_the_same_bytes_and_one_decision(self) -> None:
        first, second = self.send("a"), self.send("a")
        self.assertEqual((first.status_code, second.status_code), (200, 200))
        self.assertEqual(first.data, second.data)
        self.assertNotIn("Idempotency-Replayed", first.headers)
        self.assertEqual(second.headers["Idempotency-Replayed"], "true")
        self.assertEqual(self.count(), 1)
        turned = {"features": dict(reversed(self.body["features"].items()))}
        self.assertEqual(self.send("a", turned).data, first.data)  # the same JSON
        self.assertEqual(second.mimetype, "application/json")

    def test_another_body_is_422_and_another_caller_has_keys_of_their_own(self) -> None:
        self.send("a")
        other = {"features": {**self.body["features"], "EXT_SOURCE_2": 0.123}}
        refused = self.send("a", other)
        self.assertEqual(refused.status_code, 422)
        self.assertIn("used for another request", refused.text)
        self.assertEqual(self.send("a", {"features": {}}).status_code, 422)
        self.assertEqual(self.send("a", other, "other").status_code, 200)
        self.assertEqual(self.send("b", other).status_code, 200)
        self.assertEqual(self.count(), 3)

    def test_a_key_of_another_form_is_422(self) -> None:
        for value in ("", " ", "a b", "a" * 65, "\u00e4", "a\tb"):
            with self.subTest(value):
                refused = self.send(value)
                self.assertEqual(refused.status_code, 422)
                self.assertEqual(refused.json["errors"].keys(), {"headers"})
        self.assertEqual(self.send("!" + "~" * 63).status_code, 200)
        self.assertEqual(self.count(), 1)

    def test_a_request_that_was_refused_does_not_use_up_its_key(self) -> None:
        self.assertEqual(self.send("a", {"features": {}}).status_code, 422)
        self.assertEqual(self.send("a").status_code, 200)

    def test_concurrent_requests_record_once(self) -> None:
        answers: list[Any] = []

        def ask() -> None:
            answers.append(self.send("a", client=self.app.test_client()))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        with logged(self.app) as log:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        statuses = [answer.status_code for answer in answers]
        self.assertLessEqual({*statuses}, {200, 409}, log.getvalue())
        self.assertEqual(len({answer.data for answer in answers if answer.status_code == 200}), 1)
        self.assertEqual(self.count(), 1)

    def test_one_that_comes_while_the_first_runs_is_409(self) -> None:
        inside: list[Any] = []
        real = DecisionStore.answered

        def answered(store: DecisionStore, once: Any) -> bytes | None:
            found = real(store, once)
            if (
                not inside
            ):  # between the look for a kept answer and the commit, another request is answered
                inside.append(None)
                inside.append(self.send("a", client=self.app.test_client()))
            return found

        with mock.patch.object(DecisionStore, "answered", answered):
            late = self.send("a")
        self.assertEqual((inside[1].status_code, late.status_code), (200, 409))
        self.assertEqual(self.send("a").data, inside[1].data)
        self.assertEqual(self.count(), 1)

    def test_it_is_replayed_after_a_reload_while_halted_and_after_a_restart(self) -> None:
        first = self.send("a").data
        keeper = keeper_of(self.app)
        service: Any = keeper.service
        manifest = replace(service.artefact.manifest, threshold=0.01, version="4")
        artefact = replace(service.artefact, manifest=manifest, digest="f" * 64)
        keeper.service = replace(service, artefact=artefact)
        self.assertEqual(self.send("a").data, first)
        self.assertEqual(self.post("/admin/halt", {"reason": "a test"}).status_code, 200)
        self.assertEqual(self.send("a").data, first)
        self.assertEqual(self.send("b").status_code, 503)
        self.assertEqual(self.send("a", client=self.started().test_client()).data, first)
        self.assertEqual(self.count(), 1)


class Halt(Case):
    def test_predictions_and_new_explanations_are_refused_and_the_rest_is_not(self) -> None:
        body, known = self.row(self.known[0]), self.known[0]
        decided = self.get(f"/prediction/{known}")["decision"]["id"]
        other = self.started().test_client()  # another worker
        self.assertEqual(self.ask(f"/prediction/{known}", client=other).status_code, 200)
        halted = self.post("/admin/halt", {"reason": "  the scores drift "})
        self.assertEqual(halted.status_code, 200, halted.text)
        self.assertEqual((halted.json["halted"], halted.json["reason"]), (True, "the scores drift"))
        with mock.patch("project_tools.serving.decisions.store._HALT_S", 0):
            for client in (self.client, other):
                for address in ("prediction", "explanation", "local_shap"):
                    refused = self.refused(503, f"/{address}/{known}", client=client)
                    self.assertIn("ecided by people until further notice", refused.text)
                    self.assertEqual(refused.headers["Retry-After"], "5")
                self.assertEqual(self.post("/prediction", body, client=client).status_code, 503)
                for address in (
                    *(f"/decisions/{decided}", "/decisions", f"/clients/{known}", "/model_info"),
                    *(f"/peers/{known}?feature=AMT_CREDIT", "/prediction/", "/features"),
                ):
                    self.assertEqual(self.ask(address, client=client).status_code, 200, address)
                ready = self.ask("/health/ready", client=client)
                self.assertEqual((ready.status_code, ready.json["halted"]), (200, True))
            self.assertEqual(self.count(), 2)
            restarted = self.started().test_client()
            self.assertEqual(self.ask(f"/prediction/{known}", client=restarted).status_code, 503)
            resumed = self.post("/admin/resume", {"reason": "it was the test"}, client=restarted)
            self.assertEqual((resumed.status_code, resumed.json["halted"]), (200, False))
            for client in (self.client, other, restarted):
                for address in ("prediction", "explanation"):
                    self.assertEqual(
                        self.ask(f"/{address}/{known}", client=client).status_code, 200
                    )
        kinds = [(event.kind, event.key_id) for event in self.store.events()]
        self.assertEqual(kinds, [("halt", self.ids["all"]), ("resume", self.ids["all"])])

    def test_an_order_takes_a_reason_and_the_scope(self) -> None:
        for body in ({}, {"reason": ""}, {"reason": " "}, {"reason": 1}, {"reason": "x" * 501}):
            for order in ("halt", "resume"):
                refused = self.post(f"/admin/{order}", body)
                self.assertEqual(refused.status_code, 422)
                self.assertEqual(refused.json["errors"]["json"].keys(), {"reason"})
        self.assertEqual(self.post("/admin/halt", {"reason": "x", SECRET: 1}).status_code, 422)
        self.assertEqual(self.post("/admin/halt", {"reason": "x"}, "office").status_code, 403)
        self.assertEqual(self.post("/admin/resume", {"reason": "x"}).status_code, 409)
        self.assertEqual(self.store.events(), [])

    def test_an_order_under_a_key_is_given_once(self) -> None:
        def order(kind: str, value: str, reason: str = "a test") -> Any:
            return self.post(
                f"/admin/{kind}", {"reason": reason}, headers={"Idempotency-Key": value}
            )

        first, second = order("halt", "a"), order("halt", "a")
        self.assertEqual((first.status_code, second.status_code), (200, 200))
        self.assertEqual(first.data, second.data)
        self.assertNotIn("Idempotency-Replayed", first.headers)
        self.assertEqual(second.headers["Idempotency-Replayed"], "true")
        self.assertEqual(order("halt", "a", "another reason").status_code, 422)
        self.assertEqual(order("halt", "a b").status_code, 422)
        resumed = order("resume", "a")  # a key counts for its route
        self.assertEqual(resumed.json["halted"], False)
        # Sent again, it is answered as before, and neither halts nor resumes.
        self.assertEqual(order("halt", "a").data, first.data)
        self.assertIsNone(self.store.halted())
        self.assertEqual(order("resume", "a").data, resumed.data)
        # A refused order does not use up its key.
        self.assertEqual(order("resume", "b").status_code, 409)
        order("halt", "c")
        self.assertEqual(order("resume", "b").status_code, 200)
        kinds = [event.kind for event in self.store.events()]
        self.assertEqual(kinds, ["halt", "resume", "halt", "resume"])


class Seen(Case):
    def setUp(self) -> None:
        super().setUp()
        self.decided = {i: self.get(f"/prediction/{i}", "officer")["decision"] for i in self.known}

    def listed(self, query: str = "", caller: str = "reviewer") -> list[int]:
        found = self.get(f"/decisions{query}", caller)
        return [decision["client"] for decision in found["decisions"]]

    def test_a_reviewer_sees_all_in_pages(self) -> None:
        self.assertEqual(self.listed(), self.known)
        seen: list[int] = []
        after: int | None = 0
        while after is not None:
            page = self.get(f"/decisions?size=4&after={after}", "reviewer")
            seen += [decision["client"] for decision in page["decisions"]]
            after = page["next"]
        self.assertEqual(seen, self.known)
        self.assertEqual(self.get("/decisions?after=999", "reviewer")["decisions"], [])
        self.assertIsNone(self.get("/decisions?size=6", "reviewer")["next"])
        self.assertEqual(self.get("/decisions?size=5", "reviewer")["next"], 5)

    def test_one_client_or_those_near_the_threshold(self) -> None:
        self.assertEqual(self.listed(f"?client={self.known[2]}"), [self.known[2]])
        self.assertEqual(self.listed("?client=7"), [])
        three = self.known[:3]
        with mock.patch("api.routes.predictions.near_threshold", side_effect=[True, False, None]):
            said = [self.get(f"/prediction/{number}", "officer")["near"] for number in three]
        self.assertEqual(said, [True, False, None])
        self.assertEqual(self.listed("?after=6&near=1"), three[:1])
        self.assertEqual(self.listed("?after=6&near=0"), three[1:2])
        recorded = self.get("/decisions?after=6", "reviewer")["decisions"]
        self.assertEqual([decision["near"] for decision in recorded], said)

    def test_a_wrong_query_is_422_and_an_unknown_decision_404(self) -> None:
        for query in ("client=x", "near=2", "after=-1", "after=x", "size=0", "size=1001", "x=1"):
            self.refused(422, f"/decisions?{query}", "reviewer")
        for text in (UNKNOWN, "abc", "1", "%00", SECRET):
            self.assertNotIn(SECRET, self.refused(404, f"/decisions/{text}").text)

    def test_a_key_without_review_sees_its_own_decisions_alone(self) -> None:
        own = f"/decisions/{self.decided[self.known[0]]['id']}"
        self.get(own, "officer")
        other, unknown = (
            self.refused(404, address, "other") for address in (own, f"/decisions/{UNKNOWN}")
        )
        clean = [
            r.json["detail"].replace(own[11:], "").replace(UNKNOWN, "") for r in (other, unknown)
        ]
        self.assertEqual(clean[0], clean[1])
        self.refused(403, "/decisions", "officer")

    def test_a_portfolio_holds_its_own_clients_alone(self) -> None:
        self.assertEqual(self.listed(caller="office"), self.known[:3])
        self.assertEqual(self.listed("?size=2", "office"), self.known[:2])
        self.refused(404, f"/decisions?client={self.known[4]}", "office")
        self.get(f"/decisions/{self.decided[self.known[0]]['id']}", "office")
        self.refused(404, f"/decisions/{self.decided[self.known[4]]['id']}", "office")
        body = self.row(self.known[0])
        others = self.post("/prediction", body, "officer").json["decision"]["id"]
        own = self.post("/prediction", body, "office").json["decision"]["id"]
        self.refused(404, f"/decisions/{others}", "office")
        self.get(f"/decisions/{own}", "office")
        self.assertEqual(self.listed(caller="office"), [*self.known[:3], None])

    def test_a_page_of_a_small_portfolio_does_not_read_the_whole_record(self) -> None:
        with mock.patch("api.routes.decisions._MOST_READ", 2):
            page = self.get("/decisions?size=1&after=3", "office")
        self.assertEqual((page["decisions"], page["next"]), ([], 5))


class Reloads(Case):
    def test_each_step_is_an_event(self) -> None:
        with (
            mock.patch("api.reload.LastGood.adopt_in_child"),
            mock.patch("api.routes.admin.reload_all_workers"),
        ):
            self.assertEqual(self.post("/admin/reload", {}).status_code, 200)
        event = self.store.events()[0]
        self.assertEqual((event.kind, event.key_id), ("reload", self.ids["all"]))
        self.assertEqual(event.facts["step"], "asked")

    def test_a_reload_under_a_key_is_done_once(self) -> None:
        with (
            mock.patch("api.reload.LastGood.adopt_in_child") as adopted,
            mock.patch("api.routes.admin.reload_all_workers"),
        ):
            headers = {"Idempotency-Key": "a"}
            first = self.post("/admin/reload", {}, headers=headers)
            checks = adopted.call_count
            second = self.ask("/admin/reload", method="POST", headers=headers,
                              content_type="application/json")  # fmt: skip
            self.assertGreater(checks, 0)
            self.assertEqual(adopted.call_count, checks)
            self.assertEqual(first.data, second.data)
            self.assertEqual(second.headers["Idempotency-Replayed"], "true")
            self.assertEqual(self.post("/admin/reload", {}).status_code, 200)
            self.assertEqual(adopted.call_count, 2 * checks)
        steps = [event.facts["step"] for event in self.store.events()]
        self.assertEqual(steps, ["asked", "answered", "asked"])

    def test_a_reload_goes_on_where_it_cannot_be_recorded(self) -> None:
        record: Record = record_of(self.app)
        why = RecordUnavailableError("away")
        with mock.patch.object(DecisionStore, "event", side_effect=why), logged(self.app) as log:
            record.note_reload("loaded", "d" * 64)
        self.assertIn("reload not recorded", log.getvalue())


if __name__ == "__main__":
    unittest.main()
