"""A comparison for people: a table for the terminal, a page with pictures for the browser."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from rich.text import Text

from project_tools.errors import abbreviated
from project_tools.evaluation.metrics import signed_interval
from project_tools.governance.drift.comparison import LARGE, MODERATE, Change, Drift, FeatureDrift
from project_tools.governance.drift.joint import LEAST_AUC, LEVEL
from project_tools.governance.pages import data_uri, render
from project_tools.system.files import replacing

#: Most rows of the terminal's table, and its least; the most bars of the first picture.
_SHOWN, _LEAST_SHOWN = 20, 5
#: Features whose distributions are drawn.
_DRAWN = 8
#: Letters of a bin's label.
_LABEL = 26
#: Colours that differ in lightness too, for people who cannot tell the hues apart.
_REFERENCE, _NEW, _ALARM, _CALM = "#9aa5b1", "#1f4e79", "#b3261e", "#5b7c99"
_HEADS = (
    "feature",
    "PSI",
    "above chance",
    "test",
    "distance",
    "p, corrected",
    "not known",
    "verdict",
)
_CHANGE_HEADS = ("figure", "reference", "new", "change", "95 % interval", "p, corrected", "verdict")


def verdict(drift: Drift) -> str:
    """The comparison in one sentence."""
    realised = () if drift.performance is None else drift.performance.realised
    compared = len(drift.features) + (0 if drift.score is None else 3)
    compared += len(realised) + (drift.joint is not None)
    count = len(drift.alarms)
    if not count:
        return "No drift: nothing changed by more than chance and the stated limits."
    return f"Drift in {count} of {compared} figures compared: {abbreviated(drift.alarms)}."


def in_words(drift: Drift) -> list[str]:
    """The joint comparison and the model's performance, a line each."""
    lines, joint, done = [], drift.joint, drift.performance
    if joint is not None:
        conclusion = "ALARM" if joint.alarm else "no more than chance or the limit"
        lines.append(
            f"features together: a discriminator separates new rows from reference rows with AUC "
            f"{joint.auc:.3f} (.5: not at all), p {_p(joint.p)}: {conclusion}. It sees {len(joint.features)} "
            f"numbers, of {joint.rows_reference:,} and {joint.rows_new:,} rows; it alarms from AUC "
            f"{LEAST_AUC:g} and p {LEVEL:g}. Features of groups (GROUP1_, GROUP2_, CTAR_) are left out: "
            "a training client counts in its own group, a new one does not"
        )
    if done is not None:
        loss = "" if drift.score is None else f", loss {drift.score.loss.new:.4f}"
        lines.append(
            f"performance to expect from the probabilities: AUC {done.expected_auc:.4f}{loss}; this "
            "assumes that they are true, and does not see values that changed places between clients"
        )
        lines += [
            f"{one.name} of {done.with_outcomes:,} clients with outcomes: {one.new:.4f}, expected "
            f"{one.reference:.4f}, {one.change:+.4f} {signed_interval(one.interval)}: "
            f"{change_verdict(one, drift.rule.alpha)}"
            for one in done.realised
        ]
        if done.with_outcomes and not done.realised:
            lines.append(f"{done.with_outcomes:,} clients have outcomes: too few to judge by")
    return lines


def rule_in_words(drift: Drift) -> str:
    """When there is an alarm, and how small a shift shows with this many rows."""
    rule, size = drift.rule, f"PSI {drift.rule.psi:g} or more above what chance gives"
    if drift.score is not None:
        size += (
            f"; acceptance rate by {100 * rule.acceptance:g} points; expected loss by "
            f"{100 * rule.loss:g} %"
        )
    text = (
        f"A figure alarms if it changed enough ({size}) and if its p-value, corrected for all tests "
        f"(Benjamini-Hochberg), is below {rule.alpha:g}."
    )
    if not drift.features:
        return text
    return (
        f"{text} With {drift.new_rows:,} new rows, a single feature of {len(drift.features)} "
        f"differs from chance from a PSI of about {drift.least_psi:.3g} on."
    )


