"""Every page in its states, over a faked HTTP layer: nothing asked for yet, normal, not found,
the API down, the model changed meanwhile.
"""

import json
import re
from collections.abc import Callable

import pytest
from page import cache
from streamlit.testing.v1 import AppTest

from tests.dashboard.fake_credit_api import (
    GRANTED,
    LONELY,
    NEAR,
    REFUSED,
    THIN_FILE,
    FakeApi,
    Json,
    problem,
    too_small,
)

Open = Callable[..., AppTest]

FACTORS, COMPARISON = "Main factors", "Comparison"


def plain(text: str) -> str:
    """Markdown as it is read: no escapes, no special spaces."""
    unescaped = re.sub(r"\\(.)", r"\1", text)
    return re.sub(r"[\u00a0\u202f]", " ", unescaped)


def texts(app: AppTest, *kinds: str) -> str:
    """All that is written in elements of these kinds."""
    every = kinds or ("title", "subheader", "markdown", "caption", "info", "warning", "error")
    return "\n".join(plain(str(element.value)) for kind in every for element in app.get(kind))


def assert_sound(app: AppTest) -> None:
    assert not app.exception
    assert not app.error


def test_nothing_chosen_yet(fake_api: FakeApi, opened: Open) -> None:
    app = opened()
    assert_sound(app)
    assert app.title[0].value == "Choose a client"
    assert "40 clients; the first 8" in texts(app)
    asked_of_a_client = [path for path in fake_api.requests if re.match(r"/\w+/\d", path)]
    assert asked_of_a_client == []


@pytest.mark.parametrize(
    ("client", "sentence"),
    [
        (
            REFUSED,
            "Client 100002: refused. Risk 27.4 %, limit 16.7 %, 10.7 points over; not near the limit.",
        ),
        (
            NEAR,
            "Client 100003: granted. Risk 16.1 %, limit 16.7 %, 0.5 points under; near the limit.",
        ),
        (
            GRANTED,
            "Client 100004: granted. Risk 3.9 %, limit 16.7 %, 12.8 points under; "
            "not near the limit.",
        ),
    ],
)
@pytest.mark.usefixtures("fake_api")
def test_a_link_opens_on_a_decision(opened: Open, client: str, sentence: str) -> None:
    app = opened(client=client)
    assert_sound(app)
    assert sentence in texts(app, "markdown")
    assert app.title[0].value == sentence[: sentence.index(".")]


@pytest.mark.usefixtures("fake_api")
def test_a_click_on_an_offered_id_opens_it(opened: Open) -> None:
    app = opened()
    app.text_input(key="client").input("10000").run()
    assert "9 clients whose id begins with 10000; the first 8" in texts(app)
    app.pills(key="offered").set_value(NEAR).run()
    assert app.text_input(key="client").value == NEAR
    assert app.title[0].value == f"Client {NEAR}: granted"


@pytest.mark.usefixtures("fake_api")
def test_another_client_after_the_first(opened: Open) -> None:
    app = opened(client=REFUSED)
    app.text_input(key="client").input(f" {GRANTED} ").run()
    assert_sound(app)
    assert app.title[0].value == f"Client {GRANTED}: granted"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("999999", "No client has the id 999999."),
        ("9" * 24, "digits alone"),  # longer than any id
        ("0100002", "the first of them not 0"),
        ("100002x", "digits alone"),
        ("../version", "digits alone"),
        ("**100002**", "digits alone"),
        ("١٠٠٠٠٢", "digits alone"),  # digits of another script
    ],
)
def test_an_unknown_client_gets_a_sentence(
    fake_api: FakeApi, opened: Open, typed: str, sentence: str
) -> None:
    app = opened(client=typed)
    assert_sound(app)
    assert sentence in texts(app, "warning")
    assert sentence in texts(app, "markdown")
    assert not any("version" in path for path in fake_api.requests[1:])


@pytest.mark.usefixtures("fake_api")
def test_data_are_searched_and_missing_values_said(opened: Open) -> None:
    app = opened(client=THIN_FILE)
    table = app.dataframe[0].value
    assert len(table) == 19
    assert table["Importance"].is_monotonic_decreasing
    assert table.loc[table["Name"] == "EXT_SOURCES_MEAN", "This client"].item() == "missing"
    assert "1 is missing" in texts(app, "caption")
    app.text_input(key="feature_search").input("EDUCATION").run()
    assert set(app.dataframe[0].value["Feature"]) == {"Education", "Feature *6* of [Education]"}
    app.text_input(key="feature_search").input("no such thing").run()
    assert_sound(app)
    assert "No feature fits" in texts(app, "markdown")


