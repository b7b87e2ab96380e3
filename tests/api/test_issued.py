"""What is recorded besides decisions, over HTTP: reasons, sheets, reviews, notes; and a client's history."""

import re
import unittest
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

from api.record import record_of
from api.service import keeper_of
from api.tests.running import logged
from api.tests.test_decisions import SECRET, UNKNOWN, Case
from project_tools.serving.decisions.chain import verify
from project_tools.serving.decisions.errors import RecordUnavailableError
from project_tools.serving.decisions.replay import replay
from project_tools.serving.decisions.retention import erase
from project_tools.serving.decisions.writer import Writer

WHY = {"outcome": "override", "reason": "the income was proven"}
FRENCH = {"Accept-Language": "fr-CH, en;q=0.5"}
NO_RECORD = RecordUnavailableError(f"disk full at {SECRET}")


class IssuedCase(Case):
    """Decisions that the officer's key recorded; ``all``, ``reviewer`` and ``office`` may review."""

    def setUp(self) -> None:
        super().setUp()
        self.made = self.get(f"/prediction/{self.known[0]}", "officer")
        self.id = self.made["decision"]["id"]
        self.about = f"/decisions/{self.id}"

    def kinds(self) -> list[str]:
        return [event.kind for event in self.store.events()]

    def another_model(self) -> None:
        """Serve the same model under another digest."""
        keeper = keeper_of(self.app)
        service: Any = keeper.service
        keeper.service = replace(service, artefact=replace(service.artefact, digest="f" * 64))

    def blocked(self) -> Any:
        """Make a protected concept the principal reason for every decision."""
        service: Any = keeper_of(self.app).service
        codes = service.artefact.index.of_features
        protected = type(service.artefact.index).of(["protected"] * len(codes))
        keeper_of(self.app).service = replace(
            service, artefact=replace(service.artefact, index=protected)
        )


class Explained(IssuedCase):
    def explanation(self, number: int = 0, caller: str = "officer", **how: Any) -> Any:
        address = f"/explanation/{self.known[number]}?decision={self.id}"
        return self.ask(address, caller, **how)

    def test_a_prediction_with_its_explanation_records_both(self) -> None:
        for number in self.known[:3]:
            address = f"/prediction/{number}?explain=1"
            made = self.ask(address, "officer", headers=FRENCH)
            assert (made.status_code, made.headers["Content-Language"]) == (200, "fr")
            plain = self.ask(f"/explanation/{number}", "officer", headers=FRENCH).json
            assert made.json["explanation"] == plain
            found = self.ask(
                f"/explanation/{number}?decision={made.json['decision']['id']}", headers=FRENCH
            )
            assert found.json == plain
            event = self.store.first("reasons", made.json["decision"]["id"], "fr")
            assert event is not None
            assert (event.client, event.key_id) == (number, self.ids["officer"])
        assert "explanation" not in self.made
        assert "explanation" not in self.get(f"/prediction/{self.known[0]}?explain=0")
        assert self.kinds() == ["reasons"] * 3
        (replayed,) = replay(self.store, [made.json["decision"]["id"]])
        assert (replayed.outcome, replayed.outcome_of("fr")) == ("equal", "equal")

    def test_reasons_are_recorded_at_their_first_issue_and_given_as_recorded(self) -> None:
        first = self.explanation()
        assert self.kinds() == ["reasons"]
        assert first.json == self.get(f"/explanation/{self.known[0]}")
        with mock.patch("api.issued.RecordedReasons.of", side_effect=AssertionError):
            assert self.explanation().data == first.data
        assert self.explanation(headers=FRENCH).json["language"] == "fr"
        assert self.kinds() == ["reasons", "reasons"]
        self.another_model()
        changed = self.explanation()
        assert changed.json == {**first.json, "groups": []}

    def test_they_are_of_the_decisions_own_input(self) -> None:
        body = self.row(self.known[0])
        body["features"]["EXT_SOURCE_2"] = 0.123
        service: Any = keeper_of(self.app).service
        with mock.patch.object(type(service.store), "encoded", return_value=service.artefact.model.encoder.encode(body["features"])):  # fmt: skip
            self.id = self.get(f"/prediction/{self.known[0]}", "officer")["decision"]["id"]
        found = self.explanation().json
        values = {f["name"]: f["value"] for group in found["groups"] for f in group["features"]}
        assert values["EXT_SOURCE_2"] == 0.123
        assert found["raw_score"] != self.made["raw_score"]

    def test_what_does_not_fit_is_refused(self) -> None:
        assert self.explanation(1).status_code == 404  # another client's
        assert self.explanation(caller="other").status_code == 404  # another key's
        for text in ("abc", self.id.upper(), ""):
            address = f"/explanation/{self.known[0]}?decision={text}"
            assert self.ask(address).status_code == 422
        self.refused(404, f"/explanation/{self.known[0]}?decision={UNKNOWN}")
        self.refused(404, f"/explanation/7?decision={self.id}")
        self.refused(400, f"/explanation/x?decision={self.id}")
        self.refused(422, f"/prediction/{self.known[0]}?explain=2")
        self.another_model()
        assert "nother model is served now" in self.explanation().json["detail"]
        assert self.explanation().status_code == 409
        assert self.kinds() == []

    def test_erased_they_are_not_given_and_not_made_anew(self) -> None:
        self.explanation()
        erase(self.store, "Dana", client=self.known[0])
        for headers in ({}, FRENCH):
            refused = self.explanation(headers=headers)
            assert refused.status_code == 409
            assert "were erased" in refused.json["detail"]

    def test_a_protected_reason_blocks_them_and_the_sheet(self) -> None:
        self.blocked()
        found = self.explanation().json
        assert (found["reasons"], found["other_side"]) == ([], [])
        assert "must not rest on" in found["blocked"]
        refused = self.refused(409, f"{self.about}/sheet")
        assert refused.json["detail"] == found["blocked"]
        assert self.kinds() == ["reasons"]

    def test_of_two_at_once_the_second_gets_what_the_first_recorded(self) -> None:
        real, raced = type(self.store).add, []

        def add(store: Any, events: Any) -> Any:
            if not raced:
                raced.append(None)
                raced.append(self.explanation(client=self.app.test_client()).data)
            return real(store, events)

        with mock.patch.object(type(self.store), "add", add):
            assert self.explanation().data == raced[1]
        assert self.kinds() == ["reasons"]


