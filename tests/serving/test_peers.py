"""A client among others: the counts are those that pandas makes of the same frame."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from api.tests.served import make_served
from project_tools.errors import FeatureError, UnknownClientError
from project_tools.serving import peers as module
from project_tools.serving.artefact import load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.peer_words import SENTENCES
from project_tools.serving.peers import FEWER, GROUPS, MORE, SMALLEST_GROUP, peers


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A model of before there was a reference: the known clients with an outcome are counted."""
    return make_served(tmp_path_factory.mktemp("served"), reference=False)


@pytest.fixture(scope="module")
def compare(served):
    artefact = load_artefact(served.model, child=False)
    store = ClientStore.open(served.clients, artefact)
    return lambda *asked: peers(artefact, store, *asked)


@pytest.fixture(scope="module")
def compare_in_words(served):
    """``peers`` with a catalogue that declares how some features are displayed."""
    artefact = load_artefact(served.model, child=False)
    shown_as = {
        "DAYS_BIRTH": "age", "AGE_RANGE": "band", "CREDIT_TO_ANNUITY_GROUP": "band",
        "NAME_EDUCATION_TYPE": "level",
    }  # fmt: skip
    declared = {
        name: {**row, "display": shown_as.get(name, "")} for name, row in artefact.catalogue.items()
    }
    artefact = replace(artefact, catalogue=declared)
    store = ClientStore.open(served.clients, artefact)
    return lambda *asked: peers(artefact, store, *asked)


@pytest.fixture(scope="module")
def labelled(served):
    """The held-out clients, who alone have an outcome in the store."""
    return served.frame[served.frame["SPLIT"] == "test"].set_index("SK_ID_CURR")


def group_of(labelled, client, group):
    """The labelled clients with the client's values, by pandas; a small group backs off."""
    rows = labelled
    for name in GROUPS[group]:
        rows = rows[rows[name] == client[name]]
    if len(rows) >= SMALLEST_GROUP or group != "similar_person":
        return rows
    same = labelled[labelled["NAME_EDUCATION_TYPE"] == client["NAME_EDUCATION_TYPE"]]
    ages = (same["AGE_RANGE"] - client["AGE_RANGE"]).abs()
    wider = [same[ages <= within] for within in (0, 1)]
    return next((one for one in wider if len(one) >= SMALLEST_GROUP), rows)


def with_values(rows, features):
    """Who is compared: of those without a value fewer than ten of a class are left out."""
    for name in features:
        for target in (0, 1):
            without = rows[name].isna() & (rows["TARGET"] == target)
            if without.sum() < SMALLEST_GROUP:
                rows = rows[~without]
    return rows


def sizes(rows):
    """How many clients of each class, by pandas; of fewer than ten no number."""
    counts = {"repaid": (rows["TARGET"] == 0).sum(), "defaulted": (rows["TARGET"] == 1).sum()}
    return {name: n if n >= SMALLEST_GROUP else FEWER for name, n in counts.items()}


