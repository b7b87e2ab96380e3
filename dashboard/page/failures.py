"""Failures as sentences: the page says what went wrong and offers to try again."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from service.address import AddressError
from service.client import ApiError, ApiRefusalError, UnreadableAnswerError
from words.english import escaped


@contextmanager
def whole_page() -> Iterator[None]:
    """Replace a page that cannot be shown by one sentence and a button to try again."""
    try:
        yield
    except AddressError as why:
        st.error(escaped(str(why)))
    except ApiError as why:
        _say(why, "retry")


@contextmanager
def one_part(key: str) -> Iterator[None]:
    """Replace one part of a page that cannot be shown by a sentence; the other parts remain.

    ``whole_page`` handles an API that cannot be reached at all.
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
    # The click runs the page again; failures are not cached, so the API is asked again.
    st.button("Try again", key=key)