def feature_verdict(feature: FeatureDrift, alpha: float) -> str:
    """The conclusion for one feature."""
    significant = feature.p_adjusted < alpha
    if feature.band == "none":
        text = "small shift" if significant else "stable"
    else:
        text = f"{feature.band} shift{'' if significant else ', may be chance'}"
    new = f", {feature.unknown_rows:,} rows of new levels" if feature.unknown_rows else ""
    return f"{'ALARM: ' * feature.alarm}{text}{new}"


def change_verdict(change: Change, alpha: float) -> str:
    """The conclusion for one figure of the decisions."""
    if change.alarm:
        return "ALARM"
    return "within the limit" if change.p_adjusted < alpha else "may be chance"


def print_drift(drift: Drift, console: Console) -> None:
    """Print the figures of the decisions, the features that shifted most, rule and verdict."""
    alpha = drift.rule.alpha
    console.print(_sizes(drift), markup=False)
    if drift.score is not None:
        score = drift.score.probability
        console.print(
            f"score: PSI {score.psi:.3f}, {score.excess:.3f} above chance: "
            f"{feature_verdict(score, alpha)}",
            markup=False,
        )
        for one in (drift.score.acceptance, drift.score.loss):
            console.print(
                f"{one.name}: {one.reference:.4f} → {one.new:.4f} {one.unit}, {one.change:+.4f} "
                f"{signed_interval(one.interval)}: {change_verdict(one, alpha)}",
                markup=False,
            )
    if drift.features:
        console.print(_features_table(drift))
    for line in (*in_words(drift), *drift.notes, rule_in_words(drift), verdict(drift)):
        console.print(line, markup=False)


