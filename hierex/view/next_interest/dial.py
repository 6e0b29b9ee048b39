"""The dial from what is likely to what is far from a person's interests, with what each place of it costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st

from ... import charts
from ...evaluation.novelty_curve import WEIGHTS
from ...workspace import Workspace
from ..opened import is_busy, start_run


def novelty_dial(work: Workspace) -> None:
    curve = work.evaluation.get("dial", pd.DataFrame())
    st.markdown(
        "Predictions that are most **likely** stay close to what a person has. The dial makes room for **farther** "
        "interests: less often what people would have found by themselves, and more often news to them."
    )
    if "policy" not in curve:  # earlier versions measured it of what was learned alone
        st.info("This was not measured yet. Build again on the Logs page.")
        return
    if not len(curve):
        st.info("Nobody reached a new interest in the later part of this log, so it cannot be measured.")
        return
    layers = work.config.layers
    place = st.select_slider(
        "From likely to novel",
        WEIGHTS,
        value=min(WEIGHTS, key=lambda weight: abs(weight - layers.novelty)),
        format_func=lambda weight: place_name(weight, layers.novelty),
        key=f"dial-{work.store.path.stem}-{work.key('policies')}",
    )
    row = curve.set_index("weight").loc[place]
    first = curve.iloc[0]
    found, far = st.columns(2)
    lost, gained = 100 * (row["recall"] - first["recall"]), row["distance"] - first["distance"]
    moved = place != WEIGHTS[0]
    found.metric("Right one among the first ten", f"{row['recall']:.1%}", f"{lost:+.1f} points" if moved else None)
    far.metric(
        "Distance from what people have", f"{row['distance']:.2f}", f"{gained:+.2f}" if moved else None,
        help="How early in the tree the ten part from the person's nearest interest: 0 the same, 1 at the first split.",
    )  # fmt: skip
    st.plotly_chart(
        charts.dial_curve(curve, place),
        alt="How often predictions are right against how far they are, for every place of the dial; the table has all.",
    )
    if np.ptp(curve["distance"]) < 0.005 and np.ptp(curve["recall"]) < 0.0005:  # less than the numbers above show
        st.caption("Here the dial changes next to nothing.")
    st.button(
        "Set the dial here and measure",
        key="set_dial",
        type="primary",
        icon=":material/tune:",
        disabled=is_busy(work.store) or place == layers.novelty,
        on_click=start_run,
        args=(replace(work.config, layers=replace(layers, novelty=place)),),
    )
    with st.expander("All numbers"):
        names = {"weight": "Dial", "recall": "Right one in first ten", "distance": "Distance", "n_cases": "Cases"}
        st.dataframe(curve[list(names)].round(4).rename(columns=names), hide_index=True)


def place_name(weight: float, now: float) -> str:
    name = {WEIGHTS[0]: "likely", WEIGHTS[-1]: "novel"}.get(weight, f"{weight:g}")
    return f"{name} (now)" if weight == now else name
