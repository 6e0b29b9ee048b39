"""Whose predictions the Preview page shows."""

from __future__ import annotations

import streamlit as st

from ... import wording
from ...errors import HierexError
from ...workspace import Workspace
from ..opened import current_work, latest_work, released_work

RELEASED, LATEST_BUILD = "Released", "Latest build"


def shown_predictions() -> Workspace:
    """For the Preview page: what is released, or the latest build where that is chosen or nothing is released."""
    present = current_work()
    present.key("transition_table")  # says what to do where a build did not come so far
    try:
        released = released_work(present)
    except HierexError as reason:
        st.warning(
            f"What is released does not fit here. {wording.plain_markdown(str(reason))} Shown: the latest build."
        )
        return latest_work(present)
    if released is None:
        st.caption("Predictions of the latest build; nothing is released now: see “Releases” under “What comes next”.")
        return latest_work(present)
    if released.keys == present.keys:
        st.caption("Predictions that are released.")
        return released
    shown = st.segmented_control(
        "Predictions", [RELEASED, LATEST_BUILD], default=RELEASED, key="shown_predictions", required=True
    )
    return released if shown == RELEASED else latest_work(present)
