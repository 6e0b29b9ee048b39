"""Where people's interests lead: how they move, what is learned from it, which predictions are served, how fresh."""

import streamlit as st

from hierex import wording
from hierex.view.builds import say_latest_build
from hierex.view.next_interest.dial import novelty_dial
from hierex.view.next_interest.freshness import freshness
from hierex.view.next_interest.learned import learned_examples
from hierex.view.next_interest.liked import liked
from hierex.view.next_interest.people_moves import fewest_people, people_moves
from hierex.view.next_interest.releasing import releasing
from hierex.view.opened import current_work
from hierex.view.stale_note import stale_note

MOVES, TAUGHT, RELEASES = "How people move", "What is taught", "Releases"
LIKED, DIAL, FRESH = "What people liked", "Likely or novel", "Staying fresh"

st.title("What comes next")
work = current_work()
stale_note(work)
when = wording.split_text(work.interactions, work.split)
part = st.segmented_control(
    "Part",
    [MOVES, TAUGHT, FRESH, LIKED, DIAL, RELEASES],
    default=MOVES,
    key="next_part",
    bind="query-params",
    label_visibility="collapsed",
    required=True,
)
if part in (MOVES, TAUGHT):
    st.caption(
        f"From what happened before **{when}**, at **{work.taxonomy.n_clusters:,} interests**: the same that "
        "predictions are learned from."
    )
    fewest = fewest_people(work)
    (people_moves if part == MOVES else learned_examples)(work, fewest)
else:
    if part != RELEASES:
        say_latest_build(work)
    draw = {FRESH: freshness, LIKED: liked, DIAL: novelty_dial, RELEASES: releasing}
    draw[part](work)
