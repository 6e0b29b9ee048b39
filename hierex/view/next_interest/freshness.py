"""Whether people's moves have changed since the predictions were learned, and a refresh without learning anew."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from ... import charts, wording
from ...transitions.drift import follow_drift, judge_drift
from ...workspace import Workspace
from ..interests import note_of
from ..opened import is_busy, start_run


def freshness(work: Workspace) -> None:
    if not work.interactions.has_dates:
        st.info(wording.NO_DATES)
        refresh(work)
        return
    drift = drift_of(work.key("transitions"), work)
    verdict = judge_drift(drift)
    if verdict.ratio is None:
        st.info(wording.NO_DRIFT)
        refresh(work)
        return
    say = st.warning if verdict.changed else st.success
    say(wording.drift_text(verdict, refreshed=work.config.layers.refreshed), icon=":material/update:")
    st.caption(wording.periods_text(drift["period"]))
    st.plotly_chart(charts.drift_lines(drift), alt="How alike what follows is over time; the table below has all.")
    with st.expander("All numbers"):
        st.dataframe(drift.round(3).rename(columns=wording.DRIFT_NAMES), hide_index=True)
    refresh(work)


def refresh(work: Workspace) -> None:
    """Recent moves in or out of the answers, without learning anew."""
    layers, busy = work.config.layers, is_busy(work.store)
    if layers.refreshed:
        when = wording.recent_text(work.interactions, work.split, work.judged_from)
        st.caption(f"Recent moves are those {when}. {wording.plain_markdown(note_of(work))}")
    st.button(
        "Without recent moves" if layers.refreshed else "Refresh with recent moves",
        key="refresh",
        icon=":material/update:",
        disabled=busy,
        on_click=start_run,
        args=(replace(work.config, layers=replace(layers, refreshed=not layers.refreshed)),),
        help="What people with the same interests did lately is blended into the answers; nothing is learned anew. "
        "The first half of the time that was held out is used for it, and the second half to measure it.",
    )


@st.cache_data(max_entries=8, show_spinner="Comparing how people moved over time ...")
def drift_of(transitions: str, _work: Workspace) -> pd.DataFrame:
    """Kept per moves, which are the same for the same transitions."""
    return follow_drift(_work.moves)
