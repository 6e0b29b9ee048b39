"""Which interests are chosen on the Granularity page: in its table, the hierarchy, the search, or by a link.

The table's selection is what counts; whatever else chooses interests selects them there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from ..taxonomy import Taxonomy

MOST_IN_A_LINK = 200
"""More chosen interests than this are left out of the page's address, which browsers and mail programs cut off."""


def choose(ids: Sequence[int]) -> None:
    """For callbacks, or before the page runs again: has the table select these interests, given by their ids or by
    nodes that they are made of, and list them first."""
    st.session_state["chosen"], st.session_state["choose_anew"] = list(ids), True
    st.session_state["listed_first"] = list(ids)
    count_choice()


def count_choice() -> None:
    """For callbacks: something was chosen, so that what was drawn around before no longer counts."""
    st.session_state["choices"] = choice_number() + 1


def take_selection(table_key: str, ids: Sequence[int]) -> None:
    """For the table's callback, which is called as well after the page itself selected its rows. ids: of the rows."""
    rows = st.session_state[table_key]["selection"]["rows"]
    if {ids[row] for row in rows} != set(st.session_state.get("chosen", [])):
        count_choice()


def choice_number() -> int:
    """How often interests were chosen in this session."""
    return st.session_state.get("choices", 0)


def list_chosen_first(table: pd.DataFrame, taxonomy: Taxonomy) -> pd.DataFrame:
    """The table's rows, those first that were chosen elsewhere, so that they are in sight; what is chosen in the table
    itself stays where it is. table: indexed by the interests' ids."""
    first = _interests_of(taxonomy, st.session_state.get("listed_first", []))
    return table.iloc[np.argsort(~table.index.isin(first), kind="stable")]


def select_chosen(table_key: str, taxonomy: Taxonomy, ids: Sequence[int]) -> None:
    """Before the table is drawn: has it select what is chosen. ids: of the interests in its rows.

    A table that holds other interests than before, after a move of the slider, selects those that are still there.
    """
    anew = st.session_state.pop("choose_anew", False)
    if anew or table_key not in st.session_state:
        chosen = st.session_state.get("chosen", [])
        rows = np.flatnonzero(np.isin(ids, _interests_of(taxonomy, chosen)))
        if anew and len(chosen) and not len(rows):
            st.warning(f"What was chosen is not there at {taxonomy.n_clusters:,} interests.")
        elif anew and len(rows) < len(chosen):
            st.caption("Some of what was chosen is not there at this number of interests, or is part of the same.")
        st.session_state[table_key] = {"selection": {"rows": rows.tolist()}}


def keep_chosen(ids: Sequence[int]) -> None:
    """After the table was drawn: remembers what is chosen, and puts it into the page's address."""
    st.session_state["chosen"] = list(ids)
    write_address("chosen", ",".join(map(str, ids)) if len(ids) <= MOST_IN_A_LINK else "")


def write_address(name: str, value: str) -> None:
    """Puts a value into the page's address, so that it reopens what is shown; an empty one takes it out.

    Only where it changes: whatever is written takes out what the map itself put there, until it is drawn anew.
    """
    if st.query_params.get(name, "") == value:
        return
    if value:
        st.query_params[name] = value
    else:
        del st.query_params[name]


def forget_address() -> None:
    """When another workspace is opened: what the address says of interests speaks of the one before."""
    for name in ("interests", "chosen"):
        write_address(name, "")


def linked_choice() -> list[int]:
    """The interests in the address that the app was opened with; says so where they cannot be read."""
    said = st.query_params.get("chosen", "")
    if re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9})*", said):
        return [int(part) for part in said.split(",")]
    if said:
        st.warning("The interests that the link chooses cannot be read, so none is chosen.")
    return []


def _interests_of(taxonomy: Taxonomy, ids: Sequence[int]) -> np.ndarray:
    of_parts = taxonomy.cluster_ids[taxonomy.cluster_of_part[np.isin(taxonomy.part_nodes, ids)]]
    return np.union1d(of_parts, taxonomy.cluster_ids[np.isin(taxonomy.cluster_ids, ids)])
