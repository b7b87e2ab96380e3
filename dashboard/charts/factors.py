"""Charts of the main factors: one client's by concept, the model's by feature."""

from collections.abc import Iterable
from typing import Any

import altair as alt
import pandas as pd
from charts.frame import framed
from charts.palette import Palette
from service.answers import ConceptContribution, Importance
from service.scale import ScoreScale
from words.english import factor_sentence, shown_value

#: Concepts in the chart; the table has the others, which never form one large bar.
SHOWN = 12
BAR = 26


def strongest(
    groups: Iterable[ConceptContribution], shown: int = SHOWN
) -> tuple[ConceptContribution, ...]:
    """The concepts that move this client's score most, up or down."""
    ordered = sorted(groups, key=lambda group: -abs(group.contribution))
    return tuple(ordered[:shown])


def left_out(groups: Iterable[ConceptContribution], shown: int = SHOWN) -> tuple[int, float]:
    """How many concepts the chart leaves out, and what they add up to."""
    groups = tuple(groups)
    kept = {group.concept for group in strongest(groups, shown)}
    rest = [group for group in groups if group.concept not in kept]
    return len(rest), sum(group.contribution for group in rest)


def concept_table(groups: tuple[ConceptContribution, ...], scale: ScoreScale) -> pd.DataFrame:
    """One row per concept, the strongest first; contributions in the scale's unit."""
    return pd.DataFrame(
        [
            {
                "Subject": group.concept,
                "Contribution": scale.factor * group.contribution,
                "In words": factor_sentence(group, scale),
                "Features": len(group.features),
            }
            for group in groups
        ]
    )


def contribution_table(groups: tuple[ConceptContribution, ...], scale: ScoreScale) -> pd.DataFrame:
    """One row per feature of the concepts, the strongest first; contributions in the scale's unit."""
    rows = [
        {
            "Feature": one.label,
            "This client": shown_value(one.value, one.displayed, one.unit),
            "Contribution": scale.factor * one.contribution,
            "Subject": group.concept,
        }
        for group in groups
        for one in group.features
    ]
    rows.sort(key=lambda row: -abs(row["Contribution"]))
    return pd.DataFrame(rows, columns=["Feature", "This client", "Contribution", "Subject"])


def contribution_chart(
    groups: tuple[ConceptContribution, ...], scale: ScoreScale, colours: Palette
) -> alt.Chart | alt.LayerChart:
    """Bars by concept; a click on one selects it under the name ``concept``."""
    table = concept_table(groups, scale).assign(
        Effect=["raises the risk" if g.contribution > 0 else "lowers the risk" for g in groups],
        Shown=[scale.signed(g.contribution) for g in groups],
    )
    chosen = alt.selection_point(name="concept", fields=["Subject"], on="click", clear="dblclick")
    reach = 1.25 * scale.factor * max((abs(g.contribution) for g in groups), default=1) or 1
    base = alt.Chart(table, height=alt.Step(BAR)).encode(
        y=alt.Y("Subject:N", sort=None, title=None, axis=_label_axis()),
        x=alt.X(
            "Contribution:Q",
            scale=alt.Scale(domain=[-reach, reach], nice=False),
            title=f"← lowers the risk · {scale.unit} · raises the risk →",
        ),
        tooltip=[alt.Tooltip("In words:N", title="This client")],
    )
    bars = base.mark_bar(cornerRadius=3, cursor="pointer").encode(
        color=alt.Color(
            "Effect:N",
            scale=alt.Scale(
                domain=["lowers the risk", "raises the risk"],
                range=[colours.repaid, colours.defaulted],
            ),
            legend=None,
        ),
        opacity=alt.condition(chosen, alt.value(1), alt.value(0.4)),
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=colours.muted).encode(x="zero:Q")
    return framed(alt.layer(bars.add_params(chosen), zero, *_numbers(base, colours)), colours)


def importance_chart(
    importances: tuple[Importance, ...], colours: Palette
) -> alt.Chart | alt.LayerChart:
    """Bars of the shares that features have in the model."""
    table = pd.DataFrame(
        [{"Feature": i.label, "Share": i.importance, "Name": i.name} for i in importances]
    )
    bars = (
        alt.Chart(table, height=alt.Step(BAR))
        .mark_bar(cornerRadius=3, color=colours.repaid)
        .encode(
            y=alt.Y("Feature:N", sort=None, title=None, axis=_label_axis()),
            x=alt.X(
                "Share:Q", title="share in the model", axis=alt.Axis(format=".0%", tickCount=6)
            ),
            tooltip=["Feature:N", alt.Tooltip("Share:Q", format=".1%"), "Name:N"],
        )
    )
    return framed(bars, colours)


def _label_axis() -> alt.Axis:
    return alt.Axis(labelLimit=260, ticks=False, domain=False, labelPadding=8)


def _numbers(base: alt.Chart, colours: Palette) -> tuple[alt.Chart, alt.Chart]:
    """Each bar's number beyond its end: to the right of positive bars, to the left of others."""
    text: dict[str, Any] = {"fontSize": 12, "color": colours.text}
    right = base.mark_text(align="left", dx=5, **text).transform_filter("datum.Contribution >= 0")
    left = base.mark_text(align="right", dx=-5, **text).transform_filter("datum.Contribution < 0")
    return right.encode(text="Shown:N"), left.encode(text="Shown:N")