def _features_table(drift: Drift) -> Table:
    """The features that shifted, at least the first few."""
    shifted = sum(one.alarm or one.band != "none" for one in drift.features)
    shown = drift.features[: max(_LEAST_SHOWN, min(_SHOWN, shifted))]
    table = Table(
        title=f"{len(shown)} of {len(drift.features)} features: alarms first, then the largest shift"
    )
    table.add_column("feature", overflow="fold")
    for head in ("PSI", "above\nchance", "p,\ncorrected", "not known"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict")
    for one in shown:
        cells = _cells(one, drift.rule.alpha)
        table.add_row(*(Text(cell) for cell in (*cells[:3], *cells[5:])))
    return table


def write_html(drift: Drift, path: Path) -> None:
    """Write the page of ``html`` to a file."""
    with replacing(path) as temporary:
        temporary.write_text(html(drift), encoding="utf-8")


def html(drift: Drift) -> str:
    """A page that needs no other file: verdict, tables, and pictures with a text for each."""
    alpha, decisions, features = drift.rule.alpha, None, None
    if drift.score is not None:
        probability, changes = drift.score.probability, (drift.score.acceptance, drift.score.loss)
        decisions = {
            "changes": {
                "caption": "Decisions",
                "heads": _CHANGE_HEADS,
                "rows": [{"alarm": c.alarm, "cells": _change_cells(c, alpha)} for c in changes],
            },
            "probability": _table("Probability of default", [probability], alpha),
            "picture": _distributions([probability]),
        }
    if drift.features:
        features = {
            "bars": _bars(drift),
            "distributions": _distributions(drift.features[:_DRAWN]),
            "table": _table(
                "All features: alarms first, then the largest shift", drift.features, alpha
            ),
        }
    return render(
        "drift.html.j2",
        drift=drift,
        verdict=verdict(drift),
        sizes=_sizes(drift),
        rule=rule_in_words(drift),
        decisions=decisions,
        features=features,
        lines=in_words(drift),
    )


def _sizes(drift: Drift) -> str:
    return (
        f"Reference: {drift.reference}, {drift.reference_rows:,} rows. "
        f"New: {drift.new}, {drift.new_rows:,} rows."
    )


def _table(caption: str, features: Sequence[FeatureDrift], alpha: float) -> dict[str, Any]:
    rows = [{"alarm": one.alarm, "cells": _cells(one, alpha)} for one in features]
    return {"caption": caption, "heads": _HEADS, "rows": rows}


def _cells(feature: FeatureDrift, alpha: float) -> tuple[str, ...]:
    return (
        feature.name,
        f"{feature.psi:.3f}",
        f"{feature.excess:.3f}",
        {"KS": "KS", "chi2": "χ²"}[feature.test],
        "-" if feature.statistic is None else f"{feature.statistic:.3g}",
        _p(feature.p_adjusted),
        f"{feature.missing_reference:.1%} → {feature.missing_new:.1%}",
        feature_verdict(feature, alpha),
    )


def _change_cells(one: Change, alpha: float) -> tuple[str, ...]:
    low, high = one.interval
    return (
        f"{one.name} ({one.unit})",
        f"{one.reference:.4f}",
        f"{one.new:.4f}",
        f"{one.change:+.4f}",
        f"{low:+.4f} to {high:+.4f}",
        _p(one.p_adjusted),
        change_verdict(one, alpha),
    )


def _bars(drift: Drift) -> dict[str, str]:
    shown = drift.features[:_SHOWN][::-1]
    figure = Figure(figsize=(9, 1.2 + 0.28 * len(shown)), layout="constrained")
    axes = figure.subplots()
    values = [one.excess for one in shown]
    colours = [_ALARM if one.alarm else _CALM for one in shown]
    axes.barh([_no_formula(one.name) for one in shown], values, color=colours)
    for psi, name, style in ((MODERATE, "moderate", ":"), (LARGE, "large", "--")):
        axes.axvline(
            psi, color="#1b1b1b", linestyle=style, linewidth=1, label=f"{name} from {psi:g}"
        )
    axes.legend(loc="lower right", fontsize=8)
    axes.set_xlim(0, max(1.2 * LARGE, 1.05 * max(values)))
    axes.set_xlabel("PSI above what chance gives (red: alarm)")
    first = ", ".join(f"{one.name} {one.excess:.3f}" for one in drift.features[:5])
    return {"src": data_uri(figure, "png"), "alt": f"Bars of the PSI above chance: {first}."}


def _distributions(features: Sequence[FeatureDrift]) -> dict[str, str]:
    columns = min(2, len(features))
    rows = -(-len(features) // columns)
    figure = Figure(figsize=(4.8 * columns, 3.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat
    texts = []
    for axes, feature in zip(grid, features, strict=False):
        _draw(axes, feature)
        label, before, now = max(_bins(feature), key=lambda b: abs(b[2] - b[1]))
        texts.append(
            f"{feature.name}, PSI {feature.psi:.3f}: “{label}” from {before:.1%} to {now:.1%}"
        )
    for axes in list(grid)[len(features) :]:
        axes.set_axis_off()
    alt = f"Shares of each bin, reference beside new. {'; '.join(texts)}."
    return {"src": data_uri(figure, "png"), "alt": alt}


def _draw(axes: Axes, feature: FeatureDrift) -> None:
    bins = [b for b in _bins(feature) if b[1] or b[2]]
    places = range(len(bins))
    axes.bar(
        [p - 0.2 for p in places], [b[1] for b in bins], 0.4, color=_REFERENCE, label="reference"
    )
    axes.bar([p + 0.2 for p in places], [b[2] for b in bins], 0.4, color=_NEW, label="new")
    axes.set_xticks(
        list(places),
        [_no_formula(b[0][:_LABEL]) for b in bins],
        rotation=55,
        ha="right",
        fontsize=7,
    )
    axes.set_title(_no_formula(feature.name), fontsize=9)
    axes.set_ylabel("share of rows", fontsize=8)
    axes.legend(fontsize=7)


def _bins(feature: FeatureDrift) -> list[tuple[str, float, float]]:
    return list(zip(feature.labels, feature.shares_reference, feature.shares_new, strict=True))


def _no_formula(text: str) -> str:
    """The text with its dollar signs escaped: matplotlib reads a formula between two of them."""
    return text.replace("$", r"\$")


def _p(value: float) -> str:
    """A p-value in two digits; the smallest ones are 0 in double precision.

    >>> _p(0.0321), _p(0.0)
    ('0.032', '< 1e-300')
    """
    return f"{value:.2g}" if value else "< 1e-300"
