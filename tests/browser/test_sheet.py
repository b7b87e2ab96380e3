"""The printable sheet fits one A4 page, with the longest sentences and offers of each language."""

import re

import pytest
from playwright.sync_api import Browser

from project_tools.serving.decisions.sheet import page
from project_tools.serving.reasons.languages import LANGUAGES
from tests.serving.decisions.test_sheet import DECISION, OFFERS, made


@pytest.mark.browser
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_sheet_is_one_a4_page(language: str, chromium: Browser) -> None:
    requests: list[str] = []
    opened = chromium.new_page()
    opened.on("request", lambda request: requests.append(request.url))
    opened.set_content(page(DECISION, made(language), OFFERS))
    content = opened.pdf(prefer_css_page_size=True)
    opened.close()
    assert len(re.findall(rb"/Type\s*/Page[^s]", content)) == 1
    width, height = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content)[0]
    assert (round(float(width)), round(float(height))) == (595, 842)
    assert requests == []
