"""Charts drawn as PNG by matplotlib, without pyplot: each picture has a figure of its own.

The process that draws imports this module; a process that scores does not.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from project_tools.serving.charts import Beeswarm, Chart, Dots, Waterfall

_DPI = 100
#: Inches: a row, the plot beside the labels, and the white around the plot.
_ROW, _PLOT, _EDGE, _BELOW, _ABOVE, _COLOURS = 0.5, 6.0, 0.15, 0.8, 0.45, 0.9
_RISES, _FALLS, _GREY, _LINE = "#ff0051", "#008bfb", "#777777", "#999999"
_LOW_TO_HIGH = LinearSegmentedColormap.from_list("low to high", [_FALLS, "#8b3fb8", _RISES])
_LABEL_SIZE, _TEXT_SIZE = 10, 11
#: Space left and right of the bars for their numbers, as a share of the axis.
_PADDING = 0.16
#: Bins of a row of dots; the dots of one bin lie above each other, within this share of the row.
_BINS, _SPREAD = 100, 0.36
#: Percent of the values that are coloured as the lowest and as the highest.
_EXTREMES = (5, 95)


def png(chart: Chart) -> bytes:
    """The chart as PNG; the same chart gives the same bytes."""
    rows = chart.bars if isinstance(chart, Waterfall) else chart.rows
    colours = _COLOURS if isinstance(chart, Beeswarm) else 0
    figure = Figure(dpi=_DPI, facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)  # matplotlib types only a part of it
    axes: Any = figure.add_axes((0.5, 0.1, 0.4, 0.8))
    places = np.arange(len(rows))[::-1]  # the first row on top
    labels = [row.label for row in rows]
    axes.set_yticks(places, labels, fontsize=_LABEL_SIZE, parse_math=False)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=_TEXT_SIZE)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.hlines(places, 0, 1, transform=axes.get_yaxis_transform(), color="#dddddd", lw=0.5,
                linestyles=(0, (1, 5)), zorder=-1)  # fmt: skip
    if isinstance(chart, Waterfall):
        _draw_bars(axes, places, chart)
    else:
        _draw_swarm(axes, places, chart)
    # The width of the labels is measured, so that none is cut.
    renderer = canvas.get_renderer()
    widths = [label.get_window_extent(renderer).width for label in axes.get_yticklabels()]
    left = max(widths, default=0) / _DPI + 2 * _EDGE
    width, height = left + _PLOT + _EDGE + colours, _BELOW + _ROW * len(rows) + _ABOVE
    figure.set_size_inches(width, height)
    plot = (left / width, _BELOW / height, _PLOT / width, _ROW * len(rows) / height)
    axes.set_position(plot)
    if isinstance(chart, Beeswarm):
        bar = figure.add_axes(((left + _PLOT + _EDGE) / width, plot[1], 0.06 / width, plot[3]))
        _draw_colours(figure, bar, chart.colours)
    content = io.BytesIO()
    canvas.print_png(content, pil_kwargs={"compress_level": 3})  # half the time of the default 6
    return content.getvalue()


def _draw_bars(axes: Any, places: NDArray[np.int64], chart: Waterfall) -> None:
    values = np.array([bar.value for bar in chart.bars], dtype=float)
    # From the average at the bottom upwards: a bar begins where the one below it ends.
    ends = chart.average + np.cumsum(values[::-1])[::-1]
    starts = ends - values
    colours = [_RISES if value > 0 else _FALLS for value in values]
    axes.barh(places, values, left=starts, height=0.75, color=colours)
    low, high = (f((*starts, *ends, chart.average, chart.score)) for f in (min, max))
    padding = _PADDING * (high - low or 1)
    axes.set_xlim(low - padding, high + padding)
    for place, start, end, value in zip(places, starts, ends, values, strict=True):
        rises = value > 0
        edge = max(start, end) if rises else min(start, end)
        axes.annotate(
            _signed(value), (edge, place), (4 if rises else -4, 0), textcoords="offset points",
            ha="left" if rises else "right", va="center", fontsize=_TEXT_SIZE,
        )  # fmt: skip
    top, bottom = axes.get_ylim()[1], axes.get_ylim()[0]
    for value, words, place, side in (
        (chart.score, "this client", top, "bottom"),
        (chart.average, "average", bottom, "top"),
    ):
        axes.vlines(value, bottom, top, color=_LINE, lw=0.7, linestyles="--", zorder=-1)
        axes.annotate(
            f"{words} {_plain(value)}", (value, place), (0, 4 if side == "bottom" else -24),
            textcoords="offset points", ha="center", va=side, fontsize=_TEXT_SIZE, color="#555555",
        )  # fmt: skip
    axes.set_xlabel(chart.axis, fontsize=_TEXT_SIZE, labelpad=20, parse_math=False)


def _draw_swarm(axes: Any, places: NDArray[np.int64], chart: Beeswarm) -> None:
    axes.axvline(0, color=_LINE, lw=1, zorder=-1)
    for place, row in zip(places, chart.rows, strict=True):
        x = np.array(row.contributions, dtype=float)
        axes.scatter(x, place + _heights(x), s=14, c=_dot_colours(row), linewidths=0)
    note = f"\n{chart.note}" if chart.note else ""
    axes.set_xlabel(f"{chart.axis}{note}", fontsize=_TEXT_SIZE, parse_math=False)


def _heights(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each dot lies above or below the middle of its row, by turns for those of one bin."""
    heights = np.zeros(len(x))
    if len(x):
        bins = np.round(_BINS * (x - x.min()) / (np.ptp(x) or 1)).astype(int)
        order = np.argsort(bins, kind="stable")
        firsts = np.searchsorted(bins[order], bins[order])
        rank = np.arange(len(x)) - firsts
        heights[order] = (rank + 1) // 2 * np.where(rank % 2, 1, -1)
    return np.asarray(_SPREAD * heights / (np.abs(heights).max(initial=0) + 1))


def _dot_colours(row: Dots) -> Sequence[Any]:
    values = np.array([np.nan if v is None else v for v in row.values], dtype=float)
    missing = np.isnan(values)
    if missing.all():
        return [_GREY] * len(values)
    low, high = np.percentile(values[~missing], _EXTREMES)
    if not low < high:
        low, high = np.nanmin(values), np.nanmax(values)
    shares = np.clip((values - low) / ((high - low) or 1), 0, 1)
    colours = _LOW_TO_HIGH(np.where(missing, 0, shares))
    return [_GREY if gone else tuple(c) for gone, c in zip(missing, colours, strict=True)]


def _draw_colours(figure: Any, axes: Any, words: str) -> None:
    bar = figure.colorbar(ScalarMappable(cmap=_LOW_TO_HIGH), cax=axes, ticks=[0, 1])
    bar.set_ticklabels(["low", "high"], fontsize=_TEXT_SIZE)
    bar.set_label(words, fontsize=_TEXT_SIZE, labelpad=-8, parse_math=False)
    bar.outline.set_visible(False)
    axes.tick_params(length=0)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
