"""The page of one client: data, main factors, comparison. Only the open tab requests its answers."""

import streamlit as st
from page.failures import one_part
from page.open_client import current
from tabs.comparison import show_comparison
from tabs.data import show_data
from tabs.factors import show_factors
from words.english import escaped, verdict

#: The tabs of a client in their order: title, and what shows it.
TABS = {
    "Client's data": show_data,
    "Main factors": show_factors,
    "Comparison": show_comparison,
}


def show_client() -> None:
    opened = current()
    if opened.prediction is None:
        _nobody(opened.notice)
        return
    st.title(f"Client {opened.prediction.client}: {verdict(opened.prediction)}", anchor=False)
    tabs = st.tabs(list(TABS), key="view", on_change="rerun", bind="query-params")
    for tab, show in zip(tabs, TABS.values(), strict=True):
        if tab.open:
            with tab, one_part(show.__name__):
                show(opened, opened.prediction.client)


def _nobody(notice: str | None) -> None:
    st.title("Choose a client", anchor=False)
    if notice is not None:
        st.write(escaped(notice))
        return
    st.write(
        "Type a client's id in the sidebar, or its first digits to search. You will see the "
        "decision and how far it is from the limit, the client's data, what weighed most in the "
        "decision, and how the client compares with others."
    )
