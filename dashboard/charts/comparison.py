"""Charts that compare a client with a group: one feature per class, or two as a picture of counts."""

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import altair as alt
import pandas as pd
from charts.frame import framed
from charts.palette import Palette
from service.answers import Distribution, Joint, PeerFeature, Peers, Tick, Value
from words.english import are, counted, percent, shown_value

REPAID, DEFAULTED = "repaid", "had difficulties"
HEIGHT = 340
BAR = 30
#: Categories that are drawn, and pixels for each along the vertical axis.
LEVELS, LEVEL = 20, 18
NAME: dict[str, Any] = {"fontWeight": 600, "fontSize": 13}

Chart = alt.Chart | alt.LayerChart


def histogram_table(distribution: Distribution) -> pd.DataFrame:
    """One row per bin and class: its bounds, its count, and its share of the class per unit.

    Bins may differ in width and classes in size; by ``Density`` both become comparable.
    """
    rows = []
    bars = list(zip(distribution.bars, pairwise(distribution.edges), strict=True))
    for label, counts in _classes(distribution):
        for (words, (low, high)), count in zip(bars, counts, strict=True):
            density = count / max(sum(counts), 1) / (high - low)
            rows.append({
                "Class": label, "Values": words, "From": low, "To": high,
                "Clients": count, "Density": density,
            })  # fmt: skip
    return pd.DataFrame(rows)


def level_table(distribution: Distribution) -> pd.DataFrame:
    """One row per category and class: its count and its share of the class."""
    rows = []
    for label, counts in _classes(distribution):
        for words, count in zip(distribution.bars, counts, strict=True):
            share = count / max(sum(counts), 1)
            rows.append({"Category": words, "Class": label, "Clients": count, "Share": share})
    return pd.DataFrame(rows)


def fullest_levels(distribution: Distribution, own: Value, most: int = LEVELS) -> tuple[str, ...]:
    """The words of the largest categories in their order, and of the client's own if it is rare."""
    sizes = {
        level: sum(counts[at] for _, counts in _classes(distribution))
        for at, level in enumerate(distribution.levels)
    }
    kept = set(sorted(sizes, key=lambda level: -sizes[level])[:most]) | {own}
    words = zip(distribution.levels, distribution.bars, strict=True)
    return tuple(word for level, word in words if level in kept)


def reading(peers: Peers) -> str:
    """Notes on the chart: what it leaves out, its outer ends, clients without a value."""
    notes = []
    if peers.joint is not None:
        notes.append("Places with fewer than ten clients are left out.")
    elif len(peers.features) > 1:
        notes.append("Two features together need ten clients of each class; this is the first one.")
    elif len(_classes(peers.distributions[0])) == 1:
        notes.append("A class of fewer than ten clients is left out.")
    if any(distribution.edges for distribution in peers.distributions):
        notes.append("The outermost places hold all that lies beyond them.")
    one = peers.distributions[0]
    if peers.joint is None and len(one.levels) > LEVELS:
        notes.append(f"The {LEVELS} largest of {len(one.levels)} categories; the table has all.")
    notes += [
        f"Of the group, {are(distribution.missing.total)} without a value of {feature.label}."
        for feature, distribution in zip(peers.features, peers.distributions, strict=True)
        if distribution.missing.total
    ]
    return " ".join(notes)


def joint_table(joint: Joint) -> pd.DataFrame:
    """One row per cell with clients: its place, also in words, their number and default rate."""
    xs, ys = _places(joint.x_edges, joint.x_bars), _places(joint.y_edges, joint.y_bars)
    rows = []
    for i, x in enumerate(xs):
        for j, y in enumerate(ys):
            repaid, defaulted = joint.repaid[i][j], joint.defaulted[i][j]
            if repaid is not None and defaulted is not None and repaid + defaulted:
                clients = repaid + defaulted
                place = (joint.x_bars[i], joint.y_bars[j], x, y)
                rows.append((*place, clients, defaulted / clients))
    columns = ["Across", "Up", "X", "Y", "Clients", "Default rate"]
    return pd.DataFrame(rows, columns=columns)


def one_feature_chart(peers: Peers, colours: Palette) -> Chart:
    """The first feature's distribution in the group, per class, with the client marked."""
    feature, distribution = peers.features[0], peers.distributions[0]
    if distribution.levels:
        return framed(_bars(feature, distribution, colours), colours)
    return framed(_histogram(feature, distribution, colours), colours)


def one_feature_alt(peers: Peers) -> str:
    feature, distribution = peers.features[0], peers.distributions[0]
    modes = "; ".join(
        f"of those who {_verb(label)}, most often {_mode(distribution, counts)}"
        for label, counts in _classes(distribution)
        if sum(counts)
    )
    return f"Distribution of {feature.label} in the group: {modes}. {client_sentence(feature)}"