def test_only_the_open_tab_asks(fake_api: FakeApi, opened: Open) -> None:
    opened(client=REFUSED)
    asked = {path.split("/")[1].split("?")[0] for path in fake_api.requests}
    assert asked == {"version", "prediction", "clients"}


@pytest.mark.usefixtures("fake_api")
def test_factors_of_a_client(opened: Open) -> None:
    app = opened(client=REFUSED, view=FACTORS)
    assert_sound(app)
    said = texts(app, "markdown")
    assert re.search(r"Raises the estimated risk: .* \([+]\d\.\d\)", said)
    assert said.index("**Against**") < said.index("**For**")
    assert "Compared with the 120 clients just accepted, whose risk is" in texts(app, "caption")
    assert "odds" not in said + texts(app, "caption")
    app.toggle(key="factors_expert").set_value(True).run()
    assert_sound(app)
    assert re.search(r"(raises|lowers) the risk \w+ \([+\u2212]\d\.\d\d\)", texts(app, "markdown"))
    assert "2 more subjects add" in texts(app, "caption")
    assert len(app.dataframe[0].value) == 14
    app.selectbox(key="factors_concept").select("Age").run()
    assert list(app.dataframe[0].value["Feature"]) != []
    assert set(app.dataframe[0].value["Subject"]) == {"Age"}


def test_factors_of_a_forest_are_percentage_points(fake_api: FakeApi, opened: Open) -> None:
    fake_api.scale = "probability"
    app = opened(client=REFUSED, view=FACTORS)
    app.toggle(key="factors_expert").set_value(True).run()
    assert_sound(app)
    assert "clients just accepted is +8.0; this client's is " in texts(app, "caption")
    assert "percentage points" in texts(app, "caption")
    assert "odds of difficulties" not in texts(app, "caption")
    groups = fake_api.answer(f"/explanation/{REFUSED}", {})["groups"]
    shown = app.dataframe[0].value["Contribution"].iloc[0]
    assert shown == pytest.approx(100 * groups[0]["contribution"])


@pytest.mark.usefixtures("fake_api")
def test_reasons_are_asked_for_in_the_language_chosen(opened: Open) -> None:
    app = opened(client=GRANTED, view=FACTORS)
    said = texts(app, "markdown")
    assert said.index("**For**") < said.index("**Against**")
    app.segmented_control(key="factors_language").set_value("Français").run()
    assert_sound(app)
    assert re.search(r"Abaisse le risque estimé", texts(app, "markdown"))
    assert "Lowers the estimated risk" not in texts(app, "markdown")


def test_reasons_that_may_not_be_given_are_not_shown(fake_api: FakeApi, opened: Open) -> None:
    answer = fake_api.answer(f"/explanation/{REFUSED}", {})
    blocked = {**answer, "reasons": [], "other_side": [], "blocked": "A colleague will look at it."}
    fake_api.broken["/explanation"] = (200, "application/json", json.dumps(blocked).encode())
    app = opened(client=REFUSED, view=FACTORS)
    assert_sound(app)
    assert "A colleague will look at it" in texts(app, "warning")
    assert "Against" not in texts(app, "markdown")


def test_an_average_client_as_the_comparison_is_noted(fake_api: FakeApi, opened: Open) -> None:
    answer = fake_api.answer(f"/explanation/{REFUSED}", {})
    answer["reference"] |= {"compared_with": "average", "clients": 0, "note": "No reference."}
    fake_api.broken["/explanation"] = (200, "application/json", json.dumps(answer).encode())
    app = opened(client=REFUSED, view=FACTORS)
    assert "No reference" in texts(app, "caption")
    assert "Compared with the average client, whose risk is" in texts(app, "caption")


