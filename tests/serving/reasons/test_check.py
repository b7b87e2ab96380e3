"""The check of the reasons tells true ones from false ones."""

from dataclasses import replace

import numpy as np
import pytest

from project_tools.serving.reasons import check
from project_tools.serving.reasons.check import check_reasons, risk_falls


def test_the_risk_falls_by_the_mean_over_all_exchanges(served, artefact):
    rows = served.content.reference.held_out
    falls = risk_falls(artefact.model, artefact.index, rows[:3], rows[100:104])
    at = artefact.index.codes.index("external_scores")
    members = artefact.index.members("external_scores")
    for row, fall in zip(rows[:3], falls[:, at], strict=True):
        risks = []
        for other in rows[100:104]:
            exchanged = row.copy()
            exchanged[members] = other[members]
            risks += artefact.model.probabilities(
                artefact.model.raw_scores(exchanged[None])
            ).tolist()
        own = artefact.model.probabilities(artefact.model.raw_scores(row[None]))[0]
        assert fall == pytest.approx(own - np.mean(risks))


def test_the_manifest_says_how_true_the_reasons_are(artefact):
    found = artefact.manifest.reasons
    assert (found.clients, found.against) == (200, 50)
    assert 0.7 < found.plain_top_four < 1
    assert 0.7 < found.plain_first_reason < 1
    assert found.falls > 0.9
    assert 0 < found.clear <= 200
    assert found.largest_fall_clear >= found.largest_fall > 0.8


def test_false_reasons_are_found(served, artefact, monkeypatch):
    true, gaps = artefact.manifest.reasons, check.gaps

    def turned(*given, **how):
        found = gaps(*given, **how)
        return replace(found, gaps=-found.gaps, principal=found.other_side)

    monkeypatch.setattr(check, "gaps", turned)
    clients = served.content.reference.held_out
    false = check_reasons(
        artefact.model, artefact.index, artefact.reference, clients, artefact.threshold
    )
    assert false.plain_first_reason < 0.2 < true.plain_first_reason
    assert false.falls < 0.2 < true.falls
    assert false.largest_fall < 0.2


def test_nobody_refused_or_just_accepted_leaves_nothing_to_check(served, artefact):
    clients = served.content.reference.held_out
    few = (artefact.model, artefact.index, artefact.reference, clients[:40], artefact.threshold)
    assert check_reasons(*few) is None
    assert check_reasons(*few[:3], clients, 0.999) is None