class Sheet(IssuedCase):
    def sheet(self, lang: str = "en", caller: str = "officer", **how: Any) -> Any:
        return self.ask(f"{self.about}/sheet?lang={lang}", caller, **how)

    def test_it_is_one_page_of_what_was_recorded(self) -> None:
        made = self.sheet()
        assert (made.status_code, made.mimetype) == (200, "text/html")
        assert made.headers["Content-Language"] == "en"
        assert "default-src 'none'" in made.headers["Content-Security-Policy"]
        reasons = self.get(f"/explanation/{self.known[0]}?decision={self.id}", "officer")
        told = [r["text"] for r in reasons["reasons"] + reasons["other_side"]]
        model = self.made["model"]
        for text in (
            *told,
            self.made["decision"]["seal"],
            self.id,
            str(self.known[0]),
            model["digest"],
            f"{model['name']}, version {model['version']}",
            "Directive (EU) 2023/2225",
        ):
            assert text in made.text
        assert not re.search(r"<script|src=|href=|url\(|@import", made.text)

    def test_its_first_issue_is_given_again(self) -> None:
        first, french = self.sheet(), self.sheet("fr")
        assert self.kinds() == ["reasons", "sheet", "reasons", "sheet"]
        assert '<html lang="fr">' in french.text
        self.another_model()
        with mock.patch("api.issued.page", side_effect=AssertionError):
            assert self.sheet().data == first.data
            assert self.sheet("fr", "reviewer").data == french.data
        assert self.kinds() == ["reasons", "sheet", "reasons", "sheet"]

    def test_reasons_that_were_issued_before_are_those_of_the_sheet(self) -> None:
        self.get(f"/explanation/{self.known[0]}?decision={self.id}", "officer")
        self.sheet()
        assert self.kinds() == ["reasons", "sheet"]

    def test_no_first_issue_by_another_model(self) -> None:
        self.get(f"/explanation/{self.known[0]}?decision={self.id}", "officer")
        self.another_model()
        assert self.sheet().status_code == 409
        assert self.kinds() == ["reasons"]

    def test_it_says_that_the_data_were_erased(self) -> None:
        self.sheet()
        erase(self.store, "Dana", client=self.known[0])
        for lang in ("en", "fr"):
            refused = self.sheet(lang)
            assert refused.status_code == 409
            assert "were erased" in refused.json["detail"]
        assert verify(self.store.database).problems == []

    def test_an_applicant_gets_one_too(self) -> None:
        made = self.post("/prediction", self.row(self.known[0]), "officer").json
        sheet = self.ask(f"/decisions/{made['decision']['id']}/sheet", "officer")
        assert "Applicant without a client number" in sheet.text

    def test_who_may_not_read_the_decision_gets_no_sheet(self) -> None:
        assert self.sheet(caller="other").status_code == 404
        assert self.sheet(caller="reviewer").status_code == 200
        assert self.ask(f"/decisions/{UNKNOWN}/sheet").status_code == 404
        assert self.sheet("de").status_code == 422
        assert self.sheet(method="HEAD").status_code == 405
        assert self.sheet(headers={"Accept": "application/json"}).status_code == 406
        self.id = self.get(f"/prediction/{self.known[4]}", "officer")["decision"]["id"]
        self.about = f"/decisions/{self.id}"
        assert self.sheet(caller="office").status_code == 404


