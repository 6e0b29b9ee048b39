"""Lists of changes to choose from, and undo and redo of what this session changed: never of what others did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import pandas as pd
import streamlit as st

from ..store import Store

Row = TypeVar("Row")
MOMENT = "D MMM YYYY, HH:mm"
"""How tables write times; sentences do as `wording.time_text`."""
OWN_HELP = {
    "Undo": "Takes back what you changed last since you opened the app. The list of changes takes back anything.",
    "Redo": "Brings back what you took back last.",
}


def own_changes(kind: str, store: Store) -> tuple[list[int], list[int]]:
    """The ids of this session's edits in this workspace, latest last, and of those that it took back."""
    return st.session_state.setdefault(f"own_{kind}", {}).setdefault(store, ([], []))


def move_change(edit_id: int, here: list[int], there: list[int]) -> None:
    """From those made to those taken back, or the other way; an edit of somebody else's comes from neither."""
    if edit_id in here:
        here.remove(edit_id)
        there.append(edit_id)


def choose_row(table: pd.DataFrame, rows: Sequence[Row], *, key: str) -> Row | None:
    """Shows a table with a column `When` (UTC); what stands behind the chosen row, None where none is chosen."""
    picked = st.dataframe(
        table,
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        column_config={"When": st.column_config.DatetimeColumn("When (UTC)", format=MOMENT)},
    )
    return next((rows[row] for row in picked["selection"]["rows"]), None)
