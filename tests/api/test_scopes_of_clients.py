"""Protected features and peers over HTTP: what the scope ``data`` and a portfolio change."""

from api.tests.running import served
from api.tests.test_decisions import Case


class Limits(Case):
    def test_protected_features_take_the_scope_data(self) -> None:
        address = f"/clients/{self.known[0]}?names=CODE_GENDER&fields=value"
        self.refused(422, address)
        (shown,) = self.get(f"{address}&protected=1")["features"]
        assert shown["value"] == served().client(self.known[0])["CODE_GENDER"]
        for query in ("protected=1", "names=CODE_GENDER&protected=1"):
            refused = self.refused(403, f"/clients/{self.known[0]}?{query}", "officer")
            assert "scope data" in refused.text
        self.refused(422, address, "officer")

    def test_peers_are_counted_alike_for_a_key_with_a_portfolio(self) -> None:
        """They are the training clients of the reference, none of whom is known."""
        for group in ("everyone", "similar_person", "similar_loan"):
            for client in self.known[:3]:
                address = f"/peers/{client}?group={group}&feature=AMT_CREDIT&feature=EXT_SOURCE_3"
                answers = [self.get(address, caller) for caller in ("all", "narrow")]
                assert answers[0] == answers[1]
        self.refused(404, f"/peers/{self.known[4]}?feature=AMT_CREDIT", "narrow")
