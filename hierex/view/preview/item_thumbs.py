"""Items that a person would be shown, and what the reviewer thinks of each."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ...kept import item_thumbs as kept
from ...kept.reviewers import Subject, Thumb, reviewer_key
from ...wording import plain_markdown
from ...workspace import Workspace
from ..author import author_name
from ..interests import item_list
from ..opened import doing

SIGNS = {True: "👍", False: "👎"}


def judging_items() -> bool:
    """Asks, once for all lists of items, whether the reviewer wants to say what they think of single ones."""
    judging = st.toggle("Thumbs on single items", key="judging_items")
    if judging:
        st.caption(
            "Thumbs on single items are for people to read: they stand in the report and in the table of all that was "
            "judged. Nothing is learned from them."
        )
    return judging


def judged_items(work: Workspace, subject: Subject, items: Sequence[int], *, judging: bool) -> None:
    """The items (indices), best first, with what this reviewer said of them for this person."""
    author = author_name()
    said = kept.read_item_thumbs(work.store, author, subject)
    ids, titles = (work.items[name].to_numpy()[items] for name in ("item_id", "title"))
    if judging:
        for item_id, title in zip(ids, titles, strict=True):
            item_thumb(work, subject, item_id, title, said.get(item_id))
        return
    signs = [SIGNS[said[item_id].liked] if item_id in said else "" for item_id in ids]
    item_list(titles, said=signs if any(signs) else None)


def item_thumb(work: Workspace, subject: Subject, item_id: str, title: str, said: Thumb | None) -> None:
    """One item, thumbs up or down, and why. said: what this reviewer said before."""
    author = author_name()
    key = f"item_thumb-{work.store.path.stem}-{item_id}-{subject.key}-{reviewer_key(author)}"

    def keep() -> None:
        up = st.session_state.get(key)
        liked, reason = None if up is None else bool(up), st.session_state.get(f"{key}-why", "")
        doing(
            lambda: kept.save_item_thumb(
                work.store, item_id, subject, liked=liked, author=author, reason=reason if up is not None else ""
            )
        )

    thumbs, name = st.columns([1, 3], vertical_alignment="center")
    with thumbs:
        st.feedback("thumbs", key=key, default=int(said.liked) if said else None, on_change=keep)
    name.markdown(plain_markdown(title))
    if said:
        st.text_input(
            f"Why, of {title}", value=said.reason, key=f"{key}-why", on_change=keep, placeholder="Why (optional)",
            label_visibility="collapsed",
        )  # fmt: skip
