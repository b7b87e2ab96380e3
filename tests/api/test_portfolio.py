"""``GET /portfolio``: curves of the artefact, the recorded decisions, the last drift."""

from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

from api.service import keeper_of
from api.tests import running
from api.tests.served import make_served
from api.tests.test_decisions import Case
from project_tools.serving.decisions.record import NewEvent
from project_tools.serving.drift_result import FILE, DriftResult

RESULT = DriftResult(
    time="2026-11-28T09:00:00+00:00", model="ab" * 32, decisions=503, reference="cd" * 32,
    alarms=["acceptance rate"], expected_auc=0.75,
)  # fmt: skip


class Figures(Case):
    def test_the_curves_are_those_of_the_artefact(self) -> None:
        answer = self.get("/portfolio")
        service: Any = keeper_of(self.app).service
        kept = asdict(service.artefact.reference.curves)
        for name in ("by_threshold", "by_cost", "as_served"):
            assert answer["curves"][name] == [*kept[name]]
        assert answer["curves"]["clients"] > 500
        served = next(p for p in answer["curves"]["as_served"] if p["fn_cost"] == answer["fn_cost"])
        assert served["threshold"] == answer["threshold"]
        assert served in answer["curves"]["by_threshold"]

    def test_a_clients_last_decision_counts_and_a_portfolio_sees_its_own(self) -> None:
        first, *_ = self.known
        decisions = [self.get(f"/prediction/{i}") for i in (*self.known, first, first)]
        last = {one["id"]: one for one in decisions}
        for caller, ids in (
            ("all", self.known),
            ("reviewer", self.known),
            ("office", self.known[:3]),
        ):
            (one,) = self.get("/portfolio", caller)["decisions"]
            granted = sum(last[i]["class"] == "no_risk" for i in ids)
            assert (one["clients"], one["granted"]) == (len(ids), granted)
            assert one["acceptance"] == granted / len(ids)
            assert one["near"] == sum(last[i]["near"] for i in ids)
            assert one["model"] == decisions[0]["model"]
        facts = {"outcome": "override", "by": "A", "number": 1}
        subject = last[self.known[4]]["decision"]["id"]
        self.store.event(NewEvent("review", facts, subject=subject, content=b"why"))
        for caller, pending in (("all", 1), ("office", 0)):
            (one,) = self.get("/portfolio", caller)["decisions"]
            assert (one["reviewed"], one["overrides"]["pending"]) == (pending, pending)
        self.refused(403, "/portfolio", "officer")
        self.refused(422, "/portfolio?x=1")

    def test_no_decision_and_no_drift_is_a_normal_answer(self) -> None:
        answer = self.get("/portfolio")
        assert (answer["decisions"], answer["drift"]) == ([], None)
        assert len(answer["notes"]) == 1
        assert "`credit drift REFERENCE decisions`" in answer["notes"][0]

    def test_the_last_drift_is_shown_with_its_date(self) -> None:
        RESULT.write(self.settings.state)
        answer = self.get("/portfolio")
        assert answer["drift"] == {**RESULT.model_dump(), "drift": True}
        assert answer["notes"] == []
        calm = RESULT.model_copy(update={"alarms": [], "expected_auc": None})
        calm.write(self.settings.state)
        assert not self.get("/portfolio")["drift"]["drift"]
        hidden = self.get("/portfolio", "office")
        assert hidden["drift"] is None
        assert "a key with a portfolio" in hidden["notes"][0]

    def test_a_damaged_result_is_a_sentence_and_a_line_of_the_log(self) -> None:
        for content in (
            b"",
            b"{}",
            b'{"time": NaN}',
            b"\xff",
            RESULT.model_dump_json().encode()[:-9],
        ):
            (self.settings.state / FILE).write_bytes(content)
            with running.logged(self.app) as log:
                answer = self.get("/portfolio")
            assert answer["drift"] is None
            assert "cannot be read" in answer["notes"][0]
            assert str(self.settings.state) not in str(answer)
            assert "holds no result of a drift" in log.getvalue()


def test_a_model_of_format_2_says_that_it_has_no_curves(tmp_path: Path) -> None:
    made = make_served(tmp_path, reference=False)
    with mock.patch.dict("os.environ", running.checked(made)):
        app = running.create_app(running.settings(made.model, made.clients))
    answer: Any = app.test_client().get("/portfolio").json
    assert answer["curves"] is None
    assert answer["notes"][0].startswith("This model has no curves of acceptance and cost")
