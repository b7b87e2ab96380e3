"""The gap by concept: it adds up, its points add up as shown, and the reasons are the material ones."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from project_tools.serving.reasons.concepts import PROTECTED
from project_tools.serving.reasons.gap import (
    ConceptIndex,
    feature_parts,
    gaps,
    material,
    points,
    shown_points,
)
from project_tools.serving.reference import Neighbours
from tests.helpers.walk import walked


@pytest.fixture(scope="module")
def sides(served, artefact):
    """Held-out clients by their decision: rows, scores and the parts of the features."""
    rows = served.content.reference.held_out
    scores = artefact.model.raw_scores(rows)
    decided = Neighbours.of(artefact.model.probabilities(scores), artefact.threshold)
    return {
        granted: (
            rows[at], scores[at],
            feature_parts(
                artefact.model, artefact.reference, rows[at], scores[at], granted=granted
            ),
        )
        for granted, at in ((True, decided.granted), (False, decided.refused[:400]))
    }  # fmt: skip


def gaps_of(artefact, sides, granted):
    _, scores, parts = sides[granted]
    return gaps(artefact.model, artefact.index, artefact.reference, scores, parts, granted=granted)


@pytest.mark.parametrize("granted", [True, False])
def test_the_gaps_add_up_to_the_distance_of_the_scores(artefact, sides, granted):
    found, (_, scores, parts) = gaps_of(artefact, sides, granted), sides[granted]
    side = artefact.reference.refused if granted else artefact.reference.accepted
    assert found.baseline.compared_with == ("just_refused" if granted else "just_accepted")
    assert found.baseline.clients == side.clients
    assert found.gaps.sum(axis=1) == pytest.approx(scores - side.raw_score, abs=1e-12)
    for place, code in enumerate(artefact.index.codes):
        members = artefact.index.members(code)
        assert found.gaps[:, place] == pytest.approx(parts[:, members].sum(axis=1))


@pytest.mark.parametrize("granted", [True, False])
def test_the_parts_are_the_exact_values_against_all_clients_of_the_side(
    served, artefact, sides, granted
):
    clients = served.content.reference.held_out
    decided = Neighbours.of(
        artefact.model.probabilities(artefact.model.raw_scores(clients)), artefact.threshold
    )
    background = clients[decided.just_refused if granted else decided.just_accepted]
    rows, _, parts = sides[granted]
    expected = walked(artefact.model.raw, rows[:9], background)
    assert parts[:9, :-1] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("held", [True, False])
def test_one_client_and_many_have_the_same_parts_bit_for_bit(artefact, sides, held):
    reference = artefact.reference if held else None
    rows, scores, _ = sides[False]
    many = feature_parts(artefact.model, reference, rows[:50], scores[:50], granted=False)
    for n in range(0, 50, 7):
        one = feature_parts(
            artefact.model, reference, rows[n : n + 1], scores[n : n + 1], granted=False
        )
        assert np.array_equal(one[0], many[n])


@pytest.mark.parametrize("granted", [True, False])
def test_points_share_out_the_distance_of_the_risks(artefact, sides, granted):
    found, (_, scores, _) = gaps_of(artefact, sides, granted), sides[granted]
    exact = points(artefact.model, found.gaps, scores, found.baseline.raw_score)
    risks = 100 * artefact.model.probabilities(np.append(scores, found.baseline.raw_score))
    assert exact.sum(axis=1) == pytest.approx(risks[:-1] - risks[-1])
    assert (exact * found.gaps >= 0).all()  # the signs are kept, and the order
    assert np.array_equal(
        exact.argsort(axis=1, kind="stable"), found.gaps.argsort(axis=1, kind="stable")
    )
    assert np.abs(found.points - exact).max() < 0.1
    shown = np.round(found.points * 10)
    assert shown == pytest.approx(found.points * 10, abs=1e-6)
    assert np.array_equal(shown.sum(axis=1), np.round(10 * exact.sum(axis=1)))


def test_without_a_gap_the_points_follow_from_the_slope(artefact):
    at = -1.2
    near, zero = (
        points(artefact.model, np.array([[0.3, -0.3 + d]]), np.array([at + d]), at)
        for d in (1e-7, 0.0)
    )
    assert zero.sum() == pytest.approx(0)
    assert zero == pytest.approx(near, rel=1e-4)


@given(st.lists(st.floats(-60, 60), min_size=1, max_size=30))
def test_shown_points_keep_sum_sign_and_order(exact):
    exact = np.array([exact])
    shown = shown_points(exact)
    assert shown.sum() == pytest.approx(exact.sum(), abs=0.05 + 1e-6)
    assert np.abs(shown - exact).max() < 0.1 + 1e-6
    assert (shown * exact >= 0).all()
    order = np.argsort(exact[0], kind="stable")
    differ = np.diff(exact[0][order]) > 1e-9
    assert (np.diff(shown[0][order])[differ] >= 0).all()


@pytest.mark.parametrize(
    ("pushes", "reasons"),
    [
        ([50, 30, 9, 11], {0, 1, 3}),  # a tenth of 100
        ([50, 30, 10, 10], {0, 1, 2, 3}),
        ([1] * 20, {0}),  # none is a tenth: the first is given all the same
        ([30, 20, 15, 15, 12, 8], {0, 1, 2, 3}),  # at most four
        ([5, -50, 1], {0, 2}),  # what pushes the other way does not count
        ([0, -1], set()),
    ],
)
def test_the_material_concepts_are_the_reasons(pushes, reasons):
    assert {*np.flatnonzero(material(np.array([pushes], float))[0])} == reasons


def test_one_client_and_a_portfolio_get_the_same_bits(artefact, sides):
    found, (_, scores, parts) = gaps_of(artefact, sides, granted=False), sides[False]
    for n in range(0, 400, 40):
        one = gaps(
            artefact.model, artefact.index, artefact.reference,
            scores[n : n + 1], parts[n : n + 1], granted=False,
        )  # fmt: skip
        assert np.array_equal(one.gaps[0], found.gaps[n])
        assert np.array_equal(one.points[0], found.points[n])


@pytest.mark.parametrize("side", ["no reference", "too few"])
def test_without_a_side_the_gap_is_the_plain_contribution(artefact, sides, side):
    rows, scores, _ = sides[False]
    few = replace(artefact.reference, accepted=None)
    reference = None if side == "no reference" else few
    parts = feature_parts(artefact.model, reference, rows, scores, granted=False)
    assert np.array_equal(parts, artefact.model.contributions(rows))
    found = gaps(artefact.model, artefact.index, reference, scores, parts, granted=False)
    assert (found.baseline.compared_with, found.baseline.clients) == ("average", 0)
    assert found.baseline.raw_score == parts[0, -1]
    assert np.array_equal(found.gaps, artefact.index.sums(parts[:, :-1]))


def protected_in_place_of(artefact, code):
    """The index, with a concept's features as if they were computed from a protected column."""
    codes = [
        PROTECTED if position in artefact.index.members(code) else "loan"
        for position in range(len(artefact.features))
    ]
    return ConceptIndex.of(codes)


def test_a_principal_protected_concept_blocks_the_reasons(artefact, sides):
    _, scores, parts = sides[False]
    index = protected_in_place_of(artefact, "external_scores")
    found = gaps(artefact.model, index, artefact.reference, scores, parts, granted=False)
    guarded, other = (found.gaps[:, index.codes.index(code)] for code in (PROTECTED, "loan"))
    pushes = np.maximum(guarded, 0) + np.maximum(other, 0)
    expected = (guarded > 0) & (guarded >= 0.1 * pushes)
    assert np.array_equal(found.blocked, expected)
    assert 0 < expected.sum() < len(expected)
    assert not found.other_side[:, index.codes.index(PROTECTED)].any()


def test_the_fifth_concept_blocks_too_if_it_passes():
    index = ConceptIndex.of(["age", "car", "home", "income", PROTECTED])
    parts = np.array([[24.0, 22.0, 21.0, 20.0, 13.0, 0.0]])

    class Model:
        def probabilities(self, scores):
            return 1 / (1 + np.exp(-scores / 100))

    found = gaps(Model(), index, None, parts.sum(axis=1), parts, granted=False)
    assert found.blocked.tolist() == [True]
