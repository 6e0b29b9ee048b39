"""What has to be said where predictions were learned from other words or interests than there are now."""

from __future__ import annotations

import streamlit as st

from ..kept import curation_edits
from ..kept.releases import current_release
from ..result_keys import learned_by_earlier, policy_is_stale
from ..taxonomy.comparison import same_items
from ..workspace import Workspace
from .opened import is_busy, start_run

LEARNED_FROM = {"openai": "descriptions or answers", "causal": "descriptions or hidden interests"}


def stale_note(work: Workspace) -> None:
    """That interests, or what is said of them, have changed since these predictions were learned, with a way to learn
    anew."""
    read = LEARNED_FROM.get(work.config.policy.kind, "descriptions")
    if interests_changed(work):
        since = "Interests were split, merged or given other items since the predictions were built."
    elif policy_is_stale(work):
        since = (
            "An earlier version of hierex learned these predictions, and this one learns otherwise."
            if learned_by_earlier(work)
            else f"The predictions were built from other {read} than there are now."
        )
    else:
        return
    again = "built again and released" if current_release(work.store) else "built again"
    note, button = st.columns([3, 1], vertical_alignment="center")
    note.info(f"{since} What has changed counts once they are {again}.")
    button.button(
        "Build again",
        on_click=start_run,
        args=(work.config,),
        disabled=is_busy(work.store),
        type="primary",
        width="stretch",
    )


def interests_changed(work: Workspace) -> bool:
    """Whether what people changed makes other interests, at the built number, than the predictions are about. What was
    hidden is left out at once, so it needs no word."""
    if "policies" not in work.keys:
        return False
    records = curation_edits.read_records(work.store)
    if curation_edits.taxonomy_key(work.granularity, records) == work.keys["taxonomy"]:
        return False
    now = work.curated(work.granularity, records).taxonomy
    return not same_items(now, work.taxonomy)
