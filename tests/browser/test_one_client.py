"""A relationship manager picks a client, reads the decision and opens each tab, in a real browser
against the real API. SCREENSHOT_DIR receives the README's pictures.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, expect

from tests.browser.browser_visit import Visit

pytestmark = pytest.mark.browser

#: So many clients are looked through for the riskiest.
LOOKED_THROUGH = 60
CHART = "[data-testid=stVegaLiteChart] :is(canvas, svg)"


@pytest.fixture(scope="session")
def decision(credit_api: str) -> dict[str, Any]:
    """The API's own word on a client: the riskiest of the first, as there is more to see."""
    page = requests.get(f"{credit_api}/prediction/", {"size": LOOKED_THROUGH}, timeout=20).json()
    answers = (requests.get(f"{credit_api}/prediction/{one}", timeout=20) for one in page["ids"])
    decisions = [answer.json() for answer in answers]
    return max(decisions, key=lambda one: one["margin"])


def test_a_client_is_picked_and_the_decision_read(
    visit: Visit, theme: str, decision: dict[str, Any], screenshots: Path
) -> None:
    page, client = visit.page, str(decision["id"])
    visit.open()
    expect(page.get_by_role("heading", name="Choose a client")).to_be_visible()
    _pick(visit, client)
    verdict = "refused" if decision["class"] == "risk" else "granted"
    expect(page.get_by_role("heading", name=f"Client {client}: {verdict}")).to_be_visible()
    said = _plain(page.get_by_text(f"Client {client}: {verdict}. Risk"))
    assert f"limit {100 * decision['threshold']:.1f} %" in said
    assert f"{100 * abs(decision['margin']):.1f} points" in said
    gauge = page.get_by_role("img", name=re.compile("Gauge from 0 to 100"))
    expect(gauge).to_be_visible()
    assert verdict in (gauge.get_attribute("alt") or "")

    expect(page.get_by_text("the most important first")).to_be_visible()
    _sound(visit)
    page.screenshot(path=screenshots / _name("data", theme))

    page.get_by_role("tab", name="Main factors").click()
    expect(page.get_by_role("heading", name="Main reasons")).to_be_visible()
    expect(page.locator(CHART).first).to_be_visible()
    _sound(visit)
    page.screenshot(path=screenshots / _name("dashboard", theme))
    page.get_by_text("Expert view").click()
    page.get_by_text("The picture of the scoring service").click()
    picture = page.locator("[data-testid=stExpander] img")
    expect(picture).to_be_visible()
    assert picture.get_attribute("alt")
    page.get_by_text("All clients", exact=True).click()
    expect(page.get_by_role("heading", name="What weighs most in the model")).to_be_visible()
    _sound(visit)

    page.get_by_role("tab", name="Comparison").click()
    expect(page.get_by_text("Clients in the group")).to_be_visible()
    expect(page.locator(CHART).first).to_be_visible()
    _sound(visit)
    page.screenshot(path=screenshots / _name("comparison", theme))
    _two_features(visit)
    page.screenshot(path=screenshots / _name("comparison_two", theme))
    for group in ("Same education", "Same credit duration"):
        page.get_by_text(re.compile(group)).click()
        visit.settled()
        _sound(visit)
    assert "client=" + client in page.url
    assert visit.foreign() == []


def test_a_link_opens_on_the_client_and_its_tab(visit: Visit, decision: dict[str, Any]) -> None:
    visit.open(f"/?client={decision['id']}&view=Comparison")
    tab = visit.page.get_by_role("tab", name="Comparison")
    expect(tab).to_have_attribute("aria-selected", "true")
    expect(visit.page.get_by_role("heading", name=f"Client {decision['id']}")).to_be_visible()
    visit.settled()
    visit.page.get_by_role("link", name="Model").click()
    expect(visit.page.get_by_role("heading", name="The model", exact=True)).to_be_visible()
    visit.settled()
    # The client stays open. Its id can be lost from the address: Streamlit drops it where the link
    # is followed before the browser has done with the first page.
    expect(visit.page.get_by_text(f"Client {decision['id']}:").first).to_be_visible()
    _sound(visit)
    assert visit.foreign() == []


def test_an_unknown_id_gets_the_sentence(visit: Visit) -> None:
    visit.open()
    visit.page.get_by_label("Client id").fill("999999999999")
    expect(visit.page.get_by_text("No client has the id 999999999999.").first).to_be_visible()
    visit.settled()
    _sound(visit)
    assert visit.foreign() == []


def _pick(visit: Visit, client: str) -> None:
    """By the first digits and a click where the id is offered then, else by the whole id."""
    field = visit.page.get_by_label("Client id")
    field.fill(client[:-1])
    visit.page.wait_for_timeout(600)  # the search starts once the typing has paused
    visit.settled()
    offered = visit.page.get_by_text(client, exact=True)
    if offered.count():
        offered.click()
    else:
        field.fill(client)
    visit.settled()


def _two_features(visit: Visit) -> None:
    visit.page.get_by_label("and a second one").click()
    visit.page.get_by_role("option").first.click()
    visit.settled()
    expect(visit.page.locator(CHART).first).to_be_visible()
    _sound(visit)


def _sound(visit: Visit) -> None:
    """Nothing failed: neither an exception nor one of our sentences about one is shown."""
    visit.settled()
    assert visit.page.locator("[data-testid=stException]").count() == 0
    assert visit.page.get_by_role("button", name="Try again").count() == 0


def _plain(shown: Locator) -> str:
    return re.sub(r"\s", " ", shown.first.inner_text())


def _name(view: str, theme: str) -> str:
    return f"{view}.png" if theme == "light" else f"{view}_dark.png"
