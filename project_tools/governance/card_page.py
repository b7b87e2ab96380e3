"""The model card as one HTML page: self-contained, without a script, made to be printed.

The text is the card's own Markdown; the page adds type, the first figures in large and two charts.
"""

import base64
import io
import re
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from project_tools.governance.card import Card, Section, markdown, sections, summary
from project_tools.serving.folder import CARD_HTML, CARD_JSON, CARD_MARKDOWN

#: Parts of the first page, which stand beside the charts; the others follow below.
_BESIDE = ("purpose", "decision", "calibration", "limits")
#: A figure with its interval, as the tables write it, and the mark of the four-fifths rule.
_INTERVAL = re.compile(r"^(-?\d\S*) \((-?\d\S* to -?\d\S*)\)( \*)?$")
_INK, _SOFT, _ACCENT = "#1d1f22", "#6b7076", "#8c2f1b"
_SIZE = (4.3, 3.1)

_STYLE = """
@page { size: A4; margin: 16mm 17mm }
:root { color-scheme: light }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2.6rem 2rem 3rem; max-width: 54rem; background: #fff; color: #1d1f22;
  font: 15px/1.5 "Iowan Old Style", Charter, "Bitstream Charter", "Source Serif 4", Georgia, serif;
  font-variant-numeric: lining-nums; hyphens: manual }
header { border-top: 3px solid #1d1f22; padding-top: .9rem }
.kicker { margin: 0; font: 600 11.5px/1.4 system-ui, "Helvetica Neue", Arial, sans-serif;
  letter-spacing: .12em; text-transform: uppercase; color: #8c2f1b }
h1 { margin: .15rem 0 .1rem; font-size: 30px; line-height: 1.15; font-weight: 600; letter-spacing: -.01em }
.made { margin: 0; color: #5c6167; font-size: 13.5px }
.lead { margin: 1.1rem 0 1.2rem; font-size: 17px; line-height: 1.5; max-width: 46rem }
.first { display: grid; grid-template-columns: repeat(4, 1fr); margin: 0 0 1.3rem; padding: .75rem 0 .7rem;
  border-top: 1px solid #c9ccd0; border-bottom: 1px solid #c9ccd0 }
.first div { padding: 0 1rem; border-left: 1px solid #dfe1e4 }
.first div:first-child { padding-left: 0; border-left: 0 }
dt { font: 600 11px/1.4 system-ui, "Helvetica Neue", Arial, sans-serif; letter-spacing: .05em; color: #5c6167 }
dd { margin: 0; font-size: 26px; line-height: 1.25; font-variant-numeric: lining-nums tabular-nums }
dd small { display: block; font-size: 12.5px; line-height: 1.35; color: #5c6167 }
.charts { display: grid; grid-template-columns: 1fr 1fr; gap: 1.6rem; margin: 0 0 .6rem }
figure { margin: 0 }
figure img { display: block; width: 100%; height: auto }
figcaption { font-size: 12.5px; line-height: 1.4; color: #5c6167; margin-top: .15rem }
h2 { margin: 1.5rem 0 .3rem; font: 600 13px/1.4 system-ui, "Helvetica Neue", Arial, sans-serif;
  letter-spacing: .02em; color: #1d1f22 }
p, ul { margin: 0 0 .6rem; max-width: 46rem }
ul { padding-left: 1.1rem }
li { margin: 0 0 .2rem }
.beside { columns: 2; column-gap: 2rem; font-size: 14px; line-height: 1.45 }
.beside section { break-inside: avoid; padding-top: .1rem }
.beside h2 { margin-top: .7rem }
.rest { border-top: 1px solid #c9ccd0; margin-top: 1.6rem }
table { width: 100%; margin: .5rem 0 .8rem; border-collapse: collapse; font-size: 13.5px; line-height: 1.35;
  font-variant-numeric: lining-nums tabular-nums }
th { padding: .25rem .5rem; text-align: left; vertical-align: bottom; border-bottom: 1px solid #1d1f22;
  font: 600 11px/1.3 system-ui, "Helvetica Neue", Arial, sans-serif; color: #5c6167 }
td { padding: .28rem .5rem; vertical-align: top; border-bottom: 1px solid #e8eaec }
th:first-child, td:first-child { padding-left: 0 }
th:last-child, td:last-child { padding-right: 0 }
td strong { display: inline-block; padding-top: .55rem; font-weight: 600 }
td small { display: block; font-size: 11px; color: #6b7076; white-space: nowrap }
td em { font-style: normal; color: #8c2f1b; font-weight: 600 }
code { font: 12px/1.4 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere }
#segments ul { font-size: 12.5px; color: #5c6167 }
@media (max-width: 44rem) { .charts, .beside { columns: 1; grid-template-columns: 1fr }
  .first { grid-template-columns: 1fr 1fr; row-gap: .8rem } #segments { overflow-x: auto } }
@media print { body { padding: 0; max-width: none; font-size: 10pt } .lead { font-size: 11.5pt }
  .rest { break-before: page; border: 0 } tr, figure { break-inside: avoid } }
""".strip()


