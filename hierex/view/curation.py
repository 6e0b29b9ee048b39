"""Shaping the taxonomy on the Granularity page: split, join, merge, hide, lock; each shown before it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from .. import curation_edits
from ..curation_edits import CurationRecord
from ..taxonomy import CurationEdit, Taxonomy, cluster_of_leaf
from ..transitions import collect_histories, list_moves
from ..workspace import Workspace
from .changes import move_change, own_changes
from .opened import doing

KINDS = {
    "split": ("Split", ":material/call_split:", "Its two parts take its place."),
    "collapse": (
        "Join back",
        ":material/call_merge:",
        "It goes back into the interest it was split from.",
    ),
    "merge": ("Merge", ":material/merge:", "Several interests become one, at every number of interests."),
    "hide": ("Hide", ":material/visibility_off:", "It is never predicted. People who have it keep it."),
    "lock": ("Keep as it is", ":material/lock:", "It stays one interest, at every number of interests."),
}
DONE = {"split": "Split.", "collapse": "Joined.", "merge": "Merged.", "hide": "Hidden.", "lock": "Kept as it is."}
NAMED = {"split": "split", "collapse": "joined", "merge": "merged", "hide": "hidden", "lock": "kept as it is"}
IN_EFFECT = "in effect"


def marks_of(taxonomy: Taxonomy, n_nodes: int, records: Sequence[CurationRecord]) -> list[str]:
    """What people made of each interest, in a word or two."""
    kept = {node for record in records if record.kind == "lock" and not record.undone for node in record.nodes}
    signs = {
        "merged": taxonomy.cluster_ids >= n_nodes,
        "hidden": taxonomy.hidden,
        "kept": np.isin(taxonomy.cluster_ids, list(kept)),
    }
    return [", ".join(name for name, has in signs.items() if has[place]) for place in range(taxonomy.n_clusters)]


def curation_bar(
    work: Workspace, number: int, taxonomy: Taxonomy, names: Mapping[int, str], chosen: Sequence[int]
) -> None:
    """Buttons for the chosen interests (ids), and undo and redo."""
    mine, taken_back = own_changes("curation", work.store)
    clusters = [taxonomy.index_of(cluster_id) for cluster_id in chosen]
    nodes = [int(node) for cluster in clusters for node in taxonomy.nodes_of(cluster)]
    one_node = len(chosen) == len(nodes) == 1
    allowed = {
        "split": one_node,
        "collapse": one_node,
        "merge": len(chosen) > 1,
        "hide": bool(chosen),
        "lock": one_node,
    }
    with st.container(horizontal=True):
        for kind, (label, icon, text) in KINDS.items():
            if st.button(label, key=f"curate-{kind}", icon=icon, help=text, disabled=not allowed[kind]):
                confirm(work, number, taxonomy, names, kind, clusters, nodes)
        ends = [r.edit_id for r in curation_edits.read_records(work.store) if ends_with(r, nodes)]
        st.button(
            "As it was",
            key="curation-end",
            icon=":material/settings_backup_restore:",
            help="Takes back that the chosen interests were merged, hidden or kept.",
            disabled=not ends,
            on_click=take_back,
            args=(work, ends),
        )
        for label, ids, action in (("Undo", mine, take_back), ("Redo", taken_back, bring_back)):
            icon = f":material/{label.lower()}:"
            key = f"curation-{label.lower()}"
            st.button(label, key=key, icon=icon, disabled=not ids, on_click=action, args=(work, ids[-1:]))
    if not chosen:
        st.caption("Choose interests in the table to split, join, merge, hide or keep them.")


def ends_with(record: CurationRecord, nodes: Sequence[int]) -> bool:
    """Whether the change stands, and taking it back makes the interests of these nodes what they were."""
    return record.kind in ("merge", "hide", "lock") and not record.undone and not set(nodes).isdisjoint(record.nodes)


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
    standing = [record for record in curation_edits.read_records(work.store) if not record.undone]
    new = CurationEdit(max((record.edit_id for record in standing), default=0) + 1, kind, tuple(nodes))
    changed = work.shape(number, [*work.place_curation(standing)[0], new])
    after, reasons = changed.taxonomy, changed.reasons
    st.markdown(f"**{label}.** {text}")
    if new.edit_id in reasons:
        st.warning(reasons[new.edit_id])
        return
    st.dataframe(effect(work, taxonomy, after, names, clusters), hide_index=True)
    n_items = int((taxonomy.hi - taxonomy.lo)[clusters].sum())
    st.caption(
        f"{n_items:,} items and {int(taxonomy.traffic[clusters].sum()):,} interactions are concerned, "
        f"{concerned(work, taxonomy, clusters)}. Predictions change when they are built again."
    )
    reason = st.text_input("Why? (shown in the list of changes)", key="curation_reason")
    st.text_input("Your name", key="author", persist_state="session", placeholder="shown with your changes")
    if st.button("Do it", type="primary", key="curation-apply"):
        doing(lambda: save(work, kind, nodes, reason), DONE[kind])
        st.rerun()


def save(work: Workspace, kind: str, nodes: Sequence[int], reason: str, items: Sequence[int] = ()) -> None:
    """Keeps the change, as one that this session can undo."""
    made = curation_edits.save_curation(
        work.store,
        kind,
        nodes,
        tree_key=work.tree_key,
        tree=work.grown_tree,
        item_ids=work.items["item_id"].to_numpy(),
        items=items,
        reason=reason,
        author=st.session_state.get("author", "").strip(),
    )
    mine, taken_back = own_changes("curation", work.store)
    mine.append(made)
    taken_back.clear()


def effect(
    work: Workspace, before: Taxonomy, after: Taxonomy, names: Mapping[int, str], clusters: Sequence[int]
) -> pd.DataFrame:
    """The interests that would go and those that would come, with their items and traffic; else those that stay."""
    described = work.descriptions(after, work.placed_edits())
    goes = np.flatnonzero(~np.isin(before.cluster_ids, after.cluster_ids))
    comes = np.flatnonzero(~np.isin(after.cluster_ids, before.cluster_ids))
    rows = [("goes", before, place) for place in goes] + [("comes", after, place) for place in comes]
    rows = rows or [("stays", before, place) for place in clusters]
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
    if "first_visits" not in work.keys:
        return people
    histories = collect_histories(work.visits, cluster_of_leaf(work.tree, taxonomy), taxonomy.n_clusters)
    moves = list_moves(histories, k=work.config.transition.k)
    chosen = np.isin(np.arange(taxonomy.n_clusters), clusters)
    n_moves = np.count_nonzero(chosen[moves.novel] | chosen[moves.contexts].any(axis=1))
    return f"{people}, and {n_moves:,} of {len(moves):,} moves to a new interest start from them or lead to them"


def change_list(work: Workspace, number: int, names: Mapping[int, str]) -> None:
    """Every change that anybody made, latest first; each can be taken back or brought back, or all at once."""
    records = curation_edits.read_records(work.store)[::-1]
    if not records:
        return
    reasons = work.curated(number, records[::-1]).reasons
    with st.expander(f"All changes of the interests ({len(records)})"):
        table = pd.DataFrame(
            [
                {
                    "When": record.edited_at,
                    "By": record.author or "(no name given)",
                    "What": what_changed(record, names),
                    "Why": record.reason,
                    "Now": "taken back" if record.undone else reasons.get(record.edit_id, IN_EFFECT),
                }
                for record in records
            ]
        )
        picked = st.dataframe(
            table,
            hide_index=True,
            key=f"curation_list-{work.store.path.stem}-{len(records)}",
            on_select="rerun",
            selection_mode="single-row",
            column_config={"When": st.column_config.DatetimeColumn("When (UTC)", format="D MMM YYYY, HH:mm")},
        )
        chosen = next((records[row] for row in picked["selection"]["rows"]), None)
        standing = [record.edit_id for record in records if not record.undone]
        with st.container(horizontal=True):
            if chosen and chosen.undone:
                st.button("Bring back the chosen change", on_click=bring_back, args=(work, [chosen.edit_id]))
            elif chosen:
                st.button("Take back the chosen change", on_click=take_back, args=(work, [chosen.edit_id]))
            st.button(
                "Take all back", key="curation-reset", disabled=not standing, on_click=take_back, args=(work, standing)
            )


def what_changed(record: CurationRecord, names: Mapping[int, str]) -> str:
    interests = ", ".join(names.get(node, "…") for node in record.nodes)
    if record.kind == "move":
        return f"{len(record.items):,} item{'s' * (len(record.items) > 1)} moved to: {interests}"
    return f"{NAMED[record.kind]}: {interests}"


def take_back(work: Workspace, edit_ids: Sequence[int]) -> None:
    _set_undone(work, edit_ids, True, "Taken back.")


def bring_back(work: Workspace, edit_ids: Sequence[int]) -> None:
    _set_undone(work, edit_ids, False, "Brought back.")


def _set_undone(work: Workspace, edit_ids: Sequence[int], undone: bool, done: str) -> None:
    mine, taken_back = own_changes("curation", work.store)
    here, there = (mine, taken_back) if undone else (taken_back, mine)
    if doing(lambda: curation_edits.set_undone(work.store, edit_ids, undone), done):
        for edit_id in edit_ids:
            move_change(edit_id, here, there)
