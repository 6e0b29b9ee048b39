"""Shaping the taxonomy on the Granularity page: split, join, merge, hide, lock; each shown before it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ...kept import curation_edits
from ...kept.curation_edits import CurationRecord
from ...taxonomy import MERGED_FROM, CurationEdit, Taxonomy
from ...taxonomy.placement import moved_between
from ...transitions import histories_of_items, list_moves
from ...typed import LONGEST_TEXT
from ...wording import plain_markdown
from ...workspace import Workspace
from ..author import author_box, author_name
from ..changes import OWN_HELP, choose_row, move_change, own_changes
from ..choice import choose
from ..interests import COUNT
from ..opened import doing

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
NAMED = {"split": "split", "collapse": "joined", "merge": "merged", "hide": "hidden", "lock": "kept as it is"}
MAKES_NEW = ("split", "collapse", "merge")
IN_EFFECT = "in effect"
COUNTS_LATER = "Predictions change when they are built again."
COUNTS_WHEN = {"hide": "What is released leaves it out at once, other predictions when they are built again."}


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


def save(work: Workspace, kind: str, nodes: Sequence[int], reason: str, items: Sequence[int] = ()) -> None:
    """Keeps the change, as one that this session can undo."""
    mine, taken_back = own_changes("curation", work.store)  # before: a second click may end this where it is read
    made = curation_edits.save_curation(
        work.store,
        kind,
        nodes,
        tree_key=work.tree_key,
        tree=work.grown_tree,
        item_ids=work.items["item_id"].to_numpy(),
        items=items,
        reason=reason,
        author=author_name(),
    )
    mine.append(made)
    taken_back.clear()


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


def change_list(work: Workspace, number: int, names: Mapping[int, str]) -> None:
    """Every change that anybody made, latest first; each can be taken back or brought back, or all at once."""
    records = curation_edits.read_records(work.store)[::-1]
    if not records:
        return
    reasons = work.curated(number, records[::-1]).reasons
    placed = {edit.edit_id: edit for edit in work.place_curation(records)[0]}
    with st.expander(f"All changes of the interests ({len(records)})"):
        table = pd.DataFrame(
            [
                {
                    "When": record.edited_at,
                    "By": record.author or "(no name given)",
                    "What": what_changed(placed[record.edit_id], names)
                    if record.edit_id in placed
                    else what_was_changed(work, record),
                    "Why": record.reason,
                    "Now": "taken back" if record.undone else reasons.get(record.edit_id, IN_EFFECT),
                }
                for record in records
            ]
        )
        chosen = choose_row(table, records, key=f"curation_list-{work.store.path.stem}-{len(records)}")
        standing = [record.edit_id for record in records if not record.undone]
        with st.container(horizontal=True):
            if chosen and chosen.undone:
                st.button("Bring back the chosen change", on_click=bring_back, args=(work, [chosen.edit_id]))
            elif chosen:
                st.button("Take back the chosen change", on_click=take_back, args=(work, [chosen.edit_id]))
            st.button(
                "Take all back", key="curation-reset", disabled=not standing, on_click=take_back, args=(work, standing)
            )


def what_changed(edit: CurationEdit | CurationRecord, names: Mapping[int, str]) -> str:
    """In words; names: by node, as they are called today."""
    interests = ", ".join(names.get(node, "…") for node in edit.nodes)
    if edit.kind == "move":
        return f"{len(edit.items):,} item{'s' * (len(edit.items) != 1)} moved to: {interests}"
    return f"{NAMED[edit.kind]}: {interests}"


def what_was_changed(work: Workspace, record: CurationRecord) -> str:
    """In words, of a change that found no like: its interests have no name today, but some items of theirs may."""
    items = work.items.set_index("item_id")["title"]
    titles = [next((items[item] for item in sample if item in items.index), "gone") for sample in record.samples]
    return what_changed(
        record, {node: f"the one with “{title}”" for node, title in zip(record.nodes, titles, strict=True)}
    )


def take_back(work: Workspace, edit_ids: Sequence[int]) -> None:
    _set_undone(work, edit_ids, True, "Taken back.")


def bring_back(work: Workspace, edit_ids: Sequence[int]) -> None:
    _set_undone(work, edit_ids, False, "Brought back.")


def _set_undone(work: Workspace, edit_ids: Sequence[int], undone: bool, done: str) -> None:
    mine, taken_back = own_changes("curation", work.store)
    here, there = (mine, taken_back) if undone else (taken_back, mine)
    other = {record.edit_id for record in curation_edits.read_records(work.store) if record.undone != undone}
    if doing(
        lambda: curation_edits.set_undone(work.store, [edit_id for edit_id in edit_ids if edit_id in other], undone),
        done if other.intersection(edit_ids) else "Somebody did that already.",
    ):
        for edit_id in edit_ids:
            move_change(edit_id, here, there)
