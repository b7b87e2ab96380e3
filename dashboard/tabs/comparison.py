"""The third tab: the client among others."""

import pandas as pd
import streamlit as st
from charts.comparison import (
    client_sentence,
    histogram_table,
    joint_table,
    level_table,
    one_feature_alt,
    one_feature_chart,
    reading,
    two_features_alt,
    two_features_chart,
)
from charts.palette import palette
from page import cache
from page.open_client import Opened
from service.answers import NoPeers, Peers
from tabs.feature_table import choices
from words.english import counted, criteria_sentence, escaped, percent

GROUPS = {
    "everyone": "Everyone",
    "similar_person": "Same education, occupation and age range",
    "similar_loan": "Same credit duration, income type and education",
}


def show_comparison(opened: Opened, client: str) -> None:
    labels = choices(cache.features(*opened.key, client))
    group = st.radio(
        "Compare with",
        list(GROUPS),
        format_func=GROUPS.__getitem__,
        horizontal=True,
        key="peer_group",
    )
    left, right = st.columns(2)
    first = left.selectbox(
        "Feature", list(labels), format_func=labels.__getitem__, key="peer_first"
    )
    others = [name for name in labels if name != first]
    second = right.selectbox(
        "and a second one", others, index=None, format_func=labels.__getitem__,
        placeholder="none", key="peer_second",
    )  # fmt: skip
    names = (first,) if second is None else (first, second)
    _show(cache.peers(*opened.key, client, group, names))


def _show(peers: Peers | NoPeers) -> None:
    if isinstance(peers, NoPeers):
        st.info(escaped(peers.sentence))
        return
    _group(peers)
    if not peers.distributions:
        st.info("Fewer than ten clients of each class: no distribution is shown.")
        return
    colours = palette(st.context.theme.type)
    if peers.joint is None:
        chart, alt = one_feature_chart(peers, colours), one_feature_alt(peers)
    else:
        chart, alt = two_features_chart(peers, colours), two_features_alt(peers)
    st.altair_chart(chart, theme=None, alt=alt)
    st.caption(escaped(" ".join([*map(client_sentence, peers.features), reading(peers)])))
    with st.expander("The numbers behind the chart"):
        st.dataframe(_table(peers), hide_index=True, alt=alt)


def _group(peers: Peers) -> None:
    size, bad, rate = st.columns(3)
    size.metric("Clients in the group", counted(peers.n))
    bad.metric("Had difficulties to repay", counted(peers.n_by_class.defaulted))
    rate.metric("Default rate", "-" if peers.default_rate is None else percent(peers.default_rate))
    if peers.criteria:
        st.write(escaped(criteria_sentence(peers)))


def _table(peers: Peers) -> pd.DataFrame:
    if peers.joint is not None:
        x, y = peers.features
        return (
            joint_table(peers.joint)
            .drop(columns=["X", "Y"])
            .rename(columns={"Across": f"{x.label} (across)", "Up": f"{y.label} (up)"})
        )
    distribution = peers.distributions[0]
    if distribution.levels:
        return level_table(distribution)
    return histogram_table(distribution).drop(columns=["From", "To", "Density"])
