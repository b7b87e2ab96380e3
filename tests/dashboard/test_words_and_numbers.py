"""Sentences, numbers, the gauge, tables and charts: the logic that needs no page."""

import ast
import doctest
import importlib
import itertools
import re
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from charts.comparison import (
    fullest_levels,
    histogram_table,
    joint_table,
    level_table,
    one_feature_alt,
    one_feature_chart,
    reading,
    two_features_chart,
)
from charts.factors import contribution_chart, importance_chart, left_out, strongest
from charts.gauge import INNER, OUTER, gauge_alt, gauge_svg, position
from charts.palette import PALETTES, Palette, contrast, palette
from hypothesis import given
from hypothesis import strategies as st
from service.address import AddressError, api_address
from service.answers import (
    ClassSizes,
    ConceptContribution,
    Distribution,
    Feature,
    Joint,
    Model,
    PeerFeature,
    Peers,
    Prediction,
)
from service.client import ApiClient, new_session
from service.scale import LOG_ODDS, ScoreScale, points_around, scale_of
from tabs.feature_table import choices, feature_rows, search
from words.english import (
    MISSING,
    decision_sentence,
    escaped,
    factor_sentence,
    factors_alt,
    matches_sentence,
    near_limit,
    percent,
    value_with_unit,
)

from tests.dashboard.fake_credit_api import REFUSED, FakeApi

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"
#: As they are imported: the folders of the dashboard are on the path, its scripts are no modules.
MODULES = sorted(
    ".".join(path.relative_to(DASHBOARD).with_suffix("").parts)
    for path in DASHBOARD.glob("*/*.py")
    if path.parent.name != "app_pages"
)


def decision(probability: float, threshold: float = 1 / 6) -> Prediction:
    margin = probability - threshold
    return Prediction.model_validate(
        {
            "id": 1,
            "proba_risk_class": probability,
            "class": "risk" if margin > 0 else "no_risk",
            "threshold": threshold,
            "margin": margin,
            "model": Model(name="m", version="1", digest="d"),
        }
    )


def concept(name: str, contribution: float) -> ConceptContribution:
    return ConceptContribution(concept=name, contribution=contribution, features=())


def bars(repaid: tuple[int, ...], defaulted: tuple[int, ...], **axis: object) -> Distribution:
    words = {"bars": tuple(axis.get("levels", (f"bar {n}" for n in range(len(repaid)))))}
    counts = {"repaid": repaid, "defaulted": defaulted}
    return Distribution.model_validate({**words, **counts, **axis})


def peers_of(feature: PeerFeature, distribution: Distribution) -> Peers:
    return Peers(
        too_small=False,
        n=4,
        n_by_class=ClassSizes(repaid=2, defaulted=2),
        default_rate=0.5,
        criteria=(),
        features=(feature,),
        distributions=(distribution,),
    )


def read(text: str) -> str:
    return re.sub(r"[\u00a0\u202f]", " ", text)


# ------------------------------------------------------------------ the folder


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_the_folder_is_one_of_scripts() -> None:
    assert not (DASHBOARD / "__init__.py").exists()
    assert not (DASHBOARD / "pages").exists()  # would start Streamlit's old automatic pages
    libraries = sys.stdlib_module_names | {"streamlit", "altair", "requests", "pandas"}
    assert not libraries & {path.stem for path in DASHBOARD.iterdir()}


def test_nothing_of_ours_is_imported() -> None:
    for path in DASHBOARD.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"project_tools", "api"}, path


def test_the_configuration_shows_no_traceback_and_calls_nobody() -> None:
    config = tomllib.loads((DASHBOARD / ".streamlit" / "config.toml").read_text())
    assert config["client"]["showErrorDetails"] == "none"
    assert config["client"]["showErrorLinks"] is False
    assert config["browser"]["gatherUsageStats"] is False
    assert "http" not in str(config["theme"])  # no font or theme from another host


