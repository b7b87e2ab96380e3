"""Failures as sentences: whoever sits before the screen reads what is the matter, and may retry."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from service.address import AddressError
from service.client import ApiError, ApiRefusalError, UnreadableAnswerError
from words.english import escaped


@contextmanager
def whole_page() -> Iterator[None]:
    """Nothing can be shown: one sentence in place of the page, with a way to try again."""
    try:
        yield
    except AddressError as why:
        st.error(escaped(str(why)))
    except ApiError as why:
        _say(why, "retry")


@contextmanager
def one_part(key: str) -> Iterator[None]:
    """One part of a page cannot be shown: a sentence in its place, and the rest stands.

    An API that cannot be reached at all goes on to ``whole_page``.
    """
    try:
        yield
    except (ApiRefusalError, UnreadableAnswerError) as why:
        _say(why, f"retry_{key}")


def _say(why: ApiError, key: str) -> None:
    number = (
        f" (request {why.request_id})"
        if isinstance(why, ApiRefusalError) and why.request_id
        else ""
    )
    st.error(escaped(f"{why}{number}"))
    # The click runs the page again; failures are not remembered, so it asks again.
    st.button("Try again", key=key)
