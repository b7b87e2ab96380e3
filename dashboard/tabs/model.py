"""The page about the model and what the dashboard's numbers mean."""

import re

import streamlit as st
from page import cache
from page.failures import one_part
from page.open_client import current
from service.answers import Metric, ModelCard, ModelInfo
from words.english import NEAR_POINTS, escaped, percent

MEANINGS = f"""
- **Risk**: the model's estimate of the probability that a client will have difficulties to repay.
- **Limit**: the risk above which the loan is refused. It balances two mistakes: a missed default
  costs more than the refusal of a client who would have repaid.
- **Near the limit**: fewer than {NEAR_POINTS:g} percentage points lie between risk and limit.
- **Gauge**: the limit stands at the top. The scale is stretched around it, so equal distances on
  it are not equal numbers of points; the numbers along it say where you are.
- **Contribution**: what a subject adds to this client's score: log-odds (+0.69 doubles the odds of
  difficulties), or percentage points where the model is a random forest.
- **Importance**: the share that a feature has in all of the model's decisions.
- **Default rate**: the share of a group that had difficulties to repay.
"""


def show_model() -> None:
    st.title("The model", anchor=False)
    with one_part("model"):
        _figures(cache.model_info(*current().key))
    st.header("The model card", anchor=False)
    with one_part("card"):
        _card(cache.model_card(*current().key))
    st.header("What the numbers mean", anchor=False)
    st.markdown(MEANINGS)


def _figures(info: ModelInfo) -> None:
    version, limit, cost, kind = st.columns(4)
    version.metric("Version", info.version)
    limit.metric("Limit", percent(info.threshold))
    cost.metric("Cost of a missed default", f"{info.fn_cost:g}", help="in refused good clients")
    kind.metric("Kind", info.kind)
    st.write(escaped(f"{info.name}, trained {info.trained}, digest {info.digest[:12]}."))
    rows = [_row(name, metric) for name, metric in info.metrics.items()]
    st.dataframe(rows, hide_index=True, alt="Metrics of the model, with their standard errors")


def _card(card: ModelCard | None) -> None:
    """The card as the training wrote it: to read here, and as a page to save."""
    if card is None:
        st.write("This model has no card: an older release trained it.")
        return
    st.download_button(
        "Model card as a page",
        data=card.html,
        file_name="model_card.html",
        mime="text/html",
        on_click="ignore",
    )
    with st.expander("Read the model card"):
        st.markdown(below_headings(card.markdown))


def below_headings(markdown: str) -> str:
    """The card without its title, its headings two levels down: the page has its own above them."""
    _, _, body = markdown.partition("\n\n")
    return re.sub(r"^(#+ )", r"##\1", body, flags=re.MULTILINE)


def _row(name: str, metric: Metric) -> dict[str, str]:
    error = "unknown" if metric.se is None else f"± {metric.se:.4f}"
    return {
        "Metric": name.replace("_", " "),
        "Value": f"{metric.value:.4f}",
        "Standard error": error,
        "Measured on": metric.on,
    }