# ------------------------------------------------------------------ the setting


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (None, "http://127.0.0.1:8000"),
        ("http://10.0.0.7:9000/", "http://10.0.0.7:9000"),
        (" https://scores.example/v1 ", "https://scores.example/v1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_addresses(text: str | None, address: str) -> None:
    assert api_address({} if text is None else {"CREDIT_API_URL": text}) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "127.0.0.1:8000",
        "file:///etc/passwd",
        "http://",
        "http://host:99999",
        "http://host:0",
        "http://host:port",
        "http://[::1",
        "http://host/?a=1",
        "http://ho st",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError, match="it takes an address such as"):
        api_address({"CREDIT_API_URL": text})


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(AddressError, match="user name or password") as why:
        api_address({"CREDIT_API_URL": "http://me:secret@host"})
    assert "secret" not in str(why.value)


# ------------------------------------------------------------------ sentences


@pytest.mark.parametrize(
    ("probability", "threshold", "sentence"),
    [
        (0.274, 0.167, "refused. Risk 27.4 %, limit 16.7 %, 10.7 points over; not near the limit."),
        (0.16, 0.167, "granted. Risk 16.0 %, limit 16.7 %, 0.7 points under; near the limit."),
        # the same when rounded: the words say which side
        (0.16701, 0.167, "refused. Risk 16.7 %, limit 16.7 %, less than 0.1 points over; near"),
        (0.167, 0.167, "granted. Risk 16.7 %, limit 16.7 %, less than 0.1 points under; near"),
        (0.00001, 0.1, "granted. Risk under 0.1 %, limit 10.0 %, 10.0 points under; not near"),
        (0.99999, 0.1, "refused. Risk over 99.9 %, limit 10.0 %, 90.0 points over; not near"),
    ],
)
def test_decisions_in_words(probability: float, threshold: float, sentence: str) -> None:
    said = read(decision_sentence(decision(probability, threshold)))
    assert said.startswith(f"Client 1: {sentence}")


@given(st.floats(0, 1), st.floats(0.01, 0.99))
def test_sentence_and_gauge_agree(probability: float, threshold: float) -> None:
    one = decision(probability, threshold)
    assert ("refused" in decision_sentence(one)) == one.refused == ("refused" in gauge_alt(one))
    assert near_limit(one) == ("not near" not in decision_sentence(one))
    assert percent(probability) in gauge_svg(one, palette("light"))


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0.0 %"), (1, "100.0 %"), (0.0004, "under 0.1 %"), (0.9996, "over 99.9 %")],
)
def test_percent_at_its_ends(share: float, text: str) -> None:
    assert read(percent(share)) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "days", MISSING),
        (0.0, "days", "0 days"),
        (-3.14159, "days", "\N{MINUS SIGN}3.142 days"),
        (1234567.8, "", "1,234,568"),
        (999.96, "", "1,000"),  # four figures, never 1e+03
        (-1e7, "", "\N{MINUS SIGN}10,000,000"),
        (0.00001234, "", "1.234e\N{MINUS SIGN}05"),
        ("Higher education", "days", "Higher education"),
    ],
)
def test_values(value: float | str | None, unit: str, text: str) -> None:
    assert read(value_with_unit(value, unit)) == text


@pytest.mark.parametrize(
    ("scale", "contribution", "sentence"),
    [
        (LOG_ODDS, 0.7, "raises the risk strongly (+0.70)"),
        (LOG_ODDS, -0.2, "lowers the risk clearly (\N{MINUS SIGN}0.20)"),
        (LOG_ODDS, 0.05, "raises the risk slightly (+0.05)"),
        (LOG_ODDS, -0.001, "hardly matters here (0.00)"),
        # A forest's are probabilities: 5 of 100 is much, where 0.05 log-odds are little …
        (points_around(0.08), 0.05, "raises the risk strongly (+5.0)"),
        (points_around(0.08), -0.02, "lowers the risk clearly (\N{MINUS SIGN}2.0)"),
        (points_around(0.08), 0.003, "raises the risk slightly (+0.3)"),
        (points_around(0.08), 0.0004, "hardly matters here (0.0)"),
        # … unless the classes were balanced, so that all start at a half.
        (points_around(0.5), 0.05, "raises the risk clearly (+5.0)"),
    ],
)
def test_factors_in_words(scale: ScoreScale, contribution: float, sentence: str) -> None:
    assert sentence in factor_sentence(concept("Age", contribution), scale)


