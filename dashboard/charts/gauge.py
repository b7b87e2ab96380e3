"""The gauge: risk against limit on a half circle, drawn as SVG with its numbers on it.

The limit stands at the top, whatever it is, and the scale is stretched smoothly around it:
position = p·(1 - t) / (p·(1 - t) + t·(1 - p)), for a probability p and a limit t. That is 0 at 0,
one half at the limit and 1 at 1, rises everywhere and jumps nowhere. Where the limit is the
break-even probability 1 / (1 + c) of a missed default that costs c, the position is the share that
the missed default has in the expected costs of both mistakes, c·p / (c·p + 1 - p).
"""

import math
from collections.abc import Iterator
from html import escape

from charts.palette import Palette
from service.answers import Prediction
from words.english import NEAR_POINTS, percent, verdict

WIDTH, HEIGHT = 292, 206
LEFT = 14
CENTRE_X, CENTRE_Y = 160.0, 158.0
OUTER, INNER = 112.0, 84.0
#: Percentages that may be written along the scale; those too close to another one are left out.
TICKS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
#: The least distance between the numbers of two ticks, as a share of the half circle.
TICK_GAP = 0.085
FONT = "'Source Sans', 'Source Sans Pro', 'Segoe UI', system-ui, sans-serif"


def position(probability: float, threshold: float) -> float:
    """The place of a probability on the scale, from 0 (left) to 1 (right); 0.5 is the limit.

    >>> position(0.0, 0.2), position(0.2, 0.2), position(1.0, 0.2)
    (0.0, 0.5, 1.0)
    """
    risk = probability * (1 - threshold)
    safe = threshold * (1 - probability)
    if risk + safe == 0:  # a limit of 0 or 1 leaves no scale on one of its sides
        return 0.5
    return risk / (risk + safe)


def gauge_svg(prediction: Prediction, colours: Palette) -> str:
    """The picture as SVG: sharp at any width, with no font of its own."""
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{LEFT} 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" font-family="{escape(FONT)}">',
            _ground(colours),
            *_zones(prediction.threshold, colours),
            *_scale(prediction.threshold, colours),
            *_pointer(prediction, colours),
            *_numbers(prediction, colours),
            "</svg>",
        )
    )


def gauge_alt(prediction: Prediction) -> str:
    """The gauge in words."""
    side = "right of" if prediction.refused else "left of"
    return (
        f"Gauge from 0 to 100 percent: the risk of {percent(prediction.probability)} stands "
        f"{side} the limit of {percent(prediction.threshold)}: {verdict(prediction)}."
    )


def _ground(colours: Palette) -> str:
    """The sidebar's colour, so that the picture can be read while a switched theme is drawn."""
    return f'<rect x="{LEFT}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{colours.sidebar}"/>'


def _zones(threshold: float, colours: Palette) -> Iterator[str]:
    """Granted on the left, refused on the right, and near the limit between them."""
    near = NEAR_POINTS / 100
    start = position(max(threshold - near, 0), threshold)
    end = position(min(threshold + near, 1), threshold)
    yield _arc(0, 0.5, colours.repaid)
    yield _arc(0.5, 1, colours.defaulted)
    yield _arc(start, end, colours.sidebar, opacity=0.45)
    yield _line(0.5, INNER - 5, OUTER + 7, colours.text, 2.5)


def _scale(threshold: float, colours: Palette) -> Iterator[str]:
    for tick in _ticks(threshold):
        at = position(tick, threshold)
        yield _line(at, OUTER + 1, OUTER + 5, colours.muted, 1)
        yield _text(*_point(at, OUTER + 17), f"{100 * tick:.0f}", 11, colours.muted)
    x, y = _point(0.5, OUTER + 24)
    yield _text(x, y, f"limit {percent(threshold)}", 13, colours.text, weight=600)


def _ticks(threshold: float) -> list[float]:
    """The ticks whose numbers overlap neither each other nor the limit's text."""
    kept: list[float] = []
    taken = [0.5]
    for tick in (0.0, 1.0, *TICKS[1:-1]):
        at = position(tick, threshold)
        gaps = [TICK_GAP * (2 if other == 0.5 else 1) for other in taken]  # noqa: PLR2004  (the limit)
        if all(abs(at - other) >= gap for other, gap in zip(taken, gaps, strict=True)):
            taken.append(at)
            kept.append(tick)
    return sorted(kept)


def _pointer(prediction: Prediction, colours: Palette) -> Iterator[str]:
    at = position(prediction.probability, prediction.threshold)
    tip_x, tip_y = _point(at, OUTER - 3)
    angle = math.pi * (1 - at)
    # The needle stops outside the number in the middle.
    base_x, base_y = _point(at, INNER - 20)
    dx, dy = 7 * math.sin(angle), 7 * math.cos(angle)
    points = f"{tip_x:.1f},{tip_y:.1f} {base_x + dx:.1f},{base_y + dy:.1f} {base_x - dx:.1f},{base_y - dy:.1f}"
    yield (
        f'<polygon points="{points}" fill="{colours.client}" stroke="{colours.sidebar}" '
        'stroke-width="1.5" stroke-linejoin="round"/>'
    )


def _numbers(prediction: Prediction, colours: Palette) -> Iterator[str]:
    colour = colours.defaulted if prediction.refused else colours.repaid
    share = percent(prediction.probability)
    yield _text(CENTRE_X, CENTRE_Y - 30, "risk", 12, colours.muted)
    yield _text(CENTRE_X, CENTRE_Y - 4, share, 28, colours.text, weight=650)
    yield _text(CENTRE_X, CENTRE_Y + 30, verdict(prediction).upper(), 17, colour, weight=700)
    yield _text(CENTRE_X - 98, CENTRE_Y + 18, "granted", 12, colours.muted)
    yield _text(CENTRE_X + 98, CENTRE_Y + 18, "refused", 12, colours.muted)


def _point(at: float, radius: float) -> tuple[float, float]:
    angle = math.pi * (1 - at)
    return CENTRE_X + radius * math.cos(angle), CENTRE_Y - radius * math.sin(angle)


def _arc(start: float, end: float, colour: str, opacity: float = 1) -> str:
    (x1, y1), (x2, y2) = _point(start, OUTER), _point(end, OUTER)
    (x3, y3), (x4, y4) = _point(end, INNER), _point(start, INNER)
    path = (
        f"M{x1:.2f} {y1:.2f} A{OUTER} {OUTER} 0 0 1 {x2:.2f} {y2:.2f} "
        f"L{x3:.2f} {y3:.2f} A{INNER} {INNER} 0 0 0 {x4:.2f} {y4:.2f} Z"
    )
    return f'<path d="{path}" fill="{colour}" fill-opacity="{opacity}"/>'


def _line(at: float, inner: float, outer: float, colour: str, width: float) -> str:
    (x1, y1), (x2, y2) = _point(at, inner), _point(at, outer)
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}" stroke-width="{width}"/>'
    )


def _text(x: float, y: float, text: str, size: int, colour: str, *, weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="middle" dominant-baseline="middle">{escape(text)}</text>'
    )