class Reviewed(IssuedCase):
    def review(self, body: Any = WHY, caller: str = "reviewer", **how: Any) -> Any:
        return self.post(f"{self.about}/review", body, caller, **how)

    def confirm(self, outcome: str = "confirm", caller: str = "all", **how: Any) -> Any:
        body = {"outcome": outcome, "reason": "I saw the papers"}
        return self.post(f"{self.about}/review/confirm", body, caller, **how)

    def test_an_override_is_confirmed_by_another_holder(self) -> None:
        made = self.review()
        assert made.status_code == 200, made.text
        assert (made.json["status"], made.json["by"], made.json["reason"]) == (
            "pending",
            "reviewer",
            WHY["reason"],
        )
        for caller, says in (("reviewer", "than the one who made it"), ("officer", "scope review")):
            assert says in self.confirm(caller=caller).json["detail"]
        done = self.confirm().json
        assert (done["status"], done["confirmation"]["by"]) == ("confirmed", "all")
        assert self.get(self.about)["reviews"] == [done]
        assert self.confirm(caller="office").status_code == 409
        assert self.review(caller="office").status_code == 409
        seals = [event.seal for event in self.store.events()]
        assert seals == [made.json["seal"], done["confirmation"]["seal"]]

    def test_who_decided_neither_reviews_nor_confirms(self) -> None:
        decided = self.get(f"/prediction/{self.known[0]}", "office")["decision"]["id"]
        self.about = f"/decisions/{decided}"
        for outcome in ("agree", "override"):
            refused = self.review({**WHY, "outcome": outcome}, "office")
            assert refused.status_code == 409
            assert "another person than the one who made it" in refused.json["detail"]
        assert self.review().status_code == 200
        assert "than the one who decided" in self.confirm(caller="office").json["detail"]
        assert self.confirm("reject").json["status"] == "rejected"

    def test_wrong_bodies_keys_and_decisions_are_refused(self) -> None:
        for body, field in (
            ({"outcome": "agree"}, "reason"),
            ({**WHY, "reason": ""}, "reason"),
            ({**WHY, "reason": " \n"}, "reason"),
            ({**WHY, "reason": "x" * 501}, "reason"),
            ({**WHY, "reason": 7}, "reason"),
            ({**WHY, "outcome": "confirm"}, "outcome"),
            ({**WHY, SECRET: 1}, ""),
        ):
            for send in (self.review, lambda b, **_: self.post(f"{self.about}/review/confirm", b)):
                refused = send(body)
                if field == "outcome" and send is not self.review:
                    continue
                assert refused.status_code == 422, body
                assert field in refused.json["errors"]["json"]
                assert SECRET not in refused.text
        assert self.review(caller="officer").status_code == 403
        self.texts["nobody"] = "credit_wrong"
        assert self.review(caller="nobody").status_code == 401
        for text in (UNKNOWN, "abc"):
            for end in ("review", "review/confirm"):
                body = {**WHY, "outcome": "agree" if end == "review" else "confirm"}
                refused = self.post(f"/decisions/{text}/{end}", body, "reviewer")
                assert refused.status_code == 404
        assert "o override of this decision waits" in self.confirm().json["detail"]
        outside = self.get(f"/prediction/{self.known[4]}")["decision"]["id"]
        self.about = f"/decisions/{outside}"
        assert self.review(caller="office").status_code == 404
        assert (
            self.ask(
                f"{self.about}/review", method="POST", data=b"{", content_type="application/json"
            ).status_code
            == 400
        )
        assert self.kinds() == []

    def test_an_erased_decision_is_not_reviewed(self) -> None:
        erase(self.store, "Dana", client=self.known[0])
        assert "cannot be reviewed" in self.review().json["detail"]

    def test_under_a_key_it_is_said_once(self) -> None:
        headers = {"Idempotency-Key": "a"}
        first, second = self.review(headers=headers), self.review(headers=headers)
        assert (first.data, second.status_code) == (second.data, 200)
        assert second.headers["Idempotency-Replayed"] == "true"
        assert self.review({**WHY, "reason": "other"}, headers=headers).status_code == 422
        done, again = self.confirm(headers=headers), self.confirm(headers=headers)
        assert (done.data, again.status_code) == (again.data, 200)
        assert self.kinds() == ["review", "confirmation"]

    def test_a_decision_near_the_threshold_asks_for_a_review(self) -> None:
        with mock.patch("api.routes.predictions.near_threshold", side_effect=[True, False]):
            near, self.id = (
                self.get(f"/prediction/{self.known[1]}", "officer")["decision"]["id"]
                for _ in range(2)
            )
        assert self.get(f"/decisions/{self.id}")["review_wanted"] is False
        assert self.get(f"/decisions/{near}")["review_wanted"] is True

        def listed(query: str) -> list[str]:
            found = self.get(f"/decisions?after=1&{query}", "reviewer")["decisions"]
            return [decision["decision"]["id"] for decision in found]

        assert listed("near=1&reviewed=0") == [near]
        self.about = f"/decisions/{near}"
        self.review({**WHY, "outcome": "agree"})
        assert self.get(self.about)["review_wanted"] is False
        assert (listed("near=1&reviewed=0"), listed("reviewed=1")) == ([], [near])
        assert listed("reviewed=0") == [self.id]
        self.refused(422, "/decisions?reviewed=2", "reviewer")


