"""Undo and redo of what this session changed: never of what other people did."""

from __future__ import annotations

import streamlit as st

from ..store import Store


def own_changes(kind: str, store: Store) -> tuple[list[int], list[int]]:
    """The ids of this session's edits in this workspace, latest last, and of those that it took back."""
    return st.session_state.setdefault(f"own_{kind}", {}).setdefault(store, ([], []))


def move_change(edit_id: int, here: list[int], there: list[int]) -> None:
    """From those made to those taken back, or the other way; an edit of somebody else's comes from neither."""
    if edit_id in here:
        here.remove(edit_id)
        there.append(edit_id)