def test_factors_of_all_clients(fake_api: FakeApi, opened: Open) -> None:
    app = opened(client=REFUSED, view=FACTORS)
    app.segmented_control(key="factors_scope").set_value("All clients").run()
    assert_sound(app)
    assert any(path.startswith("/model_info") for path in fake_api.requests)
    assert len(app.get("vega_lite_chart")) == 1 or len(app.get("arrow_vega_lite_chart")) == 1


@pytest.mark.parametrize(
    ("first", "second", "columns"),
    [
        ("DAYS_BIRTH", None, ["Class", "Values", "Clients"]),
        ("NAME_EDUCATION_TYPE", None, ["Category", "Class", "Clients", "Share"]),
        (
            "DAYS_BIRTH",
            "AMT_INCOME_TOTAL",
            ["Age (across)", "Income of a year (up)", "Clients", "Default rate"],
        ),
        (
            "DAYS_BIRTH",
            "NAME_EDUCATION_TYPE",
            ["Age (across)", "Education (up)", "Clients", "Default rate"],
        ),
    ],
)
@pytest.mark.usefixtures("fake_api")
def test_comparison(opened: Open, first: str, second: str | None, columns: list[str]) -> None:
    app = opened(client=REFUSED, view=COMPARISON)
    app.selectbox(key="peer_first").set_value(first)
    if second:
        app.selectbox(key="peer_second").set_value(second)
    app.run()
    assert_sound(app)
    assert [plain(metric.value) for metric in app.metric] == ["4,000", "320", "8.0 %"]
    assert list(app.dataframe[0].value.columns) == columns


@pytest.mark.usefixtures("fake_api")
def test_one_feature_is_not_compared_with_itself(opened: Open) -> None:
    app = opened(client=REFUSED, view=COMPARISON)
    app.selectbox(key="peer_second").set_value("DAYS_BIRTH").run()
    app.selectbox(key="peer_first").set_value("DAYS_BIRTH").run()
    assert_sound(app)
    assert app.selectbox(key="peer_second").value is None
    assert list(app.dataframe[0].value.columns) == ["Class", "Values", "Clients"]


def test_a_chosen_subject_that_another_model_lacks(fake_api: FakeApi, opened: Open) -> None:
    app = opened(client=REFUSED, view=FACTORS)
    app.toggle(key="factors_expert").set_value(True).run()
    app.selectbox(key="factors_concept").select("Housing").run()
    answer = fake_api.answer(f"/explanation/{REFUSED}", {})
    answer["groups"] = [one for one in answer["groups"] if one["concept"] != "Housing"]
    body = json.dumps(answer).encode()
    fake_api.broken["/explanation"] = (200, "application/json", body)
    fake_api.digest = "b" * 64
    cache.version.clear()
    app.run()
    assert_sound(app)
    assert app.selectbox(key="factors_concept").value is None


@pytest.mark.parametrize(
    ("client", "group", "answer"),
    [
        (LONELY, "similar_person", too_small()),
        # the seed's page crashed here
        (THIN_FILE, "similar_loan", too_small(missing="NAME_INCOME_TYPE")),
    ],
)
@pytest.mark.usefixtures("fake_api")
def test_no_group_no_crash(opened: Open, client: str, group: str, answer: Json) -> None:
    app = opened(client=client, view=COMPARISON)
    app.radio(key="peer_group").set_value(group).run()
    assert_sound(app)
    assert answer["sentence"] in texts(app, "info")


@pytest.mark.usefixtures("fake_api")
def test_a_missing_value_is_compared_without_a_mark(opened: Open) -> None:
    app = opened(client=THIN_FILE, view=COMPARISON)
    assert_sound(app)
    assert "Mean of the external scores of this client: missing" in texts(app, "caption")


