"""Where people's interests lead: how they move, what is learned from it, which predictions are served, how fresh."""

import streamlit as st

from hierex import view, wording

MOVES, LEARNED, RELEASES, FRESH = "How people move", "What is learned", "Releases", "Staying fresh"

st.title("What comes next")
work = view.current_work()
when = wording.split_text(work.interactions, work.split)
part = st.segmented_control(
    "Part",
    [MOVES, LEARNED, RELEASES, FRESH],
    default=MOVES,
    key="next_part",
    label_visibility="collapsed",
    required=True,
)
if part in (MOVES, LEARNED):
    st.caption(
        f"From what happened before **{when}**, at **{work.taxonomy.n_clusters:,} interests**: the same that "
        "predictions are learned from."
    )
    fewest = view.fewest_people(work)
    (view.people_moves if part == MOVES else view.learned_examples)(work, fewest)
elif part == RELEASES:
    view.releasing(work)
else:
    view.freshness(work)
