"""A thumb on a novel interest, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ...kept import feedback
from ...workspace import Workspace
from ..author import author_name
from ..opened import doing


def thumb(work: Workspace, user_id: str, context: Sequence[int], novel: int) -> None:
    """Whether the reviewer likes this novel interest (an index, as those of the context are) for this person."""
    ids = work.taxonomy.cluster_ids
    author = author_name()
    about = work.tree_key, [int(ids[cluster]) for cluster in context]
    said = feedback.read_thumbs(work.store, *about, author, user_id).get(int(ids[novel]))
    key = f"thumb-{work.store.path.stem}-{about}-{ids[novel]}-{user_id}-{author}"
    thumbs, why = st.columns([1, 5], vertical_alignment="center")

    def keep() -> None:
        up, reason = st.session_state.get(key), st.session_state.get(f"{key}-why", "")
        liked = None if up is None else bool(up)
        doing(
            lambda: feedback.save_thumb(
                work.store, *about, int(ids[novel]), liked=liked, author=author, user_id=user_id, reason=reason
            )
        )

    with thumbs:
        st.feedback("thumbs", key=key, default=None if said is None else int(said.liked), on_change=keep)
    if said is not None:
        why.text_input(
            "Why (optional)", said.reason, key=f"{key}-why", on_change=keep, placeholder="Why (optional)",
            label_visibility="collapsed",
        )  # fmt: skip
