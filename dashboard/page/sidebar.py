"""The sidebar: it finds a client by id and shows the decision beside every page."""

import re
from dataclasses import replace

import streamlit as st
from charts.gauge import gauge_alt, gauge_svg
from charts.palette import palette
from page import cache
from page.open_client import CLIENT_KEY, Opened, open_client
from service.answers import Prediction
from words.english import decision_sentence, escaped, matches_sentence, unknown_client

#: Ids that are offered at a time; more digits find the others.
OFFERED = 8
#: The form of an id, as the API takes it.
ID = r"[1-9][0-9]{0,17}"


def choose(connection: Opened) -> Opened:
    """Draw the sidebar; returns what is open after it."""
    typed = _typed()
    opened = open_client(connection, typed) if _is_id(typed) else None
    if opened is not None and opened.prediction is not None:
        _decision(opened.prediction, opened)
        return opened
    notice = _offer(connection, typed)
    return replace(connection, notice=notice)


def _typed() -> str:
    text = st.text_input(
        "Client id",
        key=CLIENT_KEY,
        type="search",
        live="300ms",
        bind="query-params",
        placeholder="type an id or its first digits",
        autocomplete="off",
    )
    return "".join((text or "").split())


def _is_id(typed: str) -> bool:
    return re.fullmatch(ID, typed) is not None


def _offer(connection: Opened, typed: str) -> str | None:
    """Offer the first ids that begin with the typed digits; returns why there are none, if so."""
    if typed and not _is_id(typed):
        return _warn("A client's id is made of digits alone, the first of them not 0.")
    matches = cache.client_ids(*connection.key, typed, OFFERED)
    if typed and not matches.ids:
        return _warn(unknown_client(typed))
    st.caption(escaped(matches_sentence(typed, matches.total, len(matches.ids))))
    st.pills(
        "Clients found", matches.ids, key="offered", label_visibility="collapsed", on_change=_take
    )
    return None


def _warn(sentence: str) -> str:
    st.warning(escaped(sentence))
    return sentence


def _take() -> None:
    """Put an id that was clicked into the search field, and so into the link."""
    st.session_state[CLIENT_KEY] = st.session_state["offered"]


def _decision(prediction: Prediction, opened: Opened) -> None:
    colours = palette(st.context.theme.type)
    st.image(gauge_svg(prediction, colours), width="stretch", alt=gauge_alt(prediction))
    st.markdown(escaped(decision_sentence(prediction)))
    st.caption(escaped(f"Model {opened.model.name}, version {opened.model.version}"))
