"""One person on the Preview page: what they had, and which of it a prediction starts from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ... import charts
from ...preview.persons import Person, visits_frame
from ...result_keys import result_key
from ...transitions import repeat_earliest
from ...wording import plain_markdown
from ...workspace import Workspace
from ..interests import box_of_interests

LONGEST_HEADING = 60
"""Characters of a name that a heading has room for; one made of many interests is longer."""


def show_history(
    work: Workspace, person: Person, names: Sequence[str], colors: Sequence[str], *, whole: bool
) -> tuple[int, ...]:
    """Draws it, and returns the interests that the prediction starts from, or with `whole` the latest."""
    taxonomy = work.taxonomy
    history = person.history(taxonomy)
    called = plain_markdown(person.name) if len(person.name) <= LONGEST_HEADING else "this person"
    st.subheader(f"What {'somebody made up' if person.user is None else called} was interested in")
    latest = person.latest(taxonomy, work.config.transition.k)
    context = latest if whole else choose_context(work, person, history, names)
    starting = history if whole else context
    # only the tab that is open is drawn: the others would cost the browser more than all the rest
    over_time, on_map = st.tabs(["Over time", "On the map"], on_change="rerun", key="history_tabs")
    if over_time.open:
        over_time.plotly_chart(
            charts.history_timeline(visits_frame(work, person, names, colors), starting=[names[c] for c in starting]),
            alt="The person's interests over time; a diamond marks those that the prediction starts from.",
        )
    if on_map.open:
        with on_map:
            show_path(work, history, starting, names, colors)
    return context


def show_path(
    work: Workspace, history: np.ndarray, starting: Sequence[int], names: Sequence[str], colors: Sequence[str]
) -> None:
    xy = work.item_map.xy
    middles = np.array([np.median(xy[work.taxonomy.items_of(cluster)], axis=0) for cluster in history])
    stops = pd.DataFrame(
        {
            "x": middles[:, 0],
            "y": middles[:, 1],
            "name": [names[cluster] for cluster in history],
            "color": [colors[cluster] for cluster in history],
            "starts": np.isin(history, starting),
        }
    )
    st.plotly_chart(
        charts.history_path(xy, stops),
        alt="The path of the person's interests over the map of items, numbered in the order in which they came.",
    )
    st.caption("Each stop is the middle of an interest's items; the numbers are the order in which they came.")


def choose_context(work: Workspace, person: Person, history: np.ndarray, names: Sequence[str]) -> tuple[int, ...]:
    k = work.config.transition.k
    default = person.latest(work.taxonomy, k)
    own = history.tolist()
    options = own[::-1] + [cluster for cluster in range(len(names)) if cluster not in set(own)]
    labels = ["The prediction starts from", "and from the more recent", "and from the most recent"][:k]
    whose = result_key("person", person.name if person.user is not None else person.had.hex())
    latest = {
        box_of_interests(work, f"start-{place}-{k}-{whose}-{start}"): start for place, start in enumerate(default)
    }
    *boxes, reset_box = st.columns([2] * k + [1], vertical_alignment="bottom")
    for key, start in latest.items():
        st.session_state.setdefault(key, start)
    chosen = tuple(
        box.selectbox(
            label,
            options,
            format_func=lambda cluster: names[cluster] if cluster in own else f"{names[cluster]} (not theirs)",
            key=key,
        )
        for box, label, key in zip(boxes, labels, latest, strict=True)
    )
    # the state is set and not forgotten, or the browser keeps showing what was chosen
    reset_box.button(
        "Their latest",
        on_click=st.session_state.update,
        args=(latest,),
        disabled=chosen == default,
        width="stretch",
    )
    return tuple(repeat_earliest([chosen])[0].tolist())
