"""One interest at a time: its words beside its items, the verdict on them, and the way to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ...kept.description_reviews import APPROVED, NEEDS_WORK, changed_items, standing_text
from ...wording import SOURCE_NAMES, plain_markdown
from ..interests import COUNT
from ..opened import doing
from .described import Described, save_verdict, show_table_anew, take_back_one

EXAMPLES = 40
DONE = {APPROVED: "Approved.", NEEDS_WORK: "Marked as “needs work”."}


def closer_look(shown: Described, rows: Sequence[int]) -> int | None:
    """Shows one of these interests, by id, with what to do about it; returns which, None where there are none."""
    st.subheader("Look closer")
    if not rows:
        return None
    chosen = st.session_state.get("closer")
    st.session_state["closer"] = chosen if chosen in rows else rows[0]  # set anew, the box takes the names of now
    node = choose_interest(shown, rows)
    words, examples = st.columns([1, 2])
    with words:
        show_words(shown, node)
        review_box(shown, rows, node)
    with examples:
        show_items(shown, node)
    return node


def choose_interest(shown: Described, rows: Sequence[int]) -> int:
    """The one that is looked at, with the ways to the ones before and after it."""
    box, back, on, only = st.columns([4, 1.2, 1.2, 1.2], vertical_alignment="center")
    only_to_do = only.checkbox("Only those to do", key="only_to_do")
    node = box.selectbox(
        "Interest",
        rows,
        format_func=lambda node: shown.descriptions[node].name,
        key="closer",
        label_visibility="collapsed",
    )
    ways = ((back, "Previous", "Alt+Up", -1), (on, "Next", "Alt+Down", 1))
    for place, label, shortcut, way in ways:
        found = neighbour(shown, rows, node, way, only_to_do)
        place.button(
            label,
            key=f"closer-{label}",
            shortcut=shortcut,
            disabled=found is None,
            on_click=look_at,
            args=(found,),
            width="stretch",
        )
    return node


def look_at(node: int) -> None:
    """For callbacks."""
    st.session_state["closer"] = node


def neighbour(shown: Described, rows: Sequence[int], node: int, way: int, only_to_do: bool) -> int | None:
    """The next of the rows in this way (1 or -1), to do if that is asked for; None at the end."""
    place = rows.index(node)
    others = rows[place + 1 :] if way > 0 else rows[:place][::-1]
    return next((other for other in others if not only_to_do or shown.standings[other].to_do), None)


def show_words(shown: Described, node: int) -> None:
    d = shown.descriptions[node]
    with st.container(border=True):
        st.markdown(f"**{plain_markdown(d.name)}**")
        st.markdown(plain_markdown(d.summary))
        st.markdown("\n".join(f"- {plain_markdown(phrase)}" for phrase in d.phrases))
        edit = shown.placed.get(node)
        who = f": {plain_markdown(edit.author)}" if edit and edit.author else ""
        st.caption(f"Written {SOURCE_NAMES[d.source]}{who}")
        if edit:
            machine = shown.work.descriptions(shown.taxonomy, {})[node]
            st.caption(plain_markdown(f"The machine's words: {machine.name}. {machine.summary}"))
            st.button("Take this change back", on_click=take_back_one, args=(shown, edit), icon=":material/undo:")


def review_box(shown: Described, rows: Sequence[int], node: int) -> None:
    """Where the review stands, and the reviewer's verdict; after it comes the next interest."""
    standing = shown.standings[node]
    note_key = f"review-note-{shown.work.tree_key}-{node}-{shown.review_seen(node)}"
    # A form, so that a shortcut pressed while the note is written takes the note along.
    with st.form("review", enter_to_submit=False):
        show = st.warning if standing.stale else st.markdown
        show(plain_markdown(standing_text(standing)))
        st.text_input("Note", key=note_key, placeholder="what to change, or why it is good")
        with st.container(horizontal=True):
            verdicts = (("Approve", APPROVED, "Alt+A", "primary"), ("Needs work", NEEDS_WORK, "Alt+N", "secondary"))
            for label, state, shortcut, kind in verdicts:
                st.form_submit_button(
                    label,
                    key=f"review-{state}",
                    type=kind,
                    shortcut=shortcut,
                    help="Then comes the next interest.",
                    on_click=give_verdict,
                    args=(shown, rows, node, state, note_key),
                )


def give_verdict(shown: Described, rows: Sequence[int], node: int, state: str, note_key: str) -> None:
    """For callbacks: keeps it and goes on to the next interest."""
    note = st.session_state.get(note_key, "")
    if doing(lambda: save_verdict(shown, [node], state, note), DONE[state]):
        following = neighbour(shown, rows, node, 1, st.session_state.get("only_to_do", False))
        if following is not None:
            look_at(following)
    show_table_anew()


def show_items(shown: Described, node: int) -> None:
    """The interest's items; where it is stale, also which of them came since and which went."""
    place, standing = shown.taxonomy.index_of(node), shown.standings[node]
    came = went = np.empty(0, np.int32)
    if standing.stale and standing.basis:
        came, went = changed_items(standing.basis, shown.taxonomy, place, shown.work.items["item_id"])
    table = item_table(shown, shown.taxonomy.items_of(place), came)
    st.dataframe(table.head(EXAMPLES), hide_index=True, height=460, column_config={"Traffic": COUNT})
    st.caption(f"{min(EXAMPLES, len(table)):,} of {len(table):,} items, those with most traffic.")
    if len(went):
        st.caption(f"Items that went since ({len(went):,}):")
        gone = item_table(shown, went, came[:0]).head(EXAMPLES)
        st.dataframe(gone, hide_index=True, column_config={"Traffic": COUNT})


def item_table(shown: Described, items: np.ndarray, came: np.ndarray) -> pd.DataFrame:
    """Items with most traffic first; where some came since the words were reviewed, those are marked."""
    found = shown.work.items.iloc[items]
    table = pd.DataFrame({"Title": found["title"], "Traffic": found["traffic"]})
    if len(came):
        table["Since"] = np.where(np.isin(items, came), "came", "")
    return table.sort_values("Traffic", ascending=False, kind="stable")
