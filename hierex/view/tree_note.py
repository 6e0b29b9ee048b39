"""What has to be said of a tree of interests that was kept when the logs changed, or grown anew."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from .. import results
from ..curation_edits import LOST
from ..kept_trees import MANY_NEW
from ..workspace import Curated, Workspace
from .opened import start_run


def tree_note(work: Workspace, curated: Curated) -> None:
    """How many items came later, with a way to grow the interests anew; which changes could not be carried over."""
    share = results.placed_share(work.store, work.key("interest_tree"))
    if share:
        text = f"{share:.1%} of the items came after these interests were found, and were put where they fit best."
        if share > MANY_NEW:
            st.info(f"{text} With so many it is time to find the interests anew.", icon=":material/info:")
        else:
            st.caption(text)
        st.button(
            "Find the interests anew",
            key="regrow",
            icon=":material/refresh:",
            on_click=start_run,
            args=(replace(work.config, regrow=True),),
            help="What people wrote and changed goes to the interests that are most alike.",
        )
    lost = sum(reason in LOST for reason in curated.reasons.values())
    if lost:
        st.caption(
            f"{lost} change{'s' * (lost > 1)} of the interests found no like in these and wait{'s' * (lost == 1)} "
            "in the list of all changes below."
        )
