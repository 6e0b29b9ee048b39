"""Moving items to another interest on the Granularity page: from the table of items, or drawn around on the map."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from ...kept import curation_edits
from ...taxonomy import CurationEdit, Taxonomy
from ...workspace import Workspace
from ..opened import doing
from .changes_made import save
from .confirming import ask_reason, concerned, still_so


def move_button(work: Workspace, number: int, taxonomy: Taxonomy, names: Mapping[int, str], items: np.ndarray) -> None:
    """Opens the choice of where these items (indices) go. names: of every interest, by id."""
    label = f"Move {counted(items)} to …" if len(items) else "Move to …"
    if st.button(label, key="move-items", icon=":material/drive_file_move:", disabled=not len(items)):
        confirm_move(work, number, taxonomy, names, items)


@st.dialog("Move items to another interest", width="medium")
def confirm_move(work: Workspace, number: int, taxonomy: Taxonomy, names: Mapping[int, str], items: np.ndarray) -> None:
    """Asks where to, shows what would change, and does it or not."""
    by_traffic = taxonomy.cluster_ids[np.argsort(-taxonomy.traffic, kind="stable")].tolist()
    target = st.selectbox(
        "To which interest?", by_traffic, index=None, format_func=lambda node: names[node], key="move_target"
    )
    if target is None:
        return
    if not still_so(work, number, taxonomy, [taxonomy.index_of(target), *np.unique(taxonomy.cluster_of_item[items])]):
        return
    nodes = tuple(taxonomy.nodes_of(taxonomy.index_of(target)).tolist())
    standing = [record for record in curation_edits.read_records(work.store) if not record.undone]
    edits, _ = work.place_curation(standing)
    new = CurationEdit(max((edit.edit_id for edit in edits), default=0) + 1, "move", nodes, tuple(items.tolist()))
    changed = work.shape(number, [*edits, new])
    if new.edit_id in changed.reasons:
        st.warning(changed.reasons[new.edit_id])
        return
    st.dataframe(effect_of_move(work, taxonomy, changed.taxonomy, names), hide_index=True)
    touched = np.unique(taxonomy.cluster_of_item[items])
    traffic = work.items["traffic"].to_numpy()[items].sum()
    st.caption(
        f"{counted(items)} with {traffic:,} interactions move, wherever the number of interests has them apart. "
        f"Of the interests that they leave: {concerned(work, taxonomy, touched)}. Predictions change when they are "
        "built again."
    )
    if taxonomy.hidden[taxonomy.index_of(target)]:
        st.warning("This interest is hidden, so these items will not be recommended any more.")
    reason = ask_reason()
    if st.button("Move", type="primary", key="move-apply") and doing(
        lambda: save(work, "move", nodes, reason, items), "Moved."
    ):
        st.rerun()


def counted(items: np.ndarray) -> str:
    return f"{len(items):,} item{'s' * (len(items) != 1)}"


def effect_of_move(work: Workspace, before: Taxonomy, after: Taxonomy, names: Mapping[int, str]) -> pd.DataFrame:
    """Interests that hold other items afterwards: their items and traffic, before and after."""
    described = work.descriptions(after, work.placed_edits())
    ids = np.union1d(before.cluster_ids, after.cluster_ids)
    sizes = [_by_id(one, ids, one.hi - one.lo) for one in (before, after)]
    traffic = [_by_id(one, ids, one.traffic) for one in (before, after)]
    changed = np.flatnonzero((sizes[0] != sizes[1]) | (traffic[0] != traffic[1]))
    return pd.DataFrame(
        {
            "Interest": [names.get(int(ids[place])) or described[int(ids[place])].name for place in changed],
            "Items": [f"{sizes[0][place]:,.0f} → {sizes[1][place]:,.0f}" for place in changed],
            "Traffic": [f"{traffic[0][place]:,.0f} → {traffic[1][place]:,.0f}" for place in changed],
        }
    )


def _by_id(taxonomy: Taxonomy, ids: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(len(ids),) of each id its value, 0 where this taxonomy does not have it."""
    found = np.zeros(len(ids))
    found[np.searchsorted(ids, taxonomy.cluster_ids)] = values
    return found
