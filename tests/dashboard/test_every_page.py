"""Every tab and every page opens, without a test of its own having been written for it."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import DASHBOARD
from tests.dashboard.fake_credit_api import REFUSED, FakeApi

PAGES = sorted(path.name for path in (DASHBOARD / "app_pages").glob("*.py"))


def assert_sound(app: AppTest) -> None:
    assert not app.exception
    assert not app.error


@pytest.mark.usefixtures("fake_api")
def test_every_tab_opens(opened: Callable[..., AppTest]) -> None:
    labels = [tab.label for tab in opened(client=REFUSED).tabs]
    assert len(labels) >= 3
    for label in labels:
        app = opened(client=REFUSED, view=label)
        assert_sound(app)
        shown = [tab.label for tab in app.tabs if tab.children]
        assert shown == [label]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens(page: str, opened: Callable[..., AppTest], fake_api: FakeApi) -> None:
    app = opened(client=REFUSED)
    app.switch_page(f"app_pages/{page}").run()
    assert_sound(app)
    assert app.title
    assert fake_api.requests