def client_sentence(feature: PeerFeature) -> str:
    """The client's own value, or that it is missing."""
    if feature.client_value is None:
        return f"{feature.label} of this client: missing, so no mark shows it."
    text = shown_value(feature.client_value, feature.displayed, feature.unit)
    return f"{feature.label} of this client: {text}."


def two_features_chart(peers: Peers, colours: Palette) -> Chart:
    """A circle per cell: its size is the number of clients, its colour their default rate."""
    if peers.joint is None:
        raise ValueError("two features come with joint counts")
    x, y = peers.features
    table = joint_table(peers.joint)
    joint = peers.joint
    place = {
        "x": _axis("X", x, joint.x_bars if joint.x_levels else (), joint.x_ticks),
        "y": _axis("Y", y, joint.y_bars if joint.y_levels else (), joint.y_ticks),
    }
    height = max(HEIGHT + 80, LEVEL * len(peers.joint.y_levels))
    circles = (
        alt.Chart(table)
        .mark_circle(opacity=0.9, stroke=colours.background, strokeWidth=0.5)
        .encode(
            **place,
            size=alt.Size("Clients:Q", scale=alt.Scale(type="sqrt", range=[12, 420]), legend=None),
            color=alt.Color(
                "Default rate:Q",
                scale=alt.Scale(range=[colours.low, colours.defaulted], interpolate="lab"),
                legend=alt.Legend(format=".0%", gradientLength=180, title="default rate"),
            ),
            tooltip=[
                alt.Tooltip("Across:N", title=x.label),
                alt.Tooltip("Up:N", title=y.label),
                "Clients:Q",
                alt.Tooltip("Default rate:Q", format=".1%"),
            ],
        )
    )
    if x.client_value is None or y.client_value is None:
        return framed(circles.properties(height=height), colours)
    marks = _diamond(joint, _own_place(x), _own_place(y), place, colours)
    return framed(alt.layer(circles, *marks).properties(height=height), colours)


def _diamond(
    joint: Joint,
    x: float | str,
    y: float | str,
    place: Mapping[str, alt.X | alt.Y],
    colours: Palette,
) -> tuple[alt.Chart, alt.Chart]:
    """The client's mark among the circles, with a name that stays inside the picture."""
    at_x, at_y = _within(x, joint.x_edges), _within(y, joint.y_edges)
    here = pd.DataFrame([{"X": at_x, "Y": at_y, "Who": _who(at_x != x or at_y != y)}])
    base = alt.Chart(here).encode(**place)
    mark = base.mark_point(
        shape="diamond",
        size=260,
        filled=True,
        color=colours.client,
        stroke=colours.background,
        strokeWidth=2,
        opacity=1,
    ).encode(tooltip=["Who:N"])
    name = base.mark_text(
        **_name_side(at_x, joint.x_edges, joint.x_bars, 12), color=colours.text, **NAME
    )
    return mark, name.encode(text="Who:N")


def _own_place(feature: PeerFeature) -> float | str:
    """The place of the client's value on an axis: the number, or the category in words."""
    if feature.client_value is None:
        raise ValueError(f"{feature.name} of this client is missing, so it has no place")
    return feature.displayed if isinstance(feature.client_value, str) else feature.client_value


def _within(value: float | str, edges: tuple[float, ...]) -> float | str:
    """The place of a value's mark; a value beyond the scale is marked at its end."""
    if isinstance(value, str) or not edges:
        return value
    return min(max(value, edges[0]), edges[-1])


def _who(beyond: bool) -> str:
    return "this client, beyond the scale" if beyond else "this client"


def _name_side(
    at: float | str, edges: tuple[float, ...], levels: tuple[str, ...], gap: int
) -> dict[str, Any]:
    """The side of a mark on which its name has room."""
    if isinstance(at, str):
        share = levels.index(at) / len(levels) if at in levels else 0
    else:
        share = (at - edges[0]) / (edges[-1] - edges[0])
    right = share < 0.75  # noqa: PLR2004  (a name is about a quarter as wide as the picture)
    return {"align": "left", "dx": gap} if right else {"align": "right", "dx": -gap}


def two_features_alt(peers: Peers) -> str:
    x, y = peers.features
    return (
        f"{counted(peers.n)} clients by {x.label} (across) and {y.label} (up): the larger a "
        f"circle the more clients, the more orange the more of them had difficulties. "
        f"{client_sentence(x)} {client_sentence(y)}"
    )