def test_the_api_down_then_up(
    fake_api: FakeApi, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDIT_API_URL", "http://127.0.0.1:9")  # the port that throws away
    app = opened(client=REFUSED)
    assert not app.exception
    assert "does not answer at http://127.0.0.1:9" in texts(app, "error")
    monkeypatch.setenv("CREDIT_API_URL", fake_api.address)
    app.button(key="retry").click().run()
    assert_sound(app)
    assert app.title[0].value == f"Client {REFUSED}: refused"


@pytest.mark.parametrize(
    ("path", "answer", "sentence"),
    [
        ("/version", problem(503, "Not ready", "The model is being loaded."), "is being loaded"),
        ("/version", (502, "text/html", b"<h1>Bad gateway</h1>"), "status 502"),
        ("/version", (404, "text/html", b"not ours"), "status 404"),  # something else listens
        ("/version", (200, "application/json", b"[1]"), "cannot read"),
        ("/version", (200, "text/html", b"<html>"), "cannot read"),
        ("/clients", problem(500, "Fault", "Something failed."), "Something failed. (request r-1)"),
        ("/prediction/1", (200, "application/json", b'{"id": 1}'), "cannot read"),
    ],
)
def test_a_bad_answer_is_a_sentence_and_can_be_asked_again(
    fake_api: FakeApi, opened: Open, path: str, answer: tuple[int, str, bytes], sentence: str
) -> None:
    fake_api.broken[path] = answer
    app = opened(client=REFUSED)
    assert not app.exception
    assert sentence in texts(app, "error")
    fake_api.broken.clear()
    next(button for button in app.button if button.label == "Try again").click().run()
    assert_sound(app)
    assert app.title[0].value == f"Client {REFUSED}: refused"


def test_a_broken_part_leaves_the_rest(fake_api: FakeApi, opened: Open) -> None:
    fake_api.broken["/clients"] = problem(500, "Fault", "Something failed.")
    app = opened(client=REFUSED)
    assert "10.7 points over" in texts(app, "markdown")
    assert len(app.error) == 1


@pytest.mark.parametrize("noticed_by", ["version", "prediction"])
def test_the_model_changes_meanwhile(fake_api: FakeApi, opened: Open, noticed_by: str) -> None:
    app = opened(client=REFUSED)
    fake_api.version, fake_api.digest = "4", "b" * 64
    if noticed_by == "version":
        cache.version.clear()  # its time to live is over
        app.run()
    else:
        app.text_input(key="client").input(GRANTED).run()
    assert_sound(app)
    assert "version 3 to 4" in texts(app, "info")
    assert "Model credit_scoring, version 4" in texts(app, "caption")
    app.button(key="model_change_read").click().run()
    assert texts(app, "info") == ""


def test_answers_are_remembered_under_their_model(fake_api: FakeApi, opened: Open) -> None:
    app = opened(client=REFUSED)
    app.run()
    asked = [path for path in fake_api.requests if path.startswith("/clients")]
    assert len(asked) == 1
    fake_api.digest = "b" * 64
    cache.version.clear()
    app.run()
    asked = [path for path in fake_api.requests if path.startswith("/clients")]
    assert len(asked) == 2


@pytest.mark.usefixtures("fake_api")
def test_the_model_page(opened: Open) -> None:
    app = opened(client=REFUSED)
    app.switch_page("app_pages/model_page.py").run()
    assert_sound(app)
    assert app.title[0].value == "The model"
    assert [plain(metric.value) for metric in app.metric] == ["3", "16.7 %", "5", "lightgbm"]
    assert list(app.dataframe[0].value["Metric"]) == ["AUC", "loss of income"]


@pytest.mark.parametrize("address", ["", "127.0.0.1:8000", "ftp://scores.example"])
def test_a_bad_setting_is_one_line(
    opened: Open, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("CREDIT_API_URL", address)
    app = opened(client=REFUSED)
    assert not app.exception
    assert len(app.error) == 1
    assert "it takes an address such as http://127.0.0.1:8000" in texts(app, "error")


def test_the_model_card_is_there_to_read_and_to_keep(fake_api: FakeApi, opened: Open) -> None:
    app = opened()
    app.switch_page("app_pages/model_page.py").run()
    assert_sound(app)
    assert "It refuses above **16.7 %**." in texts(app, "markdown")
    assert "#### Purpose" in texts(app, "markdown")
    assert "# Model card: credit_scoring" not in texts(app, "markdown")
    (button,) = app.get("download_button")
    assert button.proto.label == "Model card as a page"
    assert "/model_card" in fake_api.requests


def test_a_model_without_a_card_has_a_sentence(fake_api: FakeApi, opened: Open) -> None:
    fake_api.broken["/model_card"] = problem(404, "Not found", "This model has no card.")
    app = opened()
    app.switch_page("app_pages/model_page.py").run()
    assert_sound(app)
    assert "This model has no card: an older release trained it." in texts(app, "markdown")
    assert app.get("download_button") == []
