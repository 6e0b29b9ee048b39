"""Where people's interests lead: how they move, what is learned from it, which predictions are served, how fresh."""

import streamlit as st

from hierex import view, wording

MOVES, LEARNED, RELEASES = "How people move", "What is learned", "Releases"
LIKED, DIAL, FRESH = "What people liked", "Likely or novel", "Staying fresh"

st.title("What comes next")
work = view.current_work()
view.stale_note(work)
when = wording.split_text(work.interactions, work.split)
part = st.segmented_control(
    "Part",
    [MOVES, LEARNED, FRESH, LIKED, DIAL, RELEASES],
    default=MOVES,
    key="next_part",
    bind="query-params",
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
else:
    if part != RELEASES:
        view.say_latest_build(work)
    draw = {FRESH: view.freshness, LIKED: view.liked, DIAL: view.novelty_dial, RELEASES: view.releasing}
    draw[part](work)
