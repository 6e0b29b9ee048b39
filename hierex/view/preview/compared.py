"""Which two builds a blind comparison is of: whoever starts it chooses them by name."""

from __future__ import annotations

import streamlit as st

from ... import releases
from ...preview.comparisons import start_comparison
from ...wording.labels import told_apart
from ...workspace import Workspace
from ..builds import candidate_name
from ..opened import doing


def set_state(key: str, value: object) -> None:
    """For callbacks."""
    st.session_state[key] = value


def set_up(work: Workspace, author: str, setting_up: str, can_go_back: bool) -> None:
    st.subheader("Which two to compare")
    candidates = [candidate for candidate in releases.list_candidates(work.store) if candidate.kept]
    if len(candidates) < 2:
        st.info(
            "It takes two builds to compare. Learn another way under “What comes next”, “Releases”, or build at "
            "another number of interests on the Granularity page; then come back."
        )
        return
    st.caption("You know what is compared then, but not which one is left and which one is right.")
    stem = work.store.path.stem
    names = told_apart([candidate_name(candidate) for candidate in candidates])
    first, second = (
        box.selectbox(
            label,
            range(len(candidates)),
            index=place,
            format_func=lambda place: names[place],
            key=f"compare-{place}-{stem}",
        )
        for place, (box, label) in enumerate(zip(st.columns(2), ("One build", "The other"), strict=True))
    )

    def start() -> None:
        one, other = candidates[first], candidates[second]
        if doing(lambda: start_comparison(work.store, one, other, author=author)):
            st.session_state[setting_up] = False
            st.session_state.pop(f"comparison-{stem}", None)

    go, back = st.columns([1, 3])
    go.button(
        "Start judging", key="start_comparison", type="primary", disabled=not author or first == second, on_click=start
    )
    if can_go_back:
        back.button("Go back", key="no_comparison", on_click=set_state, args=(setting_up, False))
    if not author:
        st.caption("Type your name first.")
    elif first == second:
        st.caption("Choose two different builds.")
