"""Contributions add up, reasons are true, pictures are right whoever else draws."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from api.tests.served import make_served
from project_tools.errors import ArtefactError
from project_tools.serving import pictures
from project_tools.serving.artefact import load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.explanation import display, explain, reasons
from project_tools.serving.pictures import PictureCache
from project_tools.serving.scoring import Scorer
from project_tools.serving.shap_library import import_shap

PNG = b"\x89PNG\r\n\x1a\n"


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


def test_eight_threads_draw_what_one_draws_byte_for_byte(artefact, rows):
    explanations = [explain(artefact, row) for row in rows[:16]]
    alone = [pictures.waterfall(e) for e in explanations]
    general = pictures.beeswarm(artefact)
    with ThreadPoolExecutor(8) as pool:
        swarms = pool.submit(pictures.beeswarm, artefact)
        together = list(pool.map(pictures.waterfall, explanations))
    assert together == alone
    assert swarms.result() == general
    assert len({p.png for p in alone}) == len(alone)
    assert all(p.png.startswith(PNG) for p in alone)


def test_a_picture_of_another_value_is_another_though_the_model_takes_both_for_null(artefact, rows):
    # What is shown belongs to the key: one applicant's words must not stand in another's picture.
    cache, row = PictureCache(), rows[0]
    one, other = ({**row, "OCCUPATION_TYPE": value} for value in ("Astronauts", None))
    assert explain(artefact, one).raw_score == explain(artefact, other).raw_score
    cache.waterfall(artefact, one)
    cache.waterfall(artefact, other)
    assert len(cache._pictures) == 2


def test_nothing_is_written_to_draw(artefact, rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cache = PictureCache()
    cache.waterfall(artefact, rows[0])
    cache.beeswarm(artefact)
    assert list(tmp_path.iterdir()) == []


def test_no_figure_stays_open_even_after_an_error(artefact, rows, monkeypatch):
    pictures.waterfall(explain(artefact, rows[0]))
    _, pyplot = import_shap()
    assert pyplot.get_fignums() == []

    def fail(_):
        raise OSError("no space")

    monkeypatch.setattr(pictures, "_png", fail)
    with pytest.raises(OSError, match="no space"):
        pictures.waterfall(explain(artefact, rows[0]))
    assert pyplot.get_fignums() == []


def test_a_beeswarm_is_the_same_every_time_and_disturbs_no_random_state(artefact):
    np.random.seed(5)  # noqa: NPY002  (the state that shap uses)
    expected = np.random.get_state()[1].tolist()  # noqa: NPY002
    first, second = (pictures.beeswarm(artefact) for _ in range(2))
    assert first == second
    assert first.png.startswith(PNG)
    assert np.random.get_state()[1].tolist() == expected  # noqa: NPY002


def test_words_stand_beside_every_picture(served, artefact, rows):
    explanation = explain(artefact, rows[0])
    weightiest = explanation.groups[0]
    alt = pictures.waterfall(explanation).alt
    assert f"{weightiest.concept} {weightiest.contribution:+.2f}" in alt
    assert f"{explanation.raw_score:.2f}" in alt
    encoded = artefact.model.encoder.encode_rows(served.content.golden)
    means = np.abs(artefact.model.contributions(encoded)[:, :2].sum(axis=1)).mean()
    assert f"External scores {means:.2f}" in pictures.beeswarm(artefact).alt


def test_a_picture_is_drawn_once_for_a_row_and_model(artefact, rows, monkeypatch):
    drawn, draw, together = [], pictures.waterfall, threading.Barrier(2)

    def counted(explanation):
        drawn.append(explanation)
        return draw(explanation)

    def ask(cache):
        together.wait(timeout=10)
        return cache.waterfall(artefact, rows[0])

    monkeypatch.setattr(pictures, "waterfall", counted)
    cache = PictureCache()
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(ask, [cache, cache])
    assert one == other
    assert len(drawn) == 1
    assert cache.waterfall(artefact, rows[1]) != one  # another client, another picture
    cache.waterfall(replace(artefact, digest="another model"), rows[0])
    assert len(drawn) == 3


def test_a_cache_keeps_the_last_pictures_only(artefact, rows, monkeypatch):
    monkeypatch.setattr(pictures, "_KEPT", 2)
    drawn = []
    monkeypatch.setattr(
        pictures, "waterfall", lambda e: drawn.append(e) or pictures.Picture(b"", "")
    )
    cache = PictureCache()
    for row in (rows[0], rows[1], rows[0], rows[2], rows[0], rows[1]):
        cache.waterfall(artefact, row)
    assert len(drawn) == 4  # the second row was the oldest, and is drawn again


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(1, 40)),
        elements=st.floats(-5, 5, allow_nan=False),
    )
)
def test_the_sum_of_the_others_is_never_the_largest_bar(values):
    bars = pictures._bars(values)
    lengths = np.sort(np.abs(values).mean(axis=0))[::-1]
    assert min(10, values.shape[1]) <= bars <= values.shape[1]
    if bars < values.shape[1]:
        order = np.argsort(-np.abs(values).mean(axis=0))
        rest = np.abs(values[:, order[bars - 1 :]].sum(axis=1)).mean()
        assert rest <= lengths[0]


def test_a_sign_of_mathematics_in_a_label_is_drawn_as_it_stands(artefact, rows):
    explanation = explain(artefact, rows[0])
    first = explanation.groups[0]
    odd = replace(first.features[0], label="amount in $ = a_{b}$ \\frac", value="x$y")
    groups = (replace(first, concept="Odd $\\x$", features=(odd,)), *explanation.groups[1:])
    assert pictures.waterfall(replace(explanation, groups=groups)).png.startswith(PNG)


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
