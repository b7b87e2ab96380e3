"""The model card as a risk officer opens it: the API's page in a real browser. SCREENSHOT_DIR
receives its first page for the documents.
"""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.browser
#: A sheet of A4 at 115 pixels an inch.
SHEET = {"width": 950, "height": 1345}


def test_the_card_opens_whole_and_asks_nobody_else(
    chromium: Browser, credit_api: str, screenshots: Path
) -> None:
    context = chromium.new_context(viewport=SHEET)
    page, asked, said = context.new_page(), [], []
    context.on("request", lambda one: asked.append(one.url))
    page.on("console", lambda one: said.append(one.text))  # a policy that is broken is told here
    page.goto(f"{credit_api}/model_card")
    expect(page.get_by_text("Model card", exact=True)).to_be_visible()
    for heading in ("Purpose", "Threshold and cost", "Calibration", "Limits", "Segments"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    for picture in page.get_by_role("img").all():
        assert picture.get_attribute("alt")
        assert picture.evaluate("image => image.naturalWidth") > 0
    page.screenshot(path=screenshots / "model_card.png")
    # Nothing is wider than a telephone but the table of segments, which scrolls by itself.
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    foreign = [url for url in asked if not url.startswith(("data:", f"{credit_api}/"))]
    assert foreign == []
    assert [text for text in said if "favicon" not in text] == []
    context.close()
