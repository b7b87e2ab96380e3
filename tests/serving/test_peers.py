"""A client among others: the counts are those that pandas makes of the same frame."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from api.tests.served import make_served
from project_tools.errors import FeatureError, UnknownClientError
from project_tools.serving import peers as module
from project_tools.serving.artefact import load_artefact
from project_tools.serving.clients import ClientStore
from project_tools.serving.peers import GROUPS, SMALLEST_GROUP, peers


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


@pytest.mark.parametrize("group", [*GROUPS])
def test_a_group_is_counted_per_class(served, compare, labelled, group):
    sizes = set()
    for client_id in served.ids("test")[:30] + served.ids("new")[:30]:
        found = compare(client_id, group, ["EXT_SOURCE_3"])
        rows = group_of(labelled, served.client(client_id), group)
        assert found["n"] == len(rows)
        sizes.add(found["too_small"])
        if found["too_small"]:
            continue
        classes = {"repaid": (rows["TARGET"] == 0).sum(), "defaulted": (rows["TARGET"] == 1).sum()}
        assert found["n_by_class"] == classes
        assert found["default_rate"] == pytest.approx(rows["TARGET"].mean())
        known = rows[rows["EXT_SOURCE_3"].notna()]
        (distribution,) = found["distributions"]
        for name, target in (("repaid", 0), ("defaulted", 1)):
            # Values beyond the edges are in the outer bars.
            edges = [-np.inf, *distribution["edges"][1:-1], np.inf]
            values = known.loc[known["TARGET"] == target, "EXT_SOURCE_3"]
            assert distribution[name] == np.histogram(values, edges)[0].tolist()
            nulls = rows.loc[rows["TARGET"] == target, "EXT_SOURCE_3"].isna().sum()
            assert distribution["missing"][name] == nulls
    assert False in sizes


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
    both = labelled[labelled[list(pair)].notna().all(axis=1)]
    for name, target in (("repaid", 0), ("defaulted", 1)):
        rows = both[both["TARGET"] == target]
        cells = np.array(joint[f"counts_{name}"])
        assert cells.sum() == len(rows)
        for axis, feature in enumerate(pair):
            side = "xy"[axis]
            if f"{side}_levels" in joint:
                counts = rows[feature].value_counts()
                expected = [counts[level] for level in joint[f"{side}_levels"]]
            else:
                edges = [-np.inf, *joint[f"{side}_edges"][1:-1], np.inf]
                expected = np.histogram(rows[feature], edges)[0].tolist()
            assert cells.sum(axis=1 - axis).tolist() == expected


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


def test_a_group_too_small_gives_no_counts(served, compare, labelled, monkeypatch):
    monkeypatch.setattr(module, "SMALLEST_GROUP", 70)  # more than an education and two ages have
    for client_id in labelled.index:
        found = compare(client_id, "similar_person", ["EXT_SOURCE_2"])
        if found["too_small"] and found["n"]:
            break
    assert f"like this one: {found['n']}. That is too few" in found["sentence"]
    rows = labelled
    for name in GROUPS["similar_person"]:
        rows = rows[rows[name] == served.client(int(client_id))[name]]
    assert found["n"] == len(rows)
    assert found["left_out"] is None
    assert not {"n_by_class", "default_rate"} & found.keys()
    assert found["distributions"] == []


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
    backed_off = 0
    for client_id in made.ids("test")[:25]:
        client = made.client(client_id)
        found = compared(client_id, group, ["AMT_CREDIT", "OCCUPATION_TYPE"])
        rows = group_of(train, client, group)
        backed_off += found["left_out"] is not None
        if found["too_small"]:
            assert len(rows) < SMALLEST_GROUP
            continue
        assert found["n"] == len(rows)
        repaid = rows[rows["TARGET"] == 0]
        assert found["n_by_class"]["repaid"] == len(repaid)
        amount, occupation = found["features"]
        below = (repaid["AMT_CREDIT"] < client["AMT_CREDIT"]).mean()
        # In a small group a client is many percent; the sample holds hundredths.
        expected = pytest.approx(100 * below, abs=2 + 100 / max(len(repaid), 1))
        assert amount["percentile"] == (expected if len(repaid) >= SMALLEST_GROUP else None)
        assert (occupation["percentile"], occupation["usual"]) == (None, None)
        counts = dict(
            zip(
                found["distributions"][1]["levels"],
                found["distributions"][1]["repaid"],
                strict=True,
            )
        )
        assert counts == {n: (repaid["OCCUPATION_TYPE"] == n).sum() for n in counts}
    assert (backed_off > 0) == (group == "similar_person")


def test_a_group_says_what_it_leaves_out(with_reference):
    made, compared, _ = with_reference
    said = {compared(i, "similar_person", [])["left_out"] for i in made.ids("test")} - {None}
    assert "Fewer than 10 clients agree in everything, so “occupation” is left out." in said
    assert all(text.startswith("Fewer than 10 clients agree in everything, so") for text in said)


def test_a_feature_that_the_model_does_not_take_is_compared_over_the_known_clients(with_reference):
    made, compared, _ = with_reference
    found = compared(made.ids("test")[0], "everyone", ["CODE_GENDER"])
    assert found["n"] == (made.frame["SPLIT"] == "test").sum()
    assert found["features"][0]["usual"] is None


def test_few_who_repaid_give_no_percentile(with_reference, monkeypatch):
    made, compared, artefact = with_reference
    client = made.ids("test")[0]
    asked = (client, "everyone", ["EXT_SOURCE_2"])
    assert compared(*asked)["features"][0]["usual"] == artefact.reference.usual["EXT_SOURCE_2"]
    repaid = (made.frame[made.frame["SPLIT"] == "train"]["TARGET"] == 0).sum()
    monkeypatch.setattr(module, "SMALLEST_GROUP", repaid + 1)
    assert compared(*asked)["features"][0]["percentile"] is None
