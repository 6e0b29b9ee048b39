"""Whole lists of items on the Evaluation page: what novelty costs, and what it brings."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ... import charts
from ...wording.lists import LIST_METRICS, list_name, lists_conclusion, lists_lifts, lists_table

OURS = ("mixed", "novel")
SYMBOLS = ("circle", "square", "x", "triangle-up", "cross", "diamond", "star")


def list_measures(lists: pd.DataFrame | None, *, rated: bool) -> None:
    """lists: what `evaluate_lists` found; None where an earlier version measured. rated: whether there are items that
    people rated low."""
    st.subheader("New or likely: whole lists")
    if lists is None:
        st.info("An earlier version measured this build. Build again to have whole lists judged too.")
        return
    if not len(lists):
        st.info("Nobody reached anything new in the later part of the log, so there is nothing to measure.")
        return
    st.caption(
        "Everybody gets ten items that they have not had, made in different ways from what was known at the time. What "
        "they had later says how well the lists fit."
        + (" Items that they rated low may be among these; when served, they are not." if rated else "")
    )
    st.markdown(lists_conclusion(lists))
    quality = st.segmented_control(
        "Quality",
        ["hits", "novel_hits"],
        default="hits",
        format_func=lambda metric: LIST_METRICS[metric][0],
        key="list_quality",
        required=True,
    )
    st.plotly_chart(
        charts.trade_off(
            points_of(lists, quality), f"{LIST_METRICS['novelty'][0]}, share of the list", LIST_METRICS[quality][0]
        ),
        alt="For each way to make lists, how much in them is new and how many people found something that they had "
        "later; the tables below have all.",
    )
    lifts = lists_lifts(lists)
    if len(lifts):
        st.markdown(
            "**What differs** (points of a hundred; of “How far” and “Varied” the numbers themselves; 95 % interval; "
            "▲ more, ▼ less, ≈ it holds 0)"
        )
        st.dataframe(lifts)
    with st.expander("All numbers"):
        st.dataframe(lists_table(lists))
        st.markdown("\n".join(f"- **{title}**: {text}." for title, text in LIST_METRICS.values()))


def points_of(lists: pd.DataFrame, quality: str) -> pd.DataFrame:
    across, up = (lists[lists["metric"] == metric].set_index("arm") for metric in ("novelty", quality))
    points = [
        (list_name(arm), *across.loc[arm, ["value", "low", "high"]], *up.loc[arm, ["value", "low", "high"]])
        for arm in across.index
    ]
    return pd.DataFrame(points, columns=["name", "x", "x_low", "x_high", "y", "y_low", "y_high"]).assign(
        color=[charts.BLUE if arm.startswith(OURS) else charts.GREY for arm in across.index],
        symbol=[SYMBOLS[place % len(SYMBOLS)] for place in range(len(across))],
    )
