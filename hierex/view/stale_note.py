"""What has to be said where predictions were learned from other words than those on screen."""

from __future__ import annotations

import streamlit as st

from ..kept.releases import current_release
from ..result_keys import policy_is_stale
from ..workspace import Workspace
from .opened import is_busy, start_run

LEARNED_FROM = {"openai": "descriptions or answers", "causal": "descriptions or hidden interests"}


def stale_note(work: Workspace) -> None:
    """That what was said of interests has changed since these predictions were learned, with a way to learn anew."""
    if not policy_is_stale(work):
        return
    read = LEARNED_FROM.get(work.config.policy.kind, "descriptions")
    again = "built again and released" if current_release(work.store) else "built again"
    note, button = st.columns([3, 1], vertical_alignment="center")
    note.info(
        f"The predictions were built from other {read} than there are now, or by an earlier version of hierex. "
        f"What has changed counts once they are {again}."
    )
    button.button(
        "Build again",
        on_click=start_run,
        args=(work.config,),
        disabled=is_busy(work.store),
        type="primary",
        width="stretch",
    )
