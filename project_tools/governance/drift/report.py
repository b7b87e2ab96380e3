"""A comparison for people: a table for the terminal, a page with pictures for the browser."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from rich.text import Text

from project_tools.governance.drift.comparison import LARGE, MODERATE, Change, Drift, FeatureDrift
from project_tools.system.files import replacing

#: Rows of the terminal's table, and bars of the first picture.
_SHOWN, _LEAST_SHOWN = 20, 5
#: Features whose distributions are drawn.
_DRAWN = 8
_DPI = 90
#: Letters of a bin's label.
_LABEL = 26
#: Colours that differ in lightness too, for whoever does not tell hues apart.
_REFERENCE, _NEW, _ALARM, _CALM = "#9aa5b1", "#1f4e79", "#b3261e", "#5b7c99"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 62rem;
  margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: left; font-weight: 600; padding: .4rem 0; }
th, td { border-bottom: 1px solid #c9ced4; padding: .3rem .6rem; text-align: right; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
tr.alarm td, tr.alarm th { background: #fdecea; font-weight: 600; }
img { max-width: 100%; height: auto; }
.wide { overflow-x: auto; }
"""
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


def verdict(drift: Drift) -> str:
    """The comparison in one sentence."""
    count = len(drift.alarms)
    if not count:
        return "No drift: nothing changed by more than chance and the stated limits."
    first = ", ".join(drift.alarms[:3])
    return f"Drift in {count} of {_compared(drift)} figures compared: {first}{', …' * (count > 3)}."  # noqa: PLR2004


def rule_in_words(drift: Drift) -> str:
    """When an alarm is given, and what can be seen with this many rows."""
    rule = drift.rule
    chance = (
        f" With {drift.new_rows:,} new rows one of {len(drift.features)} features is told from "
        f"chance from a PSI of about {drift.least_psi:.3g} on."
        if drift.features
        else ""
    )
    limits = (
        f", the acceptance rate changes by {100 * rule.acceptance:g} points or the expected loss "
        f"by {100 * rule.loss:g} %"
        if drift.score is not None
        else ""
    )
    return (
        f"Alarm where the PSI is {rule.psi:g} or more above what chance gives{limits}, and the "
        f"p-value, corrected for all tests (Benjamini-Hochberg), is below {rule.alpha:g}.{chance}"
    )


def feature_verdict(feature: FeatureDrift, alpha: float) -> str:
    """What a person should take from one row."""
    told = feature.p_adjusted < alpha
    if feature.band == "none":
        said = "small shift" if told else "stable"
    else:
        said = f"{feature.band} shift" if told else f"{feature.band}, not told from chance"
    unknown = f", {feature.unknown_rows:,} rows of new levels" if feature.unknown_rows else ""
    return f"{'ALARM: ' * feature.alarm}{said}{unknown}"


def change_verdict(change: Change, alpha: float) -> str:
    """The same of a figure of the decisions."""
    if change.alarm:
        return "ALARM"
    return "within the limit" if change.p_adjusted < alpha else "not told from chance"


def print_drift(drift: Drift, console: Console) -> None:
    """Verdict, figures of the decisions, the features that shifted most, and the rule."""
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
            console.print(_change_line(one, alpha), markup=False)
    if drift.features:
        console.print(_features_table(drift))
    for line in (*drift.notes, rule_in_words(drift), verdict(drift)):
        console.print(line, markup=False)


def _change_line(one: Change, alpha: float) -> str:
    low, high = one.interval
    return (
        f"{one.name}: {one.reference:.4f} → {one.new:.4f} {one.unit}, {one.change:+.4f} "
        f"(95 %: {low:+.4f} to {high:+.4f}): {change_verdict(one, alpha)}"
    )


def _features_table(drift: Drift) -> Table:
    """The features with a shift, and the next few."""
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
    """A page that needs no other file: verdict, tables, pictures with their text."""
    with replacing(path) as temporary:
        temporary.write_text(html(drift), encoding="utf-8")