class Past(IssuedCase):
    def note(self, text: Any = "She called.", client: int | None = None, **how: Any) -> Any:
        caller = how.pop("caller", "reviewer")
        return self.post(f"/clients/{client or self.known[0]}/notes", {"text": text}, caller, **how)

    def test_decisions_reviews_and_notes_the_newest_first(self) -> None:
        self.post(f"{self.about}/review", WHY, "reviewer")
        assert self.note().json["by"] == "reviewer"
        service: Any = keeper_of(self.app).service
        features = {**self.row(self.known[0])["features"], "EXT_SOURCE_2": 0.001}
        other = service.artefact.model.encoder.encode(features)
        with mock.patch.object(type(service.store), "encoded", return_value=other):
            self.get(f"/prediction/{self.known[0]}", "officer")
        self.get(f"/prediction/{self.known[1]}", "officer")
        past = self.get(f"/clients/{self.known[0]}/history", "officer")
        newest, note, first = past["entries"]
        assert note["note"]["text"] == "She called."
        assert (first["changes"], past["next"]) == (None, None)
        assert first["decision"]["reviews"][0]["reason"] == WHY["reason"]
        changes = newest["changes"]
        assert changes["former"]["decision"] == self.id
        assert "proba_risk_class" in changes["changed"]
        assert "model" not in changes["changed"]
        (feature,) = changes["features"]
        assert (feature["label"], feature["after"]) == ("external score 2", "0.001")
        page = self.get(f"/clients/{self.known[0]}/history?size=2", "officer")
        rest = self.get(f"/clients/{self.known[0]}/history?before={page['next']}", "officer")
        assert page["entries"] + rest["entries"] == past["entries"]

    def test_a_client_without_a_past_and_an_unknown_one(self) -> None:
        empty = self.get(f"/clients/{self.known[2]}/history", "officer")
        assert (empty["entries"], empty["next"]) == ([], None)
        for query in ("before=0", "size=0", "size=101", "before=x", "x=1"):
            self.refused(422, f"/clients/{self.known[0]}/history?{query}")
        self.refused(404, "/clients/7/history")
        self.refused(400, "/clients/x/history")
        assert self.note(client=7).status_code == 404
        service: Any = keeper_of(self.app).service  # a client who left the store has a past
        with mock.patch.object(
            type(service.store), "position", side_effect=type(self).unknown(self.known[0])
        ):
            assert len(self.get(f"/clients/{self.known[0]}/history", "officer")["entries"]) == 1
            self.refused(404, f"/clients/{self.known[2]}/history")

    @staticmethod
    def unknown(client: int) -> Exception:
        from project_tools.serving.clients import unknown_client  # noqa: PLC0415

        return unknown_client(client)

    def test_notes_have_bounds_a_scope_and_a_portfolio(self) -> None:
        for text in ("", "  ", "x" * 2001, 7, None):
            assert self.note(text).status_code == 422
        assert self.note("é" * 2000).status_code == 200
        assert self.note("\ud800").status_code == 422  # no character
        assert self.note(caller="officer").status_code == 403
        assert self.note(client=self.known[4], caller="office").status_code == 404
        headers = {"Idempotency-Key": "a"}
        first, second = self.note(headers=headers), self.note(headers=headers)
        assert (first.data, second.headers["Idempotency-Replayed"]) == (second.data, "true")
        assert self.kinds() == ["note", "note"]

    def test_an_erasure_takes_the_words_and_leaves_the_chain(self) -> None:
        headers = {"Idempotency-Key": "a"}
        self.note(f"{SECRET} called", headers=headers)
        self.post(f"{self.about}/review", {**WHY, "reason": SECRET}, "reviewer", headers=headers)
        self.ask(f"{self.about}/sheet", "officer")
        erase(self.store, "Dana", client=self.known[0])
        past = self.get(f"/clients/{self.known[0]}/history")
        assert past["entries"][0]["note"]["text"] is None
        assert past["entries"][1]["decision"]["reviews"][0]["reason"] is None
        assert SECRET not in str(past)
        found = verify(self.store.database)
        assert (found.problems, found.erased) == ([], 5)
        assert self.note(f"{SECRET} called", headers=headers).headers.get("Idempotency-Replayed") is None  # fmt: skip


