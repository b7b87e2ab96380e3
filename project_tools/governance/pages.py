"""HTML pages from the files in ``templates/``: one style sheet, no script, no other host."""

import base64
import io
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: How a picture is saved: without a date or a version, so that the same figure gives the same bytes.
_SAVED: dict[str, dict[str, Any]] = {
    "svg+xml": {"format": "svg", "metadata": {"Date": None, "Creator": None}},
    "png": {"format": "png", "metadata": {"Software": None}, "dpi": 90, "facecolor": "white"},
}


def render(template: str, **values: object) -> str:
    """The page that a template makes of the values; text in them is escaped.

    Raises ``jinja2.UndefinedError`` where the template names a value that is missing.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("project_tools.governance"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def data_uri(figure: "Figure", kind: Literal["svg+xml", "png"]) -> str:
    """A matplotlib figure as the ``src`` of an image, so that a page needs no other file."""
    import matplotlib as mpl  # noqa: PLC0415  (half a second that a refusal should not wait for)

    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "card"}):  # else the ids in an SVG are random
        figure.savefig(content, **_SAVED[kind])
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
