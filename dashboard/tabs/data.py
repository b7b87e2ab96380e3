"""The first tab: all features of the client."""

import streamlit as st
from page import cache
from page.open_client import Opened
from service.answers import Feature
from tabs.feature_table import concepts, feature_rows, search
from words.english import are, thousands


def show_data(opened: Opened, client: str) -> None:
    features = cache.features(*opened.key, client)
    left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
    text = left.text_input(
        "Search", key="feature_search", type="search", live=True, placeholder="label, value or name"
    )
    concept = middle.selectbox(
        "Subject", concepts(features), index=None, key="feature_concept", placeholder="all subjects"
    )
    missing = right.toggle("Missing only", key="feature_missing")
    shown = search(features, text or "", concept, missing)
    absent = sum(feature.value is None for feature in features)
    st.caption(
        f"{thousands(len(shown))} of {thousands(len(features))} features, the most important "
        f"first; {are(absent)} missing for this client."
    )
    if not shown:
        st.write("No feature fits this search.")
        return
    rows = feature_rows(shown)
    st.dataframe(
        rows,
        hide_index=True,
        height=min(560, 36 * (len(rows) + 1) + 2),
        column_config={
            "Feature": st.column_config.TextColumn(width=340),
            "This client": st.column_config.TextColumn(width=150),
            "Subject": st.column_config.TextColumn(width=180),
            "Importance": st.column_config.ProgressColumn(
                format="percent", min_value=0, max_value=_most(features), width=130
            ),
            "What it is": st.column_config.TextColumn(width=420),
        },
        alt=f"{len(shown)} features of client {client} with their values",
    )


def _most(features: tuple[Feature, ...]) -> float:
    return max((feature.importance for feature in features), default=0) or 1.0
