"""The second tab: what weighed most, for this client and in the model as a whole."""

from collections.abc import Callable

import streamlit as st
from charts.factors import (
    concept_table,
    contribution_chart,
    contribution_table,
    importance_chart,
    left_out,
    strongest,
)
from charts.palette import palette
from page import cache
from page.failures import one_part
from page.open_client import Opened
from service.answers import Explanation, Picture
from service.scale import RISK_POINTS
from words.english import (
    comparison_sentence,
    escaped,
    factor_sentence,
    factors_alt,
    importances_alt,
    reason_line,
    score_sentence,
)

SENTENCES = 5
#: The languages in which the service says the reasons.
SPOKEN = {"English": "en", "Français": "fr"}
IMPORTANT = 15
CHART_KEY, CONCEPT_KEY = "factors_chart", "factors_concept"


def show_factors(opened: Opened, client: str) -> None:
    mine, all_clients = "This client", "All clients"
    scope = st.segmented_control(
        "Factors of", [mine, all_clients], default=mine, required=True, key="factors_scope"
    )
    if scope == all_clients:
        _model_factors(opened)
    else:
        _client_factors(opened, client)


def _client_factors(opened: Opened, client: str) -> None:
    spoken = st.segmented_control(
        "Sentences in",
        list(SPOKEN),
        default=next(iter(SPOKEN)),
        required=True,
        key="factors_language",
    )
    explanation = cache.explanation(*opened.key, client, SPOKEN[spoken])
    groups = strongest(explanation.in_points)
    words, chart = st.columns([2, 3], gap="large")
    with words:
        _reasons(explanation, granted=not cache.prediction(*opened.key, client).refused)
    with chart:
        st.subheader("What sets this client apart", anchor=False)
        st.altair_chart(
            contribution_chart(groups, RISK_POINTS, palette(st.context.theme.type)),
            theme=None,
            alt=factors_alt(groups, RISK_POINTS),
        )
        st.caption(escaped(comparison_sentence(explanation.reference, explanation.risk)))
    if st.toggle("Expert view", key="factors_expert"):
        _expert_view(opened, client, explanation)


def _reasons(explanation: Explanation, *, granted: bool) -> None:
    """What can be said: the reasons for the decision first, then the other side."""
    st.subheader("Main reasons", anchor=False)
    if explanation.reference.note:
        st.caption(escaped(explanation.reference.note))
    if explanation.blocked:
        st.warning(escaped(explanation.blocked))
        return
    sides = ("For", "Against") if granted else ("Against", "For")
    for side, reasons in zip(sides, (explanation.reasons, explanation.other_side), strict=True):
        lines = (f"1. {escaped(reason_line(reason, RISK_POINTS))}" for reason in reasons)
        st.markdown(f"**{side}**\n\n" + ("\n".join(lines) or "Nothing of weight."))


def _expert_view(opened: Opened, client: str, explanation: Explanation) -> None:
    """The contributions to the score before it is calibrated, and the service's own picture."""
    groups, scale = strongest(explanation.groups), explanation.scale
    st.subheader("What moved the score", anchor=False)
    st.altair_chart(
        contribution_chart(groups, scale, palette(st.context.theme.type)),
        theme=None,
        key=CHART_KEY,
        on_select=_take_concept,
        alt=factors_alt(groups, scale),
    )
    st.caption(escaped(_reading(explanation)))
    sentences = (factor_sentence(group, scale) for group in groups[:SENTENCES])
    st.markdown("\n".join(f"- {escaped(sentence)}" for sentence in sentences))
    _concept(explanation)
    _picture(lambda: cache.local_picture(*opened.key, client), "local")


def _reading(explanation: Explanation) -> str:
    """How to read the chart, and what it leaves out."""
    rest, total = left_out(explanation.groups)
    added = explanation.scale.signed(total)
    others = f" {rest} more subjects add {added} in all; the table has them." if rest else ""
    return f"{score_sentence(explanation)}{others}"


def _take_concept() -> None:
    """Select the subject of a clicked bar in the field below."""
    points = st.session_state[CHART_KEY]["selection"].get("concept") or []
    if points:
        st.session_state[CONCEPT_KEY] = points[0]["Subject"]


def _concept(explanation: Explanation) -> None:
    """The table behind the chart: all subjects, or the features of one."""
    groups = {
        group.concept: group for group in strongest(explanation.groups, len(explanation.groups))
    }
    st.subheader("The numbers behind it", anchor=False)
    chosen = st.selectbox(
        "Subject", list(groups), index=None, key=CONCEPT_KEY, placeholder="all subjects"
    )
    scale = explanation.scale
    number = st.column_config.NumberColumn(
        format=f"%+.{scale.digits + 1}f", help=f"{scale.unit}; above 0 raises the risk"
    )
    if chosen is None:
        table = concept_table(tuple(groups.values()), scale)
        alt = "All subjects and what each contributes"
    else:
        table = contribution_table((groups[chosen],), scale)
        alt = f"The features of {chosen} and what each contributes"
    st.dataframe(table, hide_index=True, column_config={"Contribution": number}, alt=alt)


def _model_factors(opened: Opened) -> None:
    info = cache.model_info(*opened.key)
    important = info.importances[:IMPORTANT]
    st.subheader("What weighs most in the model", anchor=False)
    st.altair_chart(
        importance_chart(important, palette(st.context.theme.type)),
        theme=None,
        alt=importances_alt(important),
    )
    with st.expander("The numbers behind it"):
        st.dataframe(
            [{"Feature": i.label, "Share": i.importance, "Name": i.name} for i in info.importances],
            hide_index=True,
            column_config={"Share": st.column_config.NumberColumn(format="percent")},
            alt="All features of the model with their share",
        )
    _picture(lambda: cache.global_picture(*opened.key), "global")


def _picture(fetch: Callable[[], Picture], part: str) -> None:
    """The API's own picture, requested by a click: the API may take a second to draw it."""
    with st.expander(
        "The picture of the scoring service", key=f"picture_{part}", on_change="rerun"
    ) as place:
        if place.open:
            with one_part(f"picture_{part}"):
                _draw(fetch())


def _draw(picture: Picture) -> None:
    st.image(picture.png, alt=picture.alt, width="content")
    st.caption(escaped(picture.alt))
