"""The API's answers, cached: every cache is limited in time and in number of entries.

The key of each answer, except the version, holds the digest of its model, so that an answer of a
former model is never shown under the present one. Failures are not cached.
"""

# ruff: noqa: ARG001  (the digest is only part of the key)

import requests
import streamlit as st
from service.answers import (
    ClientIds,
    Explanation,
    Feature,
    Model,
    ModelCard,
    ModelInfo,
    NoPeers,
    Peers,
    Picture,
    Prediction,
)
from service.client import ApiClient, new_session

#: Seconds for which a change of the model may stay unnoticed.
VERSION_TTL = 10
TTL = 600


@st.cache_resource(max_entries=4)
def _session(address: str) -> requests.Session:
    return new_session(address)


def _api(address: str) -> ApiClient:
    return ApiClient(address, _session(address))


@st.cache_data(ttl=VERSION_TTL, max_entries=4, show_spinner=False)
def version(address: str) -> Model:
    return _api(address).version()


@st.cache_data(ttl=TTL, max_entries=500, show_spinner=False)
def client_ids(address: str, digest: str, beginning: str, size: int) -> ClientIds:
    return _api(address).client_ids(beginning, size)


@st.cache_data(ttl=TTL, max_entries=500, show_spinner=False)
def prediction(address: str, digest: str, client: str) -> Prediction:
    return _api(address).prediction(client)


@st.cache_data(ttl=TTL, max_entries=100, show_spinner="Fetching the client's data …")
def features(address: str, digest: str, client: str) -> tuple[Feature, ...]:
    return _api(address).features(client)


@st.cache_data(ttl=TTL, max_entries=100, show_spinner="Fetching the factors …")
def explanation(address: str, digest: str, client: str, language: str) -> Explanation:
    return _api(address).explanation(client, language)


@st.cache_data(ttl=TTL, max_entries=50, show_spinner="Fetching the picture …")
def local_picture(address: str, digest: str, client: str) -> Picture:
    return _api(address).local_picture(client)


@st.cache_data(ttl=TTL, max_entries=4, show_spinner="Fetching the picture …")
def global_picture(address: str, digest: str) -> Picture:
    return _api(address).global_picture()


@st.cache_data(ttl=TTL, max_entries=4, show_spinner=False)
def model_info(address: str, digest: str) -> ModelInfo:
    return _api(address).model_info()


@st.cache_data(ttl=TTL, max_entries=4, show_spinner="Fetching the model card …")
def model_card(address: str, digest: str) -> ModelCard | None:
    return _api(address).model_card()


@st.cache_data(ttl=TTL, max_entries=300, show_spinner="Fetching the group …")
def peers(
    address: str, digest: str, client: str, group: str, names: tuple[str, ...]
) -> Peers | NoPeers:
    return _api(address).peers(client, group, names)
