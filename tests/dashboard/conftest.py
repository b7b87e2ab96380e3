"""The dashboard is a folder of scripts: its modules are found as ``streamlit run`` finds them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).resolve().parents[2] / "dashboard"
sys.path.insert(0, str(DASHBOARD))

import streamlit as st  # noqa: E402  (after the path)
from streamlit.testing.v1 import AppTest  # noqa: E402

from tests.dashboard.fake_credit_api import FakeApi, running_api  # noqa: E402

#: Seconds for one run of the page; a run takes about half of one.
RUN_TIMEOUT = 20


@pytest.fixture
def fake_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """A fresh API, with the setting that leads to it; its cache is empty."""
    st.cache_data.clear()
    st.cache_resource.clear()
    with running_api() as api:
        monkeypatch.setenv("CREDIT_API_URL", api.address)
        yield api


@pytest.fixture
def opened() -> Callable[..., AppTest]:
    """Opens the dashboard by a link with these parameters."""

    def open_link(**parameters: str) -> AppTest:
        app = AppTest.from_file(str(DASHBOARD / "app.py"), default_timeout=RUN_TIMEOUT)
        for name, value in parameters.items():
            app.query_params[name] = value
        return app.run()

    return open_link