@pytest.mark.parametrize(
    ("name", "unit", "widest"), [("log-odds", "log-odds", 1.25), ("probability", "percentage points", 125)]
)  # fmt: skip
def test_the_chart_and_its_words_are_in_the_unit_of_the_model(
    name: str, unit: str, widest: float
) -> None:
    scale, groups = scale_of(name, 0.1), (concept("Age", 1.0),)
    x = contribution_chart(groups, scale, palette("light")).to_dict()["layer"][0]["encoding"]["x"]
    assert unit in x["title"]
    assert x["scale"]["domain"] == pytest.approx([-widest, widest])
    assert factors_alt(groups, scale).startswith(f"In {unit}, ")


@pytest.mark.parametrize(("name", "base"), [("points", 0.1), ("probability", -2.3)])
def test_a_scale_that_nobody_knows_is_refused(name: str, base: float) -> None:
    with pytest.raises(ValueError, match=f"not '{name}', {base}"):
        scale_of(name, base)


@pytest.mark.parametrize(
    ("beginning", "total", "shown", "sentence"),
    [
        ("", 40, 8, "40 clients; the first 8"),
        ("1", 1, 1, "1 client whose id begins with 1"),
        ("7", 0, 0, "No client's id begins with 7."),
    ],
)
def test_matches(beginning: str, total: int, shown: int, sentence: str) -> None:
    assert matches_sentence(beginning, total, shown) == sentence


@pytest.mark.parametrize("text", ["*a* [b](http://c) $d$ :red[e] `f`", "a_b_c", "1. x", "<b>"])
def test_markdown_is_taken_at_its_word(text: str) -> None:
    assert re.sub(r"\\(.)", r"\1", escaped(text)) == text
    assert not re.search(r"(?<!\\)[*_\[\]$:`<]", escaped(text))


# ------------------------------------------------------------------ the gauge


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.001, 0.999))
def test_the_scale_rises_and_stays_within_its_ends(a: float, b: float, limit: float) -> None:
    low, high = sorted((a, b))
    assert 0 <= position(low, limit) <= position(high, limit) <= 1
    assert (position(high, limit) > 0.5) == (high > limit) or high == pytest.approx(limit)


@pytest.mark.parametrize("limit", [0.001, 0.05, 1 / 6, 0.5, 0.95])
def test_the_scale_jumps_nowhere(limit: float) -> None:
    steps = [position(n / 100_000, limit) for n in range(100_001)]
    largest = max(b - a for a, b in itertools.pairwise(steps))
    assert largest < 0.011  # the steepest slope is at 0, (1 - 0.001) / 0.001
    assert (steps[0], steps[-1]) == (0, 1)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_gauge_is_a_picture_for_every_decision(probability: float, threshold: float) -> None:
    root = ET.fromstring(gauge_svg(decision(probability, threshold), palette("dark")))  # noqa: S314  (our own text)
    texts = ["".join(node.itertext()) for node in root.iter() if node.tag.endswith("text")]
    assert percent(probability) in texts
    assert f"limit {percent(threshold)}" in texts
    assert not re.search(r"\b(nan|inf)\b", ET.tostring(root, encoding="unicode"))


def test_the_scale_is_written_with_numbers() -> None:
    svg = gauge_svg(decision(0.27), palette("light"))
    for number in ("0", "5", "30", "50", "100"):
        assert f">{number}</text>" in svg
    assert f'fill="{palette("light").sidebar}"/>' in svg  # its own ground
    assert INNER < OUTER


# ------------------------------------------------------------------ colours


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(theme: str) -> None:
    colours: Palette = palette(theme)
    for ground in (colours.background, colours.sidebar):
        assert contrast(colours.text, ground) >= 7
        assert contrast(colours.muted, ground) >= 4.5
        # the verdict is written in these, too
        assert contrast(colours.repaid, ground) >= 4.5
        assert contrast(colours.defaulted, ground) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_configuration_has_the_same_grounds(theme: str) -> None:
    config = tomllib.loads((DASHBOARD / ".streamlit" / "config.toml").read_text())["theme"][theme]
    colours = PALETTES[theme]
    assert config["backgroundColor"] == colours.background
    assert config["sidebar"]["backgroundColor"] == colours.sidebar
    assert config["textColor"] == colours.text


def test_no_theme_told_is_light() -> None:
    assert palette(None) is PALETTES["light"]


# ------------------------------------------------------------------ tables and charts


