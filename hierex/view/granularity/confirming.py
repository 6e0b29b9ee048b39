"""What a change of the interests would do, shown before it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ...kept import curation_edits
from ...taxonomy import CurationEdit, Taxonomy
from ...transitions import histories_of_items, list_moves
from ...typed import LONGEST_TEXT
from ...workspace import Workspace
from ..author import author_box
from ..choice import choose
from ..interests import COUNT
from ..opened import doing
from .changes_made import save

KINDS = {
    "split": ("Split", ":material/call_split:", "Its two parts take its place."),
    "collapse": (
        "Join back",
        ":material/call_merge:",
        "It goes back into the interest it was split from.",
    ),
    "merge": ("Merge", ":material/merge:", "Several interests become one, wherever they would be apart."),
    "hide": (
        "Hide",
        ":material/visibility_off:",
        "It is never predicted, and as part of a larger interest its items are left out. People who have it keep it.",
    ),
    "lock": ("Keep as it is", ":material/lock:", "It stays one interest when the number of interests changes."),
}
DONE = {"split": "Split.", "collapse": "Joined.", "merge": "Merged.", "hide": "Hidden.", "lock": "Kept as it is."}
MAKES_NEW = ("split", "collapse", "merge")
COUNTS_LATER = "Predictions change when they are built again."
COUNTS_WHEN = {"hide": "What is released leaves it out at once, other predictions when they are built again."}


@st.dialog("Change the interests", width="medium")
def confirm(
    work: Workspace,
    number: int,
    taxonomy: Taxonomy,
    names: Mapping[int, str],
    kind: str,
    clusters: Sequence[int],
    nodes: Sequence[int],
) -> None:
    """What the change would do, with a place for the reason; then it is done or not."""
    label, _, text = KINDS[kind]
    if not still_so(work, number, taxonomy, clusters):
        return
    standing = [record for record in curation_edits.read_records(work.store) if not record.undone]
    new = CurationEdit(max((record.edit_id for record in standing), default=0) + 1, kind, tuple(nodes))
    changed = work.shape(number, [*work.place_curation(standing)[0], new])
    after, reasons = changed.taxonomy, changed.reasons
    st.markdown(f"**{label}.** {text}")
    if new.edit_id in reasons:
        st.warning(reasons[new.edit_id])
        return
    st.dataframe(
        effect(work, taxonomy, after, names, clusters, kind),
        hide_index=True,
        column_config={"Items": COUNT, "Traffic": COUNT},
    )
    if kind in ("merge", "lock", "collapse"):
        new_ones = np.flatnonzero(~np.isin(after.cluster_ids, taxonomy.cluster_ids))
        size = (after.hi - after.lo)[new_ones if len(new_ones) else clusters].max()
        st.caption(f"With a larger number of interests, too, this stays one interest, of {size:,} items.")
    n_items = int((taxonomy.hi - taxonomy.lo)[clusters].sum())
    st.caption(
        f"{n_items:,} items and {int(taxonomy.traffic[clusters].sum()):,} interactions are concerned, "
        f"{concerned(work, taxonomy, clusters)}. {COUNTS_WHEN.get(kind, COUNTS_LATER)}"
    )
    reason = ask_reason()
    if st.button(label, type="primary", key="curation-apply") and doing(
        lambda: save(work, kind, nodes, reason), DONE[kind]
    ):
        if kind in MAKES_NEW:
            choose(made_of(after, taxonomy, nodes))
        st.rerun()


def made_of(after: Taxonomy, before: Taxonomy, nodes: Sequence[int]) -> list[int]:
    """A node of each interest that a change of these nodes has made: their ids are those of an edit not yet kept."""
    new = ~np.isin(after.cluster_ids, before.cluster_ids)
    if not new.any():  # more was merged into one that had been merged before
        new[after.cluster_of_part[np.isin(after.part_nodes, nodes)]] = True
    _, first = np.unique(after.cluster_of_part, return_index=True)
    return after.part_nodes[first[new]].tolist()


def still_so(work: Workspace, number: int, taxonomy: Taxonomy, clusters: Sequence[int]) -> bool:
    """Whether these interests hold the items that they held when they were chosen; says so where they don't."""
    now = work.curated(number, curation_edits.read_records(work.store)).taxonomy
    place_of = {cluster_id: place for place, cluster_id in enumerate(now.cluster_ids.tolist())}
    for cluster in clusters:
        place = place_of.get(int(taxonomy.cluster_ids[cluster]))
        if place is None or not np.array_equal(now.items_of(place), taxonomy.items_of(cluster)):
            st.warning(
                "What you chose is not what it was when this opened: it was changed in the meantime, by your first "
                "click or in another window. Close this to see how it is now."
            )
            return False
    return True


def ask_reason() -> str:
    """Why a change is made, and by whom."""
    reason = st.text_input("Why? (shown in the list of changes)", key="curation_reason", max_chars=LONGEST_TEXT)
    author_box()
    return reason


def effect(
    work: Workspace, before: Taxonomy, after: Taxonomy, names: Mapping[int, str], clusters: Sequence[int], kind: str
) -> pd.DataFrame:
    """The interests that would go and those that would come, with their items and traffic; else those concerned."""
    described = work.descriptions(after, work.placed_edits())
    goes = np.flatnonzero(~np.isin(before.cluster_ids, after.cluster_ids))
    comes = np.flatnonzero(~np.isin(after.cluster_ids, before.cluster_ids))
    rows = [("is replaced", before, place) for place in goes] + [("is new", after, place) for place in comes]
    rows = rows or [("is hidden" if kind == "hide" else "stays", before, place) for place in clusters]
    return pd.DataFrame(
        [
            {
                "": what,
                "Interest": names.get(int(one.cluster_ids[place])) or described[int(one.cluster_ids[place])].name,
                "Items": int(one.hi[place] - one.lo[place]),
                "Traffic": int(one.traffic[place]),
            }
            for what, one, place in rows
        ]
    )


def concerned(work: Workspace, taxonomy: Taxonomy, clusters: Sequence[int]) -> str:
    """How many people have one of these interests, and how many of their moves to a new one touch one of them."""
    inside = np.isin(taxonomy.cluster_of_item, clusters)[work.interactions.item_index]
    people = f"{len(np.unique(work.interactions.user_index[inside])):,} people have them"
    histories = histories_of_items(work.interactions, taxonomy.cluster_of_item, taxonomy.n_clusters)
    moves = list_moves(histories, k=work.config.transition.k)
    chosen = np.isin(np.arange(taxonomy.n_clusters), clusters)
    n_moves = np.count_nonzero(chosen[moves.novel] | chosen[moves.contexts].any(axis=1))
    return f"{people}, and {n_moves:,} of {len(moves):,} moves to a new interest start from them or lead to them"