def _histogram(feature: PeerFeature, distribution: Distribution, colours: Palette) -> Chart:
    table = histogram_table(distribution).assign(Zero=0.0)
    base = alt.Chart(table).encode(
        x=alt.X(
            "From:Q",
            title=feature.label,
            axis=_labelled(distribution.ticks),
            scale=alt.Scale(zero=False, nice=False),
        ),
        y=alt.Y(
            "Density:Q", title="how common in the class", axis=alt.Axis(labels=False, ticks=False)
        ),
        color=_class_colour(colours),
        tooltip=["Class:N", alt.Tooltip("Values:N", title=feature.label), "Clients:Q"],
    )
    bars = base.mark_rect(opacity=0.35).encode(x2="To:Q", y2="Zero:Q")
    # Lines at the tops keep the classes apart where their areas overlap.
    tops = base.mark_rule(strokeWidth=2.5).encode(x2="To:Q").transform_filter("datum.Clients > 0")
    if not isinstance(feature.client_value, float):
        return alt.layer(bars, tops).properties(height=HEIGHT)
    rule = _rule(feature.client_value, distribution.edges, colours)
    return alt.layer(bars, tops, *rule).properties(height=HEIGHT)


def _rule(value: float, edges: tuple[float, ...], colours: Palette) -> tuple[alt.Chart, alt.Chart]:
    """The client's value as a vertical line with its name at the top."""
    at = _within(value, edges)
    here = alt.Chart(pd.DataFrame([{"From": at, "Who": _who(at != value)}]))
    rule = here.mark_rule(color=colours.client, strokeWidth=2.5, strokeDash=[6, 3]).encode(
        x="From:Q"
    )
    name = here.mark_text(
        **_name_side(at, edges, (), 6), baseline="top", color=colours.text, **NAME
    ).encode(x="From:Q", y=alt.value(2), text="Who:N")
    return rule, name


def _bars(feature: PeerFeature, distribution: Distribution, colours: Palette) -> Chart:
    table = level_table(distribution)
    table = table[table["Category"].isin(fullest_levels(distribution, feature.client_value))]
    own = feature.displayed if feature.client_value is not None else None
    shown = [f"▶ {c} (this client)" if c == own else c for c in table["Category"]]
    return (
        alt.Chart(table.assign(Shown=shown), height=alt.Step(BAR / 2))
        .mark_bar(cornerRadius=2)
        .encode(
            y=alt.Y("Shown:N", sort=None, title=None, axis=alt.Axis(labelLimit=320, ticks=False)),
            yOffset=alt.YOffset("Class:N", sort=[REPAID, DEFAULTED]),
            x=alt.X(
                "Share:Q", title=f"{feature.label}: share of the class", axis=alt.Axis(format=".0%")
            ),
            color=_class_colour(colours),
            tooltip=["Category:N", "Class:N", "Clients:Q", alt.Tooltip("Share:Q", format=".1%")],
        )
    )


def _class_colour(colours: Palette) -> alt.Color:
    scale = alt.Scale(domain=[REPAID, DEFAULTED], range=[colours.repaid, colours.defaulted])
    return alt.Color("Class:N", scale=scale, legend=alt.Legend(title=None))


def _axis(
    name: str, feature: PeerFeature, levels: tuple[str, ...], ticks: tuple[Tick, ...]
) -> alt.X | alt.Y:
    channel = alt.X if name == "X" else alt.Y
    if levels:
        axis = alt.Axis(labelLimit=180, labelAngle=-30 if name == "X" else 0)
        return channel(f"{name}:N", sort=list(levels), title=feature.label, axis=axis)
    return channel(
        f"{name}:Q", title=feature.label, axis=_labelled(ticks), scale=alt.Scale(zero=False)
    )


def _labelled(ticks: tuple[Tick, ...]) -> alt.Axis:
    """An axis of numbers that bears the API's words at the API's places."""
    words = "''"
    for tick in reversed(ticks):
        words = f"datum.value === {tick.value!r} ? {json.dumps(tick.displayed)} : {words}"
    values = [tick.value for tick in ticks]
    return alt.Axis(values=values, labelExpr=words, labelLimit=140, labelOverlap="parity")


def _classes(distribution: Distribution) -> tuple[tuple[str, tuple[int, ...]], ...]:
    both = (REPAID, distribution.repaid), (DEFAULTED, distribution.defaulted)
    return tuple((label, counts) for label, counts in both if counts is not None)


def _places(edges: tuple[float, ...], words: tuple[str, ...]) -> tuple[float | str, ...]:
    """The places of cells on an axis: the middle of a bin, or the category in words."""
    return tuple((low + high) / 2 for low, high in pairwise(edges)) or words


def _mode(distribution: Distribution, counts: tuple[int, ...]) -> str:
    """The fullest bin or category, and its share of the class."""
    best = max(range(len(counts)), key=counts.__getitem__)
    return f"{distribution.bars[best]} ({percent(counts[best] / sum(counts))})"


def _verb(label: str) -> str:
    return "repaid" if label == REPAID else "had difficulties"
