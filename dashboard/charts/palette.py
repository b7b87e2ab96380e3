"""The colours of charts and gauge, one set per theme; no meaning depends on red against green.

The backgrounds are those of ``.streamlit/config.toml``.
"""

from dataclasses import dataclass
from typing import Literal

Theme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as ``#rrggbb``: texts contrast at least 4.5 to 1, marks at least 3 to 1."""

    background: str
    sidebar: str
    text: str
    muted: str
    grid: str
    repaid: str
    defaulted: str
    client: str
    low: str
    """The pale end of a scale that runs from here to ``defaulted``."""


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        background="#ffffff",
        sidebar="#f3f6f9",
        text="#0f1720",
        muted="#4d5b69",
        grid="#dfe5eb",
        repaid="#1d6fb8",
        defaulted="#b84806",
        client="#0f1720",
        low="#7fb2dd",
    ),
    "dark": Palette(
        background="#10161d",
        sidebar="#161e27",
        text="#e8eef4",
        muted="#b0bcc8",
        grid="#2b3743",
        repaid="#6cb0f0",
        defaulted="#ff9b54",
        client="#ffffff",
        low="#3a6ea5",
    ),
}


def palette(theme: str | None) -> Palette:
    """The colours of a theme; the light ones if the browser has not named its theme."""
    return PALETTES["dark" if theme == "dark" else "light"]


def contrast(first: str, second: str) -> float:
    """Contrast of two colours, from 1 (none) to 21. Source: WCAG 2.2, contrast ratio.

    >>> round(contrast("#000000", "#ffffff"))
    21
    """
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``. Source: WCAG 2.2, relative luminance."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  (sRGB's own)
        for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
