"""What is recorded besides decisions: one walk over reasons, sheet, review, note and history.

``tests/api/test_issued.py`` tries each rule, refusal and fault.
"""

import unittest

from api.tests.test_decisions import Case
from project_tools.serving.decisions.chain import verify


class Issued(Case):
    def test_a_decision_is_explained_printed_reviewed_and_remembered(self) -> None:
        client = self.known[0]
        made = self.get(f"/prediction/{client}?explain=1", "officer")
        decision = f"/decisions/{made['decision']['id']}"
        again = self.get(f"/explanation/{client}?decision={made['decision']['id']}", "officer")
        self.assertEqual(again, made["explanation"])
        sheet = self.ask(f"{decision}/sheet", "officer")
        self.assertIn(again["reasons"][0]["text"], sheet.text)
        self.assertEqual(self.ask(f"{decision}/sheet", "officer").data, sheet.data)
        why = {"outcome": "override", "reason": "the income was proven"}
        self.assertEqual(self.post(f"{decision}/review", why, "officer").status_code, 403)
        pending = self.post(f"{decision}/review", why, "reviewer").json
        self.assertEqual((pending["status"], pending["by"]), ("pending", "reviewer"))
        verdict = {"outcome": "confirm", "reason": "I saw the papers"}
        address = f"{decision}/review/confirm"
        self.assertEqual(self.post(address, verdict, "reviewer").status_code, 409)
        self.assertEqual(self.post(address, verdict).json["status"], "confirmed")
        self.post(f"/clients/{client}/notes", {"text": "She called."}, "reviewer")
        note, past = self.get(f"/clients/{client}/history", "officer")["entries"]
        self.assertEqual(note["note"]["text"], "She called.")
        self.assertEqual(past["decision"]["reviews"][0]["confirmation"]["by"], "all")
        kinds = [event.kind for event in self.store.events()]
        self.assertEqual(kinds, ["reasons", "sheet", "review", "confirmation", "note"])
        self.assertEqual(verify(self.store.database).problems, [])


if __name__ == "__main__":
    unittest.main()
