"""Contributions add up, reasons are true, and charts say the same."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.tests.served import make_served
from project_tools.errors import ArtefactError
from project_tools.serving import pictures
from project_tools.serving.artefact import load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.explanation import (
    ConceptContribution,
    Contribution,
    Explanation,
    display,
    explain,
    reasons,
)
from project_tools.serving.pictures import beeswarm_key, waterfall_key
from project_tools.serving.scoring import Scorer


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    return make_served(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def artefact(served):
    return load_artefact(served.model, child=False)


@pytest.fixture(scope="module")
def rows(served, artefact):
    store = ClientStore.open(served.clients, artefact)
    return [store.row(i) for i in served.ids("test")[:50]]


def test_contributions_add_up_to_the_score(artefact, rows):
    for row in rows:
        found = explain(artefact, row)
        assert found.raw_score == Scorer(artefact).score(row).raw_score
        parts = [f.contribution for group in found.groups for f in group.features]
        assert found.base + sum(parts) == pytest.approx(found.raw_score, abs=1e-9)
        assert found.base + sum(g.contribution for g in found.groups) == pytest.approx(
            found.raw_score, abs=1e-9
        )


def test_every_feature_is_in_the_group_of_its_concept(artefact, rows):
    found = explain(artefact, rows[0])
    names = [f.name for group in found.groups for f in group.features]
    assert sorted(names) == sorted(f.name for f in artefact.features)
    for group in found.groups:
        assert {artefact.describe(f.name)["concept"] for f in group.features} == {group.concept}
        assert group.contribution == pytest.approx(sum(f.contribution for f in group.features))
        sizes = [abs(f.contribution) for f in group.features]
        assert sizes == sorted(sizes, reverse=True)
    sizes = [abs(group.contribution) for group in found.groups]
    assert sizes == sorted(sizes, reverse=True)


def test_contributions_that_do_not_add_up_are_refused(served, artefact, rows):
    class Liar(lightgbm.Booster):
        def predict(self, *given, **how):
            return super().predict(*given, **how) + (0.1 if how.get("pred_contrib") else 0)

    liar = replace(
        artefact.model.raw, booster=Liar(model_str=served.content.model.content.decode())
    )
    with pytest.raises(ArtefactError, match="do not add up"):
        explain(replace(artefact, model=replace(artefact.model, raw=liar)), rows[0])


@pytest.mark.parametrize("granted", [True, False])
def test_reasons_are_the_weightiest_groups_towards_the_decision(artefact, rows, granted):
    sign, most = (-1 if granted else 1), 0
    for row in rows:
        explanation = explain(artefact, row)
        found = reasons(explanation, granted=granted)
        towards = sorted(
            (sign * g.contribution for g in explanation.groups if sign * g.contribution > 0),
            reverse=True,
        )
        assert [sign * r.contribution for r in found] == towards[:4]
        assert all(r.text.startswith("Lowers" if granted else "Raises") for r in found)
        most = max(most, len(found))
    assert most == 4  # there were more groups than reasons


def test_a_reason_names_features_that_move_the_score_as_it_says(artefact, rows):
    for row in rows:
        explanation = explain(artefact, row)
        by_concept = {group.concept: group for group in explanation.groups}
        for reason in reasons(explanation, granted=False):
            features = by_concept[reason.concept].features
            raising = [f for f in features if f.contribution > 0]
            first = max(raising, key=lambda f: f.contribution)
            assert f"{first.label} ({first.displayed})" in reason.text
            assert not any(f"{f.label} (" in reason.text for f in features if f not in raising)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "days", "not known"),
        ("Drivers", "", "Drivers"),
        (0.0, "", "0"),
        (-21257.0, "days", "-21,257 days"),
        (0.5, "years", "0.5 years"),
        (1234567.5, "currency", "1,234,568 currency"),
        (0.00001234, "", "1.234e-05"),
        (3, "", "3"),
    ],
)
def test_values_are_shown_with_their_unit(value, unit, text):
    assert display(value, unit) == text


def test_the_key_of_a_picture_follows_from_model_and_shown_values(artefact, rows):
    # What is shown belongs to the key: one applicant's words must not stand in another's picture.
    row = rows[0]
    one, other = ({**row, "OCCUPATION_TYPE": value} for value in ("Astronauts", None))
    assert explain(artefact, one).raw_score == explain(artefact, other).raw_score
    another_model = replace(artefact, digest="another")
    keys = [
        *(waterfall_key(artefact, r) for r in (row, one, other, rows[1])),
        *(waterfall_key(another_model, row), beeswarm_key(artefact), beeswarm_key(another_model)),
    ]
    assert len({*keys}) == len(keys)
    assert waterfall_key(artefact, dict(row)) == waterfall_key(artefact, row)


def test_words_stand_beside_every_picture(served, artefact, rows):
    explanation = explain(artefact, rows[0])
    weightiest = explanation.groups[0]
    alt = pictures.waterfall(explanation).alt
    assert f"{weightiest.concept} {weightiest.contribution:+.2f}" in alt
    assert f"{explanation.raw_score:.2f}" in alt
    encoded = artefact.model.encoder.encode_rows(served.content.golden)
    means = np.abs(artefact.model.contributions(encoded)[:, :2].sum(axis=1)).mean()
    assert f"External scores {means:.2f}" in pictures.beeswarm(artefact).alt


def test_the_bars_lead_from_the_average_to_the_score(artefact, rows):
    for row in rows:
        explanation = explain(artefact, row)
        chart = pictures.waterfall(explanation).chart
        assert (chart.average, chart.score) == (explanation.base, explanation.raw_score)
        assert chart.average + sum(b.value for b in chart.bars) == pytest.approx(chart.score)
        first = explanation.groups[0]
        leading = (first.leading or first.features)[0]
        assert chart.bars[0].label == f"{first.concept}\n{leading.label}: {leading.displayed}"


def test_the_beeswarm_shows_the_concepts_that_weigh_most_and_counts_the_others(artefact):
    swarms = artefact.overview.swarms
    many = tuple(
        replace(s, concept=f"{s.concept} {n}", contributions=tuple(n * c for c in s.contributions))
        for n in range(1, 4)
        for s in swarms
    )
    overview = replace(artefact.overview, swarms=many)
    chart = pictures.beeswarm(replace(artefact, overview=overview)).chart
    sizes = [np.abs(row.contributions).mean() for row in chart.rows]
    assert sizes == sorted(sizes, reverse=True)
    assert len(sizes) == 10
    left_out = sorted((np.abs(s.contributions).mean() for s in many), reverse=True)[10:]
    assert max(left_out) <= sizes[-1]
    assert chart.note == f"{len(many) - 10} other groups weigh less and are left out"
    assert pictures.beeswarm(artefact).chart.note == ""


@given(st.lists(st.floats(-5, 5, allow_nan=False), min_size=1, max_size=40))
def test_the_sum_of_the_others_is_never_the_largest_bar(values):
    groups = tuple(
        ConceptContribution(str(n), value, (feature(value),))
        for n, value in enumerate(sorted(values, key=lambda v: -abs(v)))
    )
    chart = pictures.waterfall(Explanation("log-odds", 0, sum(values), groups)).chart
    *single, last = chart.bars
    assert len(chart.bars) >= min(10, len(values))
    assert abs(last.value) <= abs(chart.bars[0].value)
    if len(chart.bars) < len(values):
        assert last.label == f"{len(values) - len(single)} other groups"
    assert sum(bar.value for bar in chart.bars) == pytest.approx(sum(values))


def feature(value: float) -> Contribution:
    return Contribution("x", "x", "x", "", 1.0, value, "1")


def test_a_value_is_displayed_as_its_catalogue_says(artefact, rows):
    declared = {
        name: {**row, "display": "age" if name == "DAYS_BIRTH" else ""}
        for name, row in artefact.catalogue.items()
    }
    explanation = explain(
        replace(artefact, catalogue=declared), {**rows[0], "DAYS_BIRTH": -15000.0}
    )
    shown = {c.name: c for group in explanation.groups for c in group.features}
    assert (shown["DAYS_BIRTH"].value, shown["DAYS_BIRTH"].displayed) == (-15000.0, "41 years")


def test_a_catalogue_of_before_displays_gives_value_and_unit(artefact, rows):
    assert not any("display" in row for row in artefact.catalogue.values())
    for group in explain(artefact, rows[0]).groups:
        for c in group.features:
            assert c.displayed == display(c.value, c.unit)
