"""Shaping the taxonomy on the Granularity page: split, join, merge, hide, keep, and take back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from ...kept import curation_edits
from ...kept.curation_edits import CurationRecord
from ...taxonomy import MERGED_FROM, CurationEdit, Taxonomy
from ...taxonomy.placement import moved_between
from ...wording import plain_markdown
from ...workspace import Workspace
from ..changes import OWN_HELP, own_changes
from .changes_made import bring_back, take_back, what_changed
from .confirming import KINDS, confirm


def marks_of(work: Workspace, number: int, taxonomy: Taxonomy, records: Sequence[CurationRecord]) -> list[str]:
    """What people made of each interest, in a word or two."""
    edits, _ = work.place_curation([record for record in records if not record.undone])
    if not edits:
        return [""] * taxonomy.n_clusters
    tree, ids = work.grown_tree, taxonomy.cluster_ids
    is_merged = ids >= MERGED_FROM
    nodes = np.where(is_merged, 0, ids)
    is_kept = np.isin(ids, [node for edit in edits if edit.kind == "lock" for node in edit.nodes])
    by_hand = ~is_merged & ~is_kept  # of these, what the number of interests itself does not make
    signs = {
        "split": by_hand & (tree.born[nodes] > number),
        "joined": by_hand & (tree.dies[nodes] <= number),
        "merged": is_merged,
        "items moved": moved_between(tree, taxonomy),
        "kept": is_kept,
        "hidden": taxonomy.hidden,
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
        "hide": bool(chosen) and not taxonomy.hidden[clusters].all(),
        "lock": one_node,
    }
    with st.container(horizontal=True):
        for kind, (label, icon, text) in KINDS.items():
            if st.button(label, key=f"curate-{kind}", icon=icon, help=text, disabled=not allowed[kind]):
                confirm(work, number, taxonomy, names, kind, clusters, nodes)
        ends = ended_by(work, nodes)
        taken = "; ".join(what_changed(edit, names) for edit in ends.values())
        only_hidden = bool(ends) and all(edit.kind == "hide" for edit in ends.values())
        st.button(
            "Show again" if only_hidden else "As it was",
            key="curation-end",
            icon=":material/settings_backup_restore:",
            help=f"Takes back: {plain_markdown(taken)}"
            if ends
            else "Takes back that the chosen interests were merged, hidden or kept.",
            disabled=not ends,
            on_click=take_back,
            args=(work, list(ends)),
        )
        for label, ids, action in (("Undo", mine, take_back), ("Redo", taken_back, bring_back)):
            icon = f":material/{label.lower()}:"
            key = f"curation-{label.lower()}"
            args, text = (work, ids[-1:]), OWN_HELP[label]
            st.button(label, key=key, icon=icon, help=text, disabled=not ids, on_click=action, args=args)
    if not chosen:
        st.caption("Choose interests in the table to split, join, merge, hide or keep them.")


def ended_by(work: Workspace, nodes: Sequence[int]) -> dict[int, CurationEdit]:
    """By id, the merges, hides and locks that stand and concern an interest of these nodes."""
    standing = [record for record in curation_edits.read_records(work.store) if not record.undone]
    edits, _ = work.place_curation(standing)
    tree, chosen = work.grown_tree, np.asarray(nodes, np.int64)
    return {
        edit.edit_id: edit
        for edit in edits
        if edit.kind in ("merge", "hide", "lock")
        and any(((tree.lo[chosen] < tree.hi[node]) & (tree.hi[chosen] > tree.lo[node])).any() for node in edit.nodes)
    }