def card_files(card: Card) -> dict[str, bytes]:
    """The card in its three forms, by the names that they bear beside a model."""
    forms = {CARD_JSON: card.to_json(), CARD_MARKDOWN: markdown(card), CARD_HTML: page(card)}
    return {name: text.encode() for name, text in forms.items()}


def page(card: Card) -> str:
    """The card as an HTML document that asks no other host for anything."""
    parts = {part.anchor: part for part in sections(card)}
    first = "".join(_section(parts[name]) for name in _BESIDE)
    rest = "".join(_section(part) for name, part in parts.items() if name not in _BESIDE)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Model card: {_text(card.title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header>
<p class="kicker">Model card</p>
<h1>{_text(card.title)}</h1>
<p class="made">{_text(_made(card))}</p>
</header>
<main>
<div class="lead">{_html(summary(card))}</div>
{_first(card)}
<div class="charts">
{_chart(calibration_chart(card), "Rate of default against predicted probability, by tenths", "Predicted and observed rate of default in tenths of the test clients, with one standard error; on the dotted line, probabilities are true.")}
{_chart(cost_chart(card), "Loss for each test client over the cost of a missed defaulter", "Loss for each test client over the cost of a missed defaulter, at the threshold that is best for each cost.")}
</div>
<div class="beside">{first}</div>
<div class="rest">{rest}</div>
</main>
</body>
</html>
"""


def _made(card: Card) -> str:
    day = card.created.split("T")[0]
    return f"{card.family} · trained {day} · run {card.run_id[:8]} · code {card.commit[:8]} · {card.data.source} {card.data.digest[:8]}"


def _first(card: Card) -> str:
    auc, loss = card.result("AUC"), card.result("loss_of_income")
    rate = card.segments.overall.acceptance_rate
    between = "" if rate is None or rate.low is None or rate.high is None else (
        f"{100 * rate.low:.1f} to {100 * rate.high:.1f} % of test clients"
    )  # fmt: skip
    cells = (
        ("AUC", f"{auc.test:.3f}", f"{auc.low:.3f} to {auc.high:.3f}"),
        ("Loss per client", f"{loss.test:.3f}", f"{loss.low:.3f} to {loss.high:.3f}"),
        ("Refused above", f"{100 * card.threshold:.1f} %", f"a missed default costs {card.fn_cost:g}"),
        ("Granted", f"{100 * card.granted:.1f} %", between),
    )  # fmt: skip
    return "".join(
        [
            '<dl class="first">',
            *(f"<div><dt>{a}</dt><dd>{b}<small>{c}</small></dd></div>" for a, b, c in cells),
            "</dl>",
        ]
    )


def _section(part: Section) -> str:
    return (
        f'<section id="{part.anchor}"><h2>{_text(part.title)}</h2>{_html(part.markdown)}</section>'
    )


def _html(text: str) -> str:
    """Markdown to HTML, tables too; HTML in it is text and stays so."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image"])
    tokens = reader.parse(text)
    for before, token in pairwise(tokens):
        if before.type == "td_open":
            _set_interval(token)
    return str(reader.renderer.render(tokens, reader.options, {}))