@pytest.mark.parametrize("group", [*GROUPS])
def test_a_group_is_counted_per_class(served, compare, labelled, group):
    seen = set()
    for client_id in served.ids("test")[:30] + served.ids("new")[:30]:
        found = compare(client_id, group, ["EXT_SOURCE_3"])
        rows = with_values(group_of(labelled, served.client(client_id), group), ["EXT_SOURCE_3"])
        if found["too_small"]:
            assert found["n"] == FEWER
            assert len(rows) < SMALLEST_GROUP
            seen.add("too small")
            continue
        classes = sizes(rows)
        whole = FEWER not in classes.values()
        seen.add("whole" if whole else "a class of fewer than ten")
        assert found["n_by_class"] == classes
        assert found["n"] == (len(rows) if whole else MORE)
        expected = pytest.approx(rows["TARGET"].mean()) if whole else None
        assert found["default_rate"] == expected
        known = rows[rows["EXT_SOURCE_3"].notna()]
        if {*classes.values()} == {FEWER}:
            assert found["distributions"] == []
            continue
        (distribution,) = found["distributions"]
        for name, target in (("repaid", 0), ("defaulted", 1)):
            if classes[name] == FEWER:
                assert (distribution[name], distribution["missing"][name]) == (None, None)
                continue
            # Values beyond the edges are in the outer bars.
            edges = [-np.inf, *distribution["edges"][1:-1], np.inf]
            values = known.loc[known["TARGET"] == target, "EXT_SOURCE_3"]
            assert distribution[name] == np.histogram(values, edges)[0].tolist()
            nulls = rows.loc[rows["TARGET"] == target, "EXT_SOURCE_3"].isna().sum()
            assert distribution["missing"][name] == nulls
            assert nulls == 0 or nulls >= SMALLEST_GROUP
        shown = [counts for counts in (distribution["repaid"], distribution["defaulted"]) if counts]
        totals = np.sum(shown, axis=0)
        assert totals.min() >= SMALLEST_GROUP or len(totals) == 1
        assert len(distribution["bars"]) == len(totals) == len(distribution["edges"]) - 1
    assert "whole" in seen
    assert group != "similar_loan" or seen >= {"a class of fewer than ten"}


def test_categories_are_counted_by_level(served, compare, labelled):
    (found,) = compare(served.ids()[0], "everyone", ["OCCUPATION_TYPE"])["distributions"]
    assert found["levels"] == list(labelled["OCCUPATION_TYPE"].cat.categories)
    for name, target in (("repaid", 0), ("defaulted", 1)):
        counts = labelled.loc[labelled["TARGET"] == target, "OCCUPATION_TYPE"].value_counts()
        assert found[name] == [counts[level] for level in found["levels"]]


@pytest.mark.parametrize(
    "pair",
    [
        ("EXT_SOURCE_2", "EXT_SOURCE_3"),
        ("OCCUPATION_TYPE", "EXT_SOURCE_3"),
        ("EXT_SOURCE_3", "NAME_INCOME_TYPE"),
    ],
)
def test_two_features_are_counted_in_cells(served, compare, labelled, pair):
    joint = compare(served.ids()[0], "everyone", pair)["joint"]
    both = with_values(labelled, pair)
    both = both[both[list(pair)].notna().all(axis=1)]
    places, sizes_of = [], []
    for side, feature in zip("xy", pair, strict=True):
        if f"{side}_levels" in joint:
            levels = joint[f"{side}_levels"]
            places.append(
                both[feature].map({level: n for n, level in enumerate(levels)}).astype(int)
            )
            sizes_of.append(len(levels))
        else:
            edges = [-np.inf, *joint[f"{side}_edges"][1:-1], np.inf]
            places.append(np.digitize(both[feature], edges) - 1)
            sizes_of.append(len(edges) - 1)
    hidden = 0
    for i in range(sizes_of[0]):
        for j in range(sizes_of[1]):
            cell = both[(np.asarray(places[0]) == i) & (np.asarray(places[1]) == j)]
            counts = [(cell["TARGET"] == target).sum() for target in (0, 1)]
            expected = counts if len(cell) >= SMALLEST_GROUP else [None, None]
            hidden += len(cell) < SMALLEST_GROUP
            assert [joint[f"counts_{n}"][i][j] for n in ("repaid", "defaulted")] == expected
    assert hidden > 0 or "_levels" in str([*joint])


def test_a_null_in_a_grouping_feature_is_a_sentence(compare, labelled):
    client_id = labelled.index[labelled["NAME_EDUCATION_TYPE"].isna()][0]
    found = compare(client_id, "similar_person", ["EXT_SOURCE_2"])
    assert found["too_small"] is True
    assert (
        found["sentence"]
        == "This client's value of “education” is not known, so there is no such group."
    )
    assert {"label": "education", "value": None} in found["criteria"]
    assert found["distributions"] == []