def test_search_takes_every_word() -> None:
    age = Feature(
        name="DAYS_BIRTH",
        label="Age",
        sentence="Age at the application.",
        unit="years",
        value=40.0,
        concept="Person",
        importance=0.5,
    )
    other = {"name": "HOME", "label": "Home", "sentence": "Owns it.", "value": None}
    home = age.model_copy(update={**other, "concept": "Home"})
    assert search([age, home], "APPLICATION age") == [age]
    assert search([age, home], "age home") == []
    assert search([age, home], MISSING) == [home]
    assert search([age, home], missing=True) == [home]
    assert search([age, home], concept="Person") == [age]


def test_the_table_shows_and_searches_what_the_api_displays() -> None:
    age = Feature(
        name="DAYS_BIRTH", label="Age", sentence="", unit="days", value=-15000.0,
        displayed="41 years", concept="Age", importance=1.0,
    )  # fmt: skip
    assert feature_rows([age])["This client"].tolist() == ["41 years"]
    assert search([age], "41 years") == [age]
    older = age.model_copy(update={"displayed": ""})
    assert read(feature_rows([older])["This client"][0]) == "\N{MINUS SIGN}15,000 days"
    lacking = age.model_copy(update={"value": None, "displayed": "not known"})
    assert feature_rows([lacking])["This client"].tolist() == [MISSING]


def test_labels_that_are_not_unique_bear_their_name() -> None:
    one = Feature(
        name="A", label="Age", sentence="", unit="", value=1.0, concept="c", importance=0.5
    )
    features = [one, *(one.model_copy(update={"name": name}) for name in "BC")]
    features[2] = features[2].model_copy(update={"label": "Other"})
    assert choices(features) == {
        "A": "Age (A)",
        "B": "Age (B)",
        "C": "Other",
    }


def test_a_histogram_has_area_one_per_class() -> None:
    table = histogram_table(bars((5, 10, 5), (0, 0, 2), edges=(0, 1, 3, 10)))
    area = (table["Density"] * (table["To"] - table["From"])).groupby(table["Class"]).sum()
    assert area.to_dict() == pytest.approx({"repaid": 1, "had difficulties": 1})


def test_an_empty_class_has_no_area() -> None:
    table = histogram_table(bars((3,), (0,), edges=(0, 1)))
    assert table.loc[table["Class"] == "had difficulties", "Density"].tolist() == [0]


@pytest.mark.parametrize(
    ("value", "at", "who"),
    [
        (5.0, 5.0, "this client"),
        (99.0, 10.0, "this client, beyond the scale"),
        (-99.0, 0.0, "this client, beyond the scale"),
    ],
)
def test_a_mark_stays_on_the_scale(value: float, at: float, who: str) -> None:
    age = PeerFeature(
        name="DAYS_BIRTH", label="Age", unit="years", kind="number", client_value=value
    )
    scale = bars((1, 1), (1, 1), edges=(0, 5, 10), missing={"repaid": 5, "defaulted": 2})
    peers = peers_of(age, scale)
    chart = one_feature_chart(peers, palette("light")).to_dict()
    marked = [row for rows in chart["datasets"].values() for row in rows if "Who" in row]
    assert [(row["From"], row["Who"]) for row in marked] == [(at, who)]
    assert "outermost places hold all" in reading(peers)
    assert "Of the group, 7 are without a value of Age" in reading(peers)


def test_the_rare_category_of_the_client_is_shown() -> None:
    levels = tuple(f"level {n}" for n in range(30))
    counts = tuple(range(100, 70, -1))
    shown = fullest_levels(bars(counts, counts, levels=levels), "level 29")
    assert shown == (*levels[:20], "level 29")
    assert fullest_levels(bars(counts, counts, levels=levels), None) == levels[:20]


def test_levels_have_shares_of_their_class() -> None:
    table = level_table(bars((3, 1), (1, 1), levels=("a", "b")))
    assert table["Share"].tolist() == [0.75, 0.25, 0.5, 0.5]


