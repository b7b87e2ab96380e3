"""The address of the scoring API: the setting ``CREDIT_API_URL``, read and checked."""

import os
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

VARIABLE = "CREDIT_API_URL"
DEFAULT = "http://127.0.0.1:8000"


class AddressError(Exception):
    """The setting is not an address; the message says what it takes."""


def api_address(environ: Mapping[str, str] | None = None) -> str:
    """The API's address without a slash at its end.

    Raises ``AddressError`` for anything but a plain http or https address. The message never
    repeats a user name or password, because it is shown on the screen.

    >>> api_address({"CREDIT_API_URL": "https://scores.example/v1/"})
    'https://scores.example/v1'
    """
    text = (os.environ if environ is None else environ).get(VARIABLE, DEFAULT).strip()
    if "@" in text:
        raise AddressError(f"{VARIABLE} holds a user name or password; give the address alone.")
    if not _is_address(text):
        raise AddressError(f"{VARIABLE} is {text!r}; it takes an address such as {DEFAULT}.")
    return text.rstrip("/")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return _has_host(parts) and not (parts.query or parts.fragment) and not _has_space(text)
    except ValueError:  # a port beyond 65535, a broken IPv6 address
        return False


def _has_host(parts: SplitResult) -> bool:
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0


def _has_space(text: str) -> bool:
    return any(character.isspace() for character in text)


def is_loopback(address: str) -> bool:
    """Whether the address is this machine, which is reached without a proxy."""
    return urlsplit(address).hostname in {"127.0.0.1", "localhost", "::1"}
