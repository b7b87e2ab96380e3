"""What is drawn: the bars and dots of a chart, at their places, with their labels as they stand."""

import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from matplotlib.figure import Figure

from project_tools.serving import canvas
from project_tools.serving.charts import Bar, Beeswarm, Dots, Waterfall, chart_bytes, chart_of

PNG = b"\x89PNG\r\n\x1a\n"
BARS = (Bar("Income\nyearly income: 1,000", 0.5), Bar("Age\nage: 41 years", -0.2), Bar("rest", 0.1))
WATERFALL = Waterfall("log-odds of default", -2.0, -1.6, BARS)
SWARM = Beeswarm(
    "contribution", "value", "2 other groups weigh less and are left out",
    (Dots("Income\nyearly", (-0.5, 0.0, 0.25), (1.0, None, 3.0)), Dots("Work", (0.1,), (None,))),
)  # fmt: skip


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn."""
    figures = []

    def kept(*args, **kwargs):
        figures.append(Figure(*args, **kwargs))
        return figures[-1]

    monkeypatch.setattr(canvas, "Figure", kept)
    return figures


def texts(figure) -> set[str]:
    return {t.get_text() for t in figure.findobj(lambda artist: hasattr(artist, "get_text"))}


def size(png: bytes) -> tuple[int, int]:
    return struct.unpack(">II", png[16:24])


def test_the_bars_begin_where_the_one_below_ends(drawn):
    assert canvas.png(WATERFALL).startswith(PNG)
    boxes = [patch.get_bbox() for patch in drawn[0].axes[0].patches]
    spans = [(box.x0, box.x1) for box in boxes]
    np.testing.assert_allclose(spans, [(-2.1, -1.6), (-1.9, -2.1), (-2.0, -1.9)])
    assert [box.y0 for box in boxes] == sorted((box.y0 for box in boxes), reverse=True)
    shown = {"+0.50", "-0.20", "+0.10", "this client -1.60", "average -2.00"}
    shown = {text.replace("-", "\N{MINUS SIGN}") for text in shown}
    assert {*shown, "log-odds of default", *(bar.label for bar in BARS)} <= texts(drawn[0])


def test_the_dots_lie_at_their_contributions(drawn):
    assert canvas.png(SWARM).startswith(PNG)
    first, second = drawn[0].axes[0].collections[1:]
    np.testing.assert_allclose(np.asarray(first.get_offsets())[:, 0], (-0.5, 0.0, 0.25))
    assert {*np.asarray(first.get_offsets())[:, 1]} == {1.0}
    low, missing, high = first.get_facecolors()
    assert low[2] > low[0]  # blue is low, red is high
    assert high[0] > high[2]
    assert missing[0] == missing[2]  # grey
    assert (second.get_facecolors()[0] == missing).all()
    assert {f"contribution\n{SWARM.note}", "low", "high", "value"} <= texts(drawn[0])


def test_dots_of_one_place_lie_above_each_other():
    heights = canvas._heights(np.zeros(5))
    assert len({*heights}) == 5
    assert np.abs(heights).max() < 0.5
    assert canvas._heights(np.array([0.0, 1.0])).tolist() == [0, 0]
    assert canvas._heights(np.array([])).tolist() == []


def test_a_sign_of_mathematics_in_a_label_is_drawn_as_it_stands(drawn):
    odd = "Odd $\\x$\namount in $ = a_{b}$ \\frac: x$y"
    canvas.png(Waterfall(odd, 0.0, 1.0, (Bar(odd, 1.0),)))
    assert odd in texts(drawn[0])


def test_no_label_is_cut():
    long = Waterfall("x", 0.0, 1.0, (Bar("W" * 90, 1.0),))
    assert size(canvas.png(long))[0] > size(canvas.png(WATERFALL))[0] + 300


def test_the_same_chart_gives_the_same_bytes_whatever_was_drawn_between():
    first = [canvas.png(chart) for chart in (WATERFALL, SWARM)]
    assert [canvas.png(chart) for chart in (WATERFALL, SWARM)] == first
    assert first[0] != canvas.png(Waterfall("log-odds of default", -2.0, -1.7, BARS))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(canvas.png, WATERFALL).result() == first[0]


@pytest.mark.parametrize(
    "chart",
    [Waterfall("x", 0.0, 0.0, ()), Waterfall("x", 1.0, 1.0, (Bar("a", 0.0),)),
     Beeswarm("x", "y", "", ()), Beeswarm("x", "y", "", (Dots("a", (1.0, 1.0), (2.0, 2.0)),))],
)  # fmt: skip
def test_empty_and_flat_charts_are_drawn(chart):
    assert canvas.png(chart).startswith(PNG)


def test_a_chart_is_read_as_it_was_written_and_nothing_else_is():
    for chart in (WATERFALL, SWARM):
        assert chart_of(chart_bytes(chart)) == chart
    secret = b'{"kind": "waterfall", "axis": "SECRET-1"}'
    for content in (b"", b"{}", b"[1]", secret, b"\xff", chart_bytes(SWARM)[:-5]):
        with pytest.raises(ValueError, match=r"^this is no chart$"):
            chart_of(content)