def test_empty_cells_are_no_circles() -> None:
    counts = {"counts_repaid": ((3,), (0,)), "counts_defaulted": ((1,), (0,))}
    x = {"x_edges": (0, 2, 4), "x_bars": ("new", "old")}
    joint = Joint.model_validate({**x, "y_levels": ("a",), "y_bars": ("a bank",), **counts})
    (row,) = joint_table(joint).to_dict("records")
    assert (row["Across"], row["Up"], row["X"], row["Y"]) == ("new", "a bank", 1.0, "a bank")
    assert (row["Clients"], row["Default rate"]) == (4, 0.25)


def test_axes_and_categories_are_in_the_words_of_the_api() -> None:
    """Raw days are negative and raw levels are codes; neither is a word for a client."""
    age = PeerFeature(
        name="DAYS_BIRTH", label="age", unit="days", kind="number",
        client_value=-15000.0, displayed="41 years",
    )  # fmt: skip
    ticks = ({"value": -18250.0, "displayed": '50 "years"'}, {"value": -7300.5, "displayed": "20"})
    words = ("50 years to 35 years", "35 years to 20 years")
    ages = bars((8, 2), (1, 9), edges=(-18250.0, -12775.0, -7300.5), bars=words, ticks=ticks)
    chart = one_feature_chart(peers_of(age, ages), palette("light")).to_dict()
    axis = chart["layer"][0]["encoding"]["x"]["axis"]
    assert axis["values"] == [-18250.0, -7300.5]
    assert axis["labelExpr"] == (
        'datum.value === -18250.0 ? "50 \\"years\\"" : datum.value === -7300.5 ? "20" : \'\''
    )
    assert chart["layer"][0]["encoding"]["x"]["title"] == "Age"
    alt = one_feature_alt(peers_of(age, ages))
    assert "who repaid, most often 50 years to 35 years" in alt
    assert "-15" not in alt

    kind = PeerFeature(
        name="NAME_PRODUCT", label="product", unit="", kind="category",
        client_value="XNA", displayed="not stated",
    )  # fmt: skip
    products = bars((1, 2), (3, 4), levels=("XNA", "x-sell"), bars=("not stated", "offered"))
    chart = one_feature_chart(peers_of(kind, products), palette("light")).to_dict()
    drawn = {row["Shown"] for rows in chart["datasets"].values() for row in rows}
    assert drawn == {"▶ not stated (this client)", "offered"}


def test_the_strongest_factors_and_the_rest_add_up() -> None:
    groups = tuple(concept(str(n), (-1) ** n * n / 10) for n in range(20))
    raw_score = sum(g.contribution for g in groups)
    shown = strongest(groups)
    number, rest = left_out(groups)
    assert (len(shown), number) == (12, 8)
    assert shown[0].concept == "19"
    total = sum(g.contribution for g in shown) + rest
    assert total == pytest.approx(raw_score)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_are_valid_and_set_their_own_colours(fake_api: FakeApi, theme: str) -> None:
    api = ApiClient(fake_api.address, new_session(fake_api.address))
    colours = palette(theme)
    one = api.peers(REFUSED, "everyone", ("DAYS_BIRTH",))
    level = api.peers(REFUSED, "everyone", ("NAME_EDUCATION_TYPE",))
    two = api.peers(REFUSED, "everyone", ("DAYS_BIRTH", "NAME_EDUCATION_TYPE"))
    charts = [
        one_feature_chart(one, colours),
        one_feature_chart(level, colours),
        two_features_chart(two, colours),
        contribution_chart(strongest(api.explanation(REFUSED).groups), LOG_ODDS, colours),
        importance_chart(api.model_info().importances, colours),
    ]
    for chart in charts:
        config = chart.to_dict()["config"]  # validated against Vega-Lite's schema
        assert config["background"] == colours.background  # readable while themes are switched
        assert config["axis"]["labelColor"] == colours.muted
        assert config["legend"]["titleColor"] == colours.text


def test_the_client_is_marked_and_told(fake_api: FakeApi) -> None:
    api = ApiClient(fake_api.address, new_session(fake_api.address))
    peers = api.peers(REFUSED, "everyone", ("DAYS_BIRTH",))
    value = peers.features[0].client_value
    chart = one_feature_chart(peers, palette("light")).to_dict()
    marked = [row for rows in chart["datasets"].values() for row in rows if "Who" in row]
    assert {row["From"] for row in marked} == {value}
    assert peers.features[0].displayed in one_feature_alt(peers)
    assert "of those who repaid, most often" in one_feature_alt(peers)