def test_a_group_too_small_gives_no_counts(compare, labelled, monkeypatch):
    monkeypatch.setattr(module, "SMALLEST_GROUP", 70)  # more than an education and two ages have
    small = [compare(i, "similar_person", ["EXT_SOURCE_2"]) for i in labelled.index]
    small = [found for found in small if found["too_small"] and "with a known" in found["sentence"]]
    assert small
    for found in small:
        assert found["sentence"].startswith("Fewer than 70 clients with a known outcome are like")
        assert (found["n"], found["left_out"], found["distributions"]) == (FEWER, None, [])
        assert not {"n_by_class", "default_rate", "joint"} & found.keys()


def test_criteria_are_in_words(served, compare):
    client_id = served.ids()[0]
    client = served.client(client_id)
    person = {c["label"]: c["value"] for c in compare(client_id, "similar_person", [])["criteria"]}
    assert person["education"] == client["NAME_EDUCATION_TYPE"]
    assert person["age range"].endswith("years")
    loan = {c["label"]: c["value"] for c in compare(client_id, "similar_loan", [])["criteria"]}
    assert loan["credit duration"] in ("over 6, up to 12 months", "over 12, up to 18 months")


def test_no_edge_tells_the_extreme_value_of_a_client(served, compare, labelled):
    (found,) = compare(served.ids()[0], "everyone", ["AMT_INCOME_TOTAL"])["distributions"]
    assert found["edges"][0] > labelled["AMT_INCOME_TOTAL"].min()
    assert found["edges"][-1] < labelled["AMT_INCOME_TOTAL"].max()


