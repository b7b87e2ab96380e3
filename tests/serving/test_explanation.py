"""Contributions add up, reasons are true, and charts say the same."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from project_tools.errors import ArtefactError, SettingError
from project_tools.features.catalogue import all_features
from project_tools.features.wording.french import FRENCH
from project_tools.serving import pictures
from project_tools.serving.artefact import load_artefact, write_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.explanation import (
    ConceptContribution,
    Contribution,
    Explanation,
    decision_reasons,
    display,
    display_as,
    explain,
    explanation_of,
    scored_parts,
)
from project_tools.serving.pictures import beeswarm_key, waterfall_key
from project_tools.serving.reasons.concepts import PROTECTED
from project_tools.serving.reasons.gap import ConceptIndex
from project_tools.serving.reasons.languages import words_of
from project_tools.serving.reasons.sentences import Fact, says, sentence
from project_tools.serving.scoring import Scorer


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
        codes = {artefact.index.of_features[position(artefact, f.name)] for f in group.features}
        assert codes == {group.code}
        assert group.concept == words_of("en").concepts[group.code].label
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


def reasons_of(artefact, row, **how):
    return decision_reasons(artefact, row, *scored_parts(artefact, row), **how)


def test_reasons_are_the_weightiest_concepts_towards_the_decision(artefact, rows):
    most = 0
    for row in rows:
        found = reasons_of(artefact, row)
        decision = Scorer(artefact).score(row).decision
        assert found.granted == decision.granted
        sign = -1 if found.granted else 1
        for side, reasons in ((sign, found.reasons), (-sign, found.other_side)):
            pushes = sorted((side * c.contribution for c in found.concepts), reverse=True)
            total = sum(p for p in pushes if p > 0)
            expected = [p for p in pushes[:4] if p > 0 and (p == pushes[0] or p >= 0.1 * total)]
            if (
                side != sign
            ):  # nobody says a reason of 0.0 points that the decision does not rest on
                none = {side * c.contribution for c in found.concepts if c.points == 0}
                expected = [p for p in expected if p not in none]
            assert [side * r.contribution for r in reasons] == expected
            assert {r.direction for r in reasons} <= {"raises" if side > 0 else "lowers"}
        most = max(most, len(found.reasons))
    assert most > 1


def test_points_add_up_from_the_reference_to_the_risk(artefact, rows):
    for row in rows:
        found = reasons_of(artefact, row)
        assert found.risk == round(100 * Scorer(artefact).score(row).decision.probability, 1)
        total = found.reference.risk + sum(c.points for c in found.concepts)
        assert total == pytest.approx(found.risk, abs=1e-9)
        side = artefact.reference.refused if found.granted else artefact.reference.accepted
        true = 100 * artefact.model.probabilities(np.array([side.raw_score]))[0]
        assert found.reference.risk == pytest.approx(true, abs=0.11)
        assert found.reference.clients == side.clients


def test_the_fact_of_a_reason_is_the_sayable_feature_that_carries_it_most(artefact, rows):
    words, with_value = 0, 0
    for row in rows:
        raw_scores, parts = scored_parts(artefact, row)
        found = decision_reasons(artefact, row, raw_scores, parts)
        own = dict(zip([f.name for f in artefact.features], parts[0, :-1], strict=True))
        for reason in (*found.reasons, *found.other_side):
            sign = 1 if reason.direction == "raises" else -1
            facts = [
                Fact(name, row[name], artefact.reference.usual[name])
                for name in sorted(own, key=lambda name: -sign * own[name])
                if artefact.index.of_features[position(artefact, name)] == reason.code
                and sign * own[name] > 0
            ]
            told = next((f for f in facts if says(f, reason.direction)), None)
            assert reason.text == sentence(reason.code, reason.direction, told)
            words, with_value = words + 1, with_value + (told is not None)
    assert 0 < with_value < words


def position(artefact, name):
    return next(n for n, f in enumerate(artefact.features) if f.name == name)


def test_groups_are_the_parts_of_the_reasons_by_feature(artefact, rows):
    for row in rows:
        raw_scores, parts = scored_parts(artefact, row)
        found = decision_reasons(artefact, row, raw_scores, parts)
        shown = explanation_of(artefact, row, raw_scores, parts)
        assert shown.base == found.reference.raw_score
        by_code = {c.code: c.contribution for c in found.concepts}
        assert {g.code: g.contribution for g in shown.groups} == pytest.approx(by_code, abs=1e-12)
        total = shown.base + sum(f.contribution for g in shown.groups for f in g.features)
        assert total == pytest.approx(shown.raw_score, abs=1e-12)


def test_labels_and_values_are_in_the_language(artefact, rows):
    raw_scores, parts = scored_parts(artefact, rows[0])
    english, french = (
        {f.name: (f, g) for g in found.groups for f in g.features}
        for found in (
            explanation_of(artefact, rows[0], raw_scores, parts, language)
            for language in ("en", "fr")
        )
    )
    declared, other = all_features(FRENCH), "PREV_NAME_CONTRACT_STATUS_Refused:MEAN"
    assert english.keys() - declared.keys() == {other}
    for name, (feature, group) in french.items():
        assert group.concept == words_of("fr").concepts[group.code].label
        label = english[name][0].label if name == other else declared[name].label
        assert (feature.label, feature.concept) == (label, group.concept)
        assert feature.contribution == english[name][0].contribution
    assert french["DAYS_BIRTH"][0].label != english["DAYS_BIRTH"][0].label
    about = {"name": "DAYS_BIRTH", "unit": "days", "display": "age"}
    assert display_as(-15000.0, about, "fr") == "41 ans"
    assert display_as(None, {"unit": "days"}, "fr") == "non renseigné"


def test_an_artefact_without_reference_gives_plain_contributions_and_says_so(
    served, rows, tmp_path
):
    write_artefact(tmp_path / "model", replace(served.content, reference=None))
    old = load_artefact(tmp_path / "model", child=False)
    for row in rows:
        found, plain = reasons_of(old, row, language="fr"), explain(old, row)
        assert (found.reference.compared_with, found.reference.clients) == ("average", 0)
        assert found.reference.note.startswith("Aucune référence")
        assert {c.code: c.contribution for c in found.concepts} == pytest.approx(
            {g.code: g.contribution for g in plain.groups}
        )


@pytest.mark.parametrize("side", ["accepted", "refused"])
def test_with_too_few_clients_on_a_side_it_is_said(artefact, rows, side):
    few = replace(artefact, reference=replace(artefact.reference, **{side: None}))
    seen = set()
    for row in rows:
        found = reasons_of(few, row)
        lacks = found.granted == (side == "refused")
        seen.add(lacks)
        assert (found.reference.compared_with == "average") == lacks
        assert bool(found.reference.note) == lacks
        if lacks:
            assert found.reference.note.startswith("Fewer than 50 test clients")
    assert seen == {True, False}


THIN = dict.fromkeys(("EXT_SOURCE_3", "PREV_NAME_CONTRACT_STATUS_Refused:MEAN", "OCCUPATION_TYPE"))
NO_SCORES = dict.fromkeys(("EXT_SOURCE_2", "EXT_SOURCE_3"))


@pytest.mark.parametrize("lacking", [THIN, NO_SCORES, None], ids=["thin", "no scores", "nothing"])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_client_of_whom_little_is_there_gets_reasons(artefact, rows, lacking, language):
    nothing = dict.fromkeys(rows[0]) if lacking is None else lacking
    for row in rows[:10]:
        found = reasons_of(artefact, {**row, **nothing}, language=language)
        assert found.reasons
        for reason in (*found.reasons, *found.other_side):
            assert "None" not in reason.text
            assert "nan" not in reason.text.split()


def test_a_principal_protected_concept_leaves_no_reason(artefact, rows):
    codes = [PROTECTED if c == "external_scores" else c for c in artefact.index.of_features]
    guarded = replace(artefact, index=ConceptIndex.of(codes))
    found = [
        reasons_of(guarded, row, language=language) for row in rows for language in ("en", "fr")
    ]
    blocked = [f for f in found if f.blocked]
    assert 0 < len(blocked) < len(found)
    for one in found:
        pushes = {c.code: (-1 if one.granted else 1) * c.contribution for c in one.concepts}
        total = sum(p for p in pushes.values() if p > 0)
        assert bool(one.blocked) == (pushes[PROTECTED] >= 0.1 * total)
        assert PROTECTED in pushes  # the expert view shows it
        if one.blocked:
            assert (one.reasons, one.other_side) == ((), ())
        else:
            assert PROTECTED not in {r.code for r in (*one.reasons, *one.other_side)}


def test_a_language_without_words_is_refused(artefact, rows):
    with pytest.raises(SettingError, match="unknown language 'de'"):
        reasons_of(artefact, rows[0], language="de")


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
