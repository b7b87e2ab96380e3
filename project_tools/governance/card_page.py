"""The model card as one HTML page: self-contained, without a script, made to be printed.

The text is the card's own Markdown; the page adds the first figures in large and two charts.
"""

import re
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from project_tools.evaluation.metrics import interval_text
from project_tools.governance.card import Card
from project_tools.governance.card_text import facts_json, markdown, sections, summary
from project_tools.governance.pages import data_uri, render
from project_tools.serving.folder import CARD_HTML, CARD_JSON, CARD_MARKDOWN

#: Sections of the first page, in two columns below the charts; the others follow.
_BESIDE = ("purpose", "people", "decision", "calibration", "limits")
_NUMBER = r"-?\d+\.\d+"
#: A figure with its interval, as the tables write it, and the mark of the four-fifths rule. Digits
#: alone: what matches is written as HTML.
_INTERVAL = re.compile(rf"({_NUMBER}) \(({_NUMBER} to {_NUMBER})\)( \*)?")
_INK, _SOFT, _ACCENT = "#1d1f22", "#6b7076", "#8c2f1b"
_SIZE = (4.3, 3.1)


def card_files(card: Card) -> dict[str, bytes]:
    """The card in its three forms, by the names of their files beside a model."""
    forms = {CARD_JSON: facts_json(card), CARD_MARKDOWN: markdown(card), CARD_HTML: page(card)}
    return {name: text.encode() for name, text in forms.items()}


def page(card: Card) -> str:
    """The card as an HTML document that asks no other host for anything."""
    parts = [
        {"anchor": part.anchor, "title": part.title, "html": _html(part.markdown)}
        for part in sections(card)
    ]
    return render(
        "card.html.j2",
        title=card.title,
        made=f"{card.family} · trained {card.created.split('T')[0]} · run {card.run_id[:8]} · "
        f"code {card.commit[:8]} · {card.data.source} {card.data.digest[:8]}",
        lead=_html(summary(card)),
        first=_first(card),
        calibration_chart=data_uri(calibration_chart(card), "svg+xml"),
        cost_chart=data_uri(cost_chart(card), "svg+xml"),
        beside=sorted(
            (part for part in parts if part["anchor"] in _BESIDE),
            key=lambda part: _BESIDE.index(part["anchor"]),
        ),
        rest=[part for part in parts if part["anchor"] not in _BESIDE],
    )


def _first(card: Card) -> list[tuple[str, str, str]]:
    """The figures in large: name, value, and what stands below in small."""
    auc, loss = card.result("AUC"), card.result("loss_of_income")
    rate, between = card.segments.overall.acceptance_rate, ""
    if rate is not None and rate.low is not None and rate.high is not None:
        between = f"{100 * rate.low:.1f} to {100 * rate.high:.1f} % of test clients"
    return [
        ("AUC", f"{auc.test:.3f}", interval_text(auc.interval, 3)),
        ("Loss per client", f"{loss.test:.3f}", interval_text(loss.interval, 3)),
        ("Refused above", f"{100 * card.threshold:.1f} %", f"a missed default costs {card.fn_cost:g}"),
        ("Granted", f"{100 * card.granted:.1f} %", between),
    ]  # fmt: skip


def _html(text: str) -> str:
    """Markdown to HTML, tables too; HTML in the Markdown is shown as text."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image"])
    tokens = reader.parse(text)
    for before, token in pairwise(tokens):
        if before.type == "td_open" and (match := _INTERVAL.fullmatch(token.content)):
            value, interval, mark = match.groups()
            shown = f"<em>{value} *</em>" if mark else value
            # The interval goes below its figure, in small.
            token.children = [
                Token("html_inline", "", 0, content=f"{shown}<small>{interval}</small>")
            ]
    return str(reader.renderer.render(tokens, reader.options, {}))


def calibration_chart(card: Card) -> Any:
    """Observed against predicted rate of default, in percent."""
    curve = card.calibration.curve
    figure, axes = _axes("predicted, %", "observed, %")
    predicted, observed = [100 * b.predicted for b in curve], [100 * b.observed for b in curve]
    errors = [100 * b.se for b in curve]
    edge = 1.06 * max(*predicted, *(o + e for o, e in zip(observed, errors, strict=True)))
    axes.plot([0, edge], [0, edge], color=_SOFT, linestyle=(0, (1, 2)), linewidth=1)
    axes.errorbar(
        predicted, observed, yerr=errors, color=_INK, marker="o", markersize=4, linewidth=1.1,
        elinewidth=0.9, capsize=0,
    )  # fmt: skip
    axes.set(xlim=(0, edge), ylim=(0, edge))
    return figure


def cost_chart(card: Card) -> Any:
    """The loss over the cost of a missed defaulter, beside granting and refusing everybody."""
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
    last = rows[-1]
    half = min(rows, key=lambda row: abs(row.approve_all - 0.8 * last.refuse_all))
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
