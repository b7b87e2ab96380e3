"""Pages are made of template files: text is escaped, nothing runs, no other host is asked."""

import tomllib
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from matplotlib.figure import Figure

from project_tools.governance import pages
from project_tools.settings import ROOT

TEMPLATES = Path(pages.__file__).parent / "templates"
VALUES = {
    "title": "<script>alert(1)</script>", "made": '"><img src=x>', "lead": "", "first": [],
    "calibration_chart": "data:image/svg+xml;base64,", "cost_chart": "data:,", "beside": [], "rest": [],
}  # fmt: skip


def test_text_is_escaped_and_the_one_style_sheet_is_inside() -> None:
    page = pages.render("card.html.j2", **VALUES)
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2  # title and heading
    assert "<script" not in page
    assert "<img src=x>" not in page
    assert (TEMPLATES / "style.css").read_text() in page
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page


def test_a_value_that_is_missing_is_refused() -> None:
    with pytest.raises(UndefinedError, match="'lead' is undefined"):
        pages.render("card.html.j2", **{k: v for k, v in VALUES.items() if k != "lead"})


def test_html_passes_unescaped_only_where_the_card_made_it_of_markdown() -> None:
    sources = {path.name: path.read_text() for path in TEMPLATES.glob("*.j2")}
    assert {name: text.count("| safe") for name, text in sources.items() if "| safe" in text} == {
        "card.html.j2": 2
    }
    assert not [name for name, text in sources.items() if "autoescape" in text]


def test_the_same_figure_gives_the_same_bytes() -> None:
    def drawn() -> Figure:
        figure = Figure(figsize=(1, 1))
        figure.subplots().plot([1, 2])
        return figure

    assert pages.data_uri(drawn(), "svg+xml") == pages.data_uri(drawn(), "svg+xml")
    assert pages.data_uri(drawn(), "png").startswith("data:image/png;base64,")


def test_templates_are_installed_with_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["project_tools"]
    suffixes = {path.suffix for path in TEMPLATES.iterdir()}
    assert suffixes == {".j2", ".css"}
    assert {f"**/*{suffix}" for suffix in suffixes} <= set(patterns)