class Faults(IssuedCase):
    def everything(self) -> list[tuple[str, Callable[[], Any]]]:
        known = self.known[0]
        return [
            ("explain", lambda: self.ask(f"/prediction/{known}?explain=1", "officer")),
            ("reasons", lambda: self.ask(f"/explanation/{known}?decision={self.id}", "officer")),
            ("sheet", lambda: self.ask(f"{self.about}/sheet", "officer")),
            ("review", lambda: self.post(f"{self.about}/review", WHY, "reviewer")),
            (
                "confirm",
                lambda: self.post(
                    f"{self.about}/review/confirm", {"outcome": "confirm", "reason": "x"}, "all"
                ),
            ),
            ("note", lambda: self.post(f"/clients/{known}/notes", {"text": SECRET}, "reviewer")),
        ]

    def test_what_cannot_be_recorded_is_503_and_nothing_is_half_written(self) -> None:
        self.post(f"{self.about}/review", WHY, "reviewer")
        before = self.store.head()
        steps = [step for step in self.everything() if step[0] != "review"]
        for name, send in steps:
            with (
                self.subTest(name),
                mock.patch.object(Writer, "run", side_effect=NO_RECORD),
                logged(self.app) as log,
            ):
                refused = send()
                assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
                assert SECRET not in refused.text
                assert "disk full" in log.getvalue()
            assert self.store.head() == before
        for name, send in steps:
            assert send().status_code == 200, name
        assert verify(self.store.database).problems == []

    def test_a_failed_statement_leaves_neither_decision_nor_reasons(self) -> None:
        before = self.store.head()
        with mock.patch.object(Writer, "_write", side_effect=OSError(28, "No space left")):
            for name, send in self.everything():
                if name != "confirm":
                    assert send().status_code == 503, name
        assert (self.store.head(), self.kinds(), self.count()) == (before, [], 1)

    def test_halted_people_go_on_and_nothing_new_is_explained(self) -> None:
        given = {name: send() for name, send in self.everything()[1:3]}
        explained = self.get(f"/prediction/{self.known[0]}?explain=1", "officer")["decision"]["id"]
        record_of(self.app).store.halt("a test", "Dana")
        # Its reasons are recorded, its sheet is new.
        self.refused(503, f"/decisions/{explained}/sheet", "officer")
        for name, send in self.everything():
            status = 503 if name == "explain" else 200
            assert send().status_code == status, name
        for name, send in self.everything()[1:3]:
            assert send().data == given[name].data, name
        for address in (
            f"/explanation/{self.known[0]}?decision={self.id}",
            f"{self.about}/sheet?lang=fr",
        ):
            self.refused(503, address, "officer", headers=FRENCH)
        self.get(f"/clients/{self.known[0]}/history")


if __name__ == "__main__":
    unittest.main()
