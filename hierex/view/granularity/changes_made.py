"""The changes of the interests that people made: kept, listed, taken back and brought back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from ...kept import curation_edits
from ...kept.curation_edits import CurationRecord
from ...taxonomy import CurationEdit
from ...workspace import Workspace
from ..author import author_name
from ..changes import choose_row, move_change, own_changes
from ..opened import doing

NAMED = {"split": "split", "collapse": "joined", "merge": "merged", "hide": "hidden", "lock": "kept as it is"}
IN_EFFECT = "in effect"


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
