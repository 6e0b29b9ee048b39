"""How people move between interests, for reviewers: the strongest moves, and all that leads to one interest and on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from ... import charts
from ...charts.moves import LIFT, PEOPLE
from ...files import exports
from ...transitions.pairs import count_pairs, list_pairs, strongest
from ...workspace import Workspace
from ..interests import COUNT, PERCENT, box_of_interests, colors_of
from ..opened import server

SHOWN = 25
COLORED = {PEOPLE: "How many people", LIFT: "More or fewer than expected"}


def fewest_people(work: Workspace) -> int:
    """Asks of how many people a move has to be to be shown; never fewer than the server allows."""
    least = server().fewest_people
    return int(
        st.number_input(
            "Show moves of at least so many people",
            least,
            max(1_000, least),
            least,
            key=f"fewest_people-{work.store.path.stem}",
            width=340,
            help=f"Never fewer than {least:,}, so that nothing speaks of single persons.",
        )
    )


def people_moves(work: Workspace, fewest: int) -> None:
    names = [description.name for description in work.cluster_descriptions()]
    counted = count_pairs(work.training_moves)
    pairs = list_pairs(work.training_moves, fewest=fewest)
    if not len(pairs):
        st.info(f"No move between two interests was made by {fewest:,} people or more.")
        return
    st.subheader("The strongest moves")
    color = st.segmented_control(
        "Colour", list(COLORED), default=PEOPLE, format_func=COLORED.get, key="move_color", required=True
    )
    shown = strongest(pairs, SHOWN)
    st.caption(
        f"Between the {len(shown):,} interests of the strongest moves; alike ones stand side by side. "
        f"A move counts from {starting_points(work.config.transition.k)}. "
        f"{len(pairs):,} of {np.count_nonzero(counted):,} different moves were made by {fewest:,} people or more."
    )
    st.plotly_chart(
        charts.move_heat_map(pairs, shown, names, color=color),
        alt="How many people moved from the interests on the left to those on top; the table below has all.",
    )
    with st.expander("All moves as a table"):
        pair_table(pairs, names, "moves.csv")
    st.divider()
    one_interest(work, pairs, names)


def starting_points(k: int) -> str:
    latest = "the latest interest" if k == 1 else f"each of the {k} latest interests"
    return f"{latest} that a person had, which is what a prediction starts from"


def one_interest(work: Workspace, pairs: pd.DataFrame, names: list[str]) -> None:
    st.subheader("One interest: what leads to it, and where it leads")
    busiest = np.argsort(-work.taxonomy.traffic, kind="stable").tolist()
    key = box_of_interests(work, "move_interest")
    chosen = st.selectbox("Interest", busiest, format_func=names.__getitem__, key=key)
    colors = colors_of(work, work.taxonomy)
    st.plotly_chart(
        charts.around_interest(pairs, chosen, names, colors, dark=st.context.theme.type == "dark"),
        alt="What led people to this interest and where they went on; the tables below have all.",
    )
    into, onward = pairs[pairs["after"] == chosen], pairs[pairs["before"] == chosen]
    left, right = st.columns(2)
    with left:
        st.markdown("**Led to it**")
        pair_table(into, names, "led_to_it.csv", leave_out="To")
    with right:
        st.markdown("**Came next**")
        pair_table(onward, names, "came_next.csv", leave_out="From")


def pair_table(pairs: pd.DataFrame, names: list[str], file: str, *, leave_out: str = "") -> None:
    if not len(pairs):
        st.caption("Too few people to show it.")
        return
    table = pd.DataFrame(
        {
            "From": [names[cluster] for cluster in pairs["before"]],
            "To": [names[cluster] for cluster in pairs["after"]],
            "People": pairs["n_users"].to_numpy(),
            "Share": pairs["share"].to_numpy(),
            "Times expected": pairs["lift"].round(2).to_numpy(),
        }
    ).drop(columns=leave_out or [])
    share = st.column_config.NumberColumn(
        format=PERCENT, help="Of all people who went on from the first interest; one may go on to several"
    )
    expected = st.column_config.NumberColumn(
        help="Against as many as would come if it didn't matter where people come from"
    )
    shown = table.assign(Share=100 * table["Share"])
    st.dataframe(shown, hide_index=True, column_config={"People": COUNT, "Share": share, "Times expected": expected})
    st.download_button(
        "Download (CSV)",
        exports.safe_csv(table),
        file,
        "text/csv",
        icon=":material/download:",
        key=f"download-{file}",
        on_click="ignore",
    )
