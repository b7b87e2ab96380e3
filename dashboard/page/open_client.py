"""Which client is open, under which model: chosen in the sidebar, read by every page."""

from dataclasses import dataclass

import streamlit as st
from page import remembered
from service.address import api_address
from service.answers import Model, Prediction
from service.client import UnknownClientError
from words.english import model_changed

CLIENT_KEY = "client"
"""Key of the search field and, by ``bind``, name of the parameter in a link."""

_MODEL, _OPENED, _CHANGE = "model_of_page", "opened", "model_change"


@dataclass(frozen=True, slots=True)
class Opened:
    """What the pages draw: where the API is, its model, and the client's decision, if any."""

    address: str
    model: Model
    prediction: Prediction | None
    notice: str | None = None
    """Why no client is open although one was asked for."""

    @property
    def key(self) -> tuple[str, str]:
        """What every remembered answer is kept under."""
        return self.address, self.model.digest


def connect() -> Opened:
    """The API at its address, with the model that it serves now."""
    address = api_address()
    return Opened(address, remembered.version(address), None)


def open_client(connection: Opened, client: str) -> Opened | None:
    """The client's decision, or None where the API knows no such client.

    The decision names its own model: where that is another than the version told a moment ago,
    it goes before.
    """
    try:
        prediction = remembered.prediction(*connection.key, client)
    except UnknownClientError:
        return None
    if prediction.model.digest != connection.model.digest:
        remembered.version.clear()
    return Opened(connection.address, prediction.model, prediction)


def publish(opened: Opened) -> None:
    """Tells the pages what is open, and keeps the sentence about a changed model until it is read."""
    before = st.session_state.get(_MODEL)
    if before is not None and before.digest != opened.model.digest:
        st.session_state[_CHANGE] = model_changed(before.version, opened.model.version)
    st.session_state[_MODEL] = opened.model
    st.session_state[_OPENED] = opened


def current() -> Opened:
    """What ``publish`` told last."""
    opened: Opened = st.session_state[_OPENED]
    return opened


def change_notice() -> None:
    """The sentence about a changed model, with a button that puts it away."""
    sentence = st.session_state.get(_CHANGE)
    if sentence is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(sentence)
        st.button("Understood", key="model_change_read", on_click=_put_away)


def _put_away() -> None:
    st.session_state.pop(_CHANGE, None)