def test_bars_and_ticks_are_in_the_words_of_the_display(served, compare_in_words):
    """An axis of negative days, or of codes, could not be read aloud."""
    asked = ["DAYS_BIRTH", "NAME_EDUCATION_TYPE"]
    ages, levels = compare_in_words(served.ids()[0], "everyone", asked)["distributions"]
    years = [str(int(-edge // 365)) for edge in ages["edges"]]
    assert ages["bars"] == [f"{a} years to {b} years" for a, b in pairwise(years)]
    assert 2 <= len(ages["ticks"]) <= 7
    for tick in ages["ticks"]:
        assert tick["value"] in ages["edges"]
        assert tick["displayed"] == f"{int(-tick['value'] // 365)} years"
    words = dict(zip(levels["levels"], levels["bars"], strict=True))
    assert words["Secondary / secondary special"] == "secondary school"


def test_each_bar_of_whole_numbers_is_one_value(served, compare_in_words, labelled):
    asked = ["CREDIT_TO_ANNUITY_GROUP"]
    (found,) = compare_in_words(served.ids()[0], "everyone", asked)["distributions"]
    values = labelled["CREDIT_TO_ANNUITY_GROUP"]
    centres = [(low + high) / 2 for low, high in pairwise(found["edges"])]
    counts = values[labelled["TARGET"] == 0].value_counts()
    assert found["repaid"] == [counts.get(centre, 0) for centre in centres]
    assert [tick["value"] for tick in found["ticks"]] == centres
    assert all("months" in words or words == "not known" for words in found["bars"])


def test_a_constant_feature_has_a_distribution(served, compare):
    client_id = served.ids()[0]
    (found,) = compare(client_id, "similar_loan", ["CREDIT_TO_ANNUITY_GROUP"])["distributions"]
    value = served.client(client_id)["CREDIT_TO_ANNUITY_GROUP"]
    assert found["edges"][0] < value < found["edges"][-1]
    assert max(found["repaid"]) == sum(found["repaid"])


@pytest.mark.parametrize(
    ("group", "feature", "words"),
    [
        ("similar_persons", "EXT_SOURCE_2", "did you mean 'similar_person'"),
        ("everyone", "EXT_SOURCE_9", "unknown feature 'EXT_SOURCE_9'"),
        ("everyone", "TARGET", "unknown feature 'TARGET'"),
    ],
)
def test_unknown_names_are_refused(served, compare, group, feature, words):
    with pytest.raises(FeatureError, match=words):
        compare(served.ids()[0], group, [feature])


def test_an_unknown_client_has_no_peers(compare):
    with pytest.raises(UnknownClientError, match="no client 5 is known here"):
        compare(5, "everyone", ["EXT_SOURCE_2"])


def test_a_declared_display_shows_the_value_and_the_criteria_in_words(served, compare_in_words):
    client_id = served.ids("test")[0]
    found = compare_in_words(client_id, "similar_person", ["DAYS_BIRTH"])
    days = served.client(client_id)["DAYS_BIRTH"]
    (feature,) = found["features"]
    assert feature["client_value"] == days
    assert feature["displayed"] == f"{int(-days // 365)} years"
    words = {"Higher education": "higher education", "Secondary / secondary special": "secondary school",
             "Incomplete higher": "higher education, not completed"}  # fmt: skip
    criteria = {one["label"]: one["value"] for one in found["criteria"]}
    assert criteria["education"] == words[served.client(client_id)["NAME_EDUCATION_TYPE"]]
    assert criteria["age range"].endswith("years")


def test_a_catalogue_of_before_displays_gives_value_and_unit(served, compare):
    client_id = served.ids("test")[0]
    (feature,) = compare(client_id, "everyone", ["DAYS_BIRTH"])["features"]
    assert feature["displayed"] == f"{served.client(client_id)['DAYS_BIRTH']:,.0f} days"


@pytest.fixture(scope="module")
def with_reference(tmp_path_factory):
    """A model with a reference, its training clients, and the comparison of a client with them."""
    made = make_served(tmp_path_factory.mktemp("with_reference"))
    artefact = load_artefact(made.model, child=False)
    store = ClientStore.open(made.clients, artefact)
    return made, lambda *asked: peers(artefact, store, *asked), artefact


@pytest.mark.parametrize("group", [*GROUPS])
def test_the_peers_are_the_training_clients_of_the_reference(with_reference, group):
    made, compared, _ = with_reference
    train = made.frame[made.frame["SPLIT"] == "train"].set_index("SK_ID_CURR")
    backed_off, pair = 0, ["AMT_CREDIT", "OCCUPATION_TYPE"]
    for client_id in made.ids("test")[:25]:
        client = made.client(client_id)
        found = compared(client_id, group, pair)
        rows = with_values(group_of(train, client, group), pair)
        backed_off += found["left_out"] is not None
        if found["too_small"]:
            assert len(rows) < SMALLEST_GROUP
            continue
        repaid, classes = rows[rows["TARGET"] == 0], sizes(rows)
        assert found["n_by_class"] == classes
        assert found["n"] == (MORE if FEWER in classes.values() else len(rows))
        assert ("joint" in found) == (FEWER not in classes.values())
        amount, occupation = found["features"]
        below = (repaid["AMT_CREDIT"] < client["AMT_CREDIT"]).mean()
        # In a small group a client is many percent; the sample holds hundredths.
        expected = pytest.approx(100 * below, abs=2 + 100 / max(len(repaid), 1))
        assert amount["percentile"] == (expected if len(repaid) >= SMALLEST_GROUP else None)
        assert (occupation["percentile"], occupation["usual"]) == (None, None)
        if classes["repaid"] == FEWER:
            continue
        levels, counts = (found["distributions"][1][name] for name in ("levels", "repaid"))
        own = {level: (repaid["OCCUPATION_TYPE"] == level).sum() for level in levels[:-1]}
        assert counts[:-1] == [*own.values()]
        assert sum(counts) == repaid["OCCUPATION_TYPE"].notna().sum()
    assert (backed_off > 0) == (group == "similar_person")


def test_a_group_says_what_it_leaves_out(with_reference):
    made, compared, _ = with_reference
    said = {compared(i, "similar_person", [])["left_out"] for i in made.ids("test")} - {None}
    assert "Fewer than 10 clients agree in everything, so “occupation” is left out." in said
    assert all(text.startswith("Fewer than 10 clients agree in everything, so") for text in said)


def test_a_protected_feature_is_not_compared(with_reference):
    made, compared, _ = with_reference
    with pytest.raises(FeatureError, match="'CODE_GENDER' is protected or computed from what is"):
        compared(made.ids("test")[0], "everyone", ["CODE_GENDER"])


@pytest.fixture
def unused(with_reference, monkeypatch):
    """The model as if it did not take one of its features, which then is not in its reference."""
    made, _, artefact = with_reference
    store = ClientStore.open(made.clients, artefact)
    taken = [f for f in artefact.features if f.name != "AMT_CREDIT"]
    monkeypatch.setattr(type(artefact), "features", property(lambda _: tuple(taken)))
    return lambda *asked, **how: peers(artefact, store, *asked, **how)


def test_a_feature_that_the_model_does_not_take_is_compared_over_the_known_clients(
    with_reference, unused
):
    made, *_ = with_reference
    found = unused(made.ids("test")[0], "everyone", ["AMT_CREDIT"])
    assert found["n"] == (made.frame["SPLIT"] == "test").sum()


def test_a_portfolio_gets_no_counts_of_the_known_clients(with_reference, unused):
    made, *_ = with_reference
    for group in GROUPS:
        found = unused(made.ids("test")[0], group, ["AMT_CREDIT"], known=False)
        assert found["too_small"] is True
        assert "does not hold “amount of the credit”" in found["sentence"]
        assert (found["features"][0]["percentile"], found["left_out"]) == (None, None)
    assert unused(made.ids("test")[0], "everyone", ["EXT_SOURCE_2"], known=False)["n"] == 300


def test_a_portfolio_has_no_peers_in_a_model_of_before_there_was_a_reference(served):
    artefact = load_artefact(served.model, child=False)
    store = ClientStore.open(served.clients, artefact)
    found = peers(artefact, store, served.ids()[0], "similar_loan", ["EXT_SOURCE_2"], known=False)
    assert (found["too_small"], found["features"][0]["percentile"]) == (True, None)


@pytest.mark.parametrize("group", [*GROUPS])
def test_every_answer_is_said_in_french_with_the_same_counts(with_reference, group):
    made, _compared, artefact = with_reference
    store = ClientStore.open(made.clients, artefact)
    for client in made.ids("test")[:20]:
        pair = ["DAYS_BIRTH", "OCCUPATION_TYPE"]
        english, french = (
            peers(artefact, store, client, group, pair, language=language)
            for language in ("en", "fr")
        )
        for name in ("n", "n_by_class", "default_rate"):
            assert english.get(name) == french.get(name)
        assert [f["label"] for f in french["features"]] == ["âge", "profession"]
        for one in (english, french):
            said = str([one["left_out"], one.get("sentence")])
            assert ("client" in said) == (one["left_out"] is not None or one["too_small"])
        assert english["left_out"] is None or english["left_out"] != french["left_out"]


def test_both_languages_say_the_same_things():
    english, french = (
        {name: {*re.findall(r"{(\w+)}", text)} for name, text in SENTENCES[language].items()}
        for language in ("en", "fr")
    )
    assert english == french


def test_few_who_repaid_give_no_percentile(with_reference, monkeypatch):
    made, compared, artefact = with_reference
    client = made.ids("test")[0]
    asked = (client, "everyone", ["EXT_SOURCE_2"])
    assert compared(*asked)["features"][0]["usual"] == artefact.reference.usual["EXT_SOURCE_2"]
    repaid = (made.frame[made.frame["SPLIT"] == "train"]["TARGET"] == 0).sum()
    monkeypatch.setattr(module, "SMALLEST_GROUP", repaid + 1)
    assert compared(*asked)["features"][0]["percentile"] is None
