"""The client that is open, and the model that decided: the sidebar chooses, every page reads."""

from dataclasses import dataclass

import streamlit as st
from page import cache
from service.address import api_address
from service.answers import Model, Prediction
from service.client import UnknownClientError
from words.english import model_changed

CLIENT_KEY = "client"
"""Key of the search field and, through ``bind``, name of the parameter in a link."""

_MODEL, _OPENED, _CHANGE = "model_of_page", "opened", "model_change"


@dataclass(frozen=True, slots=True)
class Opened:
    """What the pages show: the API's address, its model, and the decision if a client is open."""

    address: str
    model: Model
    prediction: Prediction | None
    notice: str | None = None
    """Why the requested client is not open."""

    @property
    def key(self) -> tuple[str, str]:
        """The key of every cached answer."""
        return self.address, self.model.digest


def connect() -> Opened:
    """The API's address and the model that it serves now; no client is open yet."""
    address = api_address()
    return Opened(address, cache.version(address), None)


def open_client(connection: Opened, client: str) -> Opened | None:
    """The client's decision, or None if the API has no such client.

    The decision names its own model. If that differs from the cached version, the decision's
    model counts.
    """
    try:
        prediction = cache.prediction(*connection.key, client)
    except UnknownClientError:
        return None
    if prediction.model.digest != connection.model.digest:
        cache.version.clear()
    return Opened(connection.address, prediction.model, prediction)


def publish(opened: Opened) -> None:
    """Store what is open for the pages, and the notice of a changed model until it is dismissed."""
    before = st.session_state.get(_MODEL)
    if before is not None and before.digest != opened.model.digest:
        st.session_state[_CHANGE] = model_changed(before.version, opened.model.version)
    st.session_state[_MODEL] = opened.model
    st.session_state[_OPENED] = opened


def current() -> Opened:
    """What ``publish`` stored last."""
    opened: Opened = st.session_state[_OPENED]
    return opened


def change_notice() -> None:
    """Show the notice of a changed model, with a button that dismisses it."""
    sentence = st.session_state.get(_CHANGE)
    if sentence is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(sentence)
        st.button("Understood", key="model_change_read", on_click=_dismiss)


def _dismiss() -> None:
    st.session_state.pop(_CHANGE, None)