def html(drift: Drift) -> str:
    """The page's text."""
    parts = [f"<p>{escape(_sizes(drift))}</p>", f"<p>{escape(rule_in_words(drift))}</p>"]
    parts += [f"<p>Note: {escape(note)}.</p>" for note in drift.notes]
    if drift.score is not None:
        changes = (drift.score.acceptance, drift.score.loss)
        rows = [(one.alarm, _change_cells(one, drift.rule.alpha)) for one in changes]
        parts += ["<h2>Decisions</h2>", _html_table("Decisions", _CHANGE_HEADS, rows)]
        score = drift.score.probability
        rows = [(score.alarm, _cells(score, drift.rule.alpha))]
        parts += [_html_table("Probability of default", _HEADS, rows), _distributions([score])]
    if drift.features:
        rows = [(one.alarm, _cells(one, drift.rule.alpha)) for one in drift.features]
        parts += ["<h2>Features</h2>", _bars(drift), _distributions(drift.features[:_DRAWN])]
        parts += [_html_table("All features: alarms first, then the largest shift", _HEADS, rows)]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Drift of {escape(drift.new)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<main>\n<h1>{escape(verdict(drift))}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _compared(drift: Drift) -> int:
    return len(drift.features) + (0 if drift.score is None else 3)


def _sizes(drift: Drift) -> str:
    return (
        f"Reference: {drift.reference}, {drift.reference_rows:,} rows. "
        f"New: {drift.new}, {drift.new_rows:,} rows."
    )


def _cells(feature: FeatureDrift, alpha: float) -> tuple[str, ...]:
    statistic = "-" if feature.statistic is None else f"{feature.statistic:.3g}"
    return (
        feature.name,
        f"{feature.psi:.3f}",
        f"{feature.excess:.3f}",
        {"KS": "KS", "chi2": "χ²"}[feature.test],
        statistic,
        _p(feature.p_adjusted),
        f"{feature.missing_reference:.1%} → {feature.missing_new:.1%}",
        feature_verdict(feature, alpha),
    )


_CHANGE_HEADS = ("figure", "reference", "new", "change", "95 % interval", "p, corrected", "verdict")


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


def _html_table(
    caption: str, heads: Sequence[str], rows: Sequence[tuple[bool, Sequence[str]]]
) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    lines = []
    for alarm, cells in rows:
        first, *others = (escape(cell) for cell in cells)
        mark = ' class="alarm"' if alarm else ""
        data = "".join(f"<td>{cell}</td>" for cell in others)
        lines.append(f'<tr{mark}><th scope="row">{first}</th>{data}</tr>')
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _bars(drift: Drift) -> str:
    shown = drift.features[:_SHOWN][::-1]
    figure = Figure(figsize=(9, 1.2 + 0.28 * len(shown)), layout="constrained")
    axes = figure.subplots()
    values = [one.excess for one in shown]
    colours = [_ALARM if one.alarm else _CALM for one in shown]
    axes.barh([_plain(one.name) for one in shown], values, color=colours)
    for psi, name, style in ((MODERATE, "moderate", ":"), (LARGE, "large", "--")):
        axes.axvline(
            psi, color="#1b1b1b", linestyle=style, linewidth=1, label=f"{name} from {psi:g}"
        )
    axes.legend(loc="lower right", fontsize=8)
    axes.set_xlim(0, max(1.2 * LARGE, 1.05 * max(values)))
    axes.set_xlabel("PSI above what chance gives (red: alarm)")
    first = ", ".join(f"{one.name} {one.excess:.3f}" for one in drift.features[:5])
    return _image(figure, f"Bars of the PSI above chance: {first}.")


def _distributions(features: Sequence[FeatureDrift]) -> str:
    columns = min(2, len(features))
    rows = -(-len(features) // columns)
    figure = Figure(figsize=(4.8 * columns, 3.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for axes, feature in zip(grid, features, strict=False):
        _draw(axes, feature)
    for axes in list(grid)[len(features) :]:
        axes.set_axis_off()
    said = "; ".join(f"{one.name}, PSI {one.psi:.3f}: {_most_moved(one)}" for one in features)
    return _image(figure, f"Shares of each bin, reference beside new. {said}.")


def _draw(axes: Axes, feature: FeatureDrift) -> None:
    bins = [b for b in _bins(feature) if b[1] or b[2]]
    places = range(len(bins))
    axes.bar(
        [p - 0.2 for p in places], [b[1] for b in bins], 0.4, color=_REFERENCE, label="reference"
    )
    axes.bar([p + 0.2 for p in places], [b[2] for b in bins], 0.4, color=_NEW, label="new")
    axes.set_xticks(
        list(places), [_plain(b[0][:_LABEL]) for b in bins], rotation=55, ha="right", fontsize=7
    )
    axes.set_title(_plain(feature.name), fontsize=9)
    axes.set_ylabel("share of rows", fontsize=8)
    axes.legend(fontsize=7)


def _bins(feature: FeatureDrift) -> list[tuple[str, float, float]]:
    return list(zip(feature.labels, feature.shares_reference, feature.shares_new, strict=True))


def _most_moved(feature: FeatureDrift) -> str:
    label, before, now = max(_bins(feature), key=lambda b: abs(b[2] - b[1]))
    return f"“{label}” from {before:.1%} to {now:.1%}"


def _plain(text: str) -> str:
    """Without the sign by which matplotlib begins a formula."""
    return text.replace("$", r"\$")


def _image(figure: Figure, alt: str) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=_DPI, facecolor="white", metadata={"Software": None})
    data = base64.b64encode(content.getvalue()).decode("ascii")
    return f'<p><img alt="{escape(alt)}" src="data:image/png;base64,{data}"></p>'


def _p(value: float) -> str:
    """A p-value; the smallest are 0 in double precision.

    >>> _p(0.0321), _p(0.0)
    ('0.032', '< 1e-300')
    """
    return f"{value:.2g}" if value else "< 1e-300"
