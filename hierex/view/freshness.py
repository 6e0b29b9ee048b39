"""Whether people's moves have changed since the predictions were learned, and a refresh without learning anew."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from .. import charts, wording
from ..drift import judge_drift, label_periods, measure_drift
from ..workspace import Workspace


def freshness(work: Workspace) -> None:
    drift = drift_of(work.key("first_visits"), work.key("taxonomy"), work)
    verdict = judge_drift(drift)
    if verdict.ratio is None:
        st.info(wording.NO_DRIFT)
        return
    say = st.warning if verdict.changed else st.success
    say(wording.drift_text(verdict), icon=":material/update:")
    st.plotly_chart(charts.drift_lines(drift), alt="How alike what follows is over time; the table below has all.")
    with st.expander("All numbers"):
        st.dataframe(
            drift.round(3).rename(columns=wording.DRIFT_NAMES),
            hide_index=True,
        )


@st.cache_data(max_entries=8, show_spinner="Comparing how people moved over time ...")
def drift_of(visits: str, taxonomy: str, _work: Workspace) -> pd.DataFrame:
    """Kept per first visits and interests."""
    moves = _work.moves
    return measure_drift(moves, label_periods(moves.clock, has_dates=_work.interactions.has_dates))
