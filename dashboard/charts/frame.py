"""The look of all charts: colours of axes, legends and titles with the theme's contrast."""

from typing import Any

import altair as alt
from charts.palette import Palette

FONT = "Source Sans, Segoe UI, system-ui, sans-serif"


def framed(chart: alt.Chart | alt.LayerChart, colours: Palette) -> alt.Chart | alt.LayerChart:
    """The chart with this dashboard's look; drawn with ``theme=None``, so that it stays.

    It brings its own ground: who switches the theme sees the page change at once and the chart
    with the next run, and can read it in between.
    """
    text: dict[str, Any] = {"labelColor": colours.muted, "titleColor": colours.text}
    return (
        chart.configure(background=colours.background, font=FONT)
        .configure_axis(
            **text,
            gridColor=colours.grid,
            domainColor=colours.muted,
            tickColor=colours.muted,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight=600,
        )
        .configure_legend(**text, labelFontSize=12, titleFontSize=12, orient="top", symbolOpacity=1)
        .configure_title(color=colours.text, fontSize=14, anchor="start")
        .configure_view(stroke=None)
    )
