"""What has to be said of a tree of interests that was kept when the logs changed, or grown anew."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from ...kept import results, stage_tables
from ...kept.curation_edits import LOST
from ...kept.trees import MANY_NEW, tree_before
from ...wording import plain_markdown
from ...workspace import Curated, Workspace
from ..opened import is_busy, start_run


def tree_note(work: Workspace, curated: Curated) -> None:
    """How many items came later, with a way to grow the interests anew; which changes could not be carried over."""
    share = stage_tables.placed_share(work.store, work.key("interest_tree"))
    if share:
        text = (
            f"{share:.1%} of the items are new or changed since these interests were found, and are put where they fit."
        )
        if share > MANY_NEW:
            st.info(f"{text} With so many it is time to find the interests anew.", icon=":material/info:")
        else:
            st.caption(text)
        st.button(
            "Find the interests anew",
            key="regrow",
            icon=":material/refresh:",
            disabled=is_busy(work.store),
            on_click=start_run,
            args=(replace(work.config, regrow=True),),
            help="What people wrote and changed goes to the interests that are most alike.",
        )
    anew = results.result_note(work.store, "interest_tree", work.key("interest_tree"))
    if anew:
        st.caption(plain_markdown(anew))
    before = tree_before(work.store, work.config, work.keys) if "tree_settings" in work.keys else None
    if before:
        st.button(
            "Back to the interests before",
            key="tree_before",
            icon=":material/undo:",
            disabled=is_busy(work.store),
            on_click=start_run,
            args=(replace(work.config, regrow=False, tree_key=before),),
            help="These logs had other interests before they were found anew. Builds on those again.",
        )
    lost = sum(reason in LOST for reason in curated.reasons.values())
    if lost:
        st.caption(
            f"{lost} change{'s' * (lost > 1)} of the interests found no like in these and wait{'s' * (lost == 1)} "
            "in the list of all changes below."
        )