def _set_interval(cell: Token) -> None:
    """Put the interval of a figure below it, in small."""
    if (found := _INTERVAL.match(cell.content)) is None:
        return
    value, interval, mark = found.groups()
    marked = f"<em>{value} *</em>" if mark else value
    cell.children = [
        Token("html_inline", "", 0, content=f"{marked}<small>{interval}</small>"),
    ]


def _text(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )


def _chart(figure: Any, alt: str, caption: str) -> str:
    encoded = base64.b64encode(_svg(figure)).decode()
    return (
        f'<figure><img src="data:image/svg+xml;base64,{encoded}" alt="{_text(alt)}">'
        f"<figcaption>{_text(caption)}</figcaption></figure>"
    )


def _svg(figure: Any) -> bytes:
    """The same figure, the same bytes: no date, and ids from a fixed salt."""
    import matplotlib as mpl  # noqa: PLC0415  (half a second that a refusal should not wait for)

    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "card"}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


def calibration_chart(card: Card) -> Any:
    """Observed against predicted rate of default, in percent."""
    curve = card.calibration.curve
    figure, axes = _axes("predicted, %", "observed, %")
    said, came = [100 * b.predicted for b in curve], [100 * b.observed for b in curve]
    errors = [100 * b.se for b in curve]
    edge = 1.06 * max(*said, *(c + e for c, e in zip(came, errors, strict=True)))
    axes.plot([0, edge], [0, edge], color=_SOFT, linestyle=(0, (1, 2)), linewidth=1)
    axes.errorbar(
        said, came, yerr=errors, color=_INK, marker="o", markersize=4, linewidth=1.1,
        elinewidth=0.9, capsize=0,
    )  # fmt: skip
    axes.set(xlim=(0, edge), ylim=(0, edge))
    return figure


def cost_chart(card: Card) -> Any:
    """The loss over the cost, beside granting and refusing everybody; labels at the lines."""
    rows = card.costs
    figure, axes = _axes("cost of a missed defaulter, in refused good clients", "loss per client")
    ratios = [row.fn_cost for row in rows]
    top = 1.12 * max(row.refuse_all for row in rows)
    axes.axvline(card.fn_cost, color=_ACCENT, linewidth=0.8)
    axes.plot(ratios, [row.approve_all for row in rows], color=_SOFT, linestyle="--", linewidth=1)
    axes.plot(ratios, [row.refuse_all for row in rows], color=_SOFT, linestyle=":", linewidth=1.2)
    axes.errorbar(
        ratios, [row.best for row in rows], yerr=[row.best_se for row in rows], color=_INK,
        marker="o", markersize=2.6, linewidth=1.1, elinewidth=0.8, capsize=0,
    )  # fmt: skip
    last, half = (
        rows[-1],
        min(rows, key=lambda row: abs(row.approve_all - 0.8 * rows[-1].refuse_all)),
    )
    for text, place, offset, side, colour in (
        ("refuse everybody", (last.fn_cost, last.refuse_all), (0, 3), "right", _SOFT),
        ("grant everybody", (half.fn_cost, half.approve_all), (7, -3), "left", _SOFT),
        ("this model", (last.fn_cost, last.best), (0, -24), "right", _INK),
        (f"here {card.fn_cost:g}", (card.fn_cost, 0), (4, 4), "left", _ACCENT),
    ):
        axes.annotate(
            text, place, offset, textcoords="offset points", ha=side, color=colour, fontsize=8
        )
    axes.set(
        ylim=(0, top), xlim=(0, ratios[-1] + 0.5), xticks=[1, *range(5, 1 + int(ratios[-1]), 5)]
    )
    return figure


def _axes(x: str, y: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # noqa: PLC0415  (half a second, as above)

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_SOFT)
    axes.tick_params(colors=_SOFT, labelsize=8, length=3)
    axes.set_xlabel(x, color=_SOFT, fontsize=8.5)
    axes.set_ylabel(y, color=_SOFT, fontsize=8.5)
    return figure, axes
